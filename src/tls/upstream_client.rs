//! TLS to an application: one client configuration, made before anything is served, and again when its files change.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::SingleCertAndKey;
use rustls::{
    CertificateError, ClientConfig, ConfigBuilder, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::files::certificate::ServerCertificate;
use super::files::expiry::{Expiry, ExpiryKind};
use super::files::file_error::FileError;
use super::files::pem;
use crate::model::host::HostName;
use crate::model::upstream::{UpstreamProtocol, UpstreamTlsSettings, UpstreamTrust};

/// Opens TLS connections to one application. Its sessions are resumed, by whichever worker; all of them use the same
/// configuration, also after it was renewed.
#[derive(Clone)]
pub struct UpstreamTlsClient {
    prepared: Arc<watch::Sender<LoadedClientConfig>>,
    name: ServerName<'static>,
    protocol: UpstreamProtocol,
}

/// What the files say.
struct LoadedClientConfig {
    config: Arc<ClientConfig>,
    /// When the certificate ends that the application is shown.
    identity: Option<Expiry>,
}

/// Believes a certificate without asking who has issued it, but not without its key.
#[derive(Debug)]
struct NoIssuerVerifier {
    /// `None` believes any.
    only: Option<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl UpstreamTlsClient {
    /// Reads the files that the terms name. Errors mean that no connection could succeed.
    pub fn new(
        terms: &UpstreamTlsSettings,
        protocol: UpstreamProtocol,
        provider: &Arc<CryptoProvider>,
    ) -> Result<UpstreamTlsClient, Vec<FileError>> {
        let name = server_name(&terms.name).map_err(|problem| vec![problem])?;
        let prepared = Arc::new(watch::Sender::new(LoadedClientConfig::read(terms, protocol, provider)?));
        Ok(UpstreamTlsClient { prepared, name, protocol })
    }

    /// Reads the files anew. New connections go by what they say now, and resume no session that was begun before;
    /// what cannot be used does not take the place of what was read before.
    pub fn reload(
        &self,
        terms: &UpstreamTlsSettings,
        provider: &Arc<CryptoProvider>,
    ) -> Result<(), Vec<FileError>> {
        self.prepared.send_replace(LoadedClientConfig::read(terms, self.protocol, provider)?);
        Ok(())
    }

    /// When the certificate ends that the application is shown, if there is one.
    pub fn identity_expiry(&self) -> Option<Expiry> {
        self.prepared.borrow().identity.clone()
    }

    fn configuration(&self) -> Arc<ClientConfig> {
        self.prepared.borrow().config.clone()
    }

    /// Completes the handshake, or says why not.
    pub async fn connect<S>(&self, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let stream = TlsConnector::from(self.configuration()).connect(self.name.clone(), stream).await?;
        let agreed = stream.get_ref().1.alpn_protocol();
        // HTTP/1.1 is what is spoken without ALPN; HTTP/2 must be agreed on (RFC 9113 section 3.3).
        match (self.protocol, agreed) {
            (UpstreamProtocol::Http1, _) => Ok(stream),
            (UpstreamProtocol::Http2, Some(ALPN_H2)) => Ok(stream),
            (UpstreamProtocol::Http2, _) => Err(io::Error::other("it does not offer HTTP/2")),
        }
    }
}

impl LoadedClientConfig {
    fn read(
        terms: &UpstreamTlsSettings,
        protocol: UpstreamProtocol,
        provider: &Arc<CryptoProvider>,
    ) -> Result<LoadedClientConfig, Vec<FileError>> {
        let builder = with_trust(&terms.trust, provider).map_err(|problem| vec![problem])?;
        let identity = terms.identity.as_ref().map(|files| ServerCertificate::read(files, provider)).transpose()?;
        let mut config = match &identity {
            None => builder.with_no_client_auth(),
            Some(identity) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity.key()))),
        };
        config.alpn_protocols = vec![alpn(protocol).to_vec()];
        let identity = identity.map(|identity| Expiry { kind: ExpiryKind::Identity, ..identity.expiry() });
        Ok(LoadedClientConfig { config: Arc::new(config), identity })
    }
}

impl ServerCertVerifier for NoIssuerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.only {
            Some(only) if only != end_entity => Err(CertificateError::ApplicationVerificationFailure.into()),
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn with_trust(
    trust: &UpstreamTrust,
    provider: &Arc<CryptoProvider>,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, FileError> {
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| {
            FileError::new(Path::new("TLS"), format!("it cannot be set up: {error}"), "see the program's version")
        })?;
    let unissued =
        |only| Arc::new(NoIssuerVerifier { only, algorithms: provider.signature_verification_algorithms });
    Ok(match trust {
        UpstreamTrust::System => builder.with_root_certificates(system_roots()?),
        UpstreamTrust::CaFile(file) => builder.with_root_certificates(roots(file)?),
        UpstreamTrust::Pinned(file) => {
            let pinned = pem::certificates(file)?.swap_remove(0);
            builder.dangerous().with_custom_certificate_verifier(unissued(Some(pinned)))
        }
        UpstreamTrust::Insecure => builder.dangerous().with_custom_certificate_verifier(unissued(None)),
    })
}

/// What the operating system trusts, where `SSL_CERT_FILE` and `SSL_CERT_DIR` do not say otherwise.
fn system_roots() -> Result<RootCertStore, FileError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // One that cannot be read is none; all others still count.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let advice = "install the package ca-certificates, or name a file as `ca`";
        return Err(FileError::new(Path::new("/etc/ssl/certs"), "the system trusts no authority at all", advice));
    }
    Ok(roots)
}

fn roots(file: &Path) -> Result<RootCertStore, FileError> {
    let mut roots = RootCertStore::empty();
    for certificate in pem::certificates(file)? {
        roots.add(certificate).map_err(|error| {
            let advice = "it must hold the certificate of an authority; one of a server is named as `pin`";
            FileError::new(file, format!("a certificate in it cannot be an authority's: {error}"), advice)
        })?;
    }
    Ok(roots)
}

fn server_name(name: &HostName) -> Result<ServerName<'static>, FileError> {
    let text = name.as_str().trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(text.to_owned()).map_err(|_| {
        FileError::new(Path::new(text), "no certificate can be for this name", "name another one as `name`")
    })
}

fn alpn(protocol: UpstreamProtocol) -> &'static [u8] {
    match protocol {
        UpstreamProtocol::Http1 => b"http/1.1",
        UpstreamProtocol::Http2 => ALPN_H2,
    }
}

const ALPN_H2: &[u8] = b"h2";
