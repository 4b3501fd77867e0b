//! HTTP/2 as a client: many requests at a time on each connection, every answer checked.

use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;
use h2::client::SendRequest;
use h2::{Reason, RecvStream};
use http::Request;
use tokio::task::JoinSet;

use super::Client;
use super::connection::Dialer;
use super::fault::Fault;
use crate::meter::Seat;

/// Keeps a number of requests under way on each connection.
pub(crate) struct Streams {
    pub(crate) dialer: Dialer,
    pub(crate) request: Request<()>,
    pub(crate) length: u64,
    pub(crate) streams: usize,
}

/// What one stream after the other asks and expects.
struct Errand {
    request: Request<()>,
    length: u64,
    seat: Rc<Seat>,
}

impl Client for Streams {
    type Connection = SendRequest<Bytes>;

    async fn open(&self) -> Result<SendRequest<Bytes>, Fault> {
        let stream = self.dialer.connect().await?;
        let mut settings = h2::client::Builder::new();
        settings.initial_window_size(STREAM_WINDOW).initial_connection_window_size(CONNECTION_WINDOW);
        let (sender, connection) = settings.handshake(stream).await?;
        // Its errors come back through the requests.
        tokio::task::spawn_local(async move { drop(connection.await) });
        Ok(sender)
    }

    async fn run(&self, sender: SendRequest<Bytes>, seat: &Rc<Seat>) -> Result<(), Fault> {
        let errand = Rc::new(Errand { request: self.request.clone(), length: self.length, seat: Rc::clone(seat) });
        let mut streams = JoinSet::new();
        for _ in 0..self.streams {
            streams.spawn_local(repeat(sender.clone(), Rc::clone(&errand)));
        }
        while let Some(ended) = streams.join_next().await {
            ended.map_err(|_| Fault::Wrong("a client task panicked"))??;
        }
        Ok(())
    }
}

/// Asks until the server takes no more requests on this connection, which is no error: nginx
/// says so after 1,000 requests unless told otherwise.
async fn repeat(mut sender: SendRequest<Bytes>, errand: Rc<Errand>) -> Result<(), Fault> {
    loop {
        let started = Instant::now();
        match errand.once(&mut sender).await {
            Ok(()) => errand.seat.completed(started),
            Err(Fault::Http2(error)) if is_orderly_end(&error) => return Ok(()),
            Err(fault) => return Err(fault),
        }
    }
}

impl Errand {
    async fn once(&self, sender: &mut SendRequest<Bytes>) -> Result<(), Fault> {
        std::future::poll_fn(|context| sender.poll_ready(context)).await?;
        let (answer, _) = sender.send_request(self.request.clone(), true)?;
        let answer = answer.await?;
        if answer.status() != 200 {
            return Err(Fault::Status { expected: 200, got: answer.status().as_u16() });
        }
        let got = drain(answer.into_body(), &self.seat).await?;
        if got == self.length { Ok(()) } else { Err(Fault::Length { expected: self.length, got }) }
    }
}

async fn drain(mut body: RecvStream, seat: &Seat) -> Result<u64, Fault> {
    let mut total = 0;
    while let Some(piece) = body.data().await {
        let length = piece?.len();
        body.flow_control().release_capacity(length)?;
        seat.moved(length);
        total += length as u64;
    }
    Ok(total)
}

/// Whether the server ended the connection, or refused the stream, in a way that lets the request
/// be sent again (RFC 9113 section 8.7).
fn is_orderly_end(error: &h2::Error) -> bool {
    match error.reason() {
        Some(Reason::NO_ERROR) => error.is_go_away(),
        Some(Reason::REFUSED_STREAM) => true,
        _ => false,
    }
}

const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;
