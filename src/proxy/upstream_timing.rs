//! Notes how asking an application goes, where the format of a log wants to know.

use super::error;
use crate::model::upstream::UpstreamAddress;
use crate::telemetry::access_log::custom_record::CustomRecord;
use crate::upstream::ConnectTiming;
use crate::upstream::error::UpstreamError;
use crate::upstream::request::UpstreamRequest;
use crate::upstream::response::UpstreamResponse;
use crate::upstream::response_body::UpstreamBody;

/// The notes of a request that is being passed on.
pub struct UpstreamLogScope<'a> {
    notes: &'a mut CustomRecord,
    pub attempt: ConnectTiming,
}

impl<'a> UpstreamLogScope<'a> {
    pub fn begin(
        notes: &'a mut CustomRecord,
        address: &UpstreamAddress,
        request: &UpstreamRequest,
    ) -> UpstreamLogScope<'a> {
        let watch = request.upload_progress();
        notes.upstream_started(address, Box::new(move || watch.uploaded()));
        UpstreamLogScope { notes, attempt: ConnectTiming::default() }
    }

    pub fn end(self, answer: &Result<UpstreamResponse<UpstreamBody>, UpstreamError>) {
        self.notes.upstream_connected(self.attempt.connected_in());
        match answer {
            Ok(UpstreamResponse::Response(response)) => {
                self.notes.upstream_responded(response.status(), response.headers())
            }
            Ok(UpstreamResponse::Upgraded(head, ..)) => self.notes.upstream_responded(head.status, &head.headers),
            Err(error) => self.notes.upstream_failed(error::upstream_status(error)),
        }
    }
}
