//! HTTP/1.1 connection polled by the exchange that uses it.
//!
//! An upstream may send its response and close before it has read the whole request body. Writing then fails while
//! a complete response is waiting to be read. A write error therefore only stops writing; the result of reading
//! decides the exchange.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{StatusCode, response};
use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::task::unconstrained;

use super::request_writer::{RequestWriteError, RequestWriter};
use super::response_head::{self, UpstreamResponseHead};
use crate::http1::body_decoder::BodyDecoder;
use crate::http1::persistence::Persistence;
use crate::http1::read_buffer::ReadBuffer;
use crate::net::idle_timer::IdleTimer;
use crate::upstream::connector::UpstreamStream;
use crate::upstream::error::{UpstreamBodyError, UpstreamConnectionError, UpstreamError};
use crate::upstream::request_body::RequestBodyFailure;

/// An HTTP/1.1 connection to an upstream. It reads and writes only while it is polled.
pub(crate) struct Http1ClientConnection {
    stream: UpstreamStream,
    read_buffer: ReadBuffer,
    /// The current request; `None` while the connection is idle.
    request: Option<RequestWriter>,
    write_state: WriteState,
    /// Decodes the body of the current response.
    body: BodyDecoder,
    persistence: Persistence,
    /// Owned by the connection and not by the exchange, so that one timer registration serves many requests.
    read_timer: IdleTimer,
}

/// Whether the upstream still accepts the request body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WriteState {
    Open,
    /// A write failed; nothing more is written.
    Stopped,
}

impl Http1ClientConnection {
    /// Creates an idle connection.
    pub(crate) fn new(stream: UpstreamStream) -> Box<Http1ClientConnection> {
        Box::new(Http1ClientConnection {
            stream,
            read_buffer: ReadBuffer::new(INITIAL_READ_SIZE),
            request: None,
            write_state: WriteState::Open,
            body: BodyDecoder::Ended,
            persistence: Persistence::Persistent,
            // Each exchange restarts the timer with the read timeout of its route.
            read_timer: IdleTimer::new(Duration::ZERO),
        })
    }

    /// Takes a request to send. It is written when the connection is polled.
    pub(super) fn start_request(&mut self, request: RequestWriter) {
        self.read_timer.restart(request.options().read_timeout);
        self.request = Some(request);
    }

    /// Returns the request if it may be sent on another connection: no byte of a response was received, and the
    /// request cannot take effect twice ([`RequestWriter::restart`]).
    pub(super) fn take_retryable(&mut self) -> Option<RequestWriter> {
        if self.read_buffer.is_empty() { self.request.take()?.restart() } else { None }
    }

    /// Writes as much of the request as the upstream accepts, and polls for the response head. Consumes 1xx
    /// responses except 101.
    pub(super) fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<response::Parts, UpstreamError>> {
        self.poll_send(cx).map_err(UpstreamError::RequestBody)?;
        loop {
            if let Some(UpstreamResponseHead { parts, body, persistence }) = self.parse_head()? {
                if parts.status.is_informational() && parts.status != StatusCode::SWITCHING_PROTOCOLS {
                    self.on_informational(parts.status);
                    self.poll_send(cx).map_err(UpstreamError::RequestBody)?;
                    continue;
                }
                (self.body, self.persistence) = (body, persistence);
                return Poll::Ready(Ok(parts));
            }
            match self.poll_fill(cx) {
                Poll::Ready(Ok(0)) => {
                    return Poll::Ready(Err(UpstreamError::Connection(UpstreamConnectionError::Closed)));
                }
                Poll::Ready(filled) => drop(filled.map_err(UpstreamError::Connection)?),
                Poll::Pending => {
                    ready!(self.read_timer.poll_expired(cx));
                    return Poll::Ready(Err(UpstreamError::ResponseTimeout));
                }
            }
        }
    }

