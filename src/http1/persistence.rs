//! Connection persistence (RFC 9112 section 9.3).

use http::Version;
use http::header::{self, HeaderMap};

use super::fields::tokens;

/// Whether a connection persists after a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Persistence {
    Persistent,
    Closing,
}

impl Persistence {
    /// Returns the persistence that the version and the `Connection` header of a message determine.
    pub(crate) fn from_headers(version: Version, headers: &HeaderMap) -> Persistence {
        let has_option = |option: &[u8]| {
            let mut options = headers.get_all(header::CONNECTION).iter().flat_map(tokens);
            options.any(|token| token.eq_ignore_ascii_case(option))
        };
        let persists = match version {
            Version::HTTP_11 => !has_option(b"close"),
            _ => has_option(b"keep-alive") && !has_option(b"close"),
        };
        if persists { Persistence::Persistent } else { Persistence::Closing }
    }
}
