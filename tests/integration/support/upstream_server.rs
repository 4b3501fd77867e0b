//! Upstream server for HTTP/2 with gRPC trailers, and for TLS.
//!
//! The request path selects the behaviour; see [`call`]. Over TLS the server also supports HTTP/1.1: it
//! responds to every request with its path, or accepts an upgrade and echoes.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, request};
use hyper_util::rt::TokioIo;
use rustls::{HandshakeKind, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// A running upstream. Dropping it closes its connections.
pub struct UpstreamServer {
    address: SocketAddr,
    shared: Arc<SharedState>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Connections and requests received so far.
#[derive(Default)]
pub struct UpstreamRecord {
    pub connections: usize,
    /// Connections that resumed an earlier TLS session.
    pub resumed: usize,
    /// Connections with a client certificate.
    pub with_certificate: usize,
    pub requests: Vec<request::Parts>,
    /// Reasons of the streams that were reset.
    pub resets: Vec<Reason>,
}

struct SharedState {
    tls: Option<TlsAcceptor>,
    max_streams: u32,
    record: Mutex<UpstreamRecord>,
}

type StreamResult = Result<(), h2::Error>;

impl UpstreamServer {
    /// HTTP/2 without TLS.
    pub fn h2c() -> UpstreamServer {
        UpstreamServer::start(None, MAX_STREAMS)
    }

    /// HTTP/2 without TLS, with this `SETTINGS_MAX_CONCURRENT_STREAMS`.
    pub fn h2c_with_max_streams(max_streams: u32) -> UpstreamServer {
        UpstreamServer::start(None, max_streams)
    }

    /// TLS with this configuration.
    pub fn tls(config: ServerConfig) -> UpstreamServer {
        UpstreamServer::start(Some(TlsAcceptor::from(Arc::new(config))), MAX_STREAMS)
    }

    fn start(tls: Option<TlsAcceptor>, max_streams: u32) -> UpstreamServer {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(SharedState { tls, max_streams, record: Mutex::default() });
        let (stop, stopped) = oneshot::channel();
        let shared_with_thread = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { accept_all(listener, shared_with_thread, stopped).await });
        });
        UpstreamServer { address, shared, stop: Some(stop), thread: Some(thread) }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn record(&self) -> MutexGuard<'_, UpstreamRecord> {
        self.shared.record.lock().unwrap()
    }
}

impl Drop for UpstreamServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join)
            && !thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

impl SharedState {
    fn update(&self, update: impl FnOnce(&mut UpstreamRecord)) {
        update(&mut self.record.lock().unwrap());
    }
}

/// Accepts connections until stopped. Returning drops the set of tasks, which closes all connections.
async fn accept_all(listener: std::net::TcpListener, shared: Arc<SharedState>, mut stopped: oneshot::Receiver<()>) {
    let listener = TcpListener::from_std(listener).unwrap();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted.unwrap();
                shared.update(|record| record.connections += 1);
                connections.spawn(serve(stream, Arc::clone(&shared)));
            }
            _ = &mut stopped => return,
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<SharedState>) {
    stream.set_nodelay(true).unwrap();
    let Some(acceptor) = &shared.tls else { return serve_http2(stream, &shared).await };
    // The peer may reject the certificate; the test checks that on the side of the peer.
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let session = stream.get_ref().1;
    let is_resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
    let has_certificate = session.peer_certificates().is_some();
    shared.update(|record| {
        record.resumed += usize::from(is_resumed);
        record.with_certificate += usize::from(has_certificate);
    });
    if session.alpn_protocol() == Some(b"h2") {
        serve_http2(stream, &shared).await;
    } else {
        serve_http1(stream, &shared).await;
    }
}

