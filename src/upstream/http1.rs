//! One request and the head of its answer, on one HTTP/1 connection.

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

/// Why an exchange came to nothing.
pub(super) struct Http1SendError {
    pub(super) error: UpstreamError,
    /// The request, if it may be sent once more.
    pub(super) again: Option<RequestWriter>,
}

/// Sends a request and waits for the head of the answer. The connection goes with the answer, and from
/// there to the pool.
///
/// Not an `async fn`: the request is handed over at once, so that the future does not carry it.
pub(super) fn send(
    mut connection: Box<Http1ClientConnection>,
    request: RequestWriter,
    pool: &Rc<IdlePool>,
) -> impl Future<Output = Result<UpstreamResponse<Http1ResponseBody>, Http1SendError>> {
    let asks_to_switch = request.options().requests_upgrade;
    connection.start_request(request);
    async move {
        let head = match poll_fn(|cx| connection.poll_head(cx)).await {
            Ok(head) => head,
            Err(error @ UpstreamError::Connection(_)) => {
                return Err(Http1SendError { error, again: connection.take_retryable() });
            }
            Err(error) => return Err(Http1SendError { error, again: None }),
        };
        match (head.status, asks_to_switch) {
            (StatusCode::SWITCHING_PROTOCOLS, true) => {
                let (stream, early) = connection.into_parts();
                Ok(UpstreamResponse::Upgraded(head, stream, early))
            }
            (StatusCode::SWITCHING_PROTOCOLS, false) => {
                Err(Http1SendError { error: UpstreamError::UnexpectedUpgrade, again: None })
            }
            _ => Ok(UpstreamResponse::Response(Response::from_parts(
                head,
                Http1ResponseBody::new(connection, pool.clone()),
            ))),
        }
    }
}
