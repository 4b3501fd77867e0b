//! HTTP/1 with a client: one request after the other, each with its answer.
//!
//! The task of the connection drives everything: it reads a head, calls the service, and writes the answer while
//! the application still sends it. The body of a request is read from the same connection by whoever wants it.

mod answer_head;
mod date;
mod outbox;
mod request_head;
pub(in crate::net) mod wire;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, Version, header};
use hyper::body::{Body, SizeHint};
use tower::Service;

use super::client_body::ClientBody;
use super::client_stream::ClientStream;
use super::http1::persistence::Persistence;
use super::http1::unreadable::Unreadable;
use super::no_answer::NoAnswer;
use answer_head::{Asked, Purpose, TrailersTaken};
use request_head::{RequestHead, status_of};
use wire::{RequestBody, Wire};

/// A connection on which HTTP/1 is spoken.
pub(super) struct Conversation {
    wire: Rc<RefCell<Wire>>,
    farewell: Farewell,
}

/// The wish that a conversation ends: at once if it is between two requests, else after the answer under way.
#[derive(Clone, Default)]
pub(super) struct Farewell(Rc<Cell<bool>>);

/// How a conversation came to its end.
pub(super) enum Conclusion {
    /// Both sides know.
    Closed,
    /// The client has left, or an answer could not be sent to its end.
    BrokenOff,
    /// The last head made no sense and was answered with this status.
    Unreadable(StatusCode),
    /// The protocol was switched; bytes that came after the head are with the stream.
    Switched(ClientStream, Bytes),
}

/// What becomes of the connection after an answer.
enum Next {
    Request,
    Close,
    BreakOff,
    Switch,
}

impl Farewell {
    pub(super) fn say(&self) {
        self.0.set(true);
    }

    fn is_said(&self) -> bool {
        self.0.get()
    }
}

impl Conversation {
    pub(super) fn new(stream: ClientStream, farewell: Farewell) -> Conversation {
        Conversation { wire: Rc::new(RefCell::new(Wire::new(stream))), farewell }
    }

    /// Holds it to its end.
    pub(super) async fn hold<S, B>(self, mut service: S) -> Conclusion
    where
        S: Service<Request<ClientBody>, Response = Response<B>, Error = NoAnswer>,
        B: Body<Data = Bytes>,
    {
        loop {
            let head = match poll_fn(|cx| self.poll_head(cx)).await {
                Ok(Some(head)) => head,
                Ok(None) => return self.close(Conclusion::Closed).await,
                Err(unreadable) => return self.refuse(unreadable).await,
            };
            let asked = asked(&head);
            let persistence = head.persistence;
            let next = match self.answered(service.call(self.request(head))).await {
                Some(Ok(answer)) => self.send(answer, &asked, persistence).await,
                Some(Err(NoAnswer)) | None => Next::BreakOff,
            };
            match next {
                Next::Request => {}
                Next::Close => return self.close(Conclusion::Closed).await,
                Next::BreakOff => return Conclusion::BrokenOff,
                Next::Switch => return self.switched(),
            }
        }
    }

    fn poll_head(&self, cx: &mut Context<'_>) -> Poll<Result<Option<RequestHead>, Unreadable>> {
        if self.farewell.is_said() {
            return Poll::Ready(Ok(None));
        }
        self.wire.borrow_mut().poll_head(cx)
    }

    fn request(&self, head: RequestHead) -> Request<ClientBody> {
        let RequestHead { parts, body, invitation, .. } = head;
        let is_empty = body.has_ended();
        let number = self.wire.borrow_mut().begin(body, invitation);
        let body = if is_empty { ClientBody::none() } else { RequestBody::new(&self.wire, number).into() };
        Request::from_parts(parts, body)
    }

    /// What the service answers; `None` if the client does not wait for it.
    async fn answered<F: Future>(&self, answering: F) -> Option<F::Output> {
        let mut answering = pin!(answering);
        poll_fn(|cx| {
            if let Poll::Ready(answer) = answering.as_mut().poll(cx) {
                return Poll::Ready(Some(answer));
            }
            self.wire.borrow_mut().poll_gone(cx).map(|()| None)
        })
        .await
    }

