//! Response body of an HTTP/2 stream.
//!
//! If the body is dropped before its end, the stream is reset, so that the upstream stops working for a client that
//! has disconnected.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::multiplexer::StreamPermit;
use crate::net::idle_timer::IdleTimer;
use crate::upstream::error::{UpstreamBodyError, UpstreamConnectionError};
use crate::upstream::request_body::UploadProgress;

/// Response body of one stream; resets the stream when dropped early.
pub(in crate::upstream) struct Http2ResponseBody {
    incoming: Incoming,
    read_timeout: ReadTimeout,
    /// `None` after the end of the body.
    permit: Option<StreamPermit>,
}

/// Read timeout that restarts while the request body is being sent: an upstream may wait for the whole body before
/// it responds.
pub(in crate::upstream) struct ReadTimeout {
    timer: IdleTimer,
    upload: UploadProgress,
    /// Bytes of the request body that were sent at the last poll.
    uploaded: u64,
}

impl Http2ResponseBody {
    pub(super) fn new(incoming: Incoming, read_timeout: ReadTimeout, permit: StreamPermit) -> Http2ResponseBody {
        Http2ResponseBody { incoming, read_timeout, permit: Some(permit) }
    }
}

impl ReadTimeout {
    pub(super) fn new(limit: Duration, upload: UploadProgress) -> ReadTimeout {
        ReadTimeout { timer: IdleTimer::new(limit), upload, uploaded: 0 }
    }

    /// Returns the progress of the request body.
    pub(super) fn upload_progress(&self) -> &UploadProgress {
        &self.upload
    }

    /// Ready when the timeout has expired.
    pub(super) fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.upload.uploaded() != self.uploaded {
            self.uploaded = self.upload.uploaded();
            self.timer.reset();
        }
        self.timer.poll_expired(cx)
    }
}

impl Body for Http2ResponseBody {
    type Data = Bytes;
    type Error = UpstreamBodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UpstreamBodyError>>> {
        let this = self.get_mut();
        match Pin::new(&mut this.incoming).poll_frame(cx) {
            Poll::Ready(frame) => {
                this.read_timeout.timer.reset();
                if frame.is_none() {
                    this.permit = None;
                }
                Poll::Ready(frame.map(|frame| {
                    frame.map_err(|error| UpstreamBodyError::Connection(UpstreamConnectionError::Http2(error)))
                }))
            }
            Poll::Pending => this.read_timeout.poll_expired(cx).map(|()| Some(Err(UpstreamBodyError::ReadTimeout))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
