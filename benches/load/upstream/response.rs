//! Serves HTTP/1 requests on one connection until it closes or is upgraded.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::body::BodyReader;
use super::request::{Head, Persistence, RequestKind};
use super::websocket::{self, Broadcasts};

/// Prepared responses, shared by all connections.
#[derive(Debug)]
pub(super) struct Responses {
    /// The complete response of most scenarios, sent with one system call.
    small: Vec<u8>,
    /// Body bytes of all other responses, sent repeatedly.
    content: Vec<u8>,
    broadcasts: Broadcasts,
}

impl Responses {
    pub(super) fn new() -> Self {
        let content = vec![b'x'; CONTENT];
        let mut small = ok_head(SMALL as u64);
        small.extend_from_slice(&content[..SMALL]);
        Self { small, content, broadcasts: Broadcasts::new() }
    }
}

/// Serves requests until the proxy closes the connection.
///
/// # Errors
/// Reading or writing fails, or a request is not HTTP/1.
pub(super) async fn serve_connection<S>(mut stream: S, responses: &Responses) -> io::Result<()>
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
            match head.kind {
                RequestKind::Echo => return websocket::echo(stream, early).await,
                RequestKind::Broadcast => return websocket::broadcast(stream, early, &responses.broadcasts).await,
                RequestKind::Count { expected, framing } => {
                    let count = BodyReader::new(&mut stream, early).count(framing).await?;
                    stream.write_all(if count == expected { LENGTH_MATCHES } else { LENGTH_DIFFERS }).await?;
                    filled = 0;
                }
                RequestKind::Bytes(count) => {
                    send_bytes(&mut stream, count, responses).await?;
                    buffer.copy_within(head.length..filled, 0);
                    filled -= head.length;
                }
                RequestKind::Unknown => return stream.write_all(NOT_FOUND).await,
            }
            if head.persistence == Persistence::Close {
                return stream.shutdown().await;
            }
        }
        if filled == buffer.len() {
            return Err(io::Error::other("request head too large"));
        }
    }
}

async fn send_bytes<S: AsyncWrite + Unpin>(stream: &mut S, count: u64, responses: &Responses) -> io::Result<()> {
    if count == SMALL as u64 {
        return stream.write_all(&responses.small).await;
    }
    stream.write_all(&ok_head(count)).await?;
    let mut remaining = count;
    while remaining > 0 {
        let chunk = &responses.content[..CONTENT.min(usize::try_from(remaining).unwrap_or(CONTENT))];
        stream.write_all(chunk).await?;
        remaining -= chunk.len() as u64;
    }
    Ok(())
}

/// Returns the head of a response with `length` body bytes and the headers of a typical upstream.
fn ok_head(length: u64) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {length}\r\n\
         Cache-Control: max-age=0, private, must-revalidate\r\nX-Request-Id: 01JD4Z2V7X9K3M5N8P0Q2R4S6T\r\n\r\n"
    )
    .into_bytes()
}

const SMALL: usize = 1024;
const CONTENT: usize = 256 * 1024;

/// Size for one request head; [`BodyReader`] uses a separate buffer.
const BUFFER: usize = 4 * 1024;

const LENGTH_MATCHES: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const LENGTH_DIFFERS: &[u8] = b"HTTP/1.1 422 Unprocessable Content\r\nContent-Length: 0\r\n\r\n";
const NOT_FOUND: &[u8] = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
