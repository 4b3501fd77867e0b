//! One request and the head of its answer, on one connection.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

use http::{Response, StatusCode};
use hyper::body::Incoming;

use super::answer::Answer;
use super::connection::{Connection, SendError};
use super::connection_body::ConnectionBody;
use super::error::UpstreamError;
use super::pool::Pool;
use super::request::{BodyWatch, Terms, UpstreamRequest};

/// Why an exchange came to nothing.
pub(super) struct Failure {
    pub(super) error: UpstreamError,
    /// The request, if nothing of it was written.
    pub(super) unsent: Option<UpstreamRequest>,
}

enum NoHead {
    Silence,
    Send(Box<SendError>),
}

/// Sends a request and waits for the head of the answer. The connection goes with the answer, and from
/// there to the pool.
///
/// Not an `async fn`: the request is handed over at once, so that the future does not carry it.
pub(super) fn exchange(
    mut connection: Box<Connection>,
    request: UpstreamRequest,
    pool: &Rc<Pool>,
) -> impl Future<Output = Result<Answer, Failure>> {
    let watch = request.watch();
    let UpstreamRequest { message, terms } = request;
    connection.silence().restart(terms.read_timeout);
    let sent = connection.send(message);
    async move {
        let response = match await_head(&mut connection, pin!(sent), &watch).await {
            Ok(response) => response,
            Err(NoHead::Silence) => return Err(Failure::of(UpstreamError::AnswerTimeout)),
            Err(NoHead::Send(error)) => return Err(Failure::of_sending(error, &watch, terms)),
        };
        match (response.status(), terms.asks_to_switch) {
            (StatusCode::SWITCHING_PROTOCOLS, true) => Ok(Box::pin(switch(connection, response)).await),
            (StatusCode::SWITCHING_PROTOCOLS, false) => Err(Failure::of(UpstreamError::UnaskedSwitch)),
            _ => {
                let body = |body| ConnectionBody::new(body, connection, pool.clone()).into();
                Ok(Answer::Response(response.map(body)))
            }
        }
    }
}

async fn await_head<F>(
    connection: &mut Connection,
    mut sent: Pin<&mut F>,
    watch: &BodyWatch,
) -> Result<Response<Incoming>, NoHead>
where
    F: Future<Output = Result<Response<Incoming>, SendError>>,
{
    let mut uploaded = 0;
    poll_fn(|cx| {
        connection.drive(cx);
        if let Poll::Ready(result) = sent.as_mut().poll(cx) {
            return Poll::Ready(result.map_err(|error| NoHead::Send(Box::new(error))));
        }
        // While the client still sends, the application may well be silent.
        if watch.uploaded() != uploaded {
            uploaded = watch.uploaded();
            connection.silence().progress();
        }
        connection.silence().poll_expired(cx).map(|()| Err(NoHead::Silence))
    })
    .await
}

async fn switch(mut connection: Box<Connection>, response: Response<Incoming>) -> Answer {
    let (head, _) = response.into_parts();
    poll_fn(|cx| {
        connection.drive(cx);
        if connection.has_ended() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    let (stream, early) = connection.into_parts();
    Answer::Switched(head, stream, early)
}

impl Failure {
    /// The request to send once more, if that cannot make it happen twice; `spare` is a copy of one that
    /// may be repeated.
    pub(super) fn repeat(self, spare: Option<UpstreamRequest>) -> Result<UpstreamRequest, UpstreamError> {
        match (self.unsent, self.error, spare) {
            (Some(request), ..) => Ok(request),
            (None, UpstreamError::Broken(_), Some(request)) => Ok(request),
            (None, error, _) => Err(error),
        }
    }

    pub(super) fn of(error: UpstreamError) -> Failure {
        Failure { error, unsent: None }
    }

    pub(super) fn of_sending(mut error: Box<SendError>, watch: &BodyWatch, terms: Terms) -> Failure {
        if let Some(at_fault) = watch.failure() {
            return Failure::of(UpstreamError::RequestBody(at_fault));
        }
        let unsent = error.take_message().map(|message| UpstreamRequest { message, terms });
        Failure { unsent, error: UpstreamError::Broken(error.into_error()) }
    }
}
