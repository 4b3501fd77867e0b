//! The response body received from an upstream.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::error::UpstreamBodyError;
use super::http1::body::Http1ResponseBody;
use super::http2::body::Http2ResponseBody;

/// The body of an answer, as it comes.
pub struct UpstreamBody(UpstreamBodySource);

/// What brings the bytes.
enum UpstreamBodySource {
    /// An HTTP/1.1 connection that nobody else uses meanwhile.
    Connection(Http1ResponseBody),
    /// One stream of an HTTP/2 connection.
    Stream(Box<Http2ResponseBody>),
}

impl From<Http1ResponseBody> for UpstreamBody {
    fn from(body: Http1ResponseBody) -> UpstreamBody {
        UpstreamBody(UpstreamBodySource::Connection(body))
    }
}

impl From<Http2ResponseBody> for UpstreamBody {
    fn from(body: Http2ResponseBody) -> UpstreamBody {
        UpstreamBody(UpstreamBodySource::Stream(Box::new(body)))
    }
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = UpstreamBodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UpstreamBodyError>>> {
        match &mut self.get_mut().0 {
            UpstreamBodySource::Connection(body) => Pin::new(body).poll_frame(cx),
            UpstreamBodySource::Stream(body) => Pin::new(&mut **body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            UpstreamBodySource::Connection(body) => body.is_end_stream(),
            UpstreamBodySource::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            UpstreamBodySource::Connection(body) => body.size_hint(),
            UpstreamBodySource::Stream(body) => body.size_hint(),
        }
    }
}
