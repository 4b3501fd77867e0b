//! Listening sockets: binding them, and accepting from them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use nix::errno::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

use super::tcp::enable_keepalive;

/// Binds one listening socket. Several, one per worker, share an address; the kernel spreads the
/// connections over them.
pub fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // `0.0.0.0` and `[::]` are two listeners, whatever net.ipv6.bindv6only says.
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    prepare(&socket);
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Whether somebody answers at an address already. Sharing it would succeed, when it is a second instance of
/// this program under the same account, and then each would get some of the clients.
pub fn is_in_use(address: SocketAddr) -> bool {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let probe = SocketAddr::new(ip, address.port());
    address.port() != 0 && std::net::TcpStream::connect_timeout(&probe, PROBE).is_ok()
}

/// Whether binding failed because this machine has no IPv6. `[::]` is among the defaults, but not every machine
/// has it.
pub fn is_ipv6_unavailable(address: SocketAddr, error: &io::Error) -> bool {
    address.is_ipv6()
        && address.ip().is_unspecified()
        && matches!(error.raw_os_error().map(Errno::from_raw), Some(Errno::EAFNOSUPPORT | Errno::EADDRNOTAVAIL))
}

/// Accepts the next connection. Never fails: what concerns a single connection is skipped, and when
/// descriptors or memory run out it waits a moment instead of spinning.
pub async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, SocketAddr::new(peer.ip().to_canonical(), peer.port())),
            Err(error) if concerns_one_connection(&error) => {}
            Err(error) => {
                tracing::error!("cannot accept connections for the moment: {error}");
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }
}

/// What holds for every connection to come: on Linux each inherits the options of the socket that accepts it, so
/// none costs a system call of its own. Small messages go out at once. Failing to set an option is no reason to
/// refuse clients.
fn prepare(socket: &Socket) {
    let _ = socket.set_tcp_nodelay(true);
    enable_keepalive(socket);
}

/// The client gave up between its handshake and our accept.
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted, PermissionDenied};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted | PermissionDenied)
}

/// Capped by `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// Longest wait for an answer at an address that should be free.
const PROBE: Duration = Duration::from_millis(200);

const BACK_OFF: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use socket2::SockRef;

    use super::*;

    #[tokio::test]
    async fn accepted_connections_inherit_their_options() {
        let listener = TcpListener::from_std(bind("127.0.0.1:0".parse().unwrap()).unwrap()).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, peer) = accept(&listener).await;
        assert_eq!(peer, client.local_addr().unwrap());
        let options = SockRef::from(&accepted);
        assert!(options.tcp_nodelay().unwrap() && options.keepalive().unwrap());
        let silence = options.tcp_keepalive_interval().unwrap() * options.tcp_keepalive_retries().unwrap();
        assert_eq!(options.tcp_keepalive_time().unwrap() + silence, Duration::from_secs(180));
    }
}
