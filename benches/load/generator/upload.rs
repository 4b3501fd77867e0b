//! Upload load: large request bodies, sent as fast as the proxy reads them.

use std::rc::Rc;
use std::time::Instant;

use super::client::Client;
use super::connection::{Connector, TlsConnection};
use super::error::ClientError;
use super::http1::{Expected, Http1, Length, Persistence};
use crate::environment::HOST;
use crate::meter::ClientCounter;
use crate::scenario::Framing;

/// Sends large bodies one after the other on one connection.
pub(crate) struct Upload {
    connector: Connector,
    head: Vec<u8>,
    /// One piece of the body, with its framing.
    piece: Vec<u8>,
    pieces: u64,
    /// The last chunk with chunked framing, else empty.
    end: &'static [u8],
}

impl Upload {
    /// Creates a load with bodies of `size` bytes, a multiple of 64 KiB.
    pub(crate) fn new(connector: Connector, size: u64, framing: Framing) -> Self {
        let content = vec![b'x'; PIECE];
        // The path of a git push, for which GitLab's nginx does not buffer requests. The upstream compares the
        // length of the body with the size in the query.
        let request = format!("POST /group/project.git/git-receive-pack?size={size} HTTP/1.1\r\nHost: {HOST}\r\n");
        let (framing_header, piece, end): (String, Vec<u8>, &[u8]) = match framing {
            Framing::ContentLength => (format!("Content-Length: {size}"), content, b""),
            Framing::Chunked => (
                "Transfer-Encoding: chunked".to_owned(),
                [format!("{PIECE:x}\r\n").as_bytes(), &content, b"\r\n"].concat(),
                b"0\r\n\r\n",
            ),
        };
        let head = format!("{request}{framing_header}\r\n\r\n").into_bytes();
        Self { connector, head, piece, pieces: size / PIECE as u64, end }
    }

    async fn once(
        &self,
        connection: &mut Http1<TlsConnection>,
        counter: &ClientCounter,
    ) -> Result<Persistence, ClientError> {
        connection.send(&self.head).await?;
        for _ in 0..self.pieces {
            connection.send(&self.piece).await?;
            counter.transferred(PIECE);
        }
        connection.send(self.end).await?;
        connection.receive(Expected { status: 200, length: Length::Exactly(0) }, counter).await
    }
}

impl Client for Upload {
    type Connection = Http1<TlsConnection>;

    async fn open(&self) -> Result<Http1<TlsConnection>, ClientError> {
        Ok(Http1::new(self.connector.connect().await?))
    }

    async fn run(
        &self,
        mut connection: Http1<TlsConnection>,
        counter: &Rc<ClientCounter>,
    ) -> Result<(), ClientError> {
        loop {
            let started = Instant::now();
            let persistence = self.once(&mut connection, counter).await?;
            counter.completed(started);
            if persistence == Persistence::Close {
                return Ok(());
            }
        }
    }
}

const PIECE: usize = 64 * 1024;
