//! HTTP/1 server connection: serves requests one after the other.
//!
//! The task of the connection drives everything: it reads a head, calls the service, and writes the response while
//! it arrives from the upstream. The request body reads from the same connection, in the task that polls it.

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

use super::abort::Abort;
use super::stream::DownstreamStream;
use crate::http1::parse_error::Http1ParseError;
use crate::http1::persistence::Persistence;
use io::{Http1Io, Http1RequestBody};
use request_head::{Http1RequestHead, status_of};
use response_head::{ClientTrailers, ResponseContent, ResponseContext};

/// An HTTP/1 server connection that serves requests in order.
pub(super) struct Http1ServerConnection {
    io: Rc<RefCell<Http1Io>>,
    shutdown: ShutdownHandle,
}

/// Requests the shutdown of an HTTP/1 connection.
#[derive(Clone, Default)]
pub(super) struct ShutdownHandle(Rc<Cell<ShutdownState>>);

/// Running, graceful shutdown, or immediate shutdown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum ShutdownState {
    #[default]
    Running,
    /// Close after the request in progress, of which the head may be incomplete.
    Graceful,
    /// Close at once, unless a response is in progress.
    Immediate,
}

/// How an HTTP/1 connection ended.
pub(super) enum Http1ConnectionEnd {
    /// Closed after a complete response, or by the client between requests.
    Closed,
    /// The client disconnected, the service aborted, or a response could not be completed. The stream is dropped
    /// without a shutdown.
    Aborted,
    /// The last request head failed to parse and was rejected with this status.
    ParseError(StatusCode),
    /// The stream after a 101 response, and the bytes read after the request head.
    Upgraded(DownstreamStream, Bytes),
}

/// What follows a response: next request, close, abort or upgrade.
enum AfterResponse {
    NextRequest,
    Close,
    Abort,
    Upgrade,
}

impl ShutdownHandle {
    /// Requests a shutdown after the request in progress.
    pub(super) fn graceful(&self) {
        if self.0.get() == ShutdownState::Running {
            self.0.set(ShutdownState::Graceful);
        }
    }

    /// Requests a shutdown at once: the client timed out.
    pub(super) fn immediate(&self) {
        self.0.set(ShutdownState::Immediate);
    }
}

impl Http1ServerConnection {
    pub(super) fn new(stream: DownstreamStream, shutdown: ShutdownHandle) -> Http1ServerConnection {
        Http1ServerConnection { io: Rc::new(RefCell::new(Http1Io::new(stream))), shutdown }
    }

    /// Serves requests until the connection closes or is upgraded; calls `service` for each of them.
    pub(super) async fn serve<S, F, B>(self, mut service: S) -> Http1ConnectionEnd
    where
        S: FnMut(Request<Http1RequestBody>) -> F,
        F: Future<Output = Result<Response<B>, Abort>>,
        B: Body<Data = Bytes>,
    {
        loop {
            let head = match poll_fn(|cx| self.poll_head(cx)).await {
                Ok(Some(head)) => head,
                Ok(None) => return self.close(Http1ConnectionEnd::Closed).await,
                Err(error) => return self.reject(error).await,
            };
            let context = response_context(&head);
            let persistence = head.persistence;
            let next = match self.call_service(service(self.start_request(head))).await {
                Some(Ok(response)) => self.write_response(response, &context, persistence).await,
                Some(Err(Abort)) | None => AfterResponse::Abort,
            };
            match next {
                AfterResponse::NextRequest => {}
                AfterResponse::Close => return self.close(Http1ConnectionEnd::Closed).await,
                AfterResponse::Abort => return Http1ConnectionEnd::Aborted,
                AfterResponse::Upgrade => return self.into_upgraded(),
            }
        }
    }

