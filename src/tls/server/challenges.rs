//! Pending ACME challenge responses (HTTP-01 and TLS-ALPN-01).
//!
//! HTTP-01 is defined in RFC 8555 section 8.3, TLS-ALPN-01 in RFC 8737.
//!
//! All workers share the responses, and read them only for requests and handshakes that can come from an ACME server.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::server::ClientHello;

use crate::model::host::HostName;

/// Responses to pending ACME challenges, shared by all threads.
#[derive(Default)]
pub struct AcmeChallenges(RwLock<PendingChallenges>);

/// Keeps the responses of one order published until dropped.
pub struct ChallengeGuard<'a>(&'a AcmeChallenges);

/// Responses of the current order.
#[derive(Default)]
struct PendingChallenges {
    /// Key authorizations by token.
    http: HashMap<String, String>,
    /// Configurations with a challenge certificate, by host.
    tls: HashMap<HostName, Arc<ServerConfig>>,
}

impl AcmeChallenges {
    /// Starts publishing responses for one order. There is one order at a time.
    pub fn begin(&self) -> ChallengeGuard<'_> {
        ChallengeGuard(self)
    }

    /// Returns the response body for a request of `path`, if that is the path of a pending token.
    pub fn http_response(&self, path: &str) -> Option<String> {
        let token = path.strip_prefix(PREFIX)?;
        self.read(|pending| pending.http.get(token).cloned())
    }

    /// Returns the configuration for a TLS-ALPN-01 handshake with a pending host; `None` for any other handshake.
    pub fn tls_config(&self, hello: &ClientHello<'_>, name: Option<&HostName>) -> Option<Arc<ServerConfig>> {
        // RFC 8737 section 3: the ACME server offers this protocol and no other.
        let is_challenge = hello.alpn()?.eq([ALPN]);
        self.read(|pending| pending.tls.get(name.filter(|_| is_challenge)?).cloned())
    }

    fn read<T>(&self, f: impl FnOnce(&PendingChallenges) -> T) -> T {
        // The value is consistent even if a writer has panicked, so a poisoned lock is usable.
        f(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self, f: impl FnOnce(&mut PendingChallenges)) {
        f(&mut self.0.write().unwrap_or_else(PoisonError::into_inner));
    }
}

impl ChallengeGuard<'_> {
    /// Publishes the response to an HTTP-01 challenge.
    pub fn publish_http(&self, token: &str, content: &str) {
        self.0.write(|pending| {
            pending.http.insert(token.to_owned(), content.to_owned());
        });
    }

    /// Publishes the configuration that completes a TLS-ALPN-01 challenge of a host.
    pub fn publish_tls(&self, name: HostName, config: Arc<ServerConfig>) {
        self.0.write(|pending| {
            pending.tls.insert(name, config);
        });
    }
}

impl Drop for ChallengeGuard<'_> {
    fn drop(&mut self) {
        self.0.write(|pending| *pending = PendingChallenges::default());
    }
}

/// ALPN protocol of TLS-ALPN-01 challenges.
pub const ALPN: &[u8] = b"acme-tls/1";

const PREFIX: &str = "/.well-known/acme-challenge/";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_a_response_until_its_guard_is_dropped() {
        let challenges = AcmeChallenges::default();
        let path = "/.well-known/acme-challenge/tok-en_1";
        let guard = challenges.begin();
        assert_eq!(challenges.http_response(path), None);
        guard.publish_http("tok-en_1", "tok-en_1.thumb");
        assert_eq!(challenges.http_response(path).as_deref(), Some("tok-en_1.thumb"));
        for other in ["/.well-known/acme-challenge/", "/.well-known/acme-challenge/tok", "/tok-en_1"] {
            assert_eq!(challenges.http_response(other), None, "{other}");
        }
        drop(guard);
        assert_eq!(challenges.http_response(path), None);
    }
}
