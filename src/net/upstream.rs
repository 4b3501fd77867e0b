//! An application: how requests reach it, over connections that are kept and reused.
//!
//! Pools belong to one worker, so nothing here is shared or locked. A connection is driven by the
//! exchange that uses it, in the same task, and by nobody while it rests: a request costs no task switch
//! and no channel.

pub mod answer;
mod connection;
pub mod dial;
mod pool;
pub mod request;

use std::fmt;
use std::io;
use std::rc::Rc;

use bytes::Bytes;
use http::response;

use crate::model::UpstreamSpec;
use answer::AnswerBody;
use connection::{Connection, Failure};
use dial::{Dialer, UpstreamStream};
use pool::Pool;
use request::{BodyFailure, UpstreamRequest};

/// One worker's way to one application.
pub struct Upstream {
    dialer: Dialer,
    pool: Rc<Pool>,
}

/// What an application answered.
pub enum Answer {
    Response(http::Response<AnswerBody>),
    /// It agreed to switch protocols; the connection is the caller's, with the bytes already read.
    Switched(response::Parts, UpstreamStream, Bytes),
}

/// Why there is no answer.
#[derive(Debug)]
pub enum UpstreamError {
    Connect(io::Error),
    ConnectTimeout,
    /// The connection ended or broke before the head of an answer.
    Broken(hyper::Error),
    /// Nothing came for as long as the route allows.
    AnswerTimeout,
    /// It switched protocols without having been asked to.
    UnaskedSwitch,
    /// The request's own body failed; the application is not to blame.
    RequestBody(BodyFailure),
}

impl Upstream {
    /// `workers` share the spec's number of resting connections evenly.
    pub fn new(spec: &UpstreamSpec, workers: usize) -> Upstream {
        let most = spec.max_idle.div_ceil(workers);
        Upstream { dialer: Dialer::new(spec), pool: Rc::new(Pool::new(spec.idle_timeout, most)) }
    }

    /// Sends a request and waits for the head of the answer.
    ///
    /// A resting connection may turn out to have been closed just now. Then the request is sent once
    /// more, on a new connection, if that cannot make it happen twice: when nothing of it was written,
    /// or when it is idempotent and has no body (RFC 9110 section 9.2.2).
    pub async fn send(&self, request: UpstreamRequest) -> Result<Answer, UpstreamError> {
        let Some(resting) = self.pool.take() else {
            return self.send_on_new(request).await;
        };
        let spare = request.repeatable();
        match resting.exchange(request, &self.pool).await {
            Ok(answer) => Ok(answer),
            Err(Failure { unsent: Some(request), .. }) => self.send_on_new(request).await,
            Err(Failure { error: error @ UpstreamError::Broken(_), .. }) => match spare {
                Some(request) => self.send_on_new(request).await,
                None => Err(error),
            },
            Err(Failure { error, .. }) => Err(error),
        }
    }

    /// Closes connections that have rested long enough.
    pub fn prune(&self) {
        self.pool.prune();
    }

    async fn send_on_new(&self, request: UpstreamRequest) -> Result<Answer, UpstreamError> {
        let stream = self.dialer.dial().await?;
        let connection = Connection::open(stream).await.map_err(UpstreamError::Broken)?;
        connection.exchange(request, &self.pool).await.map_err(|failure| failure.error)
    }
}

impl fmt::Display for UpstreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UpstreamError::Connect(error) => write!(f, "cannot connect: {error}"),
            UpstreamError::ConnectTimeout => f.write_str("no connection within connect_timeout"),
            UpstreamError::Broken(error) => write!(f, "the connection broke before an answer: {error}"),
            UpstreamError::AnswerTimeout => f.write_str("no answer within read_timeout"),
            UpstreamError::UnaskedSwitch => f.write_str("it switched protocols without being asked to"),
            UpstreamError::RequestBody(failure) => write!(f, "the request's body failed: {failure}"),
        }
    }
}

impl std::error::Error for UpstreamError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            UpstreamError::Connect(error) => Some(error),
            UpstreamError::Broken(error) => Some(error),
            _ => None,
        }
    }
}
