//! Whether a connection lives on after a message (RFC 9112 section 9.3).

use http::Version;
use http::header::{self, HeaderMap};

use super::fields::tokens;

/// What the sender of a message wants of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Persistence {
    Persistent,
    Closing,
}

impl Persistence {
    pub(crate) fn of(version: Version, headers: &HeaderMap) -> Persistence {
        let says = |wish: &[u8]| {
            let mut wishes = headers.get_all(header::CONNECTION).iter().flat_map(tokens);
            wishes.any(|token| token.eq_ignore_ascii_case(wish))
        };
        let persists = match version {
            Version::HTTP_11 => !says(b"close"),
            _ => says(b"keep-alive") && !says(b"close"),
        };
        if persists { Persistence::Persistent } else { Persistence::Closing }
    }
}
