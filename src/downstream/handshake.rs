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

/// A completed handshake.
pub(super) struct TlsHandshake {
    pub stream: Box<TlsStream<DownstreamSocket>>,
    /// The name that the client asked for.
    pub server_name: Option<HostName>,
    /// What was agreed on.
    pub settings: TlsId,
}

/// Why a handshake came to nothing.
#[derive(Debug)]
pub enum HandshakeError {
    /// The client spoke plain HTTP and was told so.
    PlainHttp,
    Timeout,
    /// It was none of a client: an authority has asked whether a host is ours, and was answered.
    AcmeChallenge,
    /// The client's certificate is not one that is accepted.
    BadClientCertificate(rustls::CertificateError),
    /// There is nothing that both sides have: a version, a suite, a group, a protocol.
    NoCommonParameters(rustls::Error),
    /// The client said no, perhaps to the certificate that it was shown.
    AlertReceived(rustls::AlertDescription),
    /// The client went away.
    ClientDisconnected(io::Error),
    Failed(io::Error),
}

/// For the log.
impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HandshakeError::PlainHttp => f.write_str("it spoke plain HTTP to a TLS port"),
            HandshakeError::AcmeChallenge => f.write_str("it only asked whether a host is ours, and was answered"),
            HandshakeError::Timeout => f.write_str("it did not complete it in time"),
            HandshakeError::BadClientCertificate(why) => write!(f, "its certificate was refused: {why}"),
            HandshakeError::NoCommonParameters(why) => write!(f, "there is nothing that both sides have: {why}"),
            HandshakeError::AlertReceived(alert) => write!(f, "it refused, and said {alert:?}"),
            HandshakeError::ClientDisconnected(error) => write!(f, "it went away: {error}"),
            HandshakeError::Failed(error) => error.fmt(f),
        }
    }
}

/// Completes the handshake, or says why not. A client that speaks plain HTTP gets a readable answer.
pub(super) async fn accept(
    doorway: &CurrentSniResolver,
    socket: DownstreamSocket,
) -> Result<TlsHandshake, HandshakeError> {
    let shaking = Box::pin(accept_inner(doorway, socket));
    tokio::time::timeout(DEADLINE, shaking).await.unwrap_or(Err(HandshakeError::Timeout))
}

/// Everything about the handshake may depend on the host: versions, suites, and whether the client is asked for
/// a certificate. So its terms are chosen before anything is answered.
async fn accept_inner(
    doorway: &CurrentSniResolver,
    socket: DownstreamSocket,
) -> Result<TlsHandshake, HandshakeError> {
    let hello = read_client_hello(socket).await?;
    // The one form of a name, in which it is compared with hosts.
    let server_name = hello.client_hello().server_name().and_then(|name| HostName::parse(name).ok());
    let challenge = doorway.challenge_config(&hello.client_hello(), server_name.as_ref());
    let HostTlsConfig { id, config } = doorway.resolve(server_name.as_ref());
    let mut stream = match hello.into_stream(challenge.clone().unwrap_or(config)).into_fallible().await {
        Ok(stream) => Box::new(stream),
        Err((error, socket)) => return Err(reject(socket, error).await),
    };
    if challenge.is_some() {
        // RFC 8737 section 3: the handshake is all there is to it.
        stream.shutdown().await.map_err(classify_error)?;
        return Err(HandshakeError::AcmeChallenge);
    }
    stream.get_mut().0.handshake_done();
    Ok(TlsHandshake { stream, server_name, settings: id })
}

/// Reads the client's greeting.
async fn read_client_hello(socket: DownstreamSocket) -> Result<StartHandshake<DownstreamSocket>, HandshakeError> {
    let mut greeting = LazyConfigAcceptor::new(Acceptor::default(), socket);
    match (&mut greeting).await {
        Ok(hello) => Ok(hello),
        Err(error) => Err(match greeting.take_io() {
            Some(socket) => reject(socket, error).await,
            None => classify_error(error),
        }),
    }
}

/// Tells a client why it comes to nothing: with rustls' alert, or in words that it understands.
async fn reject(socket: DownstreamSocket, error: io::Error) -> HandshakeError {
    let failure = classify_error(error);
    match failure {
        HandshakeError::PlainHttp => respond_plain_http(socket).await,
        _ => socket.flush_alert().await,
    }
    failure
}

fn classify_error(error: io::Error) -> HandshakeError {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    if error.get_ref().is_some_and(|cause| cause.is::<PlainHttpOnTls>()) {
        return HandshakeError::PlainHttp;
    }
    match error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(why)) => HandshakeError::BadClientCertificate(why.clone()),
        Some(why @ (rustls::Error::PeerIncompatible(_) | rustls::Error::NoApplicationProtocol)) => {
            HandshakeError::NoCommonParameters(why.clone())
        }
        Some(rustls::Error::AlertReceived(alert)) => HandshakeError::AlertReceived(*alert),
        _ if matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof) => {
            HandshakeError::ClientDisconnected(error)
        }
        _ => HandshakeError::Failed(error),
    }
}

/// nginx's code 497. Whether it arrives is the client's affair.
async fn respond_plain_http(mut socket: DownstreamSocket) {
    let answer = async {
        socket.write_all(PLAIN_HTTP_RESPONSE).await?;
        socket.shutdown().await
    };
    let _: io::Result<()> = answer.await;
}

/// From the first byte of the connection to the last of the handshake.
const DEADLINE: Duration = Duration::from_secs(10);

const PLAIN_HTTP_RESPONSE: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 71\r\n\
    Connection: close\r\n\
    \r\n\
    This port speaks HTTPS, but a plain HTTP request came. Use https://...\n";
