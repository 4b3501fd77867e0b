//! Serves one client connection: PROXY protocol, TLS, then HTTP by ALPN.
//!
//! Requests go to any tower service; the module knows no route. One timer for each connection enforces all client
//! timeouts. After a 101 response the stream goes to the callback that [`DownstreamConnection::on_upgrade`] has
//! registered: without an upgrade channel, without a boxed stream, and without any HTTP state.

pub mod abort;
pub mod connection;
mod driver;
pub mod handshake;
mod http1;
mod http2;
pub mod peer;
pub mod request_body;
mod socket;
pub mod stream;
mod timeout_timer;
mod timeouts;
mod write_coalescer;

use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::rc::Rc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use hyper::body::Body;
use tokio::net::TcpStream;
use tower::Service;

use crate::drain::{DrainSignal, TaskTracker};
use crate::model::ProxyProtocolMode;
use crate::tls::server::client_certificate::ClientCertificateInfo;
use crate::tls::server::session_info::TlsSessionInfo;
use crate::tls::server::sni::CurrentSniResolver;
use abort::Abort;
use connection::{DownstreamConnection, DownstreamSecurity};
use driver::{CloseReason, drive_until_closed};
use handshake::{HandshakeError, TlsHandshake};
use http1::{Http1ConnectionEnd, Http1ServerConnection, ShutdownHandle};
use peer::Peer;
use request_body::IncomingBody;
use socket::DownstreamSocket;
use stream::DownstreamStream;
use timeouts::ConnectionActivity;

/// Plain, or TLS with the current SNI resolver.
pub enum DownstreamTransport {
    Plain,
    Tls(CurrentSniResolver),
}

/// An accepted socket with its listener.
pub struct AcceptedConnection {
    pub tcp: TcpStream,
    pub peer: SocketAddr,
    /// See [`DownstreamConnection::local`].
    pub local: Option<IpAddr>,
    /// Index of the listener in the model.
    pub listener: usize,
    pub proxy_protocol: ProxyProtocolMode,
}

/// A connection that failed before any request: handshake or request head.
pub enum EarlyFailure {
    Handshake(HandshakeError),
    /// An HTTP/1 request head failed to parse and was rejected with this status.
    RequestHead(StatusCode),
}

/// The HTTP version, by ALPN; HTTP/1 without ALPN.
enum NegotiatedProtocol {
    Http1,
    Http2,
}

/// Serves a client connection until it closes or is upgraded. Returns the failure of a connection, or of its last
/// request head, that no service has seen.
pub async fn serve_connection<M, S, B>(
    accepted: AcceptedConnection,
    transport: &DownstreamTransport,
    drain: &TaskTracker,
    make_service: M,
) -> Option<EarlyFailure>
where
    M: FnOnce(Rc<DownstreamConnection>) -> S,
    S: Service<Request<IncomingBody>, Response = Response<B>, Error = Abort> + Clone + 'static,
    S::Future: 'static,
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let AcceptedConnection { mut tcp, peer: address, local, listener, proxy_protocol } = accepted;
    let peer = Peer::identify(&mut tcp, address, proxy_protocol).await?;
    let activity = Rc::new(ConnectionActivity::http1());
    let (stream, security, protocol) = match accept_transport(tcp, transport, &activity).await {
        Ok(established) => established,
        Err(error) => {
            log_handshake_error(&error, address);
            return Some(EarlyFailure::Handshake(error));
        }
    };
    let connection = Rc::new(DownstreamConnection::new(peer, local, listener, security, activity));
    let service = make_service(connection.clone());
    match protocol {
        NegotiatedProtocol::Http1 => serve_http1(stream, service, &connection, drain.signal()).await,
        NegotiatedProtocol::Http2 => {
            http2::serve(stream, service, &connection, drain.signal()).await;
            None
        }
    }
}

/// Completes the TLS handshake, if any, and selects the protocol.
async fn accept_transport(
    tcp: TcpStream,
    transport: &DownstreamTransport,
    activity: &Rc<ConnectionActivity>,
) -> Result<(DownstreamStream, DownstreamSecurity, NegotiatedProtocol), HandshakeError> {
    let resolver = match transport {
        DownstreamTransport::Plain => {
            let socket = DownstreamSocket::plain(tcp, activity.clone());
            return Ok((DownstreamStream::Plain(socket), DownstreamSecurity::Plain, NegotiatedProtocol::Http1));
        }
        DownstreamTransport::Tls(resolver) => resolver,
    };
    let socket = DownstreamSocket::for_tls(tcp, activity.clone());
    let TlsHandshake { stream, server_name, settings } = handshake::accept(resolver, socket).await?;
    let session = stream.get_ref().1;
    let client = session.peer_certificates().and_then(ClientCertificateInfo::new).map(Box::new);
    let protocol =
        if session.alpn_protocol() == Some(b"h2") { NegotiatedProtocol::Http2 } else { NegotiatedProtocol::Http1 };
    let session = TlsSessionInfo::from_connection(session);
    let security = DownstreamSecurity::Tls { server_name, session, settings, client };
    Ok((stream.into(), security, protocol))
}

/// Logs a failed handshake. Rejected client certificates are logged at level info, because their users report them
/// to the operator; all other failures, most of them caused by scanners, at level debug.
fn log_handshake_error(error: &HandshakeError, peer: SocketAddr) {
    match error {
        HandshakeError::BadClientCertificate(cause) => {
            tracing::info!(client = %peer, error = %cause, "client certificate rejected");
        }
        HandshakeError::AcmeChallenge => tracing::debug!(client = %peer, "TLS-ALPN-01 challenge completed"),
        _ => tracing::debug!(client = %peer, error = %error, "TLS handshake failed"),
    }
}

/// Serves HTTP/1 until the connection closes; passes the stream on after a 101 response.
async fn serve_http1<S, B>(
    stream: DownstreamStream,
    mut service: S,
    connection: &DownstreamConnection,
    signal: DrainSignal,
) -> Option<EarlyFailure>
where
    S: Service<Request<IncomingBody>, Response = Response<B>, Error = Abort>,
    B: Body<Data = Bytes>,
{
    let shutdown = ShutdownHandle::default();
    let mut http = pin!(
        Http1ServerConnection::new(stream, shutdown.clone())
            .serve(|request| service.call(request.map(IncomingBody::from)))
    );
    let shut_down = |_: Pin<&mut _>, reason: CloseReason| match reason {
        CloseReason::Drain => shutdown.graceful(),
        CloseReason::Timeout => shutdown.immediate(),
    };
    match drive_until_closed(&mut http, shut_down, connection, signal).await? {
        Http1ConnectionEnd::ParseError(status) => Some(EarlyFailure::RequestHead(status)),
        Http1ConnectionEnd::Upgraded(stream, unread) => {
            let on_upgrade = connection.take_on_upgrade()?;
            on_upgrade(stream, unread);
            None
        }
        Http1ConnectionEnd::Closed | Http1ConnectionEnd::Aborted => None,
    }
}