    /// Reads the next request head; `None` when the connection has to be closed instead.
    fn poll_head(&self, cx: &mut Context<'_>) -> Poll<Result<Option<Http1RequestHead>, Http1ParseError>> {
        let mut io = self.io.borrow_mut();
        match self.shutdown.0.get() {
            ShutdownState::Immediate => return Poll::Ready(Ok(None)),
            ShutdownState::Graceful if io.is_between_requests() => return Poll::Ready(Ok(None)),
            ShutdownState::Graceful | ShutdownState::Running => {}
        }
        io.poll_head(cx)
    }

    fn start_request(&self, head: Http1RequestHead) -> Request<Http1RequestBody> {
        let Http1RequestHead { parts, body, continue_state, .. } = head;
        let is_empty = body.has_ended();
        let number = self.io.borrow_mut().start_request(body, continue_state);
        let body = if is_empty { Http1RequestBody::empty() } else { Http1RequestBody::new(&self.io, number) };
        Request::from_parts(parts, body)
    }

    /// Polls the service while watching for a client disconnect; `None` if the client disconnected first.
    async fn call_service<F: Future>(&self, response: F) -> Option<F::Output> {
        let mut response = pin!(response);
        poll_fn(|cx| {
            self.io.borrow_mut().register_connection_task(cx);
            if let Poll::Ready(response) = response.as_mut().poll(cx) {
                return Poll::Ready(Some(response));
            }
            self.io.borrow_mut().poll_while_waiting(cx).map(|()| None)
        })
        .await
    }

    /// Writes a response while its body arrives.
    async fn write_response<B: Body<Data = Bytes>>(
        &self,
        response: Response<B>,
        context: &ResponseContext,
        persistence: Persistence,
    ) -> AfterResponse {
        let (head, body) = response.into_parts();
        let persistence = if self.can_keep_alive() { persistence } else { Persistence::Closing };
        let persistence = self.buffer_head(&head, &body.size_hint(), context, persistence);
        if persistence == Persistence::Closing && head.status != StatusCode::SWITCHING_PROTOCOLS {
            self.io.borrow_mut().close_after_response();
        }
        let mut body = pin!(body);
        if poll_fn(|cx| self.poll_send(body.as_mut(), cx)).await.is_err() {
            return AfterResponse::Abort;
        }
        let is_body_complete = self.io.borrow_mut().finish_request();
        match (head.status, persistence) {
            (StatusCode::SWITCHING_PROTOCOLS, _) => AfterResponse::Upgrade,
            (_, Persistence::Persistent) if is_body_complete => AfterResponse::NextRequest,
            _ => AfterResponse::Close,
        }
    }

    /// Returns whether the connection may serve another request: no shutdown is requested, and the body of the
    /// current request is complete or still being read.
    fn can_keep_alive(&self) -> bool {
        let mut io = self.io.borrow_mut();
        let is_body_held = Rc::weak_count(&self.io) > 0;
        let can_finish_body = if is_body_held { !io.is_continue_pending() } else { io.skip_body() };
        self.shutdown.0.get() == ShutdownState::Running && can_finish_body
    }

    /// Writes the response head to the buffer; returns the resulting persistence.
    fn buffer_head(
        &self,
        head: &http::response::Parts,
        size: &SizeHint,
        context: &ResponseContext,
        persistence: Persistence,
    ) -> Persistence {
        let io = &mut *self.io.borrow_mut();
        io.start_response();
        let buffer = &mut io.write_buffer;
        let (framing, persistence) = response_head::write(buffer.text(), head, size, context, persistence);
        buffer.begin_body(framing);
        persistence
    }

