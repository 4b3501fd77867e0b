//! Key exchange groups of the scenarios.

use std::fmt;

use rustls::NamedGroup;
use rustls::crypto::SupportedKxGroup;
use rustls::crypto::aws_lc_rs::kx_group::{X25519, X25519MLKEM768};

/// The key exchange group of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyGroup {
    /// Supported by every proxy.
    X25519,
    /// The post-quantum hybrid of X25519 and ML-KEM-768; OpenSSL supports it since 3.5.
    X25519MlKem768,
}

/// Error returned when the proxy negotiated another group because its TLS library lacks the requested one.
#[derive(Debug)]
pub(crate) struct UnsupportedGroup(pub(crate) KeyGroup);

impl KeyGroup {
    /// Returns the groups that clients offer: the group, and X25519 to detect proxies that lack it.
    pub(crate) fn offer(self) -> Vec<&'static dyn SupportedKxGroup> {
        match self {
            Self::X25519 => vec![X25519],
            Self::X25519MlKem768 => vec![X25519MLKEM768, X25519],
        }
    }

    pub(crate) fn name(self) -> NamedGroup {
        match self {
            Self::X25519 => NamedGroup::X25519,
            Self::X25519MlKem768 => NamedGroup::X25519MLKEM768,
        }
    }

    /// Returns the value of nginx's `ssl_ecdh_curve`. nginx does not start with a group that its library lacks;
    /// `auto` selects the groups of the library.
    pub(crate) fn nginx_curves(self) -> &'static str {
        match self {
            Self::X25519 => "X25519:prime256v1",
            Self::X25519MlKem768 => "auto",
        }
    }

    /// Returns the `ssl-default-bind-curves` directive of HAProxy, or a comment to keep the library's groups.
    pub(crate) fn haproxy_directive(self) -> &'static str {
        match self {
            Self::X25519 => "ssl-default-bind-curves X25519:P-256",
            Self::X25519MlKem768 => "# Groups: default of the library.",
        }
    }
}

impl fmt::Display for UnsupportedGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "its TLS library does not support {:?}", self.0.name())
    }
}

impl std::error::Error for UnsupportedGroup {}