    /// Writes an answer while it comes.
    async fn send<B: Body<Data = Bytes>>(&self, answer: Response<B>, asked: &Asked, wish: Persistence) -> Next {
        let (head, body) = answer.into_parts();
        let wish = if self.farewell.is_said() { Persistence::Closing } else { wish };
        let persistence = self.stage_head(&head, &body.size_hint(), asked, wish);
        let mut body = pin!(body);
        if poll_fn(|cx| self.poll_send(body.as_mut(), cx)).await.is_err() {
            return Next::BreakOff;
        }
        let is_read = self.wire.borrow_mut().end();
        match (head.status, persistence) {
            (StatusCode::SWITCHING_PROTOCOLS, _) => Next::Switch,
            (_, Persistence::Persistent) if is_read && !self.farewell.is_said() => Next::Request,
            _ => Next::Close,
        }
    }

    fn stage_head(
        &self,
        head: &http::response::Parts,
        size: &SizeHint,
        asked: &Asked,
        wish: Persistence,
    ) -> Persistence {
        let outbox = &mut self.wire.borrow_mut().outbox;
        let (framing, persistence) = answer_head::write(outbox.text(), head, size, asked, wish);
        outbox.begin_body(framing);
        persistence
    }

    /// Ready when the answer has left. All that comes of its body together is written together.
    fn poll_send<B: Body<Data = Bytes>>(
        &self,
        mut body: Pin<&mut B>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Cut>> {
        loop {
            let is_dry = self.poll_stage(body.as_mut(), cx)?.is_pending();
            let mut wire = self.wire.borrow_mut();
            ready!(wire.poll_write(cx)).map_err(|_| Cut)?;
            if is_dry || wire.outbox.has_ended() {
                // Also where more is to come: it could be a minute until then.
                let flushed = wire.poll_flush(cx).map_err(|_| Cut)?;
                if !is_dry {
                    return flushed.map(Ok);
                }
                return wire.poll_gone(cx).map(|()| Err(Cut));
            }
        }
    }

    /// Takes what there is of a body, as long as there is room. Pending if more is to come.
    fn poll_stage<B: Body<Data = Bytes>>(
        &self,
        mut body: Pin<&mut B>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Cut>> {
        loop {
            if !self.wire.borrow().outbox.wants_more() {
                return Poll::Ready(Ok(()));
            }
            // Nothing of the connection may be held here: an answer moves the body of its request on.
            let frame = ready!(body.as_mut().poll_frame(cx)).transpose().map_err(|_| Cut)?;
            let is_last = frame.is_none() || body.is_end_stream();
            let outbox = &mut self.wire.borrow_mut().outbox;
            if let Some(frame) = frame {
                outbox.stage(frame).map_err(|_| Cut)?;
            }
            if is_last {
                outbox.stage_end(&HeaderMap::new()).map_err(|_| Cut)?;
            }
        }
    }

    async fn refuse(self, unreadable: Unreadable) -> Conclusion {
        tracing::debug!("a request cannot be read: {unreadable}");
        let status = status_of(unreadable);
        let asked = Asked { purpose: Purpose::Answer, version: Version::HTTP_11, trailers: TrailersTaken::No };
        let mut answer = Response::new(http_body_util::Empty::<Bytes>::new());
        *answer.status_mut() = status;
        match self.send(answer, &asked, Persistence::Closing).await {
            Next::BreakOff => Conclusion::Unreadable(status),
            _ => self.close(Conclusion::Unreadable(status)).await,
        }
    }

    /// Says goodbye. Whether the client hears it makes no difference any more.
    async fn close(self, conclusion: Conclusion) -> Conclusion {
        let _ = poll_fn(|cx| self.wire.borrow_mut().poll_shutdown(cx)).await;
        conclusion
    }

    fn switched(self) -> Conclusion {
        match Rc::try_unwrap(self.wire) {
            Ok(wire) => {
                let (stream, unread) = wire.into_inner().into_parts();
                Conclusion::Switched(stream, unread)
            }
            // Only for a moment does anybody else own it.
            Err(_) => Conclusion::BrokenOff,
        }
    }
}

/// An answer cannot be sent to its end, and the client must see that.
struct Cut;

fn asked(head: &RequestHead) -> Asked {
    let takes_trailers = || {
        let mut wishes = head.parts.headers.get_all(header::TE).iter();
        wishes.any(|value| value.as_bytes().eq_ignore_ascii_case(b"trailers"))
    };
    Asked {
        purpose: if head.parts.method == Method::HEAD { Purpose::Head } else { Purpose::Answer },
        version: head.parts.version,
        trailers: if takes_trailers() { TrailersTaken::Yes } else { TrailersTaken::No },
    }
}

/// Bytes from which a piece of a body is not copied behind others: those of a full TLS record.
const LARGE: usize = 16 * 1024;
