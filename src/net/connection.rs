//! One client connection: handshake, then HTTP/1 or HTTP/2 by ALPN, served by any tower service.
//!
//! Everything a client can be slow at has a deadline here, kept by one timer per connection. When an
//! HTTP/1 exchange ends in a tunnel, the socket is handed to whoever asked for it
//! ([`ClientConnection::take_over`]): no upgrade channel, no boxed stream, and no HTTP state survives.

use std::cell::{Cell, OnceCell, RefCell};
use std::error::Error;
use std::future::{Future, poll_fn};
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http2;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};
use tower::Service;

use super::activity::Activity;
use super::client_body::ClientBody;
use super::client_certificate::ClientCertificate;
use super::client_socket::ClientSocket;
use super::client_stream::ClientStream;
use super::conversation::{Conclusion, Conversation, Farewell};
use super::gathered_stream::{Gathering, gathered};
use super::http1::fields::MAX_HEAD;
use super::local_executor::LocalExecutor;
use super::no_answer::NoAnswer;
use super::peer::Peer;
use super::tls::{self, Doorway, HandshakeFailure};
use super::tls_session::TlsSession;
use super::watchdog::Watchdog;
use crate::drain::{Drain, Signal};
use crate::model::host::HostName;
use crate::model::{Preamble, TlsId};

/// What requests may know about the connection they came on.
pub struct ClientConnection {
    pub peer: Peer,
    /// The address of ours that was connected to, where a template asks for it.
    pub local: Option<IpAddr>,
    /// The position of the listener in the model.
    pub listener: usize,
    pub security: ConnectionSecurity,
    number: OnceCell<u64>,
    requests: Cell<u64>,
    activity: Rc<Activity>,
    takeover: RefCell<Option<Takeover>>,
}

/// Whether the connection is encrypted, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionSecurity {
    Plain,
    Tls {
        /// The name the client asked a certificate for.
        server_name: Option<HostName>,
        session: Option<TlsSession>,
        /// The terms of the host of that name.
        terms: TlsId,
        /// Boxed, because few clients have one.
        client: Option<Box<ClientCertificate>>,
    },
}

/// An exchange of a connection that is under way. Keeps the connection's idle limit away.
pub struct OpenExchange(Rc<Activity>);

/// What continues with the socket after HTTP: the stream, and bytes that were read from it already.
pub type Takeover = Box<dyn FnOnce(ClientStream, Bytes)>;

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

/// Lets hyper call a tower service, for HTTP/2. Services here are always ready; the clone is a counter. hyper moves
/// the future of a stream half a dozen times before it rests in its task: moving a box costs less.
#[derive(Clone)]
struct StreamService<S>(S);

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
    let connection = Rc::new(ClientConnection {
        peer,
        local,
        listener,
        security,
        number: OnceCell::new(),
        requests: Cell::new(0),
        activity,
        takeover: RefCell::new(None),
    });
    let service = make_service(connection.clone());
    match version {
        HttpVersion::One => serve_http1(stream, service, &connection, drain.signal()).await,
        HttpVersion::Two => {
            serve_http2(stream, StreamService(service), &connection, drain.signal()).await;
            None
        }
    }
}

impl ClientConnection {
    /// Marks an exchange as open for as long as the result lives.
    pub fn open_exchange(&self) -> OpenExchange {
        self.requests.set(self.requests.get() + 1);
        self.activity.exchange_opened();
        OpenExchange(self.activity.clone())
    }

    /// How many requests have come on it, the current one included.
    pub fn requests(&self) -> u64 {
        self.requests.get()
    }

    /// A number that no other connection of this process has. Given out when it is first asked for.
    pub fn number(&self) -> u64 {
        *self.number.get_or_init(|| NEXT_NUMBER.fetch_add(1, Ordering::Relaxed))
    }

    /// How long the client may leave an answer untaken, from here on.
    pub fn limit_write(&self, limit: Duration) {
        self.activity.limit_write(limit);
    }

    /// Asks for the socket once the answer under way, a 101, has been written. Only for HTTP/1.
    pub fn take_over(&self, takeover: Takeover) {
        *self.takeover.borrow_mut() = Some(takeover);
    }
}

