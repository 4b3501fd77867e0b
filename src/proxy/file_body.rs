//! Response body read from a file.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::task::{JoinHandle, spawn_blocking};

/// A range of a file, read on demand. Nothing is read ahead of the client.
pub struct FileBody {
    file: Arc<File>,
    /// Bytes that are still to be read, end exclusive.
    remaining: Range<u64>,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl FileBody {
    /// Creates a body for the bytes of `range`, end exclusive.
    pub fn new(file: File, range: Range<u64>) -> FileBody {
        FileBody { file: Arc::new(file), remaining: range, reading: None }
    }

    /// Polls for the next chunk of up to 128 KiB; `None` at the end.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or has become shorter.
    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.remaining.is_empty() {
            return Poll::Ready(None);
        }
        let (file, remaining) = (&self.file, &self.remaining);
        let reading = self.reading.get_or_insert_with(|| {
            let (file, remaining) = (file.clone(), remaining.clone());
            spawn_blocking(move || read(&file, &remaining))
        });
        let read = ready!(Pin::new(reading).poll(cx));
        self.reading = None;
        let chunk = read.map_err(io::Error::other).and_then(|read| read);
        match &chunk {
            Ok(chunk) => self.remaining.start += chunk.len() as u64,
            Err(_) => self.remaining = 0..0,
        }
        Poll::Ready(Some(chunk.map(Frame::data)))
    }

    /// Returns whether nothing remains to be read.
    pub fn is_end_stream(&self) -> bool {
        self.remaining.is_empty()
    }

    /// Returns the exact number of remaining bytes.
    pub fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining.end - self.remaining.start)
    }
}

fn read(file: &File, remaining: &Range<u64>) -> io::Result<Bytes> {
    let length = usize::try_from(remaining.end - remaining.start).unwrap_or(CHUNK_LEN).min(CHUNK_LEN);
    let mut chunk = vec![0; length];
    let count = file.read_at(&mut chunk, remaining.start)?;
    if count == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    chunk.truncate(count);
    Ok(chunk.into())
}

/// Maximum chunk in bytes: large enough that the switch to a blocking thread costs little compared with reading.
const CHUNK_LEN: usize = 128 * 1024;
