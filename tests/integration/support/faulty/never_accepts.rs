//! An address where connecting never completes: a full backlog without accept.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

pub struct NeverAccepts {
    address: SocketAddr,
    _listener: Socket,
    _backlog: Vec<TcpStream>,
}

impl NeverAccepts {
    pub fn new() -> NeverAccepts {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let backlog = (0..MAX_CONNECTIONS)
            .map_while(|_| TcpStream::connect_timeout(&address, CONNECT_TIMEOUT).ok())
            .collect();
        NeverAccepts { address, _listener: listener, _backlog: backlog }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// A loopback connection that is not established within this time waits for room in the backlog.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(300);

/// Exceeds the capacity of a backlog of 0.
const MAX_CONNECTIONS: usize = 16;
