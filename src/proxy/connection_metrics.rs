//! What happens before there is a request: handshakes, and heads that cannot be read.

use std::net::IpAddr;

use super::snapshot::Snapshot;
use crate::downstream::Unserved;
use crate::downstream::connection::{ClientConnection, ConnectionSecurity};
use crate::downstream::handshake::HandshakeFailure;
use crate::telemetry::metrics::handshakes::{Agreement, Fault};

/// Notes a request whose head could not be read, in the log of the host that stands in for all others, and counts
/// a handshake that failed.
pub(super) fn note_unserved(snapshot: &Snapshot, listener: usize, peer: IpAddr, unserved: &Unserved) {
    match unserved {
        Unserved::Unreadable(status) => snapshot.logs.of(snapshot.fallbacks[listener]).unreadable(peer, *status),
        Unserved::NoHandshake(failure) => {
            if let (Some(tallies), Some(fault)) = (&snapshot.tallies, fault(failure)) {
                tallies.shaken_in_vain(fault);
            }
        }
    }
}

/// Counts a handshake that succeeded, if anybody can ask for the count.
pub(super) fn count_handshake(snapshot: &Snapshot, client: &ClientConnection) {
    let (Some(tallies), ConnectionSecurity::Tls { session: Some(session), .. }) =
        (&snapshot.tallies, &client.security)
    else {
        return;
    };
    if let Some(suite) = session.suite() {
        tallies.agreed(Agreement { suite, group: session.group(), beginning: session.beginning });
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
