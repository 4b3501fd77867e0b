//! Buffered connection, read as heads, bodies, chunks or raw bytes.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::message::{Fields, Framing, Head, Message, malformed, parse_fields};
use super::socket::Duplex;

/// A connection with its unread bytes.
pub struct Wire {
    socket: Arc<dyn Duplex>,
    unread: Vec<u8>,
    capture: Arc<Mutex<Vec<u8>>>,
}

/// The sending half of a connection, for another thread.
#[derive(Clone)]
pub struct Sender(Arc<dyn Duplex>);

impl Wire {
    pub fn new(socket: Arc<dyn Duplex>) -> Wire {
        Wire { socket, unread: Vec::new(), capture: Arc::default() }
    }

    /// Returns the bytes read from the peer so far, up to [`MAX_CAPTURE`].
    pub fn capture(&self) -> Arc<Mutex<Vec<u8>>> {
        Arc::clone(&self.capture)
    }

    pub fn sender(&self) -> Sender {
        Sender(Arc::clone(&self.socket))
    }

    pub fn send(&self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.socket.send(bytes.as_ref())
    }

    /// Closes the sending direction.
    pub fn finish(&self) -> io::Result<()> {
        self.socket.finish()
    }

    pub fn set_receive_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.socket.set_receive_timeout(timeout)
    }

    /// Makes the close of the connection a reset. It closes when this value and every [`Sender`] are dropped.
    pub fn set_reset_on_close(&self) -> io::Result<()> {
        self.socket.set_reset_on_close()
    }

    /// Reads a head. Returns `UnexpectedEof` if the peer closes before its end.
    pub fn read_head(&mut self) -> io::Result<Head> {
        Head::parse(self.read_through(b"\r\n\r\n")?)
    }

    /// Reads the response to a request with `method`.
    pub fn read_response(&mut self, method: &str) -> io::Result<Message> {
        let head = self.read_head()?;
        let framing = head.response_framing(method)?;
        self.read_body(head, framing)
    }

    /// Reads the body of `head`. Returns `UnexpectedEof` if the peer closes before its end.
    pub fn read_body(&mut self, head: Head, framing: Framing) -> io::Result<Message> {
        let (mut body, mut trailers) = (Vec::new(), Vec::new());
        match framing {
            Framing::Empty => {}
            Framing::Length(length) => self.read_in_pieces(length, |piece| body.extend_from_slice(piece))?,
            Framing::UntilClose => body = self.read_to_end()?,
            Framing::Chunked => (body, trailers) = self.read_chunks()?,
        }
        Ok(Message { head, body, trailers })
    }

    /// Reads one chunk of a chunked body. The last chunk is empty; its trailers are not read.
    pub fn read_chunk(&mut self) -> io::Result<Vec<u8>> {
        let size = self.read_chunk_size()?;
        let mut data = Vec::new();
        if size > 0 {
            self.read_in_pieces(size, |piece| data.extend_from_slice(piece))?;
            self.read_literally(b"\r\n")?;
        }
        Ok(data)
    }

    pub fn read_exactly(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.unread.len() < count {
            self.fill()?;
        }
        let rest = self.unread.split_off(count);
        Ok(std::mem::replace(&mut self.unread, rest))
    }

    /// Passes `count` bytes to `piece` as they arrive, without storing them.
    pub fn read_in_pieces(&mut self, count: u64, mut piece: impl FnMut(&[u8])) -> io::Result<()> {
        let mut missing = count;
        while missing > 0 {
            if self.unread.is_empty() {
                self.fill()?;
            }
            let take = usize::try_from(missing).unwrap_or(usize::MAX).min(self.unread.len());
            piece(&self.unread[..take]);
            self.unread.drain(..take);
            missing -= take as u64;
        }
        Ok(())
    }

    /// Reads until the peer closes its sending direction.
    pub fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        while self.receive()? > 0 {}
        Ok(std::mem::take(&mut self.unread))
    }

    /// Reads the next available bytes; returns an empty vector if the peer has closed its sending direction.
    pub fn read_some(&mut self) -> io::Result<Vec<u8>> {
        if self.unread.is_empty() {
            self.receive()?;
        }
        Ok(std::mem::take(&mut self.unread))
    }

    fn read_chunks(&mut self) -> io::Result<(Vec<u8>, Fields)> {
        let mut body = Vec::new();
        loop {
            let chunk = self.read_chunk()?;
            if chunk.is_empty() {
                return Ok((body, self.read_trailers()?));
            }
            body.extend_from_slice(&chunk);
        }
    }

    fn read_trailers(&mut self) -> io::Result<Fields> {
        let mut trailers = Vec::new();
        loop {
            let line = self.read_through(b"\r\n")?;
            if line == b"\r\n" {
                return Ok(trailers);
            }
            trailers.extend(parse_fields(&String::from_utf8_lossy(&line))?);
        }
    }

    fn read_chunk_size(&mut self) -> io::Result<u64> {
        let line = self.read_through(b"\r\n")?;
        let line = String::from_utf8_lossy(&line);
        let size = line.trim_end_matches("\r\n").split(';').next().unwrap_or_default();
        if size.starts_with('+') {
            return Err(malformed("a chunk size with a sign"));
        }
        u64::from_str_radix(size, 16).map_err(|_| malformed(&format!("a bad chunk size: {line:?}")))
    }

    fn read_literally(&mut self, expected: &[u8]) -> io::Result<()> {
        let read = self.read_exactly(expected.len())?;
        if read == expected { Ok(()) } else { Err(malformed(&format!("{read:?} instead of {expected:?}"))) }
    }

    fn read_through(&mut self, delimiter: &[u8]) -> io::Result<Vec<u8>> {
        let end = loop {
            match self.unread.windows(delimiter.len()).position(|window| window == delimiter) {
                Some(at) => break at + delimiter.len(),
                None => self.fill()?,
            }
        };
        self.read_exactly(end)
    }

    fn fill(&mut self) -> io::Result<()> {
        match self.receive()? {
            0 => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
            _ => Ok(()),
        }
    }

    fn receive(&mut self) -> io::Result<usize> {
        let mut buffer = [0; READ_SIZE];
        let count = self.socket.receive(&mut buffer)?;
        self.unread.extend_from_slice(&buffer[..count]);
        let mut capture = self.capture.lock().unwrap();
        let remaining = MAX_CAPTURE - capture.len();
        capture.extend_from_slice(&buffer[..count.min(remaining)]);
        Ok(count)
    }
}

impl Sender {
    pub fn send(&self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.0.send(bytes.as_ref())
    }

    /// Closes the sending direction.
    pub fn finish(&self) -> io::Result<()> {
        self.0.finish()
    }
}

/// Bytes of one read.
const READ_SIZE: usize = 64 * 1024;

/// Maximum number of captured bytes; sufficient for every test that reads the capture.
const MAX_CAPTURE: usize = 1024 * 1024;
