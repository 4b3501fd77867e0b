//! One request and response on an HTTP/1.1 connection.

pub(super) mod body;
pub(super) mod connection;
pub(super) mod idle_pool;
pub(super) mod request_writer;
pub(super) mod response_head;

use std::future::{Future, poll_fn};
use std::rc::Rc;

use http::{Response, StatusCode};

use super::error::UpstreamError;
use super::response::UpstreamResponse;
use body::Http1ResponseBody;
use connection::Http1ClientConnection;
use idle_pool::IdlePool;
use request_writer::RequestWriter;

/// Upstream error, with the request if it may be retried.
pub(super) struct Http1SendError {
    pub(super) error: UpstreamError,
    /// `Some` if the request may be sent on another connection.
    pub(super) retry: Option<RequestWriter>,
}

/// Sends a request on a connection and waits for the response head. The response body owns the connection and
/// returns it to the pool.
///
/// Not an `async fn`: the request moves into the connection before the future is created, so the future does not
/// hold it.
pub(super) fn send(
    mut connection: Box<Http1ClientConnection>,
    request: RequestWriter,
    pool: &Rc<IdlePool>,
) -> impl Future<Output = Result<UpstreamResponse<Http1ResponseBody>, Http1SendError>> {
    let requests_upgrade = request.options().requests_upgrade;
    connection.start_request(request);
    async move {
        let head = match poll_fn(|cx| connection.poll_head(cx)).await {
            Ok(head) => head,
            Err(error @ UpstreamError::Connection(_)) => {
                return Err(Http1SendError { error, retry: connection.take_retryable() });
            }
            Err(error) => return Err(Http1SendError { error, retry: None }),
        };
        match (head.status, requests_upgrade) {
            (StatusCode::SWITCHING_PROTOCOLS, true) => {
                let (stream, early) = connection.into_parts();
                Ok(UpstreamResponse::Upgraded(head, stream, early))
            }
            (StatusCode::SWITCHING_PROTOCOLS, false) => {
                Err(Http1SendError { error: UpstreamError::UnexpectedUpgrade, retry: None })
            }
            _ => Ok(UpstreamResponse::Response(Response::from_parts(
                head,
                Http1ResponseBody::new(connection, pool.clone()),
            ))),
        }
    }
}
