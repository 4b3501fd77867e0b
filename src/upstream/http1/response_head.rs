//! Parses a response head.
//!
//! The head also decides the framing of the body and whether the connection persists.

use std::mem::MaybeUninit;

use bytes::Bytes;
use http::header;
use http::{Response, StatusCode, Version, response};
use httparse::{ParserConfig, Status};
use hyper::ext::ReasonPhrase;

use crate::http1::body_decoder::BodyDecoder;
use crate::http1::fields::{MAX_HEAD, MAX_HEADERS, collect, content_length, is_chunked};
use crate::http1::parse_error::Http1ParseError;
use crate::http1::persistence::Persistence;

/// A parsed response head with its body framing.
pub(super) struct UpstreamResponseHead {
    pub(super) parts: response::Parts,
    pub(super) body: BodyDecoder,
    pub(super) persistence: Persistence,
}

/// Whether the request was HEAD, whose response has no body (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestedContent {
    HeadOnly,
    HeadAndBody,
}

/// Splits a response head off the received bytes; `None` while it is incomplete.
///
/// # Errors
///
/// If the head is invalid, larger than [`MAX_HEAD`] bytes, or has ambiguous framing.
pub(super) fn parse(
    unread: &mut Bytes,
    requested_content: RequestedContent,
) -> Result<Option<UpstreamResponseHead>, Http1ParseError> {
    let mut fields = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut text = httparse::Response::new(&mut []);
    let parsed = parser().parse_response_with_uninit_headers(&mut text, unread, &mut fields);
    let length = match parsed.map_err(Http1ParseError::Head)? {
        Status::Complete(length) if length <= MAX_HEAD => length,
        Status::Partial if unread.len() < MAX_HEAD => return Ok(None),
        Status::Complete(_) | Status::Partial => return Err(Http1ParseError::HeadTooLarge),
    };
    let mut parts = Response::new(()).into_parts().0;
    parts.status = text.code.and_then(|code| StatusCode::from_u16(code).ok()).ok_or(Http1ParseError::Status)?;
    parts.version = if text.version == Some(1) { Version::HTTP_11 } else { Version::HTTP_10 };
    keep_reason(&mut parts, text.reason.unwrap_or_default());
    parts.headers = collect(text.headers, unread)?;
    let body = body_of(&mut parts, requested_content)?;
    let persistence = persistence_of(&parts, &body);
    let _ = unread.split_to(length);
    Ok(Some(UpstreamResponseHead { parts, body, persistence }))
}

/// Returns the parser of heads. A proxy removes white space between a field name and the colon of a response
/// (RFC 9112 section 5.1).
fn parser() -> ParserConfig {
    let mut parser = ParserConfig::default();
    parser.allow_spaces_after_header_name_in_responses(true);
    parser
}

/// Keeps a non-standard reason phrase, so that clients receive it unchanged, as through nginx.
fn keep_reason(parts: &mut response::Parts, reason: &str) {
    if parts.status.canonical_reason() != Some(reason)
        && let Ok(reason) = ReasonPhrase::try_from(reason.as_bytes())
    {
        parts.extensions.insert(reason);
    }
}

/// Selects the body framing (RFC 9112 section 6.3).
fn body_of(
    parts: &mut response::Parts,
    requested_content: RequestedContent,
) -> Result<BodyDecoder, Http1ParseError> {
    let length = content_length(&mut parts.headers)?;
    let has_none = parts.status.is_informational()
        || matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
        || requested_content == RequestedContent::HeadOnly;
    if has_none {
        return Ok(BodyDecoder::Ended);
    }
    if is_chunked(&parts.headers)? {
        if parts.version == Version::HTTP_10 {
            return Err(Http1ParseError::TransferEncoding);
        }
        // `Transfer-Encoding` overrides `Content-Length`, which must not reach the next recipient (RFC 9112
        // section 6.3).
        parts.headers.remove(header::CONTENT_LENGTH);
        return Ok(BodyDecoder::chunked());
    }
    Ok(length.map_or(BodyDecoder::UntilClose, BodyDecoder::with_length))
}

