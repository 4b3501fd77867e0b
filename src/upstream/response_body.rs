//! The response body received from an upstream.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::error::UpstreamBodyError;
use super::http1::body::Http1ResponseBody;
use super::http2::body::Http2ResponseBody;

/// Response body from an HTTP/1.1 connection or an HTTP/2 stream.
pub struct UpstreamBody(UpstreamBodySource);

/// The protocol-specific body.
enum UpstreamBodySource {
    /// Owns its HTTP/1.1 connection.
    Http1(Http1ResponseBody),
    /// One stream of an HTTP/2 connection.
    Http2(Box<Http2ResponseBody>),
}

impl From<Http1ResponseBody> for UpstreamBody {
    fn from(body: Http1ResponseBody) -> UpstreamBody {
        UpstreamBody(UpstreamBodySource::Http1(body))
    }
}

impl From<Http2ResponseBody> for UpstreamBody {
    fn from(body: Http2ResponseBody) -> UpstreamBody {
        UpstreamBody(UpstreamBodySource::Http2(Box::new(body)))
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
            UpstreamBodySource::Http1(body) => Pin::new(body).poll_frame(cx),
            UpstreamBodySource::Http2(body) => Pin::new(&mut **body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            UpstreamBodySource::Http1(body) => body.is_end_stream(),
            UpstreamBodySource::Http2(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            UpstreamBodySource::Http1(body) => body.size_hint(),
            UpstreamBodySource::Http2(body) => body.size_hint(),
        }
    }
}
