//! An application: how requests reach it, over connections that are kept and reused.
//!
//! Pools belong to one worker, so nothing here is shared or locked. An HTTP/1.1 connection is driven by the
//! exchange that uses it, in the same task, and by nobody while it rests: a request costs no task switch
//! and no channel. An HTTP/2 connection carries many requests, so it has a task of its own.

pub mod answer;
mod connection;
mod connection_body;
pub mod dial;
pub mod error;
mod exchange;
mod multiplex;
mod pool;
pub mod request;
mod socket;
mod stream;
mod stream_body;
pub mod tls;

use std::rc::Rc;

use crate::model::upstream::{UpstreamProtocol, UpstreamSpec};
use answer::Answer;
use connection::Connection;
use dial::Dialer;
use error::UpstreamError;
use exchange::{Failure, exchange};
use multiplex::Multiplex;
use pool::Pool;
use request::UpstreamRequest;
use tls::ApplicationTls;

/// One worker's way to one application.
pub struct Upstream {
    dialer: Dialer,
    connections: Connections,
}

enum Connections {
    Http1(Rc<Pool>),
    Http2(Multiplex),
}

impl Upstream {
    /// `workers` share the spec's number of resting connections evenly. `tls` belongs to a spec that asks
    /// for it.
    pub fn new(spec: &UpstreamSpec, tls: Option<ApplicationTls>, workers: usize) -> Upstream {
        let connections = match spec.protocol {
            UpstreamProtocol::Http1 => {
                Connections::Http1(Rc::new(Pool::new(spec.idle_timeout, spec.max_idle.div_ceil(workers))))
            }
            UpstreamProtocol::Http2 => Connections::Http2(Multiplex::new(spec.idle_timeout)),
        };
        Upstream { dialer: Dialer::new(spec, tls), connections }
    }

    /// Sends a request and waits for the head of the answer.
    ///
    /// An open connection may turn out to have been closed just now. Then the request is sent once more, on
    /// a new connection, if that cannot make it happen twice: when nothing of it was written, or when it is
    /// idempotent and has no body (RFC 9110 section 9.2.2).
    pub async fn send(&self, request: UpstreamRequest) -> Result<Answer, UpstreamError> {
        match &self.connections {
            Connections::Http1(pool) => self.send_on_connection(request, pool).await,
            Connections::Http2(multiplex) => Box::pin(self.send_on_stream(request, multiplex)).await,
        }
    }

    /// Closes connections that have rested long enough.
    pub fn prune(&self) {
        match &self.connections {
            Connections::Http1(pool) => pool.prune(),
            Connections::Http2(multiplex) => multiplex.prune(),
        }
    }

    async fn send_on_connection(&self, request: UpstreamRequest, pool: &Rc<Pool>) -> Result<Answer, UpstreamError> {
        let Some(resting) = pool.take() else {
            return Box::pin(self.send_on_new(request, pool)).await;
        };
        let spare = request.repeatable();
        match exchange(resting, request, pool).await {
            Ok(answer) => Ok(answer),
            Err(failure) => Box::pin(self.send_on_new(failure.repeat(spare)?, pool)).await,
        }
    }

    /// Rare, and its future is large; so callers box it, and every request's own future stays small.
    async fn send_on_new(&self, request: UpstreamRequest, pool: &Rc<Pool>) -> Result<Answer, UpstreamError> {
        let stream = self.dialer.dial().await?;
        let connection = Connection::open(stream).await.map_err(UpstreamError::Broken)?;
        exchange(connection, request, pool).await.map_err(|failure| failure.error)
    }

    /// Boxed by its caller, so that requests over HTTP/1.1 do not carry its future.
    async fn send_on_stream(&self, request: UpstreamRequest, lines: &Multiplex) -> Result<Answer, UpstreamError> {
        let spare = request.repeatable();
        let failure: Failure = match stream::exchange(lines.claim(&self.dialer).await?, request).await {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        let again = failure.repeat(spare)?;
        stream::exchange(lines.claim(&self.dialer).await?, again).await.map_err(|failure| failure.error)
    }
}
