//! One request and response on a stream of a shared HTTP/2 connection.
//!
//! Request body and response body are independent of each other: a response may start and end while the request
//! body is still being sent. A stream that is dropped before its end is reset, so that the upstream stops working
//! for a client that has disconnected.

pub(super) mod body;
pub(super) mod multiplexer;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;

use super::error::{UpstreamConnectionError, UpstreamError};
use super::request::{ExchangeOptions, UpstreamRequest};
use super::request_body::{LimitedBody, UploadProgress};
use super::response::UpstreamResponse;
use body::{Http2ResponseBody, ReadTimeout};
use multiplexer::StreamPermit;

/// Upstream error, with the request if nothing of it was written.
pub(super) struct Http2SendError {
    pub(super) error: UpstreamError,
    /// `Some` if nothing of the request was written.
    unsent: Option<UpstreamRequest>,
}

/// hyper's send error, which returns an unwritten request.
type HyperSendError = TrySendError<Request<LimitedBody>>;

/// Sends a request on a stream and waits for the response head.
pub(super) async fn send(
    permit: StreamPermit,
    request: UpstreamRequest,
) -> Result<UpstreamResponse<Http2ResponseBody>, Http2SendError> {
    let UpstreamRequest { message, options, .. } = request;
    let mut read_timeout = ReadTimeout::new(options.read_timeout, message.body().upload_progress());
    let sent = permit.sender().try_send_request(message);
    match await_head(sent, &mut read_timeout).await {
        Some(Ok(response)) => {
            let body = |incoming| Http2ResponseBody::new(incoming, read_timeout, permit);
            Ok(UpstreamResponse::Response(response.map(body)))
        }
        Some(Err(error)) => Err(Http2SendError::from_hyper(error, read_timeout.upload_progress(), options)),
        None => Err(Http2SendError::new(UpstreamError::ResponseTimeout)),
    }
}

/// Waits for the response head; `None` if the read timeout expires.
async fn await_head<F>(
    sent: F,
    read_timeout: &mut ReadTimeout,
) -> Option<Result<Response<Incoming>, HyperSendError>>
where
    F: Future<Output = Result<Response<Incoming>, HyperSendError>>,
{
    let mut sent = pin!(sent);
    poll_fn(|cx| match sent.as_mut().poll(cx) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        Poll::Pending => read_timeout.poll_expired(cx).map(|()| None),
    })
    .await
}

impl Http2SendError {
    /// Returns the request if it may be retried: the unwritten request, or `spare`, the copy of an idempotent
    /// request without a body, after a connection error.
    pub(super) fn into_retry(self, spare: Option<UpstreamRequest>) -> Result<UpstreamRequest, UpstreamError> {
        match (self.unsent, self.error, spare) {
            (Some(request), ..) => Ok(request),
            (None, UpstreamError::Connection(_), Some(request)) => Ok(request),
            (None, error, _) => Err(error),
        }
    }

    fn new(error: UpstreamError) -> Http2SendError {
        Http2SendError { error, unsent: None }
    }

    /// Converts hyper's error. hyper reports a failed request body as an error of the stream, so the body's own
    /// failure takes precedence.
    fn from_hyper(mut error: HyperSendError, upload: &UploadProgress, options: ExchangeOptions) -> Http2SendError {
        if let Some(failure) = upload.failure() {
            return Http2SendError::new(UpstreamError::RequestBody(failure));
        }
        let unsent = |message| UpstreamRequest { message, forwarding: None, options };
        let unsent = error.take_message().map(unsent);
        Http2SendError {
            unsent,
            error: UpstreamError::Connection(UpstreamConnectionError::Http2(error.into_error())),
        }
    }
}
