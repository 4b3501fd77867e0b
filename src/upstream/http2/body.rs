//! The body of an answer on an HTTP/2 stream.
//!
//! When it is dropped before its end the stream is reset, and the application stops working for a client
//! that has left.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::multiplexer::StreamPermit;
use crate::net::idle_timer::IdleTimer;
use crate::upstream::error::{UpstreamBodyError, UpstreamConnectionError};
use crate::upstream::request_body::UploadProgress;

/// The body of an answer on a stream.
pub(in crate::upstream) struct Http2ResponseBody {
    incoming: Incoming,
    silence: ReadTimeout,
    /// Gone once the body has ended.
    claim: Option<StreamPermit>,
}

/// The application's silence. While the client still sends, the application may well be silent.
pub(in crate::upstream) struct ReadTimeout {
    timer: IdleTimer,
    watch: UploadProgress,
    uploaded: u64,
}

impl Http2ResponseBody {
    pub(super) fn new(incoming: Incoming, silence: ReadTimeout, claim: StreamPermit) -> Http2ResponseBody {
        Http2ResponseBody { incoming, silence, claim: Some(claim) }
    }
}

impl ReadTimeout {
    pub(super) fn new(limit: Duration, watch: UploadProgress) -> ReadTimeout {
        ReadTimeout { timer: IdleTimer::new(limit), watch, uploaded: 0 }
    }

    pub(super) fn watch(&self) -> &UploadProgress {
        &self.watch
    }

    /// Ready when it has lasted too long.
    pub(super) fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.watch.uploaded() != self.uploaded {
            self.uploaded = self.watch.uploaded();
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
                this.silence.timer.reset();
                if frame.is_none() {
                    this.claim = None;
                }
                Poll::Ready(frame.map(|frame| {
                    frame.map_err(|error| UpstreamBodyError::Connection(UpstreamConnectionError::Stream(error)))
                }))
            }
            Poll::Pending => this.silence.poll_expired(cx).map(|()| Some(Err(UpstreamBodyError::ReadTimeout))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
