//! An application: how requests reach it, over connections that are kept and reused.
//!
//! Pools belong to one worker, so nothing here is shared or locked. An HTTP/1.1 connection is driven by the
//! exchange that uses it, in the same task, and by nobody while it rests: a request costs no task switch
//! and no channel. An HTTP/2 connection carries many requests, so it has a task of its own.

pub mod connector;
pub mod error;
mod http1;
mod http2;
pub mod request;
pub mod request_body;
pub mod response;
pub mod response_body;

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::model::upstream::{UpstreamProtocol, UpstreamSpec};
use crate::tls::upstream_client::UpstreamTlsClient;
use connector::Connector;
use error::UpstreamError;
use http1::connection::Http1ClientConnection;
use http1::idle_pool::IdlePool;
use http1::request_writer::RequestWriter;
use http1::send;
use http2::multiplexer::Http2ConnectionSet;
use request::UpstreamRequest;
use response::UpstreamResponse;
use response_body::UpstreamBody;

/// One worker's way to one application.
pub struct Upstream {
    dialer: Connector,
    connections: UpstreamConnections,
}

enum UpstreamConnections {
    Http1(Rc<IdlePool>),
    Http2(Http2ConnectionSet),
}

/// What somebody wants to know of how a request got its connection.
#[derive(Default)]
pub struct ConnectTiming(Cell<Option<Duration>>);

impl ConnectTiming {
    /// How long connecting took; zero for a connection that was there already, `None` if it failed.
    pub fn connected_in(&self) -> Option<Duration> {
        self.0.get()
    }
}

impl Upstream {
    /// `workers` share the spec's number of resting connections evenly. `tls` belongs to a spec that asks
    /// for it.
    pub fn new(spec: &UpstreamSpec, tls: Option<UpstreamTlsClient>, workers: usize) -> Upstream {
        let connections = match spec.protocol {
            UpstreamProtocol::Http1 => UpstreamConnections::Http1(Rc::new(IdlePool::new(
                spec.idle_timeout,
                spec.max_idle.div_ceil(workers),
            ))),
            UpstreamProtocol::Http2 => UpstreamConnections::Http2(Http2ConnectionSet::new(spec.idle_timeout)),
        };
        Upstream { dialer: Connector::new(spec, tls), connections }
    }

    /// Sends a request and waits for the head of the answer.
    ///
    /// An open connection may turn out to have been closed just now. Then the request is sent once more, on
    /// a new connection, if that cannot make it happen twice: when nothing of it was written, or when it is
    /// idempotent and has no body (RFC 9110 section 9.2.2).
    pub async fn send(
        &self,
        request: UpstreamRequest,
        attempt: Option<&ConnectTiming>,
    ) -> Result<UpstreamResponse<UpstreamBody>, UpstreamError> {
        let pool = match &self.connections {
            UpstreamConnections::Http1(pool) => pool,
            UpstreamConnections::Http2(multiplex) => {
                return Box::pin(self.send_on_stream(request, multiplex, attempt)).await;
            }
        };
        let request = RequestWriter::new(request);
        let Some(resting) = pool.take() else {
            return Box::pin(self.send_on_new_connection(request, pool, attempt)).await;
        };
        if let Some(ConnectTiming(connected_in)) = attempt {
            connected_in.set(Some(Duration::ZERO));
        }
        let failure = match send(resting, request, pool).await {
            Ok(answer) => return Ok(answer.map_body(UpstreamBody::from)),
            Err(failure) => failure,
        };
        match failure.again {
            Some(again) => Box::pin(self.send_on_new_connection(again, pool, attempt)).await,
            None => Err(failure.error),
        }
    }

    /// Closes connections that have rested long enough.
    pub fn close_expired(&self) {
        match &self.connections {
            UpstreamConnections::Http1(pool) => pool.close_expired(),
            UpstreamConnections::Http2(multiplex) => multiplex.prune(),
        }
    }

    /// Rare, and its future is large; so callers box it, and every request's own future stays small.
    async fn send_on_new_connection(
        &self,
        request: RequestWriter,
        pool: &Rc<IdlePool>,
        attempt: Option<&ConnectTiming>,
    ) -> Result<UpstreamResponse<UpstreamBody>, UpstreamError> {
        let connection = record_connect_time(attempt, self.connect()).await?;
        let answer = send(connection, request, pool).await.map_err(|failure| failure.error)?;
        Ok(answer.map_body(UpstreamBody::from))
    }

    async fn send_on_stream(
        &self,
        request: UpstreamRequest,
        lines: &Http2ConnectionSet,
        attempt: Option<&ConnectTiming>,
    ) -> Result<UpstreamResponse<UpstreamBody>, UpstreamError> {
        let spare = request.try_clone();
        let claim = record_connect_time(attempt, lines.reserve_stream(&self.dialer)).await?;
        let failure = match http2::send(claim, request).await {
            Ok(answer) => return Ok(answer.map_body(UpstreamBody::from)),
            Err(failure) => failure,
        };
        let again = failure.into_retry(spare)?;
        let claim = record_connect_time(attempt, lines.reserve_stream(&self.dialer)).await?;
        let answer = http2::send(claim, again).await.map_err(|failure| failure.error)?;
        Ok(answer.map_body(UpstreamBody::from))
    }

    async fn connect(&self) -> Result<Box<Http1ClientConnection>, UpstreamError> {
        self.dialer.connect().await.map(Http1ClientConnection::new)
    }
}

/// Notes how long connecting takes, if somebody wants to know.
async fn record_connect_time<T>(
    attempt: Option<&ConnectTiming>,
    connecting: impl Future<Output = Result<T, UpstreamError>>,
) -> Result<T, UpstreamError> {
    let Some(ConnectTiming(connected_in)) = attempt else { return connecting.await };
    connected_in.set(None);
    let begun = Instant::now();
    let connected = connecting.await?;
    connected_in.set(Some(begun.elapsed()));
    Ok(connected)
}
