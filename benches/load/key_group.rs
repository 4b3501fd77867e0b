//! The group in which client and proxy agree on the keys of a connection.

use std::fmt;

use rustls::NamedGroup;
use rustls::crypto::SupportedKxGroup;
use rustls::crypto::aws_lc_rs::kx_group::{X25519, X25519MLKEM768};

/// The groups that the scenarios compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyGroup {
    /// Every proxy has it.
    X25519,
    /// The same and a key encapsulation that withstands quantum computers. OpenSSL has it since 3.5.
    X25519MlKem768,
}

/// The proxy's library does not have the group, and the proxy agreed on another one.
#[derive(Debug)]
pub(crate) struct LacksGroup(pub(crate) KeyGroup);

impl KeyGroup {
    /// What clients offer: the group, and one for a proxy that lacks it, so that this can be told.
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

    /// What nginx is told. It does not start with a group that its library lacks; by itself it takes those
    /// that the library has.
    pub(crate) fn for_nginx(self) -> &'static str {
        match self {
            Self::X25519 => "X25519:prime256v1",
            Self::X25519MlKem768 => "auto",
        }
    }

    /// The line that HAProxy is told, for the same reason perhaps none.
    pub(crate) fn for_haproxy(self) -> &'static str {
        match self {
            Self::X25519 => "ssl-default-bind-curves X25519:P-256",
            Self::X25519MlKem768 => "# The groups are the library's.",
        }
    }
}

impl fmt::Display for LacksGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "its TLS library does not have {:?}", self.0.name())
    }
}

impl std::error::Error for LacksGroup {}
