//! One client connection: handshake, then HTTP/1 or HTTP/2 by ALPN, served by any tower service.
//!
//! Everything a client can be slow at has a deadline here, kept by one timer per connection. When an
//! HTTP/1 exchange ends in a tunnel, the socket is handed to whoever asked for it
//! ([`ClientConnection::take_over`]): no upgrade channel, no boxed stream, and no HTTP state survives.

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

use crate::drain::{Drain, Signal};
use crate::model::Preamble;
use crate::tls::server::client_certificate::ClientCertificate;
use crate::tls::server::session_info::TlsSession;
use crate::tls::server::sni::Doorway;
use abort::NoAnswer;
use connection::{ClientConnection, ConnectionSecurity};
use driver::{Haste, drive};
use handshake::{Handshake, HandshakeFailure};
use http1::{Conclusion, Conversation, Farewell};
use peer::Peer;
use request_body::ClientBody;
use socket::ClientSocket;
use stream::ClientStream;
use timeouts::Activity;

/// How a listener speaks.
pub enum Transport {
    Plain,
    Tls(Doorway),
}

/// A connection as it was accepted.
pub struct Accepted {
    pub tcp: TcpStream,
    pub peer: SocketAddr,
    /// See [`ClientConnection::local`].
    pub local: Option<IpAddr>,
    pub listener: usize,
    pub preamble: Preamble,
}

/// Why nothing of a connection reached the service.
pub enum Unserved {
    NoHandshake(HandshakeFailure),
    /// An HTTP/1 head that cannot be read was answered with this status.
    Unreadable(StatusCode),
}

enum HttpVersion {
    One,
    Two,
}

/// Serves a connection from its first byte to its last. Returns what no service has seen.
pub async fn serve<M, S, B>(
    accepted: Accepted,
    transport: &Transport,
    drain: &Drain,
    make_service: M,
) -> Option<Unserved>
where
    M: FnOnce(Rc<ClientConnection>) -> S,
    S: Service<Request<ClientBody>, Response = Response<B>, Error = NoAnswer> + Clone + 'static,
    S::Future: 'static,
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let Accepted { mut tcp, peer: address, local, listener, preamble } = accepted;
    let peer = Peer::meet(&mut tcp, address, preamble).await?;
    let activity = Rc::new(Activity::one_by_one());
    let (stream, security, version) = match establish(tcp, transport, &activity).await {
        Ok(established) => established,
        Err(failure) => {
            say_failure(&failure, address);
            return Some(Unserved::NoHandshake(failure));
        }
    };
    let connection = Rc::new(ClientConnection::new(peer, local, listener, security, activity));
    let service = make_service(connection.clone());
    match version {
        HttpVersion::One => serve_http1(stream, service, &connection, drain.signal()).await,
        HttpVersion::Two => {
            http2::serve(stream, service, &connection, drain.signal()).await;
            None
        }
    }
}

async fn establish(
    tcp: TcpStream,
    transport: &Transport,
    activity: &Rc<Activity>,
) -> Result<(ClientStream, ConnectionSecurity, HttpVersion), HandshakeFailure> {
    let doorway = match transport {
        Transport::Plain => {
            let socket = ClientSocket::plain(tcp, activity.clone());
            return Ok((ClientStream::Plain(socket), ConnectionSecurity::Plain, HttpVersion::One));
        }
        Transport::Tls(doorway) => doorway,
    };
    let socket = ClientSocket::below_tls(tcp, activity.clone());
    let Handshake { stream, server_name, terms } = handshake::accept(doorway, socket).await?;
    let session = stream.get_ref().1;
    let client = session.peer_certificates().and_then(ClientCertificate::new).map(Box::new);
    let version = if session.alpn_protocol() == Some(b"h2") { HttpVersion::Two } else { HttpVersion::One };
    let session = TlsSession::of(session);
    let security = ConnectionSecurity::Tls { server_name, session, terms, client };
    Ok((stream.into(), security, version))
}

/// Scanners fail all day long; a client with a wrong certificate belongs to somebody who will ask.
fn say_failure(failure: &HandshakeFailure, peer: SocketAddr) {
    match failure {
        HandshakeFailure::BadClientCertificate(why) => {
            tracing::info!("the client certificate of {peer} was refused: {why}");
        }
        HandshakeFailure::Challenge => tracing::debug!("TLS handshake with {peer}: {failure}"),
        _ => tracing::debug!("TLS handshake with {peer} failed: {failure}"),
    }
}

async fn serve_http1<S, B>(
    stream: ClientStream,
    service: S,
    connection: &ClientConnection,
    signal: Signal,
) -> Option<Unserved>
where
    S: Service<Request<ClientBody>, Response = Response<B>, Error = NoAnswer>,
    B: Body<Data = Bytes>,
{
    let farewell = Farewell::default();
    let mut conversation = pin!(Conversation::new(stream, farewell.clone()).hold(service));
    let end = |_: Pin<&mut _>, haste: Haste| match haste {
        Haste::Drain => farewell.finish(),
        Haste::TooSlow => farewell.stop(),
    };
    match drive(&mut conversation, end, connection, signal).await? {
        Conclusion::Unreadable(status) => Some(Unserved::Unreadable(status)),
        Conclusion::Switched(stream, early) => {
            let takeover = connection.takeover()?;
            takeover(stream, early);
            None
        }
        Conclusion::Closed | Conclusion::BrokenOff => None,
    }
}
