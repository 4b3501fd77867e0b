//! How a host is encrypted: its certificates, what it offers to clients, and what it asks of them.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use super::ids::CertificateId;
use super::listener::HttpVersions;

/// Everything that TLS must know of a host. Hosts that share an address each have their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// At least one; of several, each client is shown the first that it can verify.
    pub certificates: Vec<CertificateId>,
    pub policy: TlsPolicy,
}

/// What is offered to clients, and asked of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsPolicy {
    pub versions: TlsVersions,
    pub http: HttpVersions,
    /// The best first. At least one for each version that is offered, and none for another.
    pub suites: Vec<CipherSuite>,
    pub order: CipherPreference,
    /// At least one. The client's order counts.
    pub groups: Vec<NamedGroup>,
    pub resumption: SessionResumption,
    pub clients: ClientAuth,
}

/// The TLS versions that are accepted; older ones do not exist here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsVersions {
    Tls12And13,
    Tls13Only,
}

/// How a connection is encrypted. All have forward secrecy and authenticated encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CipherSuite {
    Tls13(Aead),
    Tls12(SuiteAuthentication, Aead),
}

/// A cipher that also notices changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aead {
    Aes256Gcm,
    Aes128Gcm,
    ChaCha20Poly1305,
}

/// The kind of key that a certificate has. A suite of TLS 1.3 works with both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SuiteAuthentication {
    Ecdsa,
    Rsa,
}

/// Whose order of suites counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CipherPreference {
    Client,
    Server,
}

/// How both sides agree on a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedGroup {
    X25519MlKem768,
    X25519,
    P256,
    P384,
}

/// Whether a client that returns can shorten the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionResumption {
    Off,
    /// The client keeps the session, encrypted with a key of [`TicketKeySource`]. The server remembers only
    /// some sessions of TLS 1.2, for clients that take no tickets.
    Tickets,
    /// The server remembers this many sessions.
    Sessions(NonZeroUsize),
}

/// How a session began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandshakeKind {
    New,
    /// With a ticket of an earlier one, or because the server remembers that.
    Resumed,
}

/// Where the keys of tickets come from, for the whole process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TicketKeySource {
    /// Made by the process, exchanged every six hours, gone with it.
    Generated,
    /// A file with one or more keys of 80 bytes. The first seals, all of them open.
    File(PathBuf),
}

/// Whether clients are asked for certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientAuth {
    Off,
    Verify(ClientAuthPolicy),
}

/// Who vouches for clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientAuthPolicy {
    pub demand: ClientAuthMode,
    /// The certificates of the authorities, in PEM.
    pub ca: PathBuf,
    /// How many intermediate certificates may stand between a client's and an authority's.
    pub depth: u8,
    /// Revocation lists in PEM, for every authority and intermediate.
    pub crl: Option<PathBuf>,
}

/// Whether a client may do without a certificate. One that is wrong is never accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuthMode {
    Required,
    Optional,
}

impl TicketKeySource {
    /// The file of them, if they come from one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            TicketKeySource::Generated => None,
            TicketKeySource::File(file) => Some(file),
        }
    }
}

impl ClientAuth {
    /// Authorities, and revocation lists if there are any.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let authority = match self {
            ClientAuth::Off => None,
            ClientAuth::Verify(authority) => Some(authority),
        };
        authority.into_iter().flat_map(|it| [Some(it.ca.as_path()), it.crl.as_deref()]).flatten()
    }
}

impl TlsSettings {
    /// Whether a connection on these terms protects a request for a host on `others` as well.
    pub fn is_at_least_as_strict_as(&self, others: &TlsSettings) -> bool {
        let (own, other) = (&self.policy, &others.policy);
        own.versions == other.versions
            && own.suites == other.suites
            && own.groups == other.groups
            && own.clients == other.clients
    }

