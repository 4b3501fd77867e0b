//! Local responses about the proxy itself: status endpoints and ACME challenges.

use http::request;

use super::error::ProxyError;
use super::local_response::{self, LocalResponse};
use super::snapshot::Snapshot;
use crate::model::route::StatusEndpoint;
use crate::telemetry::status;

/// What an authority is told that asks whether a host is ours. It may ask for names that no host has, and before
/// any redirect.
pub(super) fn acme_challenge_response(snapshot: &Snapshot, head: &request::Parts) -> Option<LocalResponse> {
    let content = snapshot.challenges.as_ref()?.http_response(head.uri.path())?;
    Some(local_response::text("application/octet-stream", content))
}

/// A page about the proxy itsnapshot.
pub(super) fn status_page(snapshot: &Snapshot, page: StatusEndpoint) -> Result<LocalResponse, ProxyError> {
    // Whoever has such a page counts.
    let sums = snapshot.metrics.as_ref().ok_or(ProxyError::NoRoute)?.snapshot();
    Ok(match page {
        StatusEndpoint::Connections => local_response::text("text/plain", status::stub_status(&sums)),
        StatusEndpoint::Metrics => {
            let page = status::prometheus(&sums, &snapshot.model, &snapshot.expiries.borrow());
            local_response::text("text/plain; version=0.0.4", page)
        }
    })
}
