//! An application: how requests reach it, over connections that are kept and reused.
//!
//! Pools belong to one worker, so nothing here is shared or locked. A connection is driven by the
//! exchange that uses it, in the same task, and by nobody while it rests: a request costs no task switch
//! and no channel.

pub mod answer;
mod connection;
pub mod dial;
pub mod error;
mod exchange;
mod pool;
pub mod request;
mod socket;

use std::rc::Rc;

use crate::model::UpstreamSpec;
use answer::Answer;
use connection::Connection;
use dial::Dialer;
use error::UpstreamError;
use exchange::{Failure, exchange};
use pool::Pool;
use request::UpstreamRequest;

/// One worker's way to one application.
pub struct Upstream {
    dialer: Dialer,
    pool: Rc<Pool>,
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
            return Box::pin(self.send_on_new(request)).await;
        };
        let spare = request.repeatable();
        match exchange(resting, request, &self.pool).await {
            Ok(answer) => Ok(answer),
            Err(Failure { unsent: Some(request), .. }) => Box::pin(self.send_on_new(request)).await,
            Err(Failure { error: error @ UpstreamError::Broken(_), .. }) => match spare {
                Some(request) => Box::pin(self.send_on_new(request)).await,
                None => Err(error),
            },
            Err(Failure { error, .. }) => Err(error),
        }
    }

    /// Closes connections that have rested long enough.
    pub fn prune(&self) {
        self.pool.prune();
    }

    /// Rare, and its future is large; so callers box it, and every request's own future stays small.
    async fn send_on_new(&self, request: UpstreamRequest) -> Result<Answer, UpstreamError> {
        let stream = self.dialer.dial().await?;
        let connection = Connection::open(stream).await.map_err(UpstreamError::Broken)?;
        exchange(connection, request, &self.pool).await.map_err(|failure| failure.error)
    }
}
