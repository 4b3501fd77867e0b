//! What was agreed on in a TLS handshake, in the words of OpenSSL that nginx's variables have.

use rustls::{CipherSuite, HandshakeKind, ProtocolVersion, ServerConnection};

/// What is known of an established session. Cheap: it is noted for each connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TlsSession {
    protocol: ProtocolVersion,
    suite: CipherSuite,
    pub beginning: Beginning,
}

/// How a session began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beginning {
    New,
    /// With a ticket of an earlier one.
    Resumed,
}

impl TlsSession {
    /// `None` before the handshake is complete.
    pub(super) fn of(connection: &ServerConnection) -> Option<TlsSession> {
        let resumed = connection.handshake_kind() == Some(HandshakeKind::Resumed);
        Some(TlsSession {
            protocol: connection.protocol_version()?,
            suite: connection.negotiated_cipher_suite()?.suite(),
            beginning: if resumed { Beginning::Resumed } else { Beginning::New },
        })
    }

    /// Such as `TLSv1.3`.
    pub fn protocol(&self) -> &'static str {
        match self.protocol {
            ProtocolVersion::TLSv1_3 => "TLSv1.3",
            _ => "TLSv1.2",
        }
    }

    /// Such as `ECDHE-RSA-AES128-GCM-SHA256`. `None` for a suite that came with a later rustls.
    pub fn cipher(&self) -> Option<&'static str> {
        SUITES.iter().find(|(suite, _)| *suite == self.suite).map(|(_, name)| *name)
    }
}

/// All that rustls has, with OpenSSL's names.
const SUITES: [(CipherSuite, &str); 9] = [
    (CipherSuite::TLS13_AES_256_GCM_SHA384, "TLS_AES_256_GCM_SHA384"),
    (CipherSuite::TLS13_AES_128_GCM_SHA256, "TLS_AES_128_GCM_SHA256"),
    (CipherSuite::TLS13_CHACHA20_POLY1305_SHA256, "TLS_CHACHA20_POLY1305_SHA256"),
    (CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "ECDHE-ECDSA-AES256-GCM-SHA384"),
    (CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "ECDHE-ECDSA-AES128-GCM-SHA256"),
    (CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE-ECDSA-CHACHA20-POLY1305"),
    (CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "ECDHE-RSA-AES256-GCM-SHA384"),
    (CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "ECDHE-RSA-AES128-GCM-SHA256"),
    (CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE-RSA-CHACHA20-POLY1305"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suite_of_the_program_has_a_name() {
        for suite in rustls::crypto::aws_lc_rs::DEFAULT_CIPHER_SUITES {
            let session =
                TlsSession { protocol: ProtocolVersion::TLSv1_2, suite: suite.suite(), beginning: Beginning::New };
            assert!(session.cipher().is_some(), "{suite:?}");
        }
    }
}
