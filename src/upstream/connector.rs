//! Opening a connection to an application.

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

/// A connection to an application, with TLS or without.
pub type UpstreamStream = Either<PlainStream, Box<TlsStream<PlainStream>>>;

/// What carries the bytes.
type PlainStream = Either<UnixStream, TcpStream>;

/// Opens connections to one application.
pub struct Connector {
    target: ConnectTarget,
    tls: Option<UpstreamTlsClient>,
    timeout: Duration,
}

enum ConnectTarget {
    Unix(PathBuf),
    Address(SocketAddr),
    /// Looked up for each new connection, so a changed address is followed.
    Name(String, u16),
}

impl Connector {
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

    pub async fn connect(&self) -> Result<UpstreamStream, UpstreamError> {
        let opening = tokio::time::timeout(self.timeout, self.open()).await;
        opening.unwrap_or(Err(UpstreamError::ConnectTimeout))
    }

    /// Longest time for [`Connector::dial`].
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

/// Tries each address in turn: `localhost` is often `::1` first, where applications do not listen.
async fn connect_by_name(name: &str, port: u16) -> io::Result<PlainStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, format!("{name} has no address"));
    for address in lookup_host((name, port)).await? {
        match connect_tcp(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// A full backlog is reported at once on a unix socket, where TCP would wait; so the waiting is done here,
/// as long as the dialer's timeout lets it.
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
    // Small writes are whole messages here; waiting for more would only delay them.
    socket.set_nodelay(true)?;
    if address.ip().is_loopback() {
        // Nobody vanishes from this machine without a word: the kernel speaks for who has died.
        disable_pacing(&socket);
    } else {
        enable_keepalive(&SockRef::from(&socket));
    }
    socket.connect(address).await.map(Either::Right)
}

/// Where `bbr` is the machine's congestion control, the kernel spreads what is sent over time, by a timer for
/// every few packets. Within one machine there is nothing to be congested, and the timers cost more than half of
/// an upload. Only before it is connected does a socket drop them. Reno is in every kernel and for every user;
/// should it be refused after all, uploads merely cost more.
fn disable_pacing(socket: &TcpSocket) {
    let _ = SockRef::from(socket).set_tcp_congestion(b"reno");
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_connection_within_the_machine_is_not_paced() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let Ok(Either::Right(stream)) = connect_tcp(listener.local_addr().unwrap()).await else { panic!() };
        let name = SockRef::from(&stream).tcp_congestion().unwrap();
        assert_eq!(name.split(|byte| *byte == 0).next(), Some(&b"reno"[..]));
        assert!(stream.nodelay().unwrap());
    }
}
