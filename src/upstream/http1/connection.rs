//! One HTTP/1 connection to an application, driven by whoever uses it.
//!
//! An application may answer before it has read a whole upload, and close. The rest of the upload then
//! fails to be written although a complete answer is waiting to be read. So a broken write is not an error
//! by itself: nothing more is written, and the reading side tells how the story ends.

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

/// A connection. Nothing moves on it unless it is polled.
pub(crate) struct Http1ClientConnection {
    stream: UpstreamStream,
    inbox: ReadBuffer,
    /// The request under way, until the connection rests.
    outgoing: Option<RequestWriter>,
    writing: WriteState,
    /// Of the answer under way.
    body: BodyDecoder,
    persistence: Persistence,
    /// Lives as long as the connection: a timer that is set once serves many requests.
    silence: IdleTimer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WriteState {
    Open,
    /// The application takes no more.
    Stopped,
}

impl Http1ClientConnection {
    pub(crate) fn new(stream: UpstreamStream) -> Box<Http1ClientConnection> {
        Box::new(Http1ClientConnection {
            stream,
            inbox: ReadBuffer::new(INITIAL_READ_SIZE),
            outgoing: None,
            writing: WriteState::Open,
            body: BodyDecoder::Ended,
            persistence: Persistence::Persistent,
            // Each exchange restarts it with its route's limit.
            silence: IdleTimer::new(Duration::ZERO),
        })
    }

    /// Takes a request over. It is written when the connection is polled.
    pub(super) fn start_request(&mut self, request: RequestWriter) {
        self.silence.restart(request.options().read_timeout);
        self.outgoing = Some(request);
    }

    /// The request, to be sent anew on another connection, if that does no harm and nothing was answered.
    pub(super) fn take_retryable(&mut self) -> Option<RequestWriter> {
        if self.inbox.is_empty() { self.outgoing.take()?.restart() } else { None }
    }

