//! Parses a request head.
//!
//! The head decides the framing of the body and the persistence of the connection.

use std::mem::MaybeUninit;

use bytes::Bytes;
use http::header;
use http::{Method, Request, StatusCode, Uri, Version, request};
use httparse::{ParserConfig, Status};

use crate::http1::body_decoder::BodyDecoder;
use crate::http1::fields::{MAX_HEAD, MAX_HEADERS, collect, content_length, is_chunked, tokens};
use crate::http1::parse_error::Http1ParseError;
use crate::http1::persistence::Persistence;

/// A parsed request head with its body framing.
pub(super) struct Http1RequestHead {
    pub(super) parts: request::Parts,
    pub(super) body: BodyDecoder,
    pub(super) persistence: Persistence,
    pub(super) continue_state: ContinueState,
}

/// Whether `100 Continue` is not expected, pending, or requested (RFC 9110 section 10.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ContinueState {
    /// The client does not wait, or has been sent `100 Continue`.
    NotExpected,
    /// The client waits; the body has not been read yet.
    Pending,
    /// The body is being read: the connection task has to send `100 Continue`.
    Requested,
}

/// Incremental request head parser. Remembers how much of a head was searched for its end, so that a head that
/// arrives in single bytes is not parsed for each of them.
#[derive(Default)]
pub(super) struct HeadParser {
    /// Bytes of an incomplete head.
    seen: usize,
}

impl HeadParser {
    /// Splits a head off the unread bytes; `None` while it is incomplete.
    pub(super) fn read(&mut self, unread: &mut Bytes) -> Result<Option<Http1RequestHead>, Http1ParseError> {
        if self.seen > 0 && unread.len() < MAX_HEAD && !has_end(unread, self.seen) {
            self.seen = unread.len();
            return Ok(None);
        }
        let head = parse(unread)?;
        self.seen = if head.is_none() { unread.len() } else { 0 };
        Ok(head)
    }
}

/// Returns the status for a request head that failed to parse: 431 if it is too large, else 400.
pub(super) fn status_of(error: Http1ParseError) -> StatusCode {
    match error {
        Http1ParseError::HeadTooLarge | Http1ParseError::Head(httparse::Error::TooManyHeaders) => {
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
        }
        _ => StatusCode::BAD_REQUEST,
    }
}

/// Returns whether the bytes after the first `seen` can complete an empty line.
fn has_end(unread: &[u8], seen: usize) -> bool {
    let fresh = &unread[seen.saturating_sub(2).min(unread.len())..];
    // The parser accepts a bare LF as the end of a line.
    fresh.windows(2).any(|pair| pair == b"\n\n" || pair == b"\n\r")
}

/// Parses a head and splits it off; `None` while it is incomplete.
fn parse(unread: &mut Bytes) -> Result<Option<Http1RequestHead>, Http1ParseError> {
    let mut fields = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut text = httparse::Request::new(&mut []);
    let parsed = ParserConfig::default().parse_request_with_uninit_headers(&mut text, unread, &mut fields);
    let length = match parsed.map_err(Http1ParseError::Head)? {
        Status::Complete(length) if length <= MAX_HEAD => length,
        Status::Partial if unread.len() < MAX_HEAD => return Ok(None),
        Status::Complete(_) | Status::Partial => return Err(Http1ParseError::HeadTooLarge),
    };
    let mut parts = Request::new(()).into_parts().0;
    parts.method =
        text.method.and_then(|it| Method::from_bytes(it.as_bytes()).ok()).ok_or(Http1ParseError::Method)?;
    parts.uri = target(&parts.method, text.path.unwrap_or_default(), unread)?;
    parts.version = if text.version == Some(1) { Version::HTTP_11 } else { Version::HTTP_10 };
    parts.headers = collect(text.headers, unread)?;
    let (body, persistence) = frame(&mut parts)?;
    let _ = unread.split_to(length);
    let continue_state = continue_state(&parts, &body);
    Ok(Some(Http1RequestHead { parts, body, persistence, continue_state }))
}

/// Parses the request target without copying it.
fn target(method: &Method, path: &str, text: &Bytes) -> Result<Uri, Http1ParseError> {
    // RFC 9112 section 3.2: only CONNECT has the authority form.
    let has_form = path.starts_with('/') || path.contains("://") || path == "*" || *method == Method::CONNECT;
    if !has_form {
        return Err(Http1ParseError::Target);
    }
    Uri::from_maybe_shared(text.slice_ref(path.as_bytes())).map_err(|_| Http1ParseError::Target)
}

/// Returns the framing of the body (RFC 9112 section 6.3) and whether another request may follow.
fn frame(parts: &mut request::Parts) -> Result<(BodyDecoder, Persistence), Http1ParseError> {
    let length = content_length(&mut parts.headers)?;
    // The bytes after CONNECT belong to a tunnel that does not open; they must not be read as a request.
    let persistence = match parts.method {
        Method::CONNECT => Persistence::Closing,
        _ => Persistence::from_headers(parts.version, &parts.headers),
    };
    if !is_chunked(&parts.headers)? {
        return Ok((length.map_or(BodyDecoder::Ended, BodyDecoder::with_length), persistence));
    }
    if parts.version == Version::HTTP_10 {
        return Err(Http1ParseError::TransferEncoding);
    }
    // An intermediary before the proxy may have used the length instead. The bytes after the body cannot be trusted
    // then (RFC 9112 section 6.1).
    let is_ambiguous = parts.headers.remove(header::CONTENT_LENGTH).is_some();
    Ok((BodyDecoder::chunked(), if is_ambiguous { Persistence::Closing } else { persistence }))
}

