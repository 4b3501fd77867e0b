//! A file on its way to a client, piece by piece.

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

/// A part of a file. One piece is read ahead of none: what the client does not take is not read.
pub struct FileBody {
    file: Arc<File>,
    /// What is still to be read.
    rest: Range<u64>,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl FileBody {
    pub fn new(file: File, range: Range<u64>) -> FileBody {
        FileBody { file: Arc::new(file), rest: range, reading: None }
    }

    /// The next piece, `None` at the end.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or has become shorter.
    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let (file, rest) = (&self.file, &self.rest);
        let reading = self.reading.get_or_insert_with(|| {
            let (file, rest) = (file.clone(), rest.clone());
            spawn_blocking(move || read(&file, &rest))
        });
        let read = ready!(Pin::new(reading).poll(cx));
        self.reading = None;
        let piece = read.map_err(io::Error::other).and_then(|read| read);
        match &piece {
            Ok(piece) => self.rest.start += piece.len() as u64,
            Err(_) => self.rest = 0..0,
        }
        Poll::Ready(Some(piece.map(Frame::data)))
    }

    pub fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.end - self.rest.start)
    }
}

fn read(file: &File, rest: &Range<u64>) -> io::Result<Bytes> {
    let wanted = usize::try_from(rest.end - rest.start).unwrap_or(PIECE).min(PIECE);
    let mut piece = vec![0; wanted];
    let count = file.read_at(&mut piece, rest.start)?;
    if count == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    piece.truncate(count);
    Ok(piece.into())
}

/// Large enough that changing threads costs little beside reading.
const PIECE: usize = 128 * 1024;
