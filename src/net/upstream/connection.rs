//! One connection to an application, driven by whoever uses it.

use std::future::Future;
use std::task::{Context, Waker};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1};
use hyper_util::rt::TokioIo;

use super::dial::UpstreamStream;
use super::request::RequestBody;
use super::socket::UpstreamSocket;
use crate::net::idle_timer::IdleTimer;

/// A connection. Nothing moves on it unless it is driven.
pub(super) struct Connection {
    sender: http1::SendRequest<RequestBody>,
    driver: http1::Connection<TokioIo<UpstreamSocket>, RequestBody>,
    has_ended: bool,
    /// Lives as long as the connection: a timer that is set once serves many requests.
    silence: IdleTimer,
}

/// hyper's error, which gives the request back when nothing of it was written.
pub(super) type SendError = TrySendError<Request<RequestBody>>;

impl Connection {
    pub(super) async fn open(stream: UpstreamStream) -> hyper::Result<Box<Connection>> {
        let (sender, driver) = http1::Builder::new()
            .max_buf_size(MESSAGE_BUFFER)
            .max_header_size(MAX_HEAD)
            .handshake(TokioIo::new(UpstreamSocket::new(stream)))
            .await?;
        // Each exchange restarts it with its route's limit.
        let silence = IdleTimer::new(Duration::ZERO);
        Ok(Box::new(Connection { sender, driver, has_ended: false, silence }))
    }

    /// Hands a request over. It is written, and the future completes, when the connection is driven.
    pub(super) fn send(
        &mut self,
        message: Request<RequestBody>,
    ) -> impl Future<Output = Result<Response<Incoming>, SendError>> + use<> {
        self.sender.try_send_request(message)
    }

    /// Moves bytes both ways. Notes when the connection has ended.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        if !self.has_ended && self.driver.poll_without_shutdown(cx).is_ready() {
            self.has_ended = true;
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// The application's silence, limited by the current route.
    pub(super) fn silence(&mut self) -> &mut IdleTimer {
        &mut self.silence
    }

    /// Whether the next request may go here: the last one is done with, and the peer has not closed.
    pub(super) fn is_usable(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        !self.has_ended && self.sender.is_ready()
    }

    /// The bare stream, with the bytes that were read from it beyond the last answer.
    pub(super) fn into_parts(self) -> (UpstreamStream, bytes::Bytes) {
        let parts = self.driver.into_parts();
        (parts.io.into_inner().into_stream(), parts.read_buf)
    }
}

/// What hyper may hold of an answer for a slow client.
const MESSAGE_BUFFER: usize = 128 * 1024;

/// Head of an answer. nginx stops at 4 or 8 KiB unless told otherwise; sign-on cookies are larger.
pub(super) const MAX_HEAD: usize = 64 * 1024;