    /// Polls for the next frame of the response body, and continues to write the request.
    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UpstreamBodyError>>> {
        self.poll_send(cx).map_err(UpstreamBodyError::RequestBody)?;
        loop {
            let parse_error = |error| UpstreamBodyError::Connection(UpstreamConnectionError::Parse(error));
            if let Some(frame) = self.body.next(self.read_buffer.unread()).map_err(parse_error)? {
                return Poll::Ready(Some(Ok(frame)));
            }
            if self.body.has_ended() {
                return Poll::Ready(None);
            }
            match self.poll_fill(cx) {
                Poll::Ready(Ok(0)) => {
                    self.body
                        .end_of_stream()
                        .map_err(|_| UpstreamBodyError::Connection(UpstreamConnectionError::Closed))?;
                }
                Poll::Ready(filled) => drop(filled.map_err(UpstreamBodyError::Connection)?),
                Poll::Pending => {
                    ready!(self.read_timer.poll_expired(cx));
                    return Poll::Ready(Some(Err(UpstreamBodyError::ReadTimeout)));
                }
            }
        }
    }

    /// Returns whether the response body has been read.
    pub(super) fn is_response_complete(&self) -> bool {
        self.body.has_ended()
    }

    /// Returns the remaining length of the response body, if it is known.
    pub(super) fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }

    /// Prepares the connection for reuse; returns whether it is reusable. It is not if the request or the response
    /// is incomplete, unexpected bytes were received, or the connection is not persistent.
    pub(super) fn prepare_idle(&mut self) -> bool {
        let is_sent = self.request.take().is_none_or(|request| request.is_finished());
        let is_reusable = is_sent
            && self.write_state == WriteState::Open
            && self.persistence == Persistence::Persistent
            && self.body.has_ended()
            && self.read_buffer.is_empty();
        self.read_buffer.release();
        is_reusable
    }

    /// Returns whether an idle connection is still open and has received nothing.
    pub(super) fn is_reusable(&mut self) -> bool {
        let mut byte = [0];
        let mut buffer = ReadBuf::new(&mut byte);
        // Polled outside tokio's cooperative budget: with an exhausted budget the socket returns `Pending` whatever
        // its state, and a closed connection would be reused.
        let read = pin!(unconstrained(poll_fn(|cx| Pin::new(&mut self.stream).poll_read(cx, &mut buffer))));
        read.poll(&mut Context::from_waker(Waker::noop())).is_pending()
    }

    /// Returns the stream and the bytes that were read from it after the last head.
    pub(super) fn into_parts(self) -> (UpstreamStream, Bytes) {
        (self.stream, self.read_buffer.into_unread())
    }

    /// Writes as much of the request as the upstream accepts. A write error only stops writing.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Result<(), RequestBodyFailure> {
        let Some(request) = self.request.as_mut().filter(|_| self.write_state == WriteState::Open) else {
            return Ok(());
        };
        if request.is_finished() {
            return Ok(());
        }
        let mut written = 0;
        let sent = request.poll_send(&mut self.stream, cx, &mut written);
        // The upstream may wait for the whole request body before it responds, so the read timeout does not run
        // during an upload. `client_timeout` limits the pauses of the client.
        if written > 0 || request.is_waiting_for_body() {
            self.read_timer.reset();
        }
        match sent {
            Poll::Ready(Err(RequestWriteError::Body(failure))) => Err(failure),
            Poll::Ready(Err(RequestWriteError::Connection)) => {
                self.write_state = WriteState::Stopped;
                Ok(())
            }
            Poll::Ready(Ok(())) | Poll::Pending => Ok(()),
        }
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, UpstreamConnectionError>> {
        let filled = ready!(self.read_buffer.poll_fill(&mut self.stream, cx));
        self.read_timer.reset();
        Poll::Ready(filled.map_err(UpstreamConnectionError::Io))
    }

    fn parse_head(&mut self) -> Result<Option<UpstreamResponseHead>, UpstreamError> {
        let Some(requested_content) =
            self.request.as_ref().map(RequestWriter::requested_content).filter(|_| !self.read_buffer.is_empty())
        else {
            return Ok(None);
        };
        let parsed = response_head::parse(self.read_buffer.unread(), requested_content);
        parsed.map_err(|error| UpstreamError::Connection(UpstreamConnectionError::Parse(error)))
    }

    /// Handles a 1xx response: 100 releases the request body, others are dropped.
    fn on_informational(&mut self, status: StatusCode) {
        if let Some(request) = self.request.as_mut().filter(|_| status == StatusCode::CONTINUE) {
            request.release_body();
        }
    }
}

