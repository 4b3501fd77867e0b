//! Local responses about the proxy itself: ACME challenges and status endpoints.

use http::request;

use super::error::ProxyError;
use super::local_response::{self, LocalResponse};
use super::snapshot::Snapshot;
use crate::model::route::StatusEndpoint;
use crate::telemetry::status;

/// Returns the response to an HTTP-01 challenge request (RFC 8555 section 8.3); `None` if no such challenge is
/// pending.
///
/// The check precedes virtual hosts and redirects, because the CA may validate names that no virtual host has.
pub(super) fn acme_challenge_response(snapshot: &Snapshot, head: &request::Parts) -> Option<LocalResponse> {
    let content = snapshot.challenges.as_ref()?.http_response(head.uri.path())?;
    Some(local_response::text("application/octet-stream", content))
}

/// Returns the response of a status endpoint.
pub(super) fn status_page(snapshot: &Snapshot, endpoint: StatusEndpoint) -> Result<LocalResponse, ProxyError> {
    // Always present: a model with a status endpoint has metrics.
    let metrics = snapshot.metrics.as_ref().ok_or(ProxyError::NoRoute)?.snapshot();
    Ok(match endpoint {
        StatusEndpoint::Connections => local_response::text("text/plain", status::stub_status(&metrics)),
        StatusEndpoint::Metrics => {
            let text = status::prometheus(&metrics, &snapshot.model, &snapshot.expiries.borrow());
            local_response::text("text/plain; version=0.0.4", text)
        }
    })
}