impl OpenExchange {
    /// See [`Activity::answer_offered`].
    pub fn answer_offered(&self) {
        self.0.answer_offered();
    }

    /// See [`Activity::answer_taken`].
    pub fn answer_taken(&self) {
        self.0.answer_taken();
    }
}

impl Drop for OpenExchange {
    fn drop(&mut self) {
        self.0.exchange_closed();
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
    let tls::Handshake { stream, server_name, terms } = tls::handshake(doorway, socket).await?;
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
    match drive(&mut conversation, |_| farewell.say(), connection, signal).await? {
        Conclusion::Unreadable(status) => Some(Unserved::Unreadable(status)),
        Conclusion::Switched(stream, early) => {
            let takeover = connection.takeover.borrow_mut().take()?;
            takeover(stream, early);
            None
        }
        Conclusion::Closed | Conclusion::BrokenOff => None,
    }
}

async fn serve_http2<S, B>(
    stream: ClientStream,
    service: StreamService<S>,
    connection: &ClientConnection,
    signal: Signal,
) where
    S: Service<Request<ClientBody>, Response = Response<B>, Error = NoAnswer> + Clone + 'static,
    S::Future: 'static,
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    connection.activity.multiplexed();
    let (stream, outbox) = gathered(stream);
    let http = http2::Builder::new(LocalExecutor)
        .max_concurrent_streams(128)
        .initial_stream_window_size(2 * MIB)
        .initial_connection_window_size(4 * MIB)
        .max_send_buf_size(MESSAGE_BUFFER)
        .max_header_list_size(MAX_HEAD as u32)
        // Bounds the work for streams that the client makes fail (CVE-2025-8671).
        .max_local_error_reset_streams(256)
        .serve_connection(TokioIo::new(stream), service);
    let shut_down = |http: Pin<&mut Gathering<_, _>>| http2::Connection::graceful_shutdown(http.connection());
    if let Some(Err(error)) = drive(&mut outbox.gathering(http), shut_down, connection, signal).await {
        tracing::debug!("connection from {} ended: {error}", connection.peer.address);
    }
}

/// Runs an HTTP connection to its end, which is hastened by a drain and by a client that is too slow; `None` for one
/// that was too slow even to be told so.
async fn drive<C>(
    http: &mut C,
    shut_down: impl Fn(Pin<&mut C>),
    connection: &ClientConnection,
    mut signal: Signal,
) -> Option<C::Output>
where
    C: Future + Unpin,
{
    let mut watchdog = Watchdog::new(connection.activity.clone());
    let mut is_draining = false;
    let mut goodbye: Option<Pin<Box<Sleep>>> = None;
    poll_fn(|cx| {
        if !is_draining && signal.poll_draining(cx).is_ready() {
            is_draining = true;
            shut_down(Pin::new(http));
        }
        if let Poll::Ready(ended) = Pin::new(&mut *http).poll(cx) {
            return Poll::Ready(Some(ended));
        }
        if goodbye.is_none() && watchdog.poll(cx).is_ready() {
            tracing::debug!("the client {} took too long", connection.peer.address);
            // A client that still listens learns that nothing more is answered: GOAWAY, or close_notify.
            shut_down(Pin::new(http));
            goodbye = Some(Box::pin(sleep(GOODBYE)));
            if let Poll::Ready(ended) = Pin::new(&mut *http).poll(cx) {
                return Poll::Ready(Some(ended));
            }
        }
        goodbye.as_mut().map_or(Poll::Pending, |goodbye| goodbye.as_mut().poll(cx).map(|()| None))
    })
    .await
}

impl<S> hyper::service::Service<Request<Incoming>> for StreamService<S>
where
    S: Service<Request<ClientBody>> + Clone,
    S::Future: 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<S::Future>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        Box::pin(self.0.clone().call(request.map(ClientBody::from)))
    }
}

/// Shared by all workers, and touched only for connections whose number somebody wants to see.
static NEXT_NUMBER: AtomicU64 = AtomicU64::new(1);

/// What a client that was too slow has to take note of it.
const GOODBYE: Duration = Duration::from_secs(2);

/// What hyper may hold of an answer on HTTP/2 for a slow client.
const MESSAGE_BUFFER: usize = 128 * 1024;

const MIB: u32 = 1024 * 1024;
