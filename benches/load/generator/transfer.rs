//! Uploads as a load: a large body, sent as fast as the proxy takes it.

use std::rc::Rc;
use std::time::Instant;

use super::Client;
use super::connection::{Dialer, Secure};
use super::fault::Fault;
use super::http1::{Expected, Http1, Length, Persistence};
use crate::meter::Seat;
use crate::scenario::Framing;
use crate::site::HOST;

/// Sends one large body after the other over one connection.
pub(crate) struct Upload {
    dialer: Dialer,
    head: Vec<u8>,
    /// One piece of the body, framed as it goes over the connection.
    piece: Vec<u8>,
    pieces: u64,
    end: &'static [u8],
}

impl Upload {
    /// Bodies of `size` bytes, which must be a multiple of 64 KiB.
    pub(crate) fn new(dialer: Dialer, size: u64, framing: Framing) -> Self {
        let content = vec![b'x'; PIECE];
        // A git push: the path for which GitLab's nginx streams requests instead of storing them.
        // The application compares what arrives with the size in the query.
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
        Self { dialer, head, piece, pieces: size / PIECE as u64, end }
    }

    async fn once(&self, connection: &mut Http1<Secure>, seat: &Seat) -> Result<Persistence, Fault> {
        connection.send(&self.head).await?;
        for _ in 0..self.pieces {
            connection.send(&self.piece).await?;
            seat.moved(PIECE);
        }
        connection.send(self.end).await?;
        connection.receive(Expected { status: 200, length: Length::Exactly(0) }, seat).await
    }
}

impl Client for Upload {
    type Connection = Http1<Secure>;

    async fn open(&self) -> Result<Http1<Secure>, Fault> {
        Ok(Http1::new(self.dialer.connect().await?))
    }

    async fn run(&self, mut connection: Http1<Secure>, seat: &Rc<Seat>) -> Result<(), Fault> {
        loop {
            let started = Instant::now();
            let persistence = self.once(&mut connection, seat).await?;
            seat.completed(started);
            if persistence == Persistence::Close {
                return Ok(());
            }
        }
    }
}

const PIECE: usize = 64 * 1024;
