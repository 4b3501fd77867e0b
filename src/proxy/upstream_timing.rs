//! Records upstream timing for a custom log format.

use super::error;
use crate::model::upstream::UpstreamAddress;
use crate::telemetry::access_log::custom_record::CustomRecord;
use crate::upstream::ConnectTiming;
use crate::upstream::error::UpstreamError;
use crate::upstream::request::UpstreamRequest;
use crate::upstream::response::UpstreamResponse;
use crate::upstream::response_body::UpstreamBody;

/// Records upstream timing for a custom log format, from the start of a forwarded request to its response head.
pub struct UpstreamLogScope<'a> {
    record: &'a mut CustomRecord,
    pub timing: ConnectTiming,
}

impl<'a> UpstreamLogScope<'a> {
    /// Records the start of a request to an upstream.
    pub fn begin(
        record: &'a mut CustomRecord,
        address: &UpstreamAddress,
        request: &UpstreamRequest,
    ) -> UpstreamLogScope<'a> {
        let upload = request.upload_progress();
        record.upstream_started(address, Box::new(move || upload.uploaded()));
        UpstreamLogScope { record, timing: ConnectTiming::default() }
    }

    /// Records the response head or the error.
    pub fn end(self, result: &Result<UpstreamResponse<UpstreamBody>, UpstreamError>) {
        self.record.upstream_connected(self.timing.connected_in());
        match result {
            Ok(UpstreamResponse::Response(response)) => {
                self.record.upstream_responded(response.status(), response.headers())
            }
            Ok(UpstreamResponse::Upgraded(head, ..)) => self.record.upstream_responded(head.status, &head.headers),
            Err(error) => self.record.upstream_failed(error::upstream_status(error)),
        }
    }
}
