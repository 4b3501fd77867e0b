//! HTTP/2 client, driven step by step by a test.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Request, Response};
use tokio::net::TcpStream;
use tokio::runtime::{self, Runtime};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::TIMEOUT;
use super::socket::connect;
use super::tls::Tls;

/// A client connection. It makes progress only while one of its methods runs.
pub struct Http2 {
    runtime: Runtime,
    sender: SendRequest<Bytes>,
    connection: JoinHandle<Result<(), h2::Error>>,
    host: String,
}

/// A complete response.
#[derive(Debug)]
pub struct Http2Response {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub trailers: HeaderMap,
}

/// A request whose body or response is incomplete.
pub struct Exchange {
    pub body: SendStream<Bytes>,
    response: ResponseFuture,
}

/// Whether a body follows the head of a request.
enum Upload {
    None,
    Follows,
}

impl Http2 {
    /// Connects with ALPN `h2`, with `host` as SNI and `:authority`.
    #[track_caller]
    pub fn connect(address: SocketAddr, host: &str) -> Http2 {
        Http2::over(connect(address).unwrap(), host)
    }

    /// Completes both handshakes on an established TCP connection.
    #[track_caller]
    pub fn over(tcp: std::net::TcpStream, host: &str) -> Http2 {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let tls = Tls::to(host).with_alpn(&["h2"]);
        let (sender, connection) = runtime.block_on(async {
            tcp.set_nonblocking(true).unwrap();
            let tcp = TcpStream::from_std(tcp).unwrap();
            let connector = TlsConnector::from(Arc::new(tls.config()));
            let stream = connector.connect(tls.server_name(), tcp).await.unwrap();
            // The connection window is four stream windows, so that unread bytes of one stream do not block
            // the others.
            h2::client::Builder::new()
                .initial_window_size(STREAM_WINDOW)
                .initial_connection_window_size(4 * STREAM_WINDOW)
                .handshake(stream)
                .await
                .unwrap()
        });
        let connection = runtime.spawn(connection);
        Http2 { runtime, sender, connection, host: host.to_owned() }
    }

    /// Returns a request for `target` on the host of this connection.
    pub fn request(&self, method: &str, target: &str) -> Request<()> {
        let uri = format!("https://{}{target}", self.host);
        Request::builder().method(method).uri(uri).body(()).unwrap()
    }

    #[track_caller]
    pub fn get(&mut self, target: &str) -> Http2Response {
        let request = self.request("GET", target);
        self.send(request).unwrap()
    }

    /// Sends a request without a body and reads the complete response.
    pub fn send(&mut self, request: Request<()>) -> Result<Http2Response, h2::Error> {
        let exchange = self.start(request)?;
        self.finish(exchange)
    }

    /// Sends a request with a body, as fast as the peer's windows allow, and reads the complete response.
    pub fn send_with(&mut self, request: Request<()>, body: &[u8]) -> Result<Http2Response, h2::Error> {
        let mut exchange = self.start_upload(request)?;
        let mut unsent = body;
        while !unsent.is_empty() {
            exchange.body.reserve_capacity(unsent.len());
            let capacity = within(&self.runtime, poll_fn(|cx| exchange.body.poll_capacity(cx)));
            let (chunk, rest) = unsent.split_at(capacity.unwrap_or(Ok(0))?.min(unsent.len()));
            exchange.body.send_data(Bytes::copy_from_slice(chunk), rest.is_empty())?;
            unsent = rest;
        }
        self.finish(exchange)
    }

    /// Sends a request without a body; the caller reads the response.
    pub fn start(&mut self, request: Request<()>) -> Result<Exchange, h2::Error> {
        self.open(request, Upload::None)
    }

    /// Sends the head of a request; the caller sends the body.
    pub fn start_upload(&mut self, request: Request<()>) -> Result<Exchange, h2::Error> {
        self.open(request, Upload::Follows)
    }

    fn open(&mut self, request: Request<()>, upload: Upload) -> Result<Exchange, h2::Error> {
        let mut sender = within(&self.runtime, self.sender.clone().ready())?;
        let (response, body) = sender.send_request(request, matches!(upload, Upload::None))?;
        Ok(Exchange { body, response })
    }

    /// Reads the complete response.
    pub fn finish(&mut self, exchange: Exchange) -> Result<Http2Response, h2::Error> {
        within(&self.runtime, async {
            let (head, mut stream) = exchange.response.await?.into_parts();
            let body = read_all(&mut stream).await?;
            let trailers = stream.trailers().await?.unwrap_or_default();
            Ok(Http2Response { status: head.status.as_u16(), headers: head.headers, body, trailers })
        })
    }

    /// Reads the head of the response. Returns the stream of the request too, because dropping it would
    /// cancel the exchange.
    pub fn head(&mut self, exchange: Exchange) -> Result<(Response<RecvStream>, SendStream<Bytes>), h2::Error> {
        let response = within(&self.runtime, exchange.response)?;
        Ok((response, exchange.body))
    }

    /// Reads the next piece of a body; returns `None` at its end.
    pub fn piece(&mut self, stream: &mut RecvStream) -> Option<Result<Bytes, h2::Error>> {
        within(&self.runtime, async {
            let piece = stream.data().await;
            if let Some(Ok(data)) = &piece {
                stream.flow_control().release_capacity(data.len()).unwrap();
            }
            piece
        })
    }

    /// Drives the connection until `condition` is true.
    #[track_caller]
    pub fn make_progress_until(&mut self, mut condition: impl FnMut() -> bool) {
        within(&self.runtime, async {
            while !condition() {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        });
    }

    /// Waits until the peer closes the connection.
    pub fn wait_for_close(mut self) -> Result<(), h2::Error> {
        within(&self.runtime, &mut self.connection).unwrap()
    }
}

/// Drives one step of the client; fails the test after [`TIMEOUT`].
#[track_caller]
fn within<F: Future>(runtime: &Runtime, step: F) -> F::Output {
    runtime.block_on(async { timeout(TIMEOUT, step).await }).expect("HTTP/2 made no progress within the timeout")
}

async fn read_all(stream: &mut RecvStream) -> Result<Vec<u8>, h2::Error> {
    let mut body = Vec::new();
    while let Some(piece) = stream.data().await {
        let piece = piece?;
        stream.flow_control().release_capacity(piece.len())?;
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// Bytes of one stream that the peer may send before they are read.
const STREAM_WINDOW: u32 = 1024 * 1024;

/// Interval between two evaluations of a condition.
const POLL_INTERVAL: Duration = Duration::from_millis(5);
