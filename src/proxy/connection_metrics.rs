//! What happens before there is a request: handshakes, and heads that cannot be read.

use std::net::IpAddr;

use super::snapshot::Snapshot;
use crate::downstream::EarlyFailure;
use crate::downstream::connection::{DownstreamConnection, DownstreamSecurity};
use crate::downstream::handshake::HandshakeError;
use crate::telemetry::metrics::handshakes::{HandshakeFailureKind, NegotiatedParameters};

/// Notes a request whose head could not be read, in the log of the host that stands in for all others, and counts
/// a handshake that failed.
pub(super) fn note_unserved(snapshot: &Snapshot, listener: usize, peer: IpAddr, unserved: &EarlyFailure) {
    match unserved {
        EarlyFailure::Unreadable(status) => {
            snapshot.logs.of(snapshot.fallbacks[listener]).unreadable(peer, *status)
        }
        EarlyFailure::NoHandshake(failure) => {
            if let (Some(tallies), Some(fault)) = (&snapshot.tallies, fault(failure)) {
                tallies.shaken_in_vain(fault);
            }
        }
    }
}

/// Counts a handshake that succeeded, if anybody can ask for the count.
pub(super) fn count_handshake(snapshot: &Snapshot, client: &DownstreamConnection) {
    let (Some(tallies), DownstreamSecurity::Tls { session: Some(session), .. }) =
        (&snapshot.tallies, &client.security)
    else {
        return;
    };
    if let Some(suite) = session.suite() {
        tallies.agreed(NegotiatedParameters { suite, group: session.group(), beginning: session.beginning });
    }
}

/// `None` for what is no failure at all.
fn fault(failure: &HandshakeError) -> Option<HandshakeFailureKind> {
    Some(match failure {
        HandshakeError::PlainHttp => HandshakeFailureKind::PlainHttp,
        HandshakeError::TooSlow => HandshakeFailureKind::TooSlow,
        HandshakeError::Challenge => return None,
        HandshakeError::BadClientCertificate(_) => HandshakeFailureKind::ClientCertificate,
        HandshakeError::NothingInCommon(_) => HandshakeFailureKind::NothingInCommon,
        HandshakeError::Refused(_) => HandshakeFailureKind::ClientRefused,
        HandshakeError::Left(_) => HandshakeFailureKind::Left,
        HandshakeError::Failed(_) => HandshakeFailureKind::Broken,
    })
}
