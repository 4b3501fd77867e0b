//! Plain and TLS connections to a proxy.
//!
//! Clients offer TLS 1.3, AES-128-GCM and the key exchange group of the scenario to every proxy. They do not
//! verify the temporary certificates, because that would take CPU time of the core that the generator and the
//! upstream may share.

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

use super::error::ClientError;
use crate::environment::HOST;
use crate::key_group::KeyGroup;

/// A plain connection. The buffered reader also serves TLS: it merges rustls's small reads into one system call.
pub(crate) type PlainConnection = BufReader<TcpStream>;

/// A TLS connection.
pub(crate) type TlsConnection = TlsStream<PlainConnection>;

/// The protocol to offer in ALPN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alpn {
    Http1,
    Http2,
}

/// Whether a client resumes sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionResumption {
    /// Every handshake is a full one.
    Disabled,
    /// Handshakes resume the previous session if the proxy supports it.
    Enabled,
}

/// TLS options of a client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TlsOptions {
    pub(crate) alpn: Alpn,
    pub(crate) resumption: SessionResumption,
    pub(crate) group: KeyGroup,
}

/// Opens TLS connections to one proxy.
#[derive(Clone)]
pub(crate) struct Connector {
    address: SocketAddr,
    connector: TlsConnector,
    name: ServerName<'static>,
    buffer: usize,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Connector {
    /// Creates a connector whose connections read up to `buffer` bytes at once.
    ///
    /// # Errors
    /// The TLS options are not supported.
    pub(crate) fn new(address: SocketAddr, options: TlsOptions, buffer: usize) -> anyhow::Result<Self> {
        let connector = TlsConnector::from(Arc::new(client_config(options)?));
        Ok(Self { address, connector, name: ServerName::try_from(HOST)?, buffer })
    }

    /// Connects and completes the TLS handshake.
    ///
    /// # Errors
    /// Connecting or the handshake fails.
    pub(crate) async fn connect(&self) -> Result<TlsConnection, ClientError> {
        let plain = connect_plain(self.address, self.buffer).await?;
        let handshake = self.connector.connect(self.name.clone(), plain).await;
        handshake.map_err(|error| ClientError::Connection("TLS handshake failed", error))
    }
}

/// Connects without TLS. The connection reads up to `buffer` bytes at once.
///
/// # Errors
/// Connecting fails.
pub(crate) async fn connect_plain(address: SocketAddr, buffer: usize) -> Result<PlainConnection, ClientError> {
    let stream =
        TcpStream::connect(address).await.map_err(|error| ClientError::Connection("cannot connect", error))?;
    stream.set_nodelay(true)?;
    Ok(BufReader::with_capacity(buffer, stream))
}

/// Returns whether the handshake of `connection` resumed a session.
pub(crate) fn resumed(connection: &TlsConnection) -> bool {
    connection.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed)
}

/// Returns whether `connection` negotiated the key exchange group `group`.
pub(crate) fn negotiated(group: KeyGroup, connection: &TlsConnection) -> bool {
    connection
        .get_ref()
        .1
        .negotiated_key_exchange_group()
        .is_some_and(|negotiated| negotiated.name() == group.name())
}

fn client_config(options: TlsOptions) -> anyhow::Result<ClientConfig> {
    let provider = CryptoProvider {
        cipher_suites: vec![aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256],
        kx_groups: options.group.offer(),
        ..aws_lc_rs::default_provider()
    };
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AcceptAnyCertificate))
        .with_no_client_auth();
    config.alpn_protocols = match options.alpn {
        Alpn::Http1 => vec![b"http/1.1".to_vec()],
        Alpn::Http2 => vec![b"h2".to_vec()],
    };
    config.resumption = match options.resumption {
        SessionResumption::Disabled => Resumption::disabled(),
        SessionResumption::Enabled => Resumption::in_memory_sessions(1),
    };
    Ok(config)
}

/// Accepts any certificate and any signature.
#[derive(Debug)]
struct AcceptAnyCertificate;

impl ServerCertVerifier for AcceptAnyCertificate {
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
