//! Answers for an authority that asks whether hosts are ours, while it asks: over HTTP (RFC 8555 section 8.3) and
//! in a handshake (RFC 8737).
//!
//! All workers look here, but only for requests and handshakes that can be an authority's.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::server::ClientHello;

use crate::model::host::HostName;

/// What authorities are to be answered.
#[derive(Default)]
pub struct AcmeChallenges(RwLock<PendingChallenges>);

/// Keeps answers to the questions of one order for as long as it lives.
pub struct ChallengeGuard<'a>(&'a AcmeChallenges);

#[derive(Default)]
struct PendingChallenges {
    /// By token.
    files: HashMap<String, String>,
    handshakes: HashMap<HostName, Arc<ServerConfig>>,
}

impl AcmeChallenges {
    /// Begins to answer. One order is under way at a time.
    pub fn open(&self) -> ChallengeGuard<'_> {
        ChallengeGuard(self)
    }

    /// What is to be said to a request for `path`, if it is for a known token.
    pub fn file(&self, path: &str) -> Option<String> {
        let token = path.strip_prefix(PREFIX)?;
        self.read(|open| open.files.get(token).cloned())
    }

    /// On which terms to complete a handshake that an authority has begun for a known host.
    pub fn tls_config(&self, hello: &ClientHello<'_>, name: Option<&HostName>) -> Option<Arc<ServerConfig>> {
        // RFC 8737 section 3: it offers this protocol and no other.
        let is_question = hello.alpn()?.eq([ALPN]);
        self.read(|open| open.handshakes.get(name.filter(|_| is_question)?).cloned())
    }

    fn read<T>(&self, look: impl FnOnce(&PendingChallenges) -> T) -> T {
        // Nobody panics while writing, and if somebody did, what is there would still be right.
        look(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self, change: impl FnOnce(&mut PendingChallenges)) {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner));
    }
}

impl ChallengeGuard<'_> {
    /// A file below `/.well-known/acme-challenge/`.
    pub fn file(&self, token: &str, content: &str) {
        self.0.write(|open| {
            open.files.insert(token.to_owned(), content.to_owned());
        });
    }

    /// A handshake for a host.
    pub fn handshake(&self, name: HostName, terms: Arc<ServerConfig>) {
        self.0.write(|open| {
            open.handshakes.insert(name, terms);
        });
    }
}

impl Drop for ChallengeGuard<'_> {
    fn drop(&mut self) {
        self.0.write(|open| *open = PendingChallenges::default());
    }
}

/// The protocol that stands for such a question in ALPN.
pub const ALPN: &[u8] = b"acme-tls/1";

const PREFIX: &str = "/.well-known/acme-challenge/";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_answered_for_as_long_as_its_order_lasts() {
        let challenges = AcmeChallenges::default();
        let path = "/.well-known/acme-challenge/tok-en_1";
        let offered = challenges.open();
        assert_eq!(challenges.file(path), None);
        offered.file("tok-en_1", "tok-en_1.thumb");
        assert_eq!(challenges.file(path).as_deref(), Some("tok-en_1.thumb"));
        for other in ["/.well-known/acme-challenge/", "/.well-known/acme-challenge/tok", "/tok-en_1"] {
            assert_eq!(challenges.file(other), None, "{other}");
        }
        drop(offered);
        assert_eq!(challenges.file(path), None);
    }
}
