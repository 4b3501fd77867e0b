//! Connected sockets that one thread can read while another writes.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

use super::TIMEOUT;

/// Both directions of a connection. Reads and writes time out with an error.
pub trait Duplex: Send + Sync {
    /// Reads available data, or waits for it; returns 0 if the peer closed its sending direction.
    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize>;

    fn send(&self, bytes: &[u8]) -> io::Result<()>;

    /// Closes the sending direction; the other direction stays open.
    fn finish(&self) -> io::Result<()>;

    /// Sets the timeout of [`Duplex::receive`].
    fn set_receive_timeout(&self, timeout: Duration) -> io::Result<()>;

    /// Makes the close of this socket a reset. Unix sockets have no reset.
    fn set_reset_on_close(&self) -> io::Result<()>;

    /// Closes both directions immediately and wakes threads that wait on the socket.
    fn shut_down(&self);
}

/// Connects to a TCP address and sets the timeouts.
pub fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    prepare_tcp(&stream)?;
    Ok(stream)
}

/// Connects from another loopback address.
pub fn connect_from(local: IpAddr, address: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(local, 0).into())?;
    socket.connect_timeout(&address.into(), TIMEOUT)?;
    let stream = TcpStream::from(socket);
    prepare_tcp(&stream)?;
    Ok(stream)
}

/// Sets the timeouts, and `TCP_NODELAY` to send each write as its own segment.
pub fn prepare_tcp(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(WRITE_TIMEOUT))
}

/// Sets the timeouts.
pub fn prepare_unix(stream: &UnixStream) -> io::Result<()> {
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(WRITE_TIMEOUT))
}

impl Duplex for TcpStream {
    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut stream = self;
        stream.read(buffer)
    }

    fn send(&self, bytes: &[u8]) -> io::Result<()> {
        let mut stream = self;
        stream.write_all(bytes)
    }

    fn finish(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn set_receive_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(timeout))
    }

    fn set_reset_on_close(&self) -> io::Result<()> {
        SockRef::from(self).set_linger(Some(Duration::ZERO))
    }

    fn shut_down(&self) {
        // Fails only if the connection is closed already.
        let _ = self.shutdown(Shutdown::Both);
    }
}

impl Duplex for UnixStream {
    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut stream = self;
        stream.read(buffer)
    }

    fn send(&self, bytes: &[u8]) -> io::Result<()> {
        let mut stream = self;
        stream.write_all(bytes)
    }

    fn finish(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn set_receive_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(timeout))
    }

    fn set_reset_on_close(&self) -> io::Result<()> {
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }

    fn shut_down(&self) {
        // Fails only if the connection is closed already.
        let _ = self.shutdown(Shutdown::Both);
    }
}

/// Exceeds the time for which the backpressure tests read nothing.
const WRITE_TIMEOUT: Duration = Duration::from_secs(40);
