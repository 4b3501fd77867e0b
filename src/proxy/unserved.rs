//! What happens before there is a request: handshakes, and heads that cannot be read.

use std::net::IpAddr;

use super::Proxy;
use crate::net::connection::{ClientConnection, ConnectionSecurity, Unserved};
use crate::net::tls::HandshakeFailure;
use crate::telemetry::handshakes::{Agreement, Fault};

impl Proxy {
    /// Notes a request whose head could not be read, in the log of the host that stands in for all others, and counts
    /// a handshake that failed.
    pub fn note_unserved(&self, listener: usize, peer: IpAddr, unserved: &Unserved) {
        match unserved {
            Unserved::Unreadable(status) => self.logs.of(self.fallbacks[listener]).unreadable(peer, *status),
            Unserved::NoHandshake(failure) => {
                if let (Some(tallies), Some(fault)) = (&self.tallies, fault(failure)) {
                    tallies.shaken_in_vain(fault);
                }
            }
        }
    }

    /// Counts a handshake that succeeded, if anybody can ask for the count.
    pub(super) fn count_handshake(&self, client: &ClientConnection) {
        let (Some(tallies), ConnectionSecurity::Tls { session: Some(session), .. }) =
            (&self.tallies, &client.security)
        else {
            return;
        };
        if let Some(suite) = session.suite() {
            tallies.agreed(Agreement { suite, group: session.group(), beginning: session.beginning });
        }
    }
}

/// `None` for what is no failure at all.
fn fault(failure: &HandshakeFailure) -> Option<Fault> {
    Some(match failure {
        HandshakeFailure::PlainHttp => Fault::PlainHttp,
        HandshakeFailure::TooSlow => Fault::TooSlow,
        HandshakeFailure::Challenge => return None,
        HandshakeFailure::BadClientCertificate(_) => Fault::ClientCertificate,
        HandshakeFailure::NothingInCommon(_) => Fault::NothingInCommon,
        HandshakeFailure::Refused(_) => Fault::ClientRefused,
        HandshakeFailure::Left(_) => Fault::Left,
        HandshakeFailure::Failed(_) => Fault::Broken,
    })
}
