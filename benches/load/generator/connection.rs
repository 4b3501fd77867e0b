//! Connections to a proxy, plain and TLS.
//!
//! Every proxy gets the same offer: TLS 1.3, AES-128-GCM, and the group of the scenario. Certificates are not verified:
//! they are our own, and the work would only take the generator's core from the application.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, HandshakeKind, SignatureScheme};
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::fault::Fault;
use crate::key_group::KeyGroup;
use crate::site::HOST;

/// A plain connection. The reader matters below TLS too: it turns the many small reads of a TLS
/// session into one system call.
pub(crate) type Plain = BufReader<TcpStream>;

/// A TLS connection.
pub(crate) type Secure = TlsStream<Plain>;

/// The protocol to offer in the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alpn {
    Http1,
    Http2,
}

/// How a client treats sessions it has had with the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sessions {
    /// Every handshake is a full one.
    Forgotten,
    /// Handshakes resume where the proxy allows.
    Resumed,
}

/// What a client says of itself in its handshakes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Offer {
    pub(crate) alpn: Alpn,
    pub(crate) sessions: Sessions,
    pub(crate) group: KeyGroup,
}

/// Makes TLS connections to one proxy.
#[derive(Clone)]
pub(crate) struct Dialer {
    address: SocketAddr,
    connector: TlsConnector,
    name: ServerName<'static>,
    buffer: usize,
}

impl std::fmt::Debug for Dialer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialer").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Dialer {
    /// A dialer whose connections read up to `buffer` bytes at once.
    ///
    /// # Errors
    /// TLS cannot be set up as the scenarios want it.
    pub(crate) fn new(address: SocketAddr, offer: Offer, buffer: usize) -> anyhow::Result<Self> {
        let connector = TlsConnector::from(Arc::new(client_config(offer)?));
        Ok(Self { address, connector, name: ServerName::try_from(HOST)?, buffer })
    }

    /// Connects and completes the handshake.
    ///
    /// # Errors
    /// Either fails.
    pub(crate) async fn connect(&self) -> Result<Secure, Fault> {
        let plain = connect_plain(self.address, self.buffer).await?;
        let handshake = self.connector.connect(self.name.clone(), plain).await;
        handshake.map_err(|error| Fault::Connection("the TLS handshake failed", error))
    }
}

/// Connects without TLS, to read up to `buffer` bytes at once.
///
/// # Errors
/// Nobody accepts.
pub(crate) async fn connect_plain(address: SocketAddr, buffer: usize) -> Result<Plain, Fault> {
    let stream = TcpStream::connect(address).await.map_err(|error| Fault::Connection("cannot connect", error))?;
    stream.set_nodelay(true)?;
    Ok(BufReader::with_capacity(buffer, stream))
}

/// Whether the handshake of `connection` resumed an earlier session.
pub(crate) fn resumed(connection: &Secure) -> bool {
    connection.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed)
}

/// Whether the keys of `connection` were agreed on in `group`.
pub(crate) fn agreed_in(group: KeyGroup, connection: &Secure) -> bool {
    connection.get_ref().1.negotiated_key_exchange_group().is_some_and(|agreed| agreed.name() == group.name())
}

fn client_config(offer: Offer) -> anyhow::Result<ClientConfig> {
    let provider = CryptoProvider {
        cipher_suites: vec![aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256],
        kx_groups: offer.group.offer(),
        ..aws_lc_rs::default_provider()
    };
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Unverified))
        .with_no_client_auth();
    config.alpn_protocols = match offer.alpn {
        Alpn::Http1 => vec![b"http/1.1".to_vec()],
        Alpn::Http2 => vec![b"h2".to_vec()],
    };
    config.resumption = match offer.sessions {
        Sessions::Forgotten => Resumption::disabled(),
        Sessions::Resumed => Resumption::in_memory_sessions(1),
    };
    Ok(config)
}

/// Accepts any certificate and any signature.
#[derive(Debug)]
struct Unverified;

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::RSA_PSS_SHA256]
    }
}
