//! TLS towards clients: one server configuration per listener, and the handshake under a deadline.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{NoServerSessionStorage, ProducesTickets};
use rustls::{ServerConfig, SupportedProtocolVersion};
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::cert_store::CertStore;
use super::client_socket::{ClientSocket, SpokePlainHttp};
use crate::model::{HttpVersions, TlsPolicy, TlsVersions};

/// What all TLS listeners of a process share.
#[derive(Clone)]
pub struct TlsShared {
    pub provider: Arc<CryptoProvider>,
    /// One for the whole process: a ticket from one worker or listener must resume on every other.
    tickets: Arc<dyn ProducesTickets>,
}

/// Why a handshake came to nothing.
#[derive(Debug)]
pub enum HandshakeFailure {
    /// The client spoke plain HTTP and was told so.
    PlainHttp,
    TooSlow,
    Failed(io::Error),
}

impl TlsShared {
    pub fn new() -> Result<TlsShared, rustls::Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        Ok(TlsShared { provider, tickets: aws_lc_rs::Ticketer::new()? })
    }

    /// The configuration of one listener.
    pub fn server_config(&self, policy: TlsPolicy, store: CertStore) -> Result<ServerConfig, rustls::Error> {
        let mut config = ServerConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(versions(policy.versions))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(store));
        config.alpn_protocols = match policy.http {
            HttpVersions::Http2And1 => vec![ALPN_H2.to_vec(), ALPN_HTTP1.to_vec()],
            HttpVersions::Http1Only => vec![ALPN_HTTP1.to_vec()],
        };
        config.ticketer = self.tickets.clone();
        // Tickets hold the state at the client; a cache beside them is memory and a lock for nothing.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(config)
    }
}

/// Completes the handshake, or says why not. A client that speaks plain HTTP gets a readable answer.
pub async fn handshake(
    acceptor: &TlsAcceptor,
    socket: ClientSocket,
) -> Result<Box<TlsStream<ClientSocket>>, HandshakeFailure> {
    let accepting = Box::pin(acceptor.accept(socket).into_fallible());
    match tokio::time::timeout(DEADLINE, accepting).await {
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err((error, socket))) if is_plain_http(&error) => {
            answer_plain_http(socket).await;
            Err(HandshakeFailure::PlainHttp)
        }
        Ok(Err((error, _))) => Err(HandshakeFailure::Failed(error)),
        Err(_) => Err(HandshakeFailure::TooSlow),
    }
}

fn versions(versions: TlsVersions) -> &'static [&'static SupportedProtocolVersion] {
    static BOTH: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS13, &rustls::version::TLS12];
    match versions {
        TlsVersions::Tls12And13 => &BOTH,
        TlsVersions::Tls13Only => &BOTH[..1],
    }
}

fn is_plain_http(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|cause| cause.is::<SpokePlainHttp>())
}

/// nginx's code 497. Whether it arrives is the client's affair.
async fn answer_plain_http(mut socket: ClientSocket) {
    let answer = async {
        socket.write_all(PLAIN_HTTP_ANSWER).await?;
        socket.shutdown().await
    };
    let _ = tokio::time::timeout(DEADLINE, answer).await;
}

const ALPN_H2: &[u8] = b"h2";
const ALPN_HTTP1: &[u8] = b"http/1.1";

/// From the first byte of the connection to the last of the handshake.
const DEADLINE: Duration = Duration::from_secs(10);

const PLAIN_HTTP_ANSWER: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 71\r\n\
    Connection: close\r\n\
    \r\n\
    This port speaks HTTPS, but a plain HTTP request came. Use https://...\n";
