//! One request and its answer, on one stream of an HTTP/2 connection.
//!
//! Both bodies and their trailers move independently of each other, so an answer may begin, and end, while
//! the request is still being sent. A stream that is dropped before its end is reset, and the application
//! stops working for a client that has left.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::answer::{Answer, AnswerFailure};
use super::connection::SendError;
use super::error::UpstreamError;
use super::exchange::Failure;
use super::multiplex::Claim;
use super::request::{BodyWatch, UpstreamRequest};
use crate::net::idle_timer::IdleTimer;

/// The body of an answer on a stream.
pub(super) struct StreamBody {
    incoming: Incoming,
    silence: Silence,
    /// Gone once the body has ended.
    claim: Option<Claim>,
}

/// The application's silence. While the client still sends, the application may well be silent.
struct Silence {
    timer: IdleTimer,
    watch: BodyWatch,
    uploaded: u64,
}

/// Sends a request and waits for the head of the answer.
pub(super) async fn exchange(claim: Claim, request: UpstreamRequest) -> Result<Answer, Failure> {
    let UpstreamRequest { message, terms } = request;
    let watch = message.body().watch();
    let mut silence = Silence { timer: IdleTimer::new(terms.read_timeout), watch, uploaded: 0 };
    let sent = claim.sender().try_send_request(message);
    match await_head(sent, &mut silence).await {
        Some(Ok(response)) => {
            let body = |incoming| StreamBody { incoming, silence, claim: Some(claim) }.into();
            Ok(Answer::Response(response.map(body)))
        }
        Some(Err(error)) => Err(Failure::of_sending(Box::new(error), &silence.watch, terms)),
        None => Err(Failure::of(UpstreamError::AnswerTimeout)),
    }
}

/// `None` if the application stays silent.
async fn await_head<F>(sent: F, silence: &mut Silence) -> Option<Result<Response<Incoming>, SendError>>
where
    F: Future<Output = Result<Response<Incoming>, SendError>>,
{
    let mut sent = pin!(sent);
    poll_fn(|cx| match sent.as_mut().poll(cx) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        Poll::Pending => silence.poll_expired(cx).map(|()| None),
    })
    .await
}

impl Silence {
    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.watch.uploaded() != self.uploaded {
            self.uploaded = self.watch.uploaded();
            self.timer.progress();
        }
        self.timer.poll_expired(cx)
    }
}

impl Body for StreamBody {
    type Data = Bytes;
    type Error = AnswerFailure;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, AnswerFailure>>> {
        let this = self.get_mut();
        match Pin::new(&mut this.incoming).poll_frame(cx) {
            Poll::Ready(frame) => {
                this.silence.timer.progress();
                if frame.is_none() {
                    this.claim = None;
                }
                Poll::Ready(frame.map(|frame| frame.map_err(AnswerFailure::Broken)))
            }
            Poll::Pending => this.silence.poll_expired(cx).map(|()| Some(Err(AnswerFailure::Silence))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
