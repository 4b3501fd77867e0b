//! TLS handshake with a deadline.

use std::fmt;
use std::io;
use std::time::Duration;

use rustls::server::Acceptor;
use tokio::io::AsyncWriteExt;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, StartHandshake};

use super::socket::{DownstreamSocket, PlainHttpOnTls};
use crate::model::TlsId;
use crate::model::host::HostName;
use crate::tls::server::sni::{CurrentSniResolver, HostTlsConfig};

/// A completed handshake: stream, SNI name and TLS settings.
pub(super) struct TlsHandshake {
    pub stream: Box<TlsStream<DownstreamSocket>>,
    /// The SNI host name; `None` if the client sent none, or none that is a host name.
    pub server_name: Option<HostName>,
    /// The TLS settings of the host that the SNI name selected.
    pub settings: TlsId,
}

/// Why a TLS handshake failed.
#[derive(Debug)]
pub enum HandshakeError {
    /// The client sent plain HTTP and received a 400 response.
    PlainHttp,
    /// The handshake did not complete within 10 s.
    Timeout,
    /// Not a failure: the handshake was a TLS-ALPN-01 challenge of an ACME server (RFC 8737).
    AcmeChallenge,
    /// The client certificate failed verification.
    BadClientCertificate(rustls::CertificateError),
    /// No common version, cipher suite, group or ALPN protocol.
    NoCommonParameters(rustls::Error),
    /// The client sent an alert, for example because it rejected the server certificate.
    AlertReceived(rustls::AlertDescription),
    /// The client closed or reset the connection.
    ClientDisconnected(io::Error),
    /// Any other error, such as a malformed record.
    Failed(io::Error),
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HandshakeError::PlainHttp => f.write_str("plain HTTP sent to a TLS port"),
            HandshakeError::AcmeChallenge => f.write_str("TLS-ALPN-01 challenge completed"),
            HandshakeError::Timeout => f.write_str("timed out"),
            HandshakeError::BadClientCertificate(cause) => write!(f, "client certificate rejected: {cause}"),
            HandshakeError::NoCommonParameters(cause) => write!(f, "no common TLS parameters: {cause}"),
            HandshakeError::AlertReceived(alert) => write!(f, "alert {alert:?} received"),
            HandshakeError::ClientDisconnected(error) => write!(f, "client disconnected: {error}"),
            HandshakeError::Failed(error) => error.fmt(f),
        }
    }
}

/// Completes a TLS handshake within [`HANDSHAKE_TIMEOUT`]. A client that sends plain HTTP receives a 400 response.
pub(super) async fn accept(
    resolver: &CurrentSniResolver,
    socket: DownstreamSocket,
) -> Result<TlsHandshake, HandshakeError> {
    let handshake = Box::pin(accept_inner(resolver, socket));
    tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await.unwrap_or(Err(HandshakeError::Timeout))
}

/// Completes a TLS handshake. All TLS settings depend on the host: versions, cipher suites, and whether a client
/// certificate is requested. They are therefore selected by the SNI name before the ServerHello is sent.
async fn accept_inner(
    resolver: &CurrentSniResolver,
    socket: DownstreamSocket,
) -> Result<TlsHandshake, HandshakeError> {
    let hello = read_client_hello(socket).await?;
    // The canonical form of the name, in which hosts are looked up.
    let server_name = hello.client_hello().server_name().and_then(|name| HostName::parse(name).ok());
    let challenge = resolver.challenge_config(&hello.client_hello(), server_name.as_ref());
    let HostTlsConfig { id, config } = resolver.resolve(server_name.as_ref());
    let mut stream = match hello.into_stream(challenge.clone().unwrap_or(config)).into_fallible().await {
        Ok(stream) => Box::new(stream),
        Err((error, socket)) => return Err(reject(socket, error).await),
    };
    if challenge.is_some() {
        // RFC 8737 section 3: no application data follows the handshake.
        stream.shutdown().await.map_err(classify_error)?;
        return Err(HandshakeError::AcmeChallenge);
    }
    stream.get_mut().0.handshake_done();
    Ok(TlsHandshake { stream, server_name, settings: id })
}

/// Reads the ClientHello.
async fn read_client_hello(socket: DownstreamSocket) -> Result<StartHandshake<DownstreamSocket>, HandshakeError> {
    let mut acceptor = LazyConfigAcceptor::new(Acceptor::default(), socket);
    match (&mut acceptor).await {
        Ok(hello) => Ok(hello),
        Err(error) => Err(match acceptor.take_io() {
            Some(socket) => reject(socket, error).await,
            None => classify_error(error),
        }),
    }
}

/// Sends the alert or the plain-HTTP response for a failed handshake.
async fn reject(socket: DownstreamSocket, error: io::Error) -> HandshakeError {
    let error = classify_error(error);
    match error {
        HandshakeError::PlainHttp => respond_plain_http(socket).await,
        _ => socket.flush_alert().await,
    }
    error
}

/// Maps an I/O error to a handshake error.
fn classify_error(error: io::Error) -> HandshakeError {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    if error.get_ref().is_some_and(|source| source.is::<PlainHttpOnTls>()) {
        return HandshakeError::PlainHttp;
    }
    match error.get_ref().and_then(|source| source.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(cause)) => HandshakeError::BadClientCertificate(cause.clone()),
        Some(cause @ (rustls::Error::PeerIncompatible(_) | rustls::Error::NoApplicationProtocol)) => {
            HandshakeError::NoCommonParameters(cause.clone())
        }
        Some(rustls::Error::AlertReceived(alert)) => HandshakeError::AlertReceived(*alert),
        _ if matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof) => {
            HandshakeError::ClientDisconnected(error)
        }
        _ => HandshakeError::Failed(error),
    }
}

/// Sends a 400 response to a client that sent plain HTTP (nginx 497). Write errors are ignored: the handshake has
/// failed in any case.
async fn respond_plain_http(mut socket: DownstreamSocket) {
    let response = async {
        socket.write_all(PLAIN_HTTP_RESPONSE).await?;
        socket.shutdown().await
    };
    let _: io::Result<()> = response.await;
}

/// From accepting the connection to the end of the handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

const PLAIN_HTTP_RESPONSE: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 70\r\n\
    Connection: close\r\n\
    \r\n\
    This is an HTTPS port, but the request is plain HTTP. Use https://...\n";
