//! HTTP/1 with a client: one request after the other, each with its answer.
//!
//! The task of the connection drives everything: it reads a head, calls the service, and writes the answer while
//! the application still sends it. The body of a request is read from the same connection by whoever wants it.

mod date;
pub(crate) mod io;
mod request_head;
mod response_head;
mod write_buffer;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, Version, header};
use hyper::body::{Body, SizeHint};
use tower::Service;

use super::abort::Abort;
use super::request_body::IncomingBody;
use super::stream::DownstreamStream;
use crate::http1::parse_error::Http1ParseError;
use crate::http1::persistence::Persistence;
use io::{Http1Io, Http1RequestBody};
use request_head::{Http1RequestHead, status_of};
use response_head::{ClientTrailers, ResponseContent, ResponseContext};

/// A connection on which HTTP/1 is spoken.
pub(super) struct Http1ServerConnection {
    wire: Rc<RefCell<Http1Io>>,
    farewell: ShutdownHandle,
}

/// The wish that a conversation ends.
#[derive(Clone, Default)]
pub(super) struct ShutdownHandle(Rc<Cell<ShutdownState>>);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum ShutdownState {
    #[default]
    Running,
    /// After what is under way, which may be a head that has come in part.
    Graceful,
    /// At once, unless an answer is under way.
    Immediate,
}

/// How a conversation came to its end.
pub(super) enum Http1ConnectionEnd {
    /// Both sides know.
    Closed,
    /// The client has left, or an answer could not be sent to its end.
    Aborted,
    /// The last head made no sense and was answered with this status.
    ParseError(StatusCode),
    /// The protocol was switched; bytes that came after the head are with the stream.
    Upgraded(DownstreamStream, Bytes),
}

/// What becomes of the connection after an answer.
enum AfterResponse {
    Request,
    Close,
    BreakOff,
    Switch,
}

impl ShutdownHandle {
    /// The conversation is to end when it does no harm.
    pub(super) fn graceful(&self) {
        if self.0.get() == ShutdownState::Running {
            self.0.set(ShutdownState::Graceful);
        }
    }

    /// The client has had its time.
    pub(super) fn immediate(&self) {
        self.0.set(ShutdownState::Immediate);
    }
}

impl Http1ServerConnection {
    pub(super) fn new(stream: DownstreamStream, farewell: ShutdownHandle) -> Http1ServerConnection {
        Http1ServerConnection { wire: Rc::new(RefCell::new(Http1Io::new(stream))), farewell }
    }

    /// Holds it to its end.
    pub(super) async fn serve<S, B>(self, mut service: S) -> Http1ConnectionEnd
    where
        S: Service<Request<IncomingBody>, Response = Response<B>, Error = Abort>,
        B: Body<Data = Bytes>,
    {
        loop {
            let head = match poll_fn(|cx| self.poll_head(cx)).await {
                Ok(Some(head)) => head,
                Ok(None) => return self.close(Http1ConnectionEnd::Closed).await,
                Err(unreadable) => return self.reject(unreadable).await,
            };
            let asked = asked(&head);
            let persistence = head.persistence;
            let next = match self.call_service(service.call(self.request(head))).await {
                Some(Ok(answer)) => self.write_response(answer, &asked, persistence).await,
                Some(Err(Abort)) | None => AfterResponse::BreakOff,
            };
            match next {
                AfterResponse::Request => {}
                AfterResponse::Close => return self.close(Http1ConnectionEnd::Closed).await,
                AfterResponse::BreakOff => return Http1ConnectionEnd::Aborted,
                AfterResponse::Switch => return self.into_upgraded(),
            }
        }
    }

    fn poll_head(&self, cx: &mut Context<'_>) -> Poll<Result<Option<Http1RequestHead>, Http1ParseError>> {
        let mut wire = self.wire.borrow_mut();
        match self.farewell.0.get() {
            ShutdownState::Immediate => return Poll::Ready(Ok(None)),
            ShutdownState::Graceful if wire.is_between_requests() => return Poll::Ready(Ok(None)),
            ShutdownState::Graceful | ShutdownState::Running => {}
        }
        wire.poll_head(cx)
    }

    fn request(&self, head: Http1RequestHead) -> Request<IncomingBody> {
        let Http1RequestHead { parts, body, continue_state: invitation, .. } = head;
        let is_empty = body.has_ended();
        let number = self.wire.borrow_mut().start_request(body, invitation);
        let body = if is_empty { IncomingBody::none() } else { Http1RequestBody::new(&self.wire, number).into() };
        Request::from_parts(parts, body)
    }

    /// What the service answers; `None` if the client does not wait for it.
    async fn call_service<F: Future>(&self, answering: F) -> Option<F::Output> {
        let mut answering = pin!(answering);
        poll_fn(|cx| {
            self.wire.borrow_mut().register_connection_task(cx);
            if let Poll::Ready(answer) = answering.as_mut().poll(cx) {
                return Poll::Ready(Some(answer));
            }
            self.wire.borrow_mut().poll_while_waiting(cx).map(|()| None)
        })
        .await
    }

