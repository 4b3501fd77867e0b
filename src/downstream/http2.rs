//! HTTP/2 server connection: hyper with its settings, and the service adapter.

pub(super) mod write_batch;

use std::error::Error;
use std::pin::Pin;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http2;
use hyper_util::rt::TokioIo;
use tower::Service;

use super::abort::Abort;
use super::connection::DownstreamConnection;
use super::driver::{CloseReason, drive_until_closed};
use super::request_body::IncomingBody;
use super::stream::DownstreamStream;
use crate::drain::DrainSignal;
use crate::http1::fields::MAX_HEAD;
use crate::net::local_executor::LocalExecutor;
use write_batch::{BatchedConnection, write_batch};

/// Adapts a tower service to hyper's HTTP/2 server. The services here are always ready, and a clone only increments
/// a reference counter.
#[derive(Clone)]
struct Http2Service<S>(S);

/// Serves HTTP/2 until the connection closes.
pub(super) async fn serve<S, B>(
    stream: DownstreamStream,
    service: S,
    connection: &DownstreamConnection,
    signal: DrainSignal,
) where
    S: Service<Request<IncomingBody>, Response = Response<B>, Error = Abort> + Clone + 'static,
    S::Future: 'static,
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    connection.activity().set_http2();
    let (stream, flusher) = write_batch(stream);
    let http = http2::Builder::new(LocalExecutor)
        .max_concurrent_streams(128)
        .initial_stream_window_size(2 * MIB)
        .initial_connection_window_size(4 * MIB)
        .max_send_buf_size(MAX_SEND_BUFFER)
        .max_header_list_size(MAX_HEAD as u32)
        // Limits the work for streams that the client causes the server to reset (CVE-2025-8671).
        .max_local_error_reset_streams(256)
        .serve_connection(TokioIo::new(stream), Http2Service(service));
    let shut_down = |http: Pin<&mut BatchedConnection<_, _>>, _: CloseReason| {
        http2::Connection::graceful_shutdown(http.connection())
    };
    if let Some(Err(error)) = drive_until_closed(&mut flusher.drive(http), shut_down, connection, signal).await {
        tracing::debug!(client = %connection.peer.address, error = %error, "HTTP/2 connection failed");
    }
}

impl<S> hyper::service::Service<Request<Incoming>> for Http2Service<S>
where
    S: Service<Request<IncomingBody>> + Clone,
    S::Future: 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<S::Future>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        // hyper moves the future six times before it is spawned; a boxed future is cheaper to move.
        Box::pin(self.0.clone().call(request.map(IncomingBody::from)))
    }
}

/// Bytes of a response that hyper buffers for each stream while the client does not read.
const MAX_SEND_BUFFER: usize = 128 * 1024;

const MIB: u32 = 1024 * 1024;
