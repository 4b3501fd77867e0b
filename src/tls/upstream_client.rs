//! TLS towards an upstream.
//!
//! The client configuration is loaded at start, and again when its files change.

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

/// Opens TLS connections to one upstream. All workers share the configuration, and with it the sessions to resume,
/// also after a reload.
#[derive(Clone)]
pub struct UpstreamTlsClient {
    loaded: Arc<watch::Sender<LoadedClientConfig>>,
    name: ServerName<'static>,
    protocol: UpstreamProtocol,
}

/// rustls client configuration and the expiry of the client certificate.
struct LoadedClientConfig {
    config: Arc<ClientConfig>,
    /// Validity period of the client certificate, if there is one.
    identity: Option<Expiry>,
}

/// Accepts a pinned certificate, or any, without verifying its issuer. The handshake still proves the possession of
/// its key.
#[derive(Debug)]
struct NoIssuerVerifier {
    /// `None` accepts any certificate.
    pinned: Option<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl UpstreamTlsClient {
    /// Loads the files of the settings.
    ///
    /// # Errors
    ///
    /// Returns every reason why no connection could succeed.
    pub fn new(
        settings: &UpstreamTlsSettings,
        protocol: UpstreamProtocol,
        provider: &Arc<CryptoProvider>,
    ) -> Result<UpstreamTlsClient, Vec<FileError>> {
        let name = server_name(&settings.name).map_err(|error| vec![error])?;
        let loaded = Arc::new(watch::Sender::new(LoadedClientConfig::load(settings, protocol, provider)?));
        Ok(UpstreamTlsClient { loaded, name, protocol })
    }

    /// Reloads the files. New connections use the new configuration, and resume no session from before the reload.
    ///
    /// # Errors
    ///
    /// Returns every reason why the files are unusable; the previous configuration then stays in use.
    pub fn reload(
        &self,
        settings: &UpstreamTlsSettings,
        provider: &Arc<CryptoProvider>,
    ) -> Result<(), Vec<FileError>> {
        self.loaded.send_replace(LoadedClientConfig::load(settings, self.protocol, provider)?);
        Ok(())
    }

    /// Returns the validity period of the client certificate, if there is one.
    pub fn identity_expiry(&self) -> Option<Expiry> {
        self.loaded.borrow().identity.clone()
    }

    fn configuration(&self) -> Arc<ClientConfig> {
        self.loaded.borrow().config.clone()
    }

    /// Completes a TLS handshake on a connected stream.
    ///
    /// # Errors
    ///
    /// Returns the I/O or TLS error of the handshake, and an error if an HTTP/2 upstream does not select `h2` by
    /// ALPN.
    pub async fn connect<S>(&self, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let stream = TlsConnector::from(self.configuration()).connect(self.name.clone(), stream).await?;
        let protocol = stream.get_ref().1.alpn_protocol();
        // Without ALPN the protocol is HTTP/1.1; HTTP/2 must be negotiated (RFC 9113 section 3.3).
        match (self.protocol, protocol) {
            (UpstreamProtocol::Http1, _) => Ok(stream),
            (UpstreamProtocol::Http2, Some(ALPN_H2)) => Ok(stream),
            (UpstreamProtocol::Http2, _) => Err(io::Error::other("the upstream does not offer HTTP/2")),
        }
    }
}

impl LoadedClientConfig {
    fn load(
        settings: &UpstreamTlsSettings,
        protocol: UpstreamProtocol,
        provider: &Arc<CryptoProvider>,
    ) -> Result<LoadedClientConfig, Vec<FileError>> {
        let builder = with_trust(&settings.trust, provider).map_err(|error| vec![error])?;
        let identity =
            settings.identity.as_ref().map(|files| ServerCertificate::load(files, provider)).transpose()?;
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
        match &self.pinned {
            Some(pinned) if pinned != end_entity => Err(CertificateError::ApplicationVerificationFailure.into()),
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

/// Starts a client configuration with the configured trust.
fn with_trust(
    trust: &UpstreamTrust,
    provider: &Arc<CryptoProvider>,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, FileError> {
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| {
            FileError::new(
                Path::new("TLS"),
                format!("cannot create a client configuration: {error}"),
                "check the version of the program",
            )
        })?;
    let no_issuer =
        |pinned| Arc::new(NoIssuerVerifier { pinned, algorithms: provider.signature_verification_algorithms });
    Ok(match trust {
        UpstreamTrust::System => builder.with_root_certificates(system_roots()?),
        UpstreamTrust::CaFile(file) => builder.with_root_certificates(roots(file)?),
        UpstreamTrust::Pinned(file) => {
            let pinned = pem::certificates(file)?.swap_remove(0);
            builder.dangerous().with_custom_certificate_verifier(no_issuer(Some(pinned)))
        }
        UpstreamTrust::Insecure => builder.dangerous().with_custom_certificate_verifier(no_issuer(None)),
    })
}

/// Loads the roots of the operating system, or those of `SSL_CERT_FILE` and `SSL_CERT_DIR` if set.
fn system_roots() -> Result<RootCertStore, FileError> {
    let native = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Roots that fail to parse are skipped.
    roots.add_parsable_certificates(native.certs);
    if roots.is_empty() {
        let advice = "install the package ca-certificates, or set `ca` to a file";
        return Err(FileError::new(
            Path::new("/etc/ssl/certs"),
            "the operating system has no root certificates",
            advice,
        ));
    }
    Ok(roots)
}

/// Loads the CA certificates of a file.
fn roots(file: &Path) -> Result<RootCertStore, FileError> {
    let mut roots = RootCertStore::empty();
    for certificate in pem::certificates(file)? {
        roots.add(certificate).map_err(|error| {
            let advice = "it must contain CA certificates; set `pin` for the certificate of a server";
            FileError::new(file, format!("cannot use a certificate in it as a CA: {error}"), advice)
        })?;
    }
    Ok(roots)
}

/// Returns the name that the certificate of the upstream is verified for, and that is sent as SNI.
fn server_name(name: &HostName) -> Result<ServerName<'static>, FileError> {
    let text = name.as_str().trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(text.to_owned()).map_err(|_| {
        FileError::new(Path::new(text), "not a valid server name for TLS", "set another one as `name`")
    })
}

fn alpn(protocol: UpstreamProtocol) -> &'static [u8] {
    match protocol {
        UpstreamProtocol::Http1 => b"http/1.1",
        UpstreamProtocol::Http2 => ALPN_H2,
    }
}

const ALPN_H2: &[u8] = b"h2";
