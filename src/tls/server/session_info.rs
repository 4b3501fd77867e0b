//! What was agreed on in a TLS handshake, in the words of OpenSSL that nginx's variables have.

use rustls::{CipherSuite, ProtocolVersion, ServerConnection};

use crate::model::tls as model;
use crate::model::tls::{HandshakeKind, NamedGroup};

/// What is known of an established session. Cheap: it is noted for each connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TlsSessionInfo {
    protocol: ProtocolVersion,
    suite: CipherSuite,
    group: Option<rustls::NamedGroup>,
    pub beginning: HandshakeKind,
}

impl TlsSessionInfo {
    /// `None` before the handshake is complete.
    pub(crate) fn of(connection: &ServerConnection) -> Option<TlsSessionInfo> {
        let resumed = connection.handshake_kind() == Some(rustls::HandshakeKind::Resumed);
        Some(TlsSessionInfo {
            protocol: connection.protocol_version()?,
            suite: connection.negotiated_cipher_suite()?.suite(),
            group: connection.negotiated_key_exchange_group().map(|group| group.name()),
            beginning: if resumed { HandshakeKind::Resumed } else { HandshakeKind::New },
        })
    }

    /// Such as `TLSv1.3`.
    pub fn protocol(&self) -> &'static str {
        match self.protocol {
            ProtocolVersion::TLSv1_3 => "TLSv1.3",
            _ => "TLSv1.2",
        }
    }

    /// `None` for a suite that came with a later rustls.
    pub fn suite(&self) -> Option<model::CipherSuite> {
        SUITES.iter().find(|(suite, _)| *suite == self.suite).map(|(_, suite)| *suite)
    }

    /// How the key was agreed on. `None` where an earlier session's is used again.
    pub fn group(&self) -> Option<NamedGroup> {
        GROUPS.iter().find(|(group, _)| Some(*group) == self.group).map(|(_, group)| *group)
    }

    /// Such as `prime256v1`: OpenSSL's short name of the group.
    pub fn curve(&self) -> Option<&'static str> {
        self.group().map(|group| match group {
            NamedGroup::X25519MlKem768 | NamedGroup::X25519 => group.name(),
            NamedGroup::P256 => "prime256v1",
            NamedGroup::P384 => "secp384r1",
        })
    }
}

/// What rustls calls it, and what it is here.
const SUITES: [(CipherSuite, model::CipherSuite); 9] = {
    use crate::model::tls::CipherSuite::{Tls12, Tls13};
    use crate::model::tls::{Aead as A, SuiteAuthentication as By};
    [
        (CipherSuite::TLS13_AES_256_GCM_SHA384, Tls13(A::Aes256Gcm)),
        (CipherSuite::TLS13_AES_128_GCM_SHA256, Tls13(A::Aes128Gcm)),
        (CipherSuite::TLS13_CHACHA20_POLY1305_SHA256, Tls13(A::ChaCha20Poly1305)),
        (CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, Tls12(By::Ecdsa, A::Aes256Gcm)),
        (CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, Tls12(By::Ecdsa, A::Aes128Gcm)),
        (CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, Tls12(By::Ecdsa, A::ChaCha20Poly1305)),
        (CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, Tls12(By::Rsa, A::Aes256Gcm)),
        (CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, Tls12(By::Rsa, A::Aes128Gcm)),
        (CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, Tls12(By::Rsa, A::ChaCha20Poly1305)),
    ]
};

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
            beginning: HandshakeKind::New,
        }
    }

    #[test]
    fn every_suite_and_group_of_the_program_has_a_name() {
        for suite in rustls::crypto::aws_lc_rs::DEFAULT_CIPHER_SUITES {
            assert!(session(suite.suite(), rustls::NamedGroup::X25519).suite().is_some(), "{suite:?}");
        }
        for group in rustls::crypto::aws_lc_rs::DEFAULT_KX_GROUPS {
            let session = session(CipherSuite::TLS13_AES_256_GCM_SHA384, group.name());
            assert!(session.curve().is_some(), "{group:?}");
        }
    }
}