    /// Sends what it can of the request, and waits for the head of the answer. Interim answers end here.
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
                    ready!(self.silence.poll_expired(cx));
                    return Poll::Ready(Err(UpstreamError::ResponseTimeout));
                }
            }
        }
    }

    /// The next part of the answer's body. What is left of the request goes out meanwhile.
    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UpstreamBodyError>>> {
        self.poll_send(cx).map_err(UpstreamBodyError::RequestBody)?;
        loop {
            let unreadable = |error| UpstreamBodyError::Connection(UpstreamConnectionError::Unreadable(error));
            if let Some(frame) = self.body.next(self.inbox.unread()).map_err(unreadable)? {
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
                    ready!(self.silence.poll_expired(cx));
                    return Poll::Ready(Some(Err(UpstreamBodyError::ReadTimeout)));
                }
            }
        }
    }

    /// Whether the answer's body has been read to its end.
    pub(super) fn is_response_complete(&self) -> bool {
        self.body.has_ended()
    }

    /// What is still to come of the answer's body.
    pub(super) fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }

    /// Makes it ready to wait for another request, unless the last one has left something behind.
    pub(super) fn prepare_idle(&mut self) -> bool {
        let is_sent = self.outgoing.take().is_none_or(|request| request.is_finished());
        let can_rest = is_sent
            && self.writing == WriteState::Open
            && self.persistence == Persistence::Persistent
            && self.body.has_ended()
            && self.inbox.is_empty();
        self.inbox.release();
        can_rest
    }

    /// Whether the application has left a resting connection as it was: it has neither closed nor spoken.
    pub(super) fn is_reusable(&mut self) -> bool {
        let mut byte = [0];
        let mut room = ReadBuf::new(&mut byte);
        // A task that has done much would be told that there is nothing, whatever there is.
        let look = pin!(unconstrained(poll_fn(|cx| Pin::new(&mut self.stream).poll_read(cx, &mut room))));
        look.poll(&mut Context::from_waker(Waker::noop())).is_pending()
    }

    /// The bare stream, with the bytes that were read from it beyond the last head.
    pub(super) fn into_parts(self) -> (UpstreamStream, Bytes) {
        (self.stream, self.inbox.into_unread())
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Result<(), RequestBodyFailure> {
        let Some(request) = self.outgoing.as_mut().filter(|_| self.writing == WriteState::Open) else {
            return Ok(());
        };
        if request.is_finished() {
            return Ok(());
        }
        let mut written = 0;
        let sent = request.poll_send(&mut self.stream, cx, &mut written);
        // While the client still sends, the application may well be silent. How long the client may pause is
        // not for this timer to say.
        if written > 0 || request.is_waiting_for_body() {
            self.silence.reset();
        }
        match sent {
            Poll::Ready(Err(RequestWriteError::Body(failure))) => Err(failure),
            Poll::Ready(Err(RequestWriteError::ConnectionBroken)) => {
                self.writing = WriteState::Stopped;
                Ok(())
            }
            Poll::Ready(Ok(())) | Poll::Pending => Ok(()),
        }
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, UpstreamConnectionError>> {
        let filled = ready!(self.inbox.poll_fill(&mut self.stream, cx));
        self.silence.reset();
        Poll::Ready(filled.map_err(UpstreamConnectionError::Io))
    }

    fn parse_head(&mut self) -> Result<Option<UpstreamResponseHead>, UpstreamError> {
        let Some(asked) =
            self.outgoing.as_ref().map(RequestWriter::requested_content).filter(|_| !self.inbox.is_empty())
        else {
            return Ok(None);
        };
        let parsed = response_head::parse(self.inbox.unread(), asked);
        parsed.map_err(|error| UpstreamError::Connection(UpstreamConnectionError::Unreadable(error)))
    }

    fn on_informational(&mut self, status: StatusCode) {
        if let Some(request) = self.outgoing.as_mut().filter(|_| status == StatusCode::CONTINUE) {
            request.release_body();
        }
    }
}

/// Bytes: a page of HTML with its head, mostly.
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

    /// A connection with TLS, and the application's end of it.
    async fn encrypted() -> (Box<Http1ClientConnection>, server::TlsStream<UnixStream>) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(vec!["app.test".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let provider = Arc::new(default_provider());
        let config = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
        let config = config.unwrap().with_no_client_auth().with_single_cert(vec![cert.der().clone()], key).unwrap();
        let name = HostName::parse("app.test").unwrap();
        let terms = UpstreamTlsSettings { name, trust: UpstreamTrust::Insecure, identity: None };
        let tls = UpstreamTlsClient::new(&terms, UpstreamProtocol::Http1, &provider).unwrap_or_else(|_| panic!());
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (stream, application) = tokio::join!(tls.connect(Either::Left(ours)), acceptor.accept(theirs));
        (Http1ClientConnection::new(Either::Right(Box::new(stream.unwrap()))), application.unwrap())
    }

    fn request_of_about(size: usize) -> RequestWriter {
        let headers =
            HeaderMap::from_iter([(http::header::COOKIE, HeaderValue::from_str(&"c".repeat(size)).unwrap())]);
        let headers = EndToEndHeaders::from_message(headers, |_| false);
        let head = UpstreamRequestHead { method: Method::GET, target: "/".parse().unwrap(), headers };
        let limit = Duration::from_secs(60);
        RequestWriter::new(UpstreamRequest::new(head, LimitedBody::default(), &HopMode::KeepAlive, limit))
    }

    async fn answer_when_all_has_come(application: &mut server::TlsStream<UnixStream>) {
        let mut last = [0; 4];
        while last != *b"\r\n\r\n" {
            last.rotate_left(1);
            last[3] = application.read_u8().await.unwrap();
        }
        application.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
    }

    #[tokio::test]
    async fn what_waits_within_tls_leaves_when_the_socket_takes_it() {
        // The buffer of the socket ends somewhere here, and that of TLS has room for two steps.
        for size in (60_000..420_000).step_by(30_000) {
            let (mut connection, mut application) = encrypted().await;
            connection.start_request(request_of_about(size));
            let mut head = pin!(poll_fn(|cx| connection.poll_head(cx)));
            assert!(poll_fn(|cx| Poll::Ready(head.as_mut().poll(cx).is_pending())).await);
            let both = async { tokio::join!(head, answer_when_all_has_come(&mut application)).0 };
            let head = tokio::time::timeout(Duration::from_secs(10), both).await.expect("all has come");
            assert!(head.is_ok_and(|head| head.status == 204), "{size}");
        }
    }
}
