//! Builds rustls server configurations.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::{self, cipher_suite, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ProducesTickets, ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::{ServerConfig, SupportedCipherSuite, SupportedProtocolVersion};

use super::cert_resolver::CertResolver;
use crate::model::HttpVersions;
use crate::model::tls::{
    Aead, CipherPreference, CipherSuite, NamedGroup, SessionResumption, SuiteAuthentication, TlsPolicy, TlsVersions,
};

/// Crypto provider and ticketer shared by all server configurations.
#[derive(Clone)]
pub struct TlsContext {
    pub provider: Arc<CryptoProvider>,
    /// One for the whole process: a ticket from one worker or listener must resume on every other. rustls resumes a
    /// ticket only under the host name that it was issued for.
    pub ticketer: Arc<dyn ProducesTickets>,
}

impl TlsContext {
    /// Creates the context with generated ticket keys.
    ///
    /// # Errors
    ///
    /// Returns an error if the ticket keys cannot be generated.
    pub fn new() -> Result<TlsContext, rustls::Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        Ok(TlsContext { provider, ticketer: aws_lc_rs::Ticketer::new()? })
    }

    /// Builds the configuration of one host. `verifier` is set if client certificates are requested.
    ///
    /// # Errors
    ///
    /// Returns an error if the protocol versions and the cipher suites of the policy do not match.
    pub fn server_config(
        &self,
        policy: &TlsPolicy,
        keys: CertResolver,
        verifier: Option<Arc<dyn ClientCertVerifier>>,
    ) -> Result<ServerConfig, rustls::Error> {
        let provider = CryptoProvider {
            cipher_suites: policy.suites.iter().copied().map(suite).collect(),
            kx_groups: policy.groups.iter().copied().map(group).collect(),
            ..(*self.provider).clone()
        };
        let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions(policy.versions))?
            .with_client_cert_verifier(verifier.unwrap_or_else(WebPkiClientVerifier::no_client_auth))
            .with_cert_resolver(Arc::new(keys));
        config.ignore_client_order = policy.order == CipherPreference::Server;
        config.alpn_protocols = match policy.http {
            HttpVersions::Http2And1 => vec![ALPN_H2.to_vec(), ALPN_HTTP1.to_vec(), ALPN_HTTP1_0.to_vec()],
            HttpVersions::Http1Only => vec![ALPN_HTTP1.to_vec(), ALPN_HTTP1_0.to_vec()],
        };
        self.set_resumption(&mut config, policy.resumption);
        Ok(config)
    }

    /// Selects tickets, sessions in memory, or neither.
    fn set_resumption(&self, config: &mut ServerConfig, resumption: SessionResumption) {
        config.session_storage = Arc::new(NoServerSessionStorage {});
        match resumption {
            SessionResumption::Off => config.send_tls13_tickets = 0,
            // Tickets hold the session at the client. The cache in memory is for clients without tickets: curl, and
            // everything that uses libcurl, disables tickets over TLS 1.2. TLS 1.3 handshakes never use the cache.
            SessionResumption::Tickets => {
                config.ticketer = self.ticketer.clone();
                config.session_storage = ServerSessionMemoryCache::new(SESSION_CACHE_SIZE);
            }
            SessionResumption::Sessions(count) => {
                config.session_storage = ServerSessionMemoryCache::new(count.get())
            }
        }
    }
}

fn versions(versions: TlsVersions) -> &'static [&'static SupportedProtocolVersion] {
    static BOTH: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS13, &rustls::version::TLS12];
    match versions {
        TlsVersions::Tls12And13 => &BOTH,
        TlsVersions::Tls13Only => &BOTH[..1],
    }
}

fn suite(suite: CipherSuite) -> SupportedCipherSuite {
    use {Aead as A, SuiteAuthentication as Auth};
    match suite {
        CipherSuite::Tls13(A::Aes256Gcm) => cipher_suite::TLS13_AES_256_GCM_SHA384,
        CipherSuite::Tls13(A::Aes128Gcm) => cipher_suite::TLS13_AES_128_GCM_SHA256,
        CipherSuite::Tls13(A::ChaCha20Poly1305) => cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        CipherSuite::Tls12(Auth::Ecdsa, A::Aes256Gcm) => cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        CipherSuite::Tls12(Auth::Ecdsa, A::Aes128Gcm) => cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::Tls12(Auth::Ecdsa, A::ChaCha20Poly1305) => {
            cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
        }
        CipherSuite::Tls12(Auth::Rsa, A::Aes256Gcm) => cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        CipherSuite::Tls12(Auth::Rsa, A::Aes128Gcm) => cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::Tls12(Auth::Rsa, A::ChaCha20Poly1305) => {
            cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
        }
    }
}

fn group(group: NamedGroup) -> &'static dyn SupportedKxGroup {
    match group {
        NamedGroup::X25519MlKem768 => kx_group::X25519MLKEM768,
        NamedGroup::X25519 => kx_group::X25519,
        NamedGroup::P256 => kx_group::SECP256R1,
        NamedGroup::P384 => kx_group::SECP384R1,
    }
}

/// Sessions in memory for each host, for clients without tickets; a few hundred bytes each.
const SESSION_CACHE_SIZE: usize = 1024;

const ALPN_H2: &[u8] = b"h2";
const ALPN_HTTP1: &[u8] = b"http/1.1";

/// For clients that offer nothing else, such as `curl --http1.0`; nginx accepts it too.
const ALPN_HTTP1_0: &[u8] = b"http/1.0";
