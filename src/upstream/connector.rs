//! Opens TCP, unix and TLS connections to an upstream.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpSocket, TcpStream, UnixStream, lookup_host};
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

use super::error::UpstreamError;
use crate::model::upstream::{UpstreamAddress, UpstreamSpec};
use crate::net::tcp::enable_keepalive;
use crate::tls::upstream_client::UpstreamTlsClient;

/// Plain or TLS byte stream to an upstream.
pub type UpstreamStream = Either<PlainStream, Box<TlsStream<PlainStream>>>;

/// Unix or TCP stream.
type PlainStream = Either<UnixStream, TcpStream>;

/// Opens connections to one upstream within `connect_timeout`.
pub struct Connector {
    target: ConnectTarget,
    tls: Option<UpstreamTlsClient>,
    timeout: Duration,
}

/// Unix path, socket address, or host name to resolve.
enum ConnectTarget {
    Unix(PathBuf),
    Address(SocketAddr),
    /// Host name and port. The name is resolved for each new connection, so a changed address takes effect.
    Name(String, u16),
}

impl Connector {
    /// Creates a connector for the address of a spec.
    pub fn new(spec: &UpstreamSpec, tls: Option<UpstreamTlsClient>) -> Connector {
        let target = match &spec.address {
            UpstreamAddress::Unix(path) => ConnectTarget::Unix(path.clone()),
            UpstreamAddress::Tcp { host, port } => match host.parse::<IpAddr>() {
                Ok(ip) => ConnectTarget::Address(SocketAddr::new(ip, *port)),
                Err(_) => ConnectTarget::Name(host.clone(), *port),
            },
        };
        Connector { target, tls, timeout: spec.connect_timeout }
    }

    /// Opens a connection within `connect_timeout`, which covers name resolution, connecting and the TLS handshake.
    ///
    /// # Errors
    ///
    /// If connecting or the TLS handshake fails, or the timeout expires.
    pub async fn connect(&self) -> Result<UpstreamStream, UpstreamError> {
        let opening = tokio::time::timeout(self.timeout, self.open()).await;
        opening.unwrap_or(Err(UpstreamError::ConnectTimeout))
    }

    /// Returns the time limit of [`Connector::connect`].
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    async fn open(&self) -> Result<UpstreamStream, UpstreamError> {
        let stream = self.target.connect().await.map_err(UpstreamError::Connect)?;
        match &self.tls {
            None => Ok(Either::Left(stream)),
            Some(tls) => {
                let stream = tls.connect(stream).await.map_err(UpstreamError::Handshake)?;
                Ok(Either::Right(Box::new(stream)))
            }
        }
    }
}

impl ConnectTarget {
    async fn connect(&self) -> io::Result<PlainStream> {
        match self {
            ConnectTarget::Unix(path) => connect_unix(path).await.map(Either::Left),
            ConnectTarget::Address(address) => connect_tcp(*address).await,
            ConnectTarget::Name(name, port) => connect_by_name(name, *port).await,
        }
    }
}

/// Tries the addresses of a name in order: `localhost` often resolves to `::1` first, where upstreams do not
/// listen.
async fn connect_by_name(name: &str, port: u16) -> io::Result<PlainStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, format!("`{name}` has no address"));
    for address in lookup_host((name, port)).await? {
        match connect_tcp(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Connects to a unix socket, and retries while its backlog is full.
///
/// The kernel reports a full backlog of a unix socket immediately (`EAGAIN`), where TCP would wait. The retries
/// wait 1 ms to 50 ms and end with `connect_timeout`.
async fn connect_unix(path: &Path) -> io::Result<UnixStream> {
    let mut pause = Duration::from_millis(1);
    loop {
        match UnixStream::connect(path).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => tokio::time::sleep(pause).await,
            connected => return connected,
        }
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

async fn connect_tcp(address: SocketAddr) -> io::Result<PlainStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Every small write is a complete message; Nagle's algorithm would only delay it.
    socket.set_nodelay(true)?;
    if address.ip().is_loopback() {
        // Loopback peers need no keep-alive: the kernel closes the sockets of a process that exits.
        disable_pacing(&socket);
    } else {
        enable_keepalive(&SockRef::from(&socket));
    }
    socket.connect(address).await.map(Either::Right)
}

/// Selects `reno` as the congestion control of a loopback socket.
///
/// With `bbr` as the system's congestion control, the kernel paces sent packets with a timer for every few packets.
/// The loopback interface has no congestion, and the timers make up more than half of the cost of an upload. A
/// socket drops pacing only before it is connected. Every kernel has `reno`, and every user may select it; if the
/// call fails, uploads only cost more.
fn disable_pacing(socket: &TcpSocket) {
    let _ = SockRef::from(socket).set_tcp_congestion(b"reno");
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn loopback_connections_are_not_paced() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let Ok(Either::Right(stream)) = connect_tcp(listener.local_addr().unwrap()).await else { panic!() };
        let name = SockRef::from(&stream).tcp_congestion().unwrap();
        assert_eq!(name.split(|byte| *byte == 0).next(), Some(&b"reno"[..]));
        assert!(stream.nodelay().unwrap());
    }
}
