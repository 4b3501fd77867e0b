//! Counts TLS handshakes and logs requests that failed to parse.

use std::net::IpAddr;

use super::snapshot::Snapshot;
use crate::downstream::EarlyFailure;
use crate::downstream::connection::{DownstreamConnection, DownstreamSecurity};
use crate::downstream::handshake::HandshakeError;
use crate::telemetry::metrics::handshakes::{HandshakeFailureKind, NegotiatedParameters};

/// Logs a request that failed to parse, in the log of the default host of the listener, or counts a failed TLS
/// handshake.
pub(super) fn record_early_failure(snapshot: &Snapshot, listener: usize, peer: IpAddr, failure: &EarlyFailure) {
    match failure {
        EarlyFailure::RequestHead(status) => {
            snapshot.logs.log_of(snapshot.default_hosts[listener]).log_unparsed(peer, *status)
        }
        EarlyFailure::Handshake(error) => {
            if let (Some(metrics), Some(kind)) = (&snapshot.metrics, failure_kind(error)) {
                metrics.handshake_failed(kind);
            }
        }
    }
}

/// Counts a completed TLS handshake, if the model has a status endpoint.
pub(super) fn record_handshake(snapshot: &Snapshot, client: &DownstreamConnection) {
    let (Some(metrics), DownstreamSecurity::Tls { session: Some(session), .. }) =
        (&snapshot.metrics, &client.security)
    else {
        return;
    };
    if let Some(suite) = session.suite() {
        metrics.handshake_completed(NegotiatedParameters {
            suite,
            group: session.group(),
            kind: session.handshake_kind,
        });
    }
}

/// Returns the metric label of a handshake error; `None` for an ACME challenge, which is not a failure.
fn failure_kind(error: &HandshakeError) -> Option<HandshakeFailureKind> {
    Some(match error {
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
