//! Binds listening sockets and accepts connections.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use nix::errno::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

use super::tcp::enable_keepalive;

/// Binds a listening socket. The sockets of all workers share the address (`SO_REUSEPORT`), and the kernel
/// distributes connections over them.
///
/// # Errors
/// The socket cannot be created, configured or bound.
pub fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // `0.0.0.0` and `[::]` are separate listeners for every value of net.ipv6.bindv6only.
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    set_inherited_options(&socket);
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Returns whether another program accepts connections on an address. Binding would succeed for a second
/// instance under the same user, and each instance would receive a part of the connections.
pub fn is_in_use(address: SocketAddr) -> bool {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let probe = SocketAddr::new(ip, address.port());
    address.port() != 0 && std::net::TcpStream::connect_timeout(&probe, PROBE_TIMEOUT).is_ok()
}

/// Returns whether binding failed because the machine has no IPv6. `[::]` is a default listen address, but some
/// machines have no IPv6.
pub fn is_ipv6_unavailable(address: SocketAddr, error: &io::Error) -> bool {
    address.is_ipv6()
        && address.ip().is_unspecified()
        && matches!(error.raw_os_error().map(Errno::from_raw), Some(Errno::EAFNOSUPPORT | Errno::EADDRNOTAVAIL))
}

/// Accepts the next connection. Errors of a single connection are skipped. When descriptors or memory are
/// exhausted, the function waits 100 ms before it retries, instead of spinning.
pub async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, SocketAddr::new(peer.ip().to_canonical(), peer.port())),
            Err(error) if is_connection_error(&error) => {}
            Err(error) => {
                tracing::error!("cannot accept connections: {error}; retrying");
                tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
}

/// Sets options for all accepted connections. On Linux an accepted socket inherits the options of the listening
/// socket, which saves a system call for each connection. `TCP_NODELAY` sends small messages immediately. A
/// failed option is not a reason to reject clients.
fn set_inherited_options(socket: &Socket) {
    let _ = socket.set_tcp_nodelay(true);
    enable_keepalive(socket);
}

/// Returns whether the client closed or reset the connection before it was accepted.
fn is_connection_error(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted, PermissionDenied};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted | PermissionDenied)
}

/// Length of the accept queue; the kernel caps it at `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// Maximum wait for a connection to an address that should be free.
const PROBE_TIMEOUT: Duration = Duration::from_millis(200);

/// Pause after an accept error.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

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
        let probing = options.tcp_keepalive_interval().unwrap() * options.tcp_keepalive_retries().unwrap();
        assert_eq!(options.tcp_keepalive_time().unwrap() + probing, Duration::from_secs(180));
    }
}