    /// Whether requests need a client certificate.
    pub fn requires_client_certificate(&self) -> bool {
        matches!(&self.policy.clients, ClientAuth::Verify(authority) if authority.demand == ClientAuthMode::Required)
    }
}

impl TlsVersions {
    /// Whether a version that is offered can use a suite.
    pub fn supports(self, suite: CipherSuite) -> bool {
        self == TlsVersions::Tls12And13 || suite.is_of_tls13()
    }
}

impl CipherSuite {
    /// All of them, the best first.
    pub const ALL: [CipherSuite; 9] = [
        CipherSuite::Tls13(Aead::Aes256Gcm),
        CipherSuite::Tls13(Aead::Aes128Gcm),
        CipherSuite::Tls13(Aead::ChaCha20Poly1305),
        CipherSuite::Tls12(SuiteAuthentication::Ecdsa, Aead::Aes256Gcm),
        CipherSuite::Tls12(SuiteAuthentication::Ecdsa, Aead::Aes128Gcm),
        CipherSuite::Tls12(SuiteAuthentication::Ecdsa, Aead::ChaCha20Poly1305),
        CipherSuite::Tls12(SuiteAuthentication::Rsa, Aead::Aes256Gcm),
        CipherSuite::Tls12(SuiteAuthentication::Rsa, Aead::Aes128Gcm),
        CipherSuite::Tls12(SuiteAuthentication::Rsa, Aead::ChaCha20Poly1305),
    ];

    /// The name that OpenSSL has for it, which administrators know.
    pub fn name(self) -> &'static str {
        use {Aead as A, SuiteAuthentication as By};
        match self {
            CipherSuite::Tls13(A::Aes256Gcm) => "TLS_AES_256_GCM_SHA384",
            CipherSuite::Tls13(A::Aes128Gcm) => "TLS_AES_128_GCM_SHA256",
            CipherSuite::Tls13(A::ChaCha20Poly1305) => "TLS_CHACHA20_POLY1305_SHA256",
            CipherSuite::Tls12(By::Ecdsa, A::Aes256Gcm) => "ECDHE-ECDSA-AES256-GCM-SHA384",
            CipherSuite::Tls12(By::Ecdsa, A::Aes128Gcm) => "ECDHE-ECDSA-AES128-GCM-SHA256",
            CipherSuite::Tls12(By::Ecdsa, A::ChaCha20Poly1305) => "ECDHE-ECDSA-CHACHA20-POLY1305",
            CipherSuite::Tls12(By::Rsa, A::Aes256Gcm) => "ECDHE-RSA-AES256-GCM-SHA384",
            CipherSuite::Tls12(By::Rsa, A::Aes128Gcm) => "ECDHE-RSA-AES128-GCM-SHA256",
            CipherSuite::Tls12(By::Rsa, A::ChaCha20Poly1305) => "ECDHE-RSA-CHACHA20-POLY1305",
        }
    }

    /// The suite of that name.
    pub fn from_name(name: &str) -> Option<CipherSuite> {
        CipherSuite::ALL.into_iter().find(|suite| suite.name() == name)
    }

    /// Whether it belongs to TLS 1.3, and not to 1.2.
    pub fn is_of_tls13(self) -> bool {
        matches!(self, CipherSuite::Tls13(_))
    }
}

impl NamedGroup {
    /// All of them. The first one withstands quantum computers, too.
    pub const ALL: [NamedGroup; 4] =
        [NamedGroup::X25519MlKem768, NamedGroup::X25519, NamedGroup::P256, NamedGroup::P384];

    pub fn name(self) -> &'static str {
        match self {
            NamedGroup::X25519MlKem768 => "X25519MLKEM768",
            NamedGroup::X25519 => "X25519",
            NamedGroup::P256 => "P-256",
            NamedGroup::P384 => "P-384",
        }
    }
}

impl ClientAuthPolicy {
    /// What nginx allows where nothing is said.
    pub const DEPTH: u8 = 1;
}
