//! Ports for the proxy under test, reserved without a race.

use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

/// A loopback port that no other process gets while this value exists. The proxy listens on it with
/// `SO_REUSEPORT`; the socket here never listens, so the kernel assigns no connection to it.
pub struct ReservedPort {
    address: SocketAddr,
    _holder: Socket,
}

impl ReservedPort {
    pub fn new() -> ReservedPort {
        let holder = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        holder.set_reuse_port(true).unwrap();
        holder.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        let address = holder.local_addr().unwrap().as_socket().unwrap();
        ReservedPort { address, _holder: holder }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
