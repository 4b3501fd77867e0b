//! One connection from a proxy: requests and their answers, until it becomes a WebSocket.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::body::BodyReader;
use super::request::{Afterwards, Head, Wanted};
use super::socket::{self, Broadcasts};

/// What all connections share.
#[derive(Debug)]
pub(super) struct Answers {
    /// The whole answer that most scenarios ask for, to be sent with one system call.
    small: Vec<u8>,
    /// The content of all others, as often as needed.
    content: Vec<u8>,
    broadcasts: Broadcasts,
}

impl Answers {
    pub(super) fn new() -> Self {
        let content = vec![b'x'; CONTENT];
        let mut small = ok_head(SMALL as u64);
        small.extend_from_slice(&content[..SMALL]);
        Self { small, content, broadcasts: Broadcasts::new() }
    }
}

/// Answers requests until the proxy goes away.
///
/// # Errors
/// The connection breaks, or carries something that is not HTTP.
pub(super) async fn converse<S>(mut stream: S, answers: &Answers) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut buffer = vec![0; BUFFER];
    let mut filled = 0;
    loop {
        let arrived = stream.read(&mut buffer[filled..]).await?;
        if arrived == 0 {
            return Ok(());
        }
        filled += arrived;
        while let Some(head) = Head::parse(&buffer[..filled])? {
            let early = &buffer[head.length..filled];
            match head.wanted {
                Wanted::Echo => return socket::echo(stream, early).await,
                Wanted::Broadcast => return socket::broadcast(stream, early, &answers.broadcasts).await,
                Wanted::Count { expected, framing } => {
                    let count = BodyReader::new(&mut stream, early).count(framing).await?;
                    stream.write_all(if count == expected { COUNTED } else { MISCOUNTED }).await?;
                    filled = 0;
                }
                Wanted::Bytes(count) => {
                    send_bytes(&mut stream, count, answers).await?;
                    buffer.copy_within(head.length..filled, 0);
                    filled -= head.length;
                }
                Wanted::Unknown => return stream.write_all(NOT_FOUND).await,
            }
            if head.afterwards == Afterwards::Close {
                return stream.shutdown().await;
            }
        }
        if filled == buffer.len() {
            return Err(io::Error::other("the head of a request does not end"));
        }
    }
}

async fn send_bytes<S: AsyncWrite + Unpin>(stream: &mut S, count: u64, answers: &Answers) -> io::Result<()> {
    if count == SMALL as u64 {
        return stream.write_all(&answers.small).await;
    }
    stream.write_all(&ok_head(count)).await?;
    let mut left = count;
    while left > 0 {
        let piece = &answers.content[..CONTENT.min(usize::try_from(left).unwrap_or(CONTENT))];
        stream.write_all(piece).await?;
        left -= piece.len() as u64;
    }
    Ok(())
}

/// The head of an answer with `length` bytes of content, with headers as applications send them.
fn ok_head(length: u64) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {length}\r\n\
         Cache-Control: max-age=0, private, must-revalidate\r\nX-Request-Id: 01JD4Z2V7X9K3M5N8P0Q2R4S6T\r\n\r\n"
    )
    .into_bytes()
}

const SMALL: usize = 1024;
const CONTENT: usize = 256 * 1024;

/// Enough for a head; bodies have a buffer of their own while they are read.
const BUFFER: usize = 4 * 1024;

const COUNTED: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const MISCOUNTED: &[u8] = b"HTTP/1.1 422 Unprocessable Content\r\nContent-Length: 0\r\n\r\n";
const NOT_FOUND: &[u8] = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