    /// Writes an answer while it comes.
    async fn write_response<B: Body<Data = Bytes>>(
        &self,
        answer: Response<B>,
        asked: &ResponseContext,
        wish: Persistence,
    ) -> AfterResponse {
        let (head, body) = answer.into_parts();
        let wish = if self.can_keep_alive() { wish } else { Persistence::Closing };
        let persistence = self.stage_head(&head, &body.size_hint(), asked, wish);
        if persistence == Persistence::Closing && head.status != StatusCode::SWITCHING_PROTOCOLS {
            self.wire.borrow_mut().close_after_response();
        }
        let mut body = pin!(body);
        if poll_fn(|cx| self.poll_send(body.as_mut(), cx)).await.is_err() {
            return AfterResponse::BreakOff;
        }
        let is_read = self.wire.borrow_mut().finish_request();
        match (head.status, persistence) {
            (StatusCode::SWITCHING_PROTOCOLS, _) => AfterResponse::Switch,
            (_, Persistence::Persistent) if is_read => AfterResponse::Request,
            _ => AfterResponse::Close,
        }
    }

    /// Whether another request can follow: nobody wants the connection to end, and the body of this one is still being
    /// read, or has come.
    fn can_keep_alive(&self) -> bool {
        let mut wire = self.wire.borrow_mut();
        let is_held = Rc::weak_count(&self.wire) > 0;
        let comes_to_an_end = if is_held { !wire.is_continue_pending() } else { wire.skip_body() };
        self.farewell.0.get() == ShutdownState::Running && comes_to_an_end
    }

    fn stage_head(
        &self,
        head: &http::response::Parts,
        size: &SizeHint,
        asked: &ResponseContext,
        wish: Persistence,
    ) -> Persistence {
        let wire = &mut *self.wire.borrow_mut();
        wire.start_response();
        let outbox = &mut wire.write_buffer;
        let (framing, persistence) = response_head::write(outbox.text(), head, size, asked, wish);
        outbox.begin_body(framing);
        persistence
    }

    /// Ready when the answer has left. All that comes of its body together is written together.
    fn poll_send<B: Body<Data = Bytes>>(
        &self,
        mut body: Pin<&mut B>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ResponseAborted>> {
        self.wire.borrow_mut().register_connection_task(cx);
        loop {
            let staged = self.poll_stage(body.as_mut(), cx);
            let is_dry = staged.is_pending();
            let mut wire = self.wire.borrow_mut();
            let written = wire.poll_write(cx).map_err(|_| ResponseAborted);
            if let Poll::Ready(Err(cut)) = staged {
                // What came before it has had its chance to leave.
                return Poll::Ready(Err(cut));
            }
            ready!(written)?;
            if is_dry || wire.write_buffer.has_ended() {
                // Also where more is to come: it could be a minute until then.
                let flushed = wire.poll_flush(cx).map_err(|_| ResponseAborted)?;
                if !is_dry {
                    return flushed.map(Ok);
                }
                return wire.poll_disconnect(cx).map(|()| Err(ResponseAborted));
            }
        }
    }

    /// Takes what there is of a body, as long as there is room. Pending if more is to come.
    fn poll_stage<B: Body<Data = Bytes>>(
        &self,
        mut body: Pin<&mut B>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ResponseAborted>> {
        loop {
            if !self.wire.borrow().write_buffer.wants_more() {
                return Poll::Ready(Ok(()));
            }
            // Nothing of the connection may be held here: an answer moves the body of its request on.
            let frame = ready!(body.as_mut().poll_frame(cx)).transpose().map_err(|_| ResponseAborted)?;
            let is_last = frame.is_none() || body.is_end_stream();
            let outbox = &mut self.wire.borrow_mut().write_buffer;
            if let Some(frame) = frame {
                outbox.push_frame(frame).map_err(|_| ResponseAborted)?;
            }
            if is_last {
                outbox.finish(&HeaderMap::new()).map_err(|_| ResponseAborted)?;
            }
        }
    }

    async fn reject(self, unreadable: Http1ParseError) -> Http1ConnectionEnd {
        tracing::debug!("a request cannot be read: {unreadable}");
        let status = status_of(unreadable);
        let asked = ResponseContext {
            purpose: ResponseContent::Response,
            version: Version::HTTP_11,
            trailers: ClientTrailers::No,
        };
        let mut answer = Response::new(http_body_util::Empty::<Bytes>::new());
        *answer.status_mut() = status;
        match self.write_response(answer, &asked, Persistence::Closing).await {
            AfterResponse::BreakOff => Http1ConnectionEnd::ParseError(status),
            _ => self.close(Http1ConnectionEnd::ParseError(status)).await,
        }
    }

    /// Says goodbye. Whether the client hears it makes no difference any more.
    async fn close(self, conclusion: Http1ConnectionEnd) -> Http1ConnectionEnd {
        let _ = poll_fn(|cx| self.wire.borrow_mut().poll_shutdown(cx)).await;
        conclusion
    }

    fn into_upgraded(self) -> Http1ConnectionEnd {
        match Rc::try_unwrap(self.wire) {
            Ok(wire) => {
                let (stream, unread) = wire.into_inner().into_parts();
                Http1ConnectionEnd::Upgraded(stream, unread)
            }
            // Only for a moment does anybody else own it.
            Err(_) => Http1ConnectionEnd::Aborted,
        }
    }
}

/// An answer cannot be sent to its end, and the client must see that.
struct ResponseAborted;

fn asked(head: &Http1RequestHead) -> ResponseContext {
    let takes_trailers = || {
        let mut wishes = head.parts.headers.get_all(header::TE).iter();
        wishes.any(|value| value.as_bytes().eq_ignore_ascii_case(b"trailers"))
    };
    ResponseContext {
        purpose: if head.parts.method == Method::HEAD { ResponseContent::Head } else { ResponseContent::Response },
        version: head.parts.version,
        trailers: if takes_trailers() { ClientTrailers::Yes } else { ClientTrailers::No },
    }
}
