//! What happens before there is a request: handshakes, and heads that cannot be read.

use std::net::IpAddr;

use super::snapshot::Snapshot;
use crate::downstream::EarlyFailure;
use crate::downstream::connection::{DownstreamConnection, DownstreamSecurity};
use crate::downstream::handshake::HandshakeError;
use crate::telemetry::metrics::handshakes::{HandshakeFailureKind, NegotiatedParameters};

/// Notes a request whose head could not be read, in the log of the host that stands in for all others, and counts
/// a handshake that failed.
pub(super) fn record_early_failure(snapshot: &Snapshot, listener: usize, peer: IpAddr, unserved: &EarlyFailure) {
    match unserved {
        EarlyFailure::RequestHead(status) => {
            snapshot.logs.of(snapshot.default_hosts[listener]).log_unparsed(peer, *status)
        }
        EarlyFailure::Handshake(failure) => {
            if let (Some(tallies), Some(fault)) = (&snapshot.metrics, failure_kind(failure)) {
                tallies.handshake_failed(fault);
            }
        }
    }
}

/// Counts a handshake that succeeded, if anybody can ask for the count.
pub(super) fn record_handshake(snapshot: &Snapshot, client: &DownstreamConnection) {
    let (Some(tallies), DownstreamSecurity::Tls { session: Some(session), .. }) =
        (&snapshot.metrics, &client.security)
    else {
        return;
    };
    if let Some(suite) = session.suite() {
        tallies.handshake_completed(NegotiatedParameters {
            suite,
            group: session.group(),
            kind: session.handshake_kind,
        });
    }
}

/// `None` for what is no failure at all.
fn failure_kind(failure: &HandshakeError) -> Option<HandshakeFailureKind> {
    Some(match failure {
        HandshakeError::PlainHttp => HandshakeFailureKind::PlainHttp,
        HandshakeError::Timeout => HandshakeFailureKind::Timeout,
        HandshakeError::AcmeChallenge => return None,
        HandshakeError::BadClientCertificate(_) => HandshakeFailureKind::ClientCertificate,
        HandshakeError::NoCommonParameters(_) => HandshakeFailureKind::NoCommonParameters,
        HandshakeError::AlertReceived(_) => HandshakeFailureKind::AlertReceived,
        HandshakeError::ClientDisconnected(_) => HandshakeFailureKind::ClientDisconnected,
        HandshakeError::Failed(_) => HandshakeFailureKind::Error,
    })
}