/// Returns the `Expect: 100-continue` state of a request. HTTP/1.0 clients and requests without a body expect
/// nothing.
fn continue_state(parts: &request::Parts, body: &BodyDecoder) -> ContinueState {
    let mut expectations = parts.headers.get_all(header::EXPECT).iter().flat_map(tokens);
    let is_expected = parts.version == Version::HTTP_11
        && !body.has_ended()
        && expectations.any(|expectation| expectation.eq_ignore_ascii_case(b"100-continue"));
    if is_expected { ContinueState::Pending } else { ContinueState::NotExpected }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &'static str) -> Http1RequestHead {
        parse(&mut Bytes::from_static(text.as_bytes())).unwrap().unwrap()
    }

    #[test]
    fn bytes_after_the_head_stay_unread() {
        let mut unread = Bytes::from_static(b"\r\nPOST /a?b HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\nok");
        let head = parse(&mut unread).unwrap().unwrap();
        assert_eq!((head.parts.method, head.parts.uri.path()), (Method::POST, "/a"));
        assert_eq!(head.parts.headers["host"], "h");
        assert_eq!(head.body, BodyDecoder::with_length(2));
        assert_eq!(unread, "ok");
    }

    #[test]
    fn head_fields_select_the_body_framing() {
        let cases = [
            ("GET / HTTP/1.1\r\n\r\n", BodyDecoder::Ended, Persistence::Persistent),
            ("GET / HTTP/1.0\r\n\r\n", BodyDecoder::Ended, Persistence::Closing),
            (
                "PUT / HTTP/1.1\r\ncontent-length: 4, 4\r\n\r\n",
                BodyDecoder::with_length(4),
                Persistence::Persistent,
            ),
            (
                "PUT / HTTP/1.1\r\ntransfer-encoding: Chunked\r\n\r\n",
                BodyDecoder::chunked(),
                Persistence::Persistent,
            ),
            (
                "PUT / HTTP/1.1\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n",
                BodyDecoder::chunked(),
                Persistence::Closing,
            ),
        ];
        for (text, body, persistence) in cases {
            let head = whole(text);
            assert_eq!((head.body, head.persistence), (body, persistence), "{text}");
        }
    }

    #[test]
    fn ambiguous_heads_are_rejected() {
        let texts = [
            "GET / HTTP/1.1\r\ncontent-length: 7\r\ncontent-length: 8\r\n\r\n",
            "GET / HTTP/1.1\r\ncontent-length: 7,\r\n\r\n",
            "GET / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n",
            "GET / HTTP/1.1\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
            "GET / HTTP/1.1\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n",
            "GET / HTTP/1.1\r\nhost : h\r\n\r\n",
            "GET / HTTP/1.1\r\na: b\r\n c\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ];
        for text in texts {
            assert!(parse(&mut Bytes::from_static(text.as_bytes())).is_err(), "{text}");
        }
    }

    #[test]
    fn continue_is_pending_only_for_http11_requests_with_a_body() {
        let expecting = |line: &str, length: u32| {
            let text = format!("{line}\r\nexpect: 100-Continue\r\ncontent-length: {length}\r\n\r\n");
            parse(&mut Bytes::from(text)).unwrap().unwrap().continue_state
        };
        assert_eq!(expecting("PUT / HTTP/1.1", 4), ContinueState::Pending);
        assert_eq!(expecting("PUT / HTTP/1.1", 0), ContinueState::NotExpected);
        assert_eq!(expecting("PUT / HTTP/1.0", 4), ContinueState::NotExpected);
    }

    #[test]
    fn a_head_is_parsed_at_any_fragmentation() {
        for text in ["GET / HTTP/1.1\r\nhost: h\r\n\r\nGET", "GET / HTTP/1.1\nhost: h\n\nGET"] {
            for piece in 1..text.len() {
                let (mut parser, mut unread, mut count) = (HeadParser::default(), Bytes::new(), 0);
                for part in text.as_bytes().chunks(piece) {
                    unread = Bytes::from([&unread, part].concat());
                    count += usize::from(parser.read(&mut unread).unwrap().is_some());
                }
                assert_eq!((count, unread.as_ref()), (1, &b"GET"[..]), "in pieces of {piece}");
            }
        }
    }

    #[test]
    fn a_head_above_the_size_limit_gets_431() {
        let mut parser = HeadParser::default();
        let mut endless = Bytes::from_static(b"GET / HTTP/1.1\r\na: ");
        assert!(parser.read(&mut endless).unwrap().is_none());
        let mut endless = Bytes::from([&endless[..], &[b'b'; MAX_HEAD]].concat());
        let error = parser.read(&mut endless).err().unwrap();
        assert_eq!(status_of(error), 431);
    }
}
