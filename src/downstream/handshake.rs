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
    pub terms: TlsId,
}

/// Why a handshake came to nothing.
#[derive(Debug)]
pub enum HandshakeError {
    /// The client spoke plain HTTP and was told so.
    PlainHttp,
    TooSlow,
    /// It was none of a client: an authority has asked whether a host is ours, and was answered.
    Challenge,
    /// The client's certificate is not one that is accepted.
    BadClientCertificate(rustls::CertificateError),
    /// There is nothing that both sides have: a version, a suite, a group, a protocol.
    NothingInCommon(rustls::Error),
    /// The client said no, perhaps to the certificate that it was shown.
    Refused(rustls::AlertDescription),
    /// The client went away.
    Left(io::Error),
    Failed(io::Error),
}

/// For the log.
impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HandshakeError::PlainHttp => f.write_str("it spoke plain HTTP to a TLS port"),
            HandshakeError::Challenge => f.write_str("it only asked whether a host is ours, and was answered"),
            HandshakeError::TooSlow => f.write_str("it did not complete it in time"),
            HandshakeError::BadClientCertificate(why) => write!(f, "its certificate was refused: {why}"),
            HandshakeError::NothingInCommon(why) => write!(f, "there is nothing that both sides have: {why}"),
            HandshakeError::Refused(alert) => write!(f, "it refused, and said {alert:?}"),
            HandshakeError::Left(error) => write!(f, "it went away: {error}"),
            HandshakeError::Failed(error) => error.fmt(f),
        }
    }
}

/// Completes the handshake, or says why not. A client that speaks plain HTTP gets a readable answer.
pub(super) async fn accept(
    doorway: &CurrentSniResolver,
    socket: DownstreamSocket,
) -> Result<TlsHandshake, HandshakeError> {
    let shaking = Box::pin(shake(doorway, socket));
    tokio::time::timeout(DEADLINE, shaking).await.unwrap_or(Err(HandshakeError::TooSlow))
}

/// Everything about the handshake may depend on the host: versions, suites, and whether the client is asked for
/// a certificate. So its terms are chosen before anything is answered.
async fn shake(doorway: &CurrentSniResolver, socket: DownstreamSocket) -> Result<TlsHandshake, HandshakeError> {
    let hello = greeting(socket).await?;
    // The one form of a name, in which it is compared with hosts.
    let server_name = hello.client_hello().server_name().and_then(|name| HostName::parse(name).ok());
    let challenge = doorway.answer(&hello.client_hello(), server_name.as_ref());
    let HostTlsConfig { id, config } = doorway.terms(server_name.as_ref());
    let mut stream = match hello.into_stream(challenge.clone().unwrap_or(config)).into_fallible().await {
        Ok(stream) => Box::new(stream),
        Err((error, socket)) => return Err(part_with(socket, error).await),
    };
    if challenge.is_some() {
        // RFC 8737 section 3: the handshake is all there is to it.
        stream.shutdown().await.map_err(failure)?;
        return Err(HandshakeError::Challenge);
    }
    stream.get_mut().0.greeted();
    Ok(TlsHandshake { stream, server_name, terms: id })
}

/// Reads the client's greeting.
async fn greeting(socket: DownstreamSocket) -> Result<StartHandshake<DownstreamSocket>, HandshakeError> {
    let mut greeting = LazyConfigAcceptor::new(Acceptor::default(), socket);
    match (&mut greeting).await {
        Ok(hello) => Ok(hello),
        Err(error) => Err(match greeting.take_io() {
            Some(socket) => part_with(socket, error).await,
            None => failure(error),
        }),
    }
}

/// Tells a client why it comes to nothing: with rustls' alert, or in words that it understands.
async fn part_with(socket: DownstreamSocket, error: io::Error) -> HandshakeError {
    let failure = failure(error);
    match failure {
        HandshakeError::PlainHttp => answer_plain_http(socket).await,
        _ => socket.last_words().await,
    }
    failure
}

fn failure(error: io::Error) -> HandshakeError {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    if error.get_ref().is_some_and(|cause| cause.is::<PlainHttpOnTls>()) {
        return HandshakeError::PlainHttp;
    }
    match error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(why)) => HandshakeError::BadClientCertificate(why.clone()),
        Some(why @ (rustls::Error::PeerIncompatible(_) | rustls::Error::NoApplicationProtocol)) => {
            HandshakeError::NothingInCommon(why.clone())
        }
        Some(rustls::Error::AlertReceived(alert)) => HandshakeError::Refused(*alert),
        _ if matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof) => {
            HandshakeError::Left(error)
        }
        _ => HandshakeError::Failed(error),
    }
}

/// nginx's code 497. Whether it arrives is the client's affair.
async fn answer_plain_http(mut socket: DownstreamSocket) {
    let answer = async {
        socket.write_all(PLAIN_HTTP_ANSWER).await?;
        socket.shutdown().await
    };
    let _: io::Result<()> = answer.await;
}

/// From the first byte of the connection to the last of the handshake.
const DEADLINE: Duration = Duration::from_secs(10);

const PLAIN_HTTP_ANSWER: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 71\r\n\
    Connection: close\r\n\
    \r\n\
    This port speaks HTTPS, but a plain HTTP request came. Use https://...\n";
