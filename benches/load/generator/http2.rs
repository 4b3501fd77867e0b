//! HTTP/2 client: many concurrent requests per connection, checks every response.

use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;
use h2::client::SendRequest;
use h2::{Reason, RecvStream};
use http::Request;
use tokio::task::JoinSet;

use super::client::Client;
use super::connection::Connector;
use super::error::ClientError;
use crate::meter::ClientCounter;

/// Keeps a fixed number of requests in flight on each connection.
pub(crate) struct Streams {
    pub(crate) connector: Connector,
    pub(crate) request: Request<()>,
    pub(crate) length: u64,
    pub(crate) streams: usize,
}

/// The request of every stream and the expected body length.
struct RequestSpec {
    request: Request<()>,
    length: u64,
    counter: Rc<ClientCounter>,
}

impl Client for Streams {
    type Connection = SendRequest<Bytes>;

    async fn open(&self) -> Result<SendRequest<Bytes>, ClientError> {
        let stream = self.connector.connect().await?;
        let mut settings = h2::client::Builder::new();
        settings.initial_window_size(STREAM_WINDOW).initial_connection_window_size(CONNECTION_WINDOW);
        let (sender, connection) = settings.handshake(stream).await?;
        // Requests return the errors of the connection.
        tokio::task::spawn_local(async move { drop(connection.await) });
        Ok(sender)
    }

    async fn run(&self, sender: SendRequest<Bytes>, counter: &Rc<ClientCounter>) -> Result<(), ClientError> {
        let spec = Rc::new(RequestSpec {
            request: self.request.clone(),
            length: self.length,
            counter: Rc::clone(counter),
        });
        let mut streams = JoinSet::new();
        for _ in 0..self.streams {
            streams.spawn_local(repeat(sender.clone(), Rc::clone(&spec)));
        }
        while let Some(result) = streams.join_next().await {
            result.map_err(|_| ClientError::Protocol("a client task panicked"))??;
        }
        Ok(())
    }
}

/// Repeats the request until the server closes the connection in order. That is not an error: nginx sends GOAWAY
/// after 1,000 requests by default (`keepalive_requests`).
async fn repeat(mut sender: SendRequest<Bytes>, spec: Rc<RequestSpec>) -> Result<(), ClientError> {
    loop {
        let started = Instant::now();
        match spec.once(&mut sender).await {
            Ok(()) => spec.counter.completed(started),
            Err(ClientError::Http2(error)) if is_retryable(&error) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

impl RequestSpec {
    async fn once(&self, sender: &mut SendRequest<Bytes>) -> Result<(), ClientError> {
        std::future::poll_fn(|context| sender.poll_ready(context)).await?;
        let (response, _) = sender.send_request(self.request.clone(), true)?;
        let response = response.await?;
        if response.status() != 200 {
            return Err(ClientError::Status { expected: 200, got: response.status().as_u16() });
        }
        let got = drain(response.into_body(), &self.counter).await?;
        if got == self.length { Ok(()) } else { Err(ClientError::Length { expected: self.length, got }) }
    }
}

async fn drain(mut body: RecvStream, counter: &ClientCounter) -> Result<u64, ClientError> {
    let mut total = 0;
    while let Some(chunk) = body.data().await {
        let length = chunk?.len();
        body.flow_control().release_capacity(length)?;
        counter.transferred(length);
        total += length as u64;
    }
    Ok(total)
}

/// Returns whether the request may be retried on a new connection after this error (RFC 9113 section 8.7).
fn is_retryable(error: &h2::Error) -> bool {
    match error.reason() {
        Some(Reason::NO_ERROR) => error.is_go_away(),
        Some(Reason::REFUSED_STREAM) => true,
        _ => false,
    }
}

const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;