async fn serve_http1(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, shared: &SharedState) {
    let upgrade = Mutex::new(None);
    let service = hyper::service::service_fn(|mut request: Request<hyper::body::Incoming>| {
        let switches = request.headers().contains_key("upgrade");
        let mut response = Response::new(http_body_util::Full::new(Bytes::from(request.uri().path().to_owned())));
        if switches {
            *upgrade.lock().unwrap() = Some(hyper::upgrade::on(&mut request));
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            response.headers_mut().insert("connection", HeaderValue::from_static("upgrade"));
            response.headers_mut().insert("upgrade", request.headers()["upgrade"].clone());
        }
        shared.update(|record| record.requests.push(request.into_parts().0));
        async move { Ok::<_, Infallible>(response) }
    });
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // The peer may disconnect at any time, here and below.
    let _ = connection.with_upgrades().await;
    let upgrade = upgrade.lock().unwrap().take();
    if let Some(upgrade) = upgrade
        && let Ok(upgraded) = upgrade.await
    {
        let (mut reader, mut writer) = tokio::io::split(TokioIo::new(upgraded));
        let _ = tokio::io::copy(&mut reader, &mut writer).await;
    }
}

async fn serve_http2(stream: impl AsyncRead + AsyncWrite + Unpin, shared: &Arc<SharedState>) {
    let mut builder = h2::server::Builder::new();
    let Ok(mut connection) = builder.max_concurrent_streams(shared.max_streams).handshake(stream).await else {
        return;
    };
    let mut calls = JoinSet::new();
    loop {
        tokio::select! {
            accepted = connection.accept() => {
                let Some(Ok((request, respond))) = accepted else { return };
                match request.uri().path() {
                    "/disconnects" => return,
                    "/sends-goaway" => connection.graceful_shutdown(),
                    _ => {}
                }
                let (head, body) = request.into_parts();
                let path = head.uri.path().to_owned();
                shared.update(|record| record.requests.push(head));
                let shared = Arc::clone(shared);
                calls.spawn(async move {
                    if let Err(error) = call(&path, body, respond).await {
                        shared.update(|record| record.resets.extend(error.reason()));
                    }
                });
            }
            Some(_) = calls.join_next() => {}
        }
    }
}

/// Handles a request according to its path.
async fn call(path: &str, mut body: RecvStream, mut respond: SendResponse<Bytes>) -> StreamResult {
    match path {
        "/never-responds" => {
            let reason = poll_fn(|cx| respond.poll_reset(cx)).await?;
            Err(reason.into())
        }
        "/only-trailers" => {
            let response = Response::builder().header("grpc-status", "5").header("grpc-message", "none");
            respond.send_response(response.body(()).unwrap(), true).map(drop)
        }
        "/no-content" => {
            let response = Response::builder().status(StatusCode::NO_CONTENT).header("content-length", "5");
            respond.send_response(response.body(()).unwrap(), true).map(drop)
        }
        "/collects" => {
            while let Some(piece) = body.data().await {
                body.flow_control().release_capacity(piece?.len())?;
            }
            respond.send_response(Response::new(()), true).map(drop)
        }
        "/resets" => {
            let mut response = respond.send_response(Response::new(()), false)?;
            response.send_data(Bytes::from_static(b"so far"), false)?;
            // Wait for request data first: data not yet written when a stream is reset is discarded.
            let _more = body.data().await;
            response.send_reset(Reason::ENHANCE_YOUR_CALM);
            Ok(())
        }
        "/counts" => {
            let mut response = respond.send_response(Response::new(()), false)?;
            for number in ["one", "two", "three"] {
                response.send_data(Bytes::from_static(number.as_bytes()), false)?;
            }
            response.send_trailers(status("0"))
        }
        _ => echo(&mut body, respond.send_response(Response::new(()), false)?).await,
    }
}

/// Echoes the request body piece by piece, then its trailers.
async fn echo(body: &mut RecvStream, mut response: SendStream<Bytes>) -> StreamResult {
    while let Some(piece) = body.data().await {
        let piece = piece?;
        body.flow_control().release_capacity(piece.len())?;
        response.send_data(piece, false)?;
    }
    let mut trailers = status("0");
    trailers.extend(body.trailers().await?.unwrap_or_default());
    response.send_trailers(trailers)
}

fn status(code: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(http::HeaderName::from_static("grpc-status"), HeaderValue::from_static(code))])
}

const MAX_STREAMS: u32 = 250;