/// Initial read size in bytes: holds most HTML pages with their head.
const INITIAL_READ_SIZE: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::{HeaderMap, HeaderValue, Method};
    use rustls::ServerConfig;
    use rustls::crypto::aws_lc_rs::default_provider;
    use rustls::pki_types::PrivateKeyDer;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixStream;
    use tokio_rustls::{TlsAcceptor, server};
    use tokio_util::either::Either;

    use super::*;
    use crate::model::headers::end_to_end::EndToEndHeaders;
    use crate::model::host::HostName;
    use crate::model::upstream::{UpstreamProtocol, UpstreamTlsSettings, UpstreamTrust};
    use crate::tls::upstream_client::UpstreamTlsClient;
    use crate::upstream::request::{HopMode, UpstreamRequest, UpstreamRequestHead};
    use crate::upstream::request_body::LimitedBody;

    /// Returns a connection with TLS, and the upstream's end of it.
    async fn connect_tls() -> (Box<Http1ClientConnection>, server::TlsStream<UnixStream>) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(vec!["app.test".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let provider = Arc::new(default_provider());
        let config = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
        let config = config.unwrap().with_no_client_auth().with_single_cert(vec![cert.der().clone()], key).unwrap();
        let name = HostName::parse("app.test").unwrap();
        let settings = UpstreamTlsSettings { name, trust: UpstreamTrust::Insecure, identity: None };
        let tls =
            UpstreamTlsClient::new(&settings, UpstreamProtocol::Http1, &provider).unwrap_or_else(|_| panic!());
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (stream, upstream) = tokio::join!(tls.connect(Either::Left(ours)), acceptor.accept(theirs));
        (Http1ClientConnection::new(Either::Right(Box::new(stream.unwrap()))), upstream.unwrap())
    }

    fn request_with_cookie(size: usize) -> RequestWriter {
        let headers =
            HeaderMap::from_iter([(http::header::COOKIE, HeaderValue::from_str(&"c".repeat(size)).unwrap())]);
        let headers = EndToEndHeaders::from_message(headers, |_| false);
        let head = UpstreamRequestHead { method: Method::GET, target: "/".parse().unwrap(), headers };
        let limit = Duration::from_secs(60);
        RequestWriter::new(UpstreamRequest::new(head, LimitedBody::default(), &HopMode::KeepAlive, limit))
    }

    async fn respond_after_request_head(upstream: &mut server::TlsStream<UnixStream>) {
        let mut last = [0; 4];
        while last != *b"\r\n\r\n" {
            last.rotate_left(1);
            last[3] = upstream.read_u8().await.unwrap();
        }
        upstream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
    }

    #[tokio::test]
    async fn bytes_buffered_by_tls_are_sent_when_the_socket_is_writable() {
        // The sizes cross the capacity of the socket buffer; the TLS buffer holds two steps.
        for size in (60_000..420_000).step_by(30_000) {
            let (mut connection, mut upstream) = connect_tls().await;
            connection.start_request(request_with_cookie(size));
            let mut head = pin!(poll_fn(|cx| connection.poll_head(cx)));
            assert!(poll_fn(|cx| Poll::Ready(head.as_mut().poll(cx).is_pending())).await);
            let both = async { tokio::join!(head, respond_after_request_head(&mut upstream)).0 };
            let head = tokio::time::timeout(Duration::from_secs(10), both)
                .await
                .expect("the upstream receives the whole request");
            assert!(head.is_ok_and(|head| head.status == 204), "{size}");
        }
    }
}
