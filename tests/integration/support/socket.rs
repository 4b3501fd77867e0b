//! A connected socket of any kind, usable by a reading and a writing thread at once.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

use super::TIMEOUT;

/// Both directions of a connection. Reads and writes give up with an error rather than hang a test.
pub trait Duplex: Send + Sync {
    /// Reads what is there, waiting if nothing is; 0 means that the peer has finished.
    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize>;

    fn send(&self, bytes: &[u8]) -> io::Result<()>;

    /// Says that nothing more will be sent; the other direction stays open.
    fn finish(&self) -> io::Result<()>;

    /// How long [`Duplex::receive`] waits.
    fn set_receive_timeout(&self, timeout: Duration) -> io::Result<()>;

    /// Makes the end of this socket a reset instead of an orderly close. Unix sockets have no reset.
    fn set_reset_on_close(&self) -> io::Result<()>;

    /// Ends both directions at once, waking threads that wait on the socket.
    fn shut_down(&self);
}

/// Connects to a TCP address, with deadlines set.
pub fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    prepare_tcp(&stream)?;
    Ok(stream)
}

/// Connects from another address of this machine, of which loopback has many.
pub fn connect_from(local: IpAddr, address: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(local, 0).into())?;
    socket.connect_timeout(&address.into(), TIMEOUT)?;
    let stream = TcpStream::from(socket);
    prepare_tcp(&stream)?;
    Ok(stream)
}

/// Sets deadlines, and sends each write as a segment of its own.
pub fn prepare_tcp(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(WRITE_TIMEOUT))
}

/// Sets deadlines.
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
        // Fails only if the connection is gone already.
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
        // Fails only if the connection is gone already.
        let _ = self.shutdown(Shutdown::Both);
    }
}

/// A peer that reads nothing for this long is stuck. Longer than the back-pressure tests hold it back.
const WRITE_TIMEOUT: Duration = Duration::from_secs(40);