    /// Ready when the response has been written and flushed. Frames that arrive together are written together.
    fn poll_send<B: Body<Data = Bytes>>(
        &self,
        mut body: Pin<&mut B>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ResponseAborted>> {
        self.io.borrow_mut().register_connection_task(cx);
        loop {
            let buffered = self.poll_buffer_body(body.as_mut(), cx);
            let is_waiting = buffered.is_pending();
            let mut io = self.io.borrow_mut();
            let written = io.poll_write(cx).map_err(|_| ResponseAborted);
            if let Poll::Ready(Err(error)) = buffered {
                // The bytes before the error have been written as far as the socket accepted them.
                return Poll::Ready(Err(error));
            }
            ready!(written)?;
            if is_waiting || io.write_buffer.has_ended() {
                // Also while the body continues: the next frame may take a minute.
                let flushed = io.poll_flush(cx).map_err(|_| ResponseAborted)?;
                if !is_waiting {
                    return flushed.map(Ok);
                }
                return io.poll_disconnect(cx).map(|()| Err(ResponseAborted));
            }
        }
    }

    /// Buffers the available frames of a body while there is room. `Pending` if the body waits for more.
    fn poll_buffer_body<B: Body<Data = Bytes>>(
        &self,
        mut body: Pin<&mut B>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ResponseAborted>> {
        loop {
            if !self.io.borrow().write_buffer.wants_more() {
                return Poll::Ready(Ok(()));
            }
            // The I/O state must not be borrowed here: polling the response polls the request body, which borrows
            // it.
            let frame = ready!(body.as_mut().poll_frame(cx)).transpose().map_err(|_| ResponseAborted)?;
            let is_last = frame.is_none() || body.is_end_stream();
            let buffer = &mut self.io.borrow_mut().write_buffer;
            if let Some(frame) = frame {
                buffer.push_frame(frame).map_err(|_| ResponseAborted)?;
            }
            if is_last {
                buffer.finish(&HeaderMap::new()).map_err(|_| ResponseAborted)?;
            }
        }
    }

    /// Responds to a request that failed to parse and closes the connection.
    async fn reject(self, error: Http1ParseError) -> Http1ConnectionEnd {
        tracing::debug!(error = %error, "request head rejected");
        let status = status_of(error);
        let context = ResponseContext {
            content: ResponseContent::HeadAndBody,
            version: Version::HTTP_11,
            trailers: ClientTrailers::No,
        };
        let mut response = Response::new(http_body_util::Empty::<Bytes>::new());
        *response.status_mut() = status;
        match self.write_response(response, &context, Persistence::Closing).await {
            AfterResponse::Abort => Http1ConnectionEnd::ParseError(status),
            _ => self.close(Http1ConnectionEnd::ParseError(status)).await,
        }
    }

    /// Shuts the stream down: `close_notify`, FIN and lingering close. Errors are ignored, because nothing follows.
    async fn close(self, end: Http1ConnectionEnd) -> Http1ConnectionEnd {
        let _ = poll_fn(|cx| self.io.borrow_mut().poll_shutdown(cx)).await;
        end
    }

    /// Returns the stream and unread bytes.
    fn into_upgraded(self) -> Http1ConnectionEnd {
        match Rc::try_unwrap(self.io) {
            Ok(io) => {
                let (stream, unread) = io.into_inner().into_parts();
                Http1ConnectionEnd::Upgraded(stream, unread)
            }
            // Unreachable in practice: a request body upgrades its weak reference only while it is polled.
            Err(_) => Http1ConnectionEnd::Aborted,
        }
    }
}

/// The response body failed; the connection must be closed, so that the client detects it.
struct ResponseAborted;

/// Returns the request properties that affect the response.
fn response_context(head: &Http1RequestHead) -> ResponseContext {
    let accepts_trailers = || {
        let mut values = head.parts.headers.get_all(header::TE).iter();
        values.any(|value| value.as_bytes().eq_ignore_ascii_case(b"trailers"))
    };
    ResponseContext {
        content: if head.parts.method == Method::HEAD {
            ResponseContent::Head
        } else {
            ResponseContent::HeadAndBody
        },
        version: head.parts.version,
        trailers: if accepts_trailers() { ClientTrailers::Yes } else { ClientTrailers::No },
    }
}
