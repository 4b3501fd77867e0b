//! One client connection: handshake, then HTTP/1 or HTTP/2 by ALPN, served by any tower service.
//!
//! Everything a client can be slow at has a deadline here, kept by one timer per connection. When an
//! HTTP/1 exchange ends in a tunnel, the socket is handed to whoever asked for it
//! ([`DownstreamConnection::take_over`]): no upgrade channel, no boxed stream, and no HTTP state survives.

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

/// How a listener speaks.
pub enum DownstreamTransport {
    Plain,
    Tls(CurrentSniResolver),
}

/// A connection as it was accepted.
pub struct AcceptedConnection {
    pub tcp: TcpStream,
    pub peer: SocketAddr,
    /// See [`DownstreamConnection::local`].
    pub local: Option<IpAddr>,
    pub listener: usize,
    pub preamble: ProxyProtocolMode,
}

/// Why nothing of a connection reached the service.
pub enum EarlyFailure {
    NoHandshake(HandshakeError),
    /// An HTTP/1 head that cannot be read was answered with this status.
    Unreadable(StatusCode),
}

enum NegotiatedProtocol {
    One,
    Two,
}

/// Serves a connection from its first byte to its last. Returns what no service has seen.
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
    let AcceptedConnection { mut tcp, peer: address, local, listener, preamble } = accepted;
    let peer = Peer::identify(&mut tcp, address, preamble).await?;
    let activity = Rc::new(ConnectionActivity::http1());
    let (stream, security, version) = match accept_transport(tcp, transport, &activity).await {
        Ok(established) => established,
        Err(failure) => {
            log_handshake_error(&failure, address);
            return Some(EarlyFailure::NoHandshake(failure));
        }
    };
    let connection = Rc::new(DownstreamConnection::new(peer, local, listener, security, activity));
    let service = make_service(connection.clone());
    match version {
        NegotiatedProtocol::One => serve_http1(stream, service, &connection, drain.signal()).await,
        NegotiatedProtocol::Two => {
            http2::serve(stream, service, &connection, drain.signal()).await;
            None
        }
    }
}

async fn accept_transport(
    tcp: TcpStream,
    transport: &DownstreamTransport,
    activity: &Rc<ConnectionActivity>,
) -> Result<(DownstreamStream, DownstreamSecurity, NegotiatedProtocol), HandshakeError> {
    let doorway = match transport {
        DownstreamTransport::Plain => {
            let socket = DownstreamSocket::plain(tcp, activity.clone());
            return Ok((DownstreamStream::Plain(socket), DownstreamSecurity::Plain, NegotiatedProtocol::One));
        }
        DownstreamTransport::Tls(doorway) => doorway,
    };
    let socket = DownstreamSocket::for_tls(tcp, activity.clone());
    let TlsHandshake { stream, server_name, settings: terms } = handshake::accept(doorway, socket).await?;
    let session = stream.get_ref().1;
    let client = session.peer_certificates().and_then(ClientCertificateInfo::new).map(Box::new);
    let version =
        if session.alpn_protocol() == Some(b"h2") { NegotiatedProtocol::Two } else { NegotiatedProtocol::One };
    let session = TlsSessionInfo::of(session);
    let security = DownstreamSecurity::Tls { server_name, session, terms, client };
    Ok((stream.into(), security, version))
}

/// Scanners fail all day long; a client with a wrong certificate belongs to somebody who will ask.
fn log_handshake_error(failure: &HandshakeError, peer: SocketAddr) {
    match failure {
        HandshakeError::BadClientCertificate(why) => {
            tracing::info!("the client certificate of {peer} was refused: {why}");
        }
        HandshakeError::AcmeChallenge => tracing::debug!("TLS handshake with {peer}: {failure}"),
        _ => tracing::debug!("TLS handshake with {peer} failed: {failure}"),
    }
}

async fn serve_http1<S, B>(
    stream: DownstreamStream,
    service: S,
    connection: &DownstreamConnection,
    signal: DrainSignal,
) -> Option<EarlyFailure>
where
    S: Service<Request<IncomingBody>, Response = Response<B>, Error = Abort>,
    B: Body<Data = Bytes>,
{
    let farewell = ShutdownHandle::default();
    let mut conversation = pin!(Http1ServerConnection::new(stream, farewell.clone()).serve(service));
    let end = |_: Pin<&mut _>, haste: CloseReason| match haste {
        CloseReason::Drain => farewell.graceful(),
        CloseReason::Timeout => farewell.immediate(),
    };
    match drive_until_closed(&mut conversation, end, connection, signal).await? {
        Http1ConnectionEnd::ParseError(status) => Some(EarlyFailure::Unreadable(status)),
        Http1ConnectionEnd::Upgraded(stream, early) => {
            let takeover = connection.takeover()?;
            takeover(stream, early);
            None
        }
        Http1ConnectionEnd::Closed | Http1ConnectionEnd::Aborted => None,
    }
}
