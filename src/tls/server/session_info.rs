//! Negotiated TLS parameters under their OpenSSL names.
//!
//! nginx's `$ssl_*` variables have these names.

use rustls::{CipherSuite, ProtocolVersion, ServerConnection};

use crate::model::tls as model;
use crate::model::tls::{HandshakeKind, NamedGroup};

/// Negotiated protocol, cipher suite, group and handshake kind. Cheap to create, because every connection has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TlsSessionInfo {
    protocol: ProtocolVersion,
    suite: CipherSuite,
    group: Option<rustls::NamedGroup>,
    pub handshake_kind: HandshakeKind,
}

impl TlsSessionInfo {
    /// Reads the parameters of a connection; `None` before the handshake is complete.
    pub(crate) fn from_connection(connection: &ServerConnection) -> Option<TlsSessionInfo> {
        let resumed = connection.handshake_kind() == Some(rustls::HandshakeKind::Resumed);
        Some(TlsSessionInfo {
            protocol: connection.protocol_version()?,
            suite: connection.negotiated_cipher_suite()?.suite(),
            group: connection.negotiated_key_exchange_group().map(|group| group.name()),
            handshake_kind: if resumed { HandshakeKind::Resumed } else { HandshakeKind::New },
        })
    }

    /// Returns the protocol version, such as `TLSv1.3`.
    pub fn protocol(&self) -> &'static str {
        match self.protocol {
            ProtocolVersion::TLSv1_3 => "TLSv1.3",
            _ => "TLSv1.2",
        }
    }

    /// Returns the cipher suite; `None` for a suite that only a later rustls supports.
    pub fn suite(&self) -> Option<model::CipherSuite> {
        SUITES.iter().find(|(suite, _)| *suite == self.suite).map(|(_, suite)| *suite)
    }

    /// Returns the key exchange group; `None` for a resumed session without a key exchange.
    pub fn group(&self) -> Option<NamedGroup> {
        GROUPS.iter().find(|(group, _)| Some(*group) == self.group).map(|(_, group)| *group)
    }

    /// Returns OpenSSL's short name of the group, such as `prime256v1`.
    pub fn curve(&self) -> Option<&'static str> {
        self.group().map(|group| match group {
            NamedGroup::X25519MlKem768 | NamedGroup::X25519 => group.name(),
            NamedGroup::P256 => "prime256v1",
            NamedGroup::P384 => "secp384r1",
        })
    }
}

/// Cipher suites of rustls and of the model.
const SUITES: [(CipherSuite, model::CipherSuite); 9] = {
    use crate::model::tls::CipherSuite::{Tls12, Tls13};
    use crate::model::tls::{Aead as A, SuiteAuthentication as Auth};
    [
        (CipherSuite::TLS13_AES_256_GCM_SHA384, Tls13(A::Aes256Gcm)),
        (CipherSuite::TLS13_AES_128_GCM_SHA256, Tls13(A::Aes128Gcm)),
        (CipherSuite::TLS13_CHACHA20_POLY1305_SHA256, Tls13(A::ChaCha20Poly1305)),
        (CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, Tls12(Auth::Ecdsa, A::Aes256Gcm)),
        (CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, Tls12(Auth::Ecdsa, A::Aes128Gcm)),
        (CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, Tls12(Auth::Ecdsa, A::ChaCha20Poly1305)),
        (CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, Tls12(Auth::Rsa, A::Aes256Gcm)),
        (CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, Tls12(Auth::Rsa, A::Aes128Gcm)),
        (CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, Tls12(Auth::Rsa, A::ChaCha20Poly1305)),
    ]
};

/// Groups of rustls and of the model.
const GROUPS: [(rustls::NamedGroup, NamedGroup); 4] = [
    (rustls::NamedGroup::X25519MLKEM768, NamedGroup::X25519MlKem768),
    (rustls::NamedGroup::X25519, NamedGroup::X25519),
    (rustls::NamedGroup::secp256r1, NamedGroup::P256),
    (rustls::NamedGroup::secp384r1, NamedGroup::P384),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn session(suite: CipherSuite, group: rustls::NamedGroup) -> TlsSessionInfo {
        TlsSessionInfo {
            protocol: ProtocolVersion::TLSv1_2,
            suite,
            group: Some(group),
            handshake_kind: HandshakeKind::New,
        }
    }

    #[test]
    fn every_suite_and_group_of_the_provider_has_a_name() {
        for suite in rustls::crypto::aws_lc_rs::DEFAULT_CIPHER_SUITES {
            assert!(session(suite.suite(), rustls::NamedGroup::X25519).suite().is_some(), "{suite:?}");
        }
        for group in rustls::crypto::aws_lc_rs::DEFAULT_KX_GROUPS {
            let session = session(CipherSuite::TLS13_AES_256_GCM_SHA384, group.name());
            assert!(session.curve().is_some(), "{group:?}");
        }
    }
}
