//! Notes how asking an application goes, where the format of a log wants to know.

use super::error;
use crate::model::upstream::UpstreamAddress;
use crate::telemetry::access_log::custom_record::Notes;
use crate::upstream::Attempt;
use crate::upstream::error::UpstreamError;
use crate::upstream::request::UpstreamRequest;
use crate::upstream::response::Answer;
use crate::upstream::response_body::AnswerBody;

/// The notes of a request that is being passed on.
pub struct Noting<'a> {
    notes: &'a mut Notes,
    pub attempt: Attempt,
}

impl<'a> Noting<'a> {
    pub fn begin(notes: &'a mut Notes, address: &UpstreamAddress, request: &UpstreamRequest) -> Noting<'a> {
        let watch = request.watch();
        notes.asking(address, Box::new(move || watch.uploaded()));
        Noting { notes, attempt: Attempt::default() }
    }

    pub fn end(self, answer: &Result<Answer<AnswerBody>, UpstreamError>) {
        self.notes.connected(self.attempt.connected_in());
        match answer {
            Ok(Answer::Response(response)) => self.notes.heard(response.status(), response.headers()),
            Ok(Answer::Switched(head, ..)) => self.notes.heard(head.status, &head.headers),
            Err(error) => self.notes.failed(error::upstream_status(error)),
        }
    }
}
