//! Sends requests to one upstream, with connection reuse and one safe retry.
//!
//! A pool belongs to one worker, so nothing in this module is shared between threads or locked. An HTTP/1.1
//! connection is polled by the exchange that uses it, in the same task, and by no task while it is idle: a request
//! costs no task switch and no channel. An HTTP/2 connection carries concurrent requests and therefore has a task
//! of its own.

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

/// One worker's client for one upstream.
pub struct Upstream {
    connector: Connector,
    connections: UpstreamConnections,
}

/// HTTP/1.1 pool or HTTP/2 connection set.
enum UpstreamConnections {
    Http1(Rc<IdlePool>),
    Http2(Http2ConnectionSet),
}

/// Records how long connecting took, for `$upstream_connect_time`.
#[derive(Default)]
pub struct ConnectTiming(Cell<Option<Duration>>);

impl ConnectTiming {
    /// Returns how long connecting took: zero for a reused connection, `None` if connecting failed.
    pub fn connected_in(&self) -> Option<Duration> {
        self.0.get()
    }
}

impl Upstream {
    /// Creates a client without connections. `workers` share the idle connections of the spec evenly (rounded up).
    /// `tls` is `Some` if the spec has TLS settings.
    pub fn new(spec: &UpstreamSpec, tls: Option<UpstreamTlsClient>, workers: usize) -> Upstream {
        let connections = match spec.protocol {
            UpstreamProtocol::Http1 => UpstreamConnections::Http1(Rc::new(IdlePool::new(
                spec.idle_timeout,
                spec.max_idle.div_ceil(workers),
            ))),
            UpstreamProtocol::Http2 => UpstreamConnections::Http2(Http2ConnectionSet::new(spec.idle_timeout)),
        };
        Upstream { connector: Connector::new(spec, tls), connections }
    }

    /// Sends a request and waits for the response head.
    ///
    /// The upstream may have closed an idle connection a moment ago. The request is then sent once more, on a new
    /// connection, if it cannot take effect twice: if none of its bytes were written, or if it is idempotent and
    /// has no body (RFC 9110 section 9.2.2).
    ///
    /// # Errors
    ///
    /// If no connection can be opened, the connection fails before a response head, the read timeout expires, the
    /// upstream switches protocols without a request for it, or the request body fails.
    pub async fn send(
        &self,
        request: UpstreamRequest,
        timing: Option<&ConnectTiming>,
    ) -> Result<UpstreamResponse<UpstreamBody>, UpstreamError> {
        let pool = match &self.connections {
            UpstreamConnections::Http1(pool) => pool,
            UpstreamConnections::Http2(connections) => {
                return Box::pin(self.send_on_stream(request, connections, timing)).await;
            }
        };
        let request = RequestWriter::new(request);
        let Some(idle) = pool.take() else {
            return Box::pin(self.send_on_new_connection(request, pool, timing)).await;
        };
        if let Some(ConnectTiming(connected_in)) = timing {
            connected_in.set(Some(Duration::ZERO));
        }
        let failure = match send(idle, request, pool).await {
            Ok(response) => return Ok(response.map_body(UpstreamBody::from)),
            Err(failure) => failure,
        };
        match failure.retry {
            Some(retry) => Box::pin(self.send_on_new_connection(retry, pool, timing)).await,
            None => Err(failure.error),
        }
    }

    /// Closes idle connections past their timeout.
    pub fn close_expired(&self) {
        match &self.connections {
            UpstreamConnections::Http1(pool) => pool.close_expired(),
            UpstreamConnections::Http2(connections) => connections.close_expired(),
        }
    }

    /// Sends a request on a new HTTP/1.1 connection.
    ///
    /// This is rare and its future is large. Callers box it, so that the future of every other request stays small.
    async fn send_on_new_connection(
        &self,
        request: RequestWriter,
        pool: &Rc<IdlePool>,
        timing: Option<&ConnectTiming>,
    ) -> Result<UpstreamResponse<UpstreamBody>, UpstreamError> {
        let connection = record_connect_time(timing, self.connect()).await?;
        let response = send(connection, request, pool).await.map_err(|failure| failure.error)?;
        Ok(response.map_body(UpstreamBody::from))
    }

    /// Sends a request on a stream of an HTTP/2 connection.
    async fn send_on_stream(
        &self,
        request: UpstreamRequest,
        connections: &Http2ConnectionSet,
        timing: Option<&ConnectTiming>,
    ) -> Result<UpstreamResponse<UpstreamBody>, UpstreamError> {
        let spare = request.try_clone();
        let permit = record_connect_time(timing, connections.reserve_stream(&self.connector)).await?;
        let failure = match http2::send(permit, request).await {
            Ok(response) => return Ok(response.map_body(UpstreamBody::from)),
            Err(failure) => failure,
        };
        let retry = failure.into_retry(spare)?;
        let permit = record_connect_time(timing, connections.reserve_stream(&self.connector)).await?;
        let response = http2::send(permit, retry).await.map_err(|failure| failure.error)?;
        Ok(response.map_body(UpstreamBody::from))
    }

    async fn connect(&self) -> Result<Box<Http1ClientConnection>, UpstreamError> {
        self.connector.connect().await.map(Http1ClientConnection::new)
    }
}

/// Awaits a connection and records how long connecting took, if a timing is given.
async fn record_connect_time<T>(
    timing: Option<&ConnectTiming>,
    connecting: impl Future<Output = Result<T, UpstreamError>>,
) -> Result<T, UpstreamError> {
    let Some(ConnectTiming(connected_in)) = timing else { return connecting.await };
    connected_in.set(None);
    let started = Instant::now();
    let connected = connecting.await?;
    connected_in.set(Some(started.elapsed()));
    Ok(connected)
}