/// Returns whether the connection can be reused. A response that ends with its connection is the last one.
fn persistence_of(parts: &response::Parts, body: &BodyDecoder) -> Persistence {
    match body {
        BodyDecoder::UntilClose => Persistence::Closing,
        _ => Persistence::from_headers(parts.version, &parts.headers),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(
        text: &'static str,
        requested_content: RequestedContent,
    ) -> Result<Option<UpstreamResponseHead>, Http1ParseError> {
        parse(&mut Bytes::from_static(text.as_bytes()), requested_content)
    }

    fn parse_whole(text: &'static str) -> UpstreamResponseHead {
        head(text, RequestedContent::HeadAndBody).unwrap().unwrap()
    }

    #[test]
    fn bytes_after_the_head_stay_unread() {
        let mut unread = Bytes::from_static(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
        let head = parse(&mut unread, RequestedContent::HeadAndBody).unwrap().unwrap();
        assert_eq!(head.parts.status, 200);
        assert_eq!(head.parts.headers["content-length"], "2");
        assert_eq!(unread, "ok");
    }

    #[test]
    fn an_incomplete_head_consumes_nothing() {
        let mut unread = Bytes::from_static(b"HTTP/1.1 200 OK\r\ncontent-le");
        assert!(parse(&mut unread, RequestedContent::HeadAndBody).unwrap().is_none());
        assert_eq!(unread.len(), 27);
    }

    #[test]
    fn framing_follows_the_head() {
        let cases = [
            ("HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n", BodyDecoder::with_length(7)),
            ("HTTP/1.1 200 OK\r\ncontent-length: 7, 7\r\ncontent-length: 7\r\n\r\n", BodyDecoder::with_length(7)),
            ("HTTP/1.1 200 OK\r\ncontent-length : 7\r\n\r\n", BodyDecoder::with_length(7)),
            ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", BodyDecoder::Ended),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n", BodyDecoder::chunked()),
            ("HTTP/1.1 200 OK\r\n\r\n", BodyDecoder::UntilClose),
            ("HTTP/1.1 204 No Content\r\n\r\n", BodyDecoder::Ended),
            ("HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n", BodyDecoder::Ended),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_whole(text).body, expected, "{text}");
        }
        let response =
            head("HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n", RequestedContent::HeadOnly).unwrap().unwrap();
        assert_eq!(response.body, BodyDecoder::Ended);
        assert_eq!(response.parts.headers["content-length"], "7");
    }

    #[test]
    fn content_length_is_removed_beside_transfer_encoding() {
        let response = parse_whole("HTTP/1.1 200 OK\r\ncontent-length: 7\r\ntransfer-encoding: chunked\r\n\r\n");
        assert_eq!((response.body, response.parts.headers.get("content-length")), (BodyDecoder::chunked(), None));
    }

    #[test]
    fn repeated_equal_content_lengths_are_merged() {
        let response = parse_whole("HTTP/1.1 200 OK\r\ncontent-length: 7, 7\r\ncontent-length: 7\r\n\r\n");
        let lengths: Vec<_> = response.parts.headers.get_all("content-length").iter().collect();
        assert_eq!(lengths, ["7"]);
    }

    #[test]
    fn ambiguous_and_invalid_heads_are_rejected() {
        let texts = [
            "HTTP/1.1 200 OK\r\ncontent-length: 7\r\ncontent-length: 8\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 7, 8\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: +7\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: \r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n",
            "HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\ncontent-length: 8\r\n\r\n",
            "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\n",
            "SSH-2.0-OpenSSH_9\r\n\r\n",
        ];
        for text in texts {
            assert!(head(text, RequestedContent::HeadAndBody).is_err(), "{text}");
        }
    }

    #[test]
    fn an_oversized_head_is_rejected() {
        let oversized = Bytes::from([&b"HTTP/1.1 200 OK\r\na: "[..], &[b'b'; MAX_HEAD]].concat());
        assert!(matches!(
            parse(&mut oversized.clone(), RequestedContent::HeadAndBody),
            Err(Http1ParseError::HeadTooLarge)
        ));
    }

    #[test]
    fn persistence_requires_delimited_framing_and_consent() {
        let cases = [
            ("HTTP/1.1 204 No Content\r\n\r\n", Persistence::Persistent),
            ("HTTP/1.1 204 No Content\r\nconnection: keep-alive, Close\r\n\r\n", Persistence::Closing),
            ("HTTP/1.0 204 No Content\r\n\r\n", Persistence::Closing),
            ("HTTP/1.0 204 No Content\r\nconnection: Keep-Alive\r\n\r\n", Persistence::Persistent),
            ("HTTP/1.1 200 OK\r\n\r\n", Persistence::Closing),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_whole(text).persistence, expected, "{text}");
        }
    }

    #[test]
    fn a_nonstandard_reason_phrase_is_kept() {
        let reason =
            |text| parse_whole(text).parts.extensions.get::<ReasonPhrase>().map(|it| it.as_bytes().to_vec());
        assert_eq!(reason("HTTP/1.1 200 Fine\r\n\r\n"), Some(b"Fine".to_vec()));
        assert_eq!(reason("HTTP/1.1 200 OK\r\n\r\n"), None);
    }
}
