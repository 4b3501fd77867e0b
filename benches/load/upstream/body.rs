//! Counts the bytes of a request body.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::request::BodyFraming;

/// Reads a request body, including bytes that were read together with the head.
pub(super) struct BodyReader<'a, S> {
    stream: &'a mut S,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl<'a, S: AsyncRead + Unpin> BodyReader<'a, S> {
    /// Creates a reader of `early` and the bytes that follow it on the stream.
    pub(super) fn new(stream: &'a mut S, early: &[u8]) -> Self {
        let mut buffer = vec![0; BUFFER.max(early.len())];
        buffer[..early.len()].copy_from_slice(early);
        Self { stream, buffer, start: 0, end: early.len() }
    }

    /// Reads the whole body and returns the number of its bytes, without chunk framing.
    ///
    /// # Errors
    /// The connection ends early or a chunk is invalid.
    pub(super) async fn count(&mut self, framing: BodyFraming) -> io::Result<u64> {
        match framing {
            BodyFraming::Length(length) => self.skip(length).await.map(|()| length),
            BodyFraming::Chunked => self.count_chunks().await,
        }
    }

    async fn count_chunks(&mut self) -> io::Result<u64> {
        let mut total = 0;
        loop {
            let line = self.read_line().await?;
            let size = u64::from_str_radix(line.trim_ascii(), 16).map_err(io::Error::other)?;
            if size == 0 {
                // The generator sends no trailers, so an empty line ends the body.
                self.read_line().await?;
                return Ok(total);
            }
            self.skip(size).await?;
            self.read_line().await?;
            total += size;
        }
    }

    async fn skip(&mut self, mut length: u64) -> io::Result<()> {
        while length > 0 {
            if self.start == self.end {
                self.fill().await?;
            }
            let taken = (self.end - self.start).min(usize::try_from(length).unwrap_or(usize::MAX));
            self.start += taken;
            length -= taken as u64;
        }
        Ok(())
    }

    /// Reads one line and removes its CRLF.
    async fn read_line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        while line.len() < MAX_LINE {
            if self.start == self.end {
                self.fill().await?;
            }
            let byte = self.buffer[self.start];
            self.start += 1;
            match byte {
                b'\n' => return Ok(line),
                b'\r' => {}
                other => line.push(char::from(other)),
            }
        }
        Err(io::Error::other("chunk-size line too long"))
    }

    async fn fill(&mut self) -> io::Result<()> {
        self.end = self.stream.read(&mut self.buffer).await?;
        self.start = 0;
        if self.end == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}

const BUFFER: usize = 256 * 1024;
const MAX_LINE: usize = 64;
