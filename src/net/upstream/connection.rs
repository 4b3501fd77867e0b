//! One connection to an application, and one exchange on it.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::{Response, StatusCode};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::answer::AnswerBody;
use super::dial::UpstreamStream;
use super::pool::Pool;
use super::request::{BodyWatch, RequestBody, Terms, UpstreamRequest};
use super::{Answer, UpstreamError};
use crate::net::idle_timer::IdleTimer;

/// A connection, driven by whoever uses it.
pub(super) struct Connection {
    sender: http1::SendRequest<RequestBody>,
    driver: http1::Connection<TokioIo<UpstreamStream>, RequestBody>,
    has_ended: bool,
    /// Lives as long as the connection: a timer that is set once serves many requests.
    silence: IdleTimer,
}

/// Why an exchange came to nothing.
pub(super) struct Failure {
    pub(super) error: UpstreamError,
    /// The request, if nothing of it was written.
    pub(super) unsent: Option<UpstreamRequest>,
}

enum NoHead {
    Silence,
    Send(SendError),
}

/// hyper's error, which gives the request back when nothing of it was written.
type SendError = hyper::client::conn::TrySendError<http::Request<RequestBody>>;

impl Connection {
    pub(super) async fn open(stream: UpstreamStream) -> hyper::Result<Box<Connection>> {
        let (sender, driver) = http1::Builder::new()
            .max_buf_size(MESSAGE_BUFFER)
            .max_header_size(MAX_HEAD)
            .handshake(TokioIo::new(stream))
            .await?;
        // Each exchange restarts it with its route's limit.
        let silence = IdleTimer::new(Duration::ZERO);
        Ok(Box::new(Connection { sender, driver, has_ended: false, silence }))
    }

    /// Sends a request and waits for the head of the answer.
    pub(super) async fn exchange(
        mut self: Box<Self>,
        request: UpstreamRequest,
        pool: &Rc<Pool>,
    ) -> Result<Answer, Failure> {
        let UpstreamRequest { message, terms } = request;
        let watch = message.body().watch();
        self.silence.restart(terms.read_timeout);
        let sent = self.sender.try_send_request(message);
        let response = match self.await_head(sent, &watch).await {
            Ok(response) => response,
            Err(NoHead::Silence) => return Err(Failure::plain(UpstreamError::AnswerTimeout)),
            Err(NoHead::Send(error)) => return Err(Failure::of_send(error, &watch, terms)),
        };
        match (response.status(), terms.asks_to_switch) {
            (StatusCode::SWITCHING_PROTOCOLS, true) => Ok(self.switch(response).await),
            (StatusCode::SWITCHING_PROTOCOLS, false) => Err(Failure::plain(UpstreamError::UnaskedSwitch)),
            _ => Ok(Answer::Response(response.map(|body| AnswerBody::new(body, self, pool.clone())))),
        }
    }

    /// Moves bytes both ways. Notes when the connection has ended.
    pub(super) fn poll_drive(&mut self, cx: &mut Context<'_>) {
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
        self.poll_drive(&mut Context::from_waker(Waker::noop()));
        !self.has_ended && self.sender.is_ready()
    }

    async fn await_head<F>(&mut self, sent: F, watch: &BodyWatch) -> Result<Response<Incoming>, NoHead>
    where
        F: Future<Output = Result<Response<Incoming>, SendError>>,
    {
        let mut sent = pin!(sent);
        let mut uploaded = 0;
        poll_fn(|cx| {
            self.poll_drive(cx);
            if let Poll::Ready(result) = sent.as_mut().poll(cx) {
                return Poll::Ready(result.map_err(NoHead::Send));
            }
            // While the client still sends, the application may well be silent.
            if watch.uploaded() != uploaded {
                uploaded = watch.uploaded();
                self.silence.progress();
            }
            self.silence.poll_expired(cx).map(|()| Err(NoHead::Silence))
        })
        .await
    }

    async fn switch(mut self: Box<Self>, response: Response<Incoming>) -> Answer {
        let (head, _) = response.into_parts();
        poll_fn(|cx| {
            self.poll_drive(cx);
            if self.has_ended { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        let parts = self.driver.into_parts();
        Answer::Switched(head, parts.io.into_inner(), parts.read_buf)
    }
}

impl Failure {
    fn plain(error: UpstreamError) -> Failure {
        Failure { error, unsent: None }
    }

    fn of_send(mut error: SendError, watch: &BodyWatch, terms: Terms) -> Failure {
        if let Some(at_fault) = watch.failure() {
            return Failure::plain(UpstreamError::RequestBody(at_fault));
        }
        let unsent = error.take_message().map(|message| UpstreamRequest { message, terms });
        Failure { unsent, error: UpstreamError::Broken(error.into_error()) }
    }
}

/// What hyper may hold of an answer for a slow client.
const MESSAGE_BUFFER: usize = 128 * 1024;

/// Head of an answer. nginx stops at 4 or 8 KiB unless told otherwise; sign-on cookies are larger.
const MAX_HEAD: usize = 64 * 1024;
