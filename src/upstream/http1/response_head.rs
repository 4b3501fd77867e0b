//! The head of an answer on an HTTP/1 connection, and what it says of the body and the connection.

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

/// A head that came whole.
pub(super) struct UpstreamResponseHead {
    pub(super) parts: response::Parts,
    pub(super) body: BodyDecoder,
    pub(super) persistence: Persistence,
}

/// What was asked for, as far as it decides whether the answer has a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestedContent {
    ForHead,
    ForResponse,
}

/// Splits a head off the bytes that came; `None` while it is not whole.
pub(super) fn parse(
    unread: &mut Bytes,
    asked: RequestedContent,
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
    let body = body_of(&mut parts, asked)?;
    let persistence = persistence_of(&parts, &body);
    let _ = unread.split_to(length);
    Ok(Some(UpstreamResponseHead { parts, body, persistence }))
}

/// A proxy removes white space between a field name and the colon of a response (RFC 9112 section 5.1).
fn parser() -> ParserConfig {
    let mut parser = ParserConfig::default();
    parser.allow_spaces_after_header_name_in_responses(true);
    parser
}

/// Clients see an unusual reason as the application wrote it, like behind nginx.
fn keep_reason(parts: &mut response::Parts, reason: &str) {
    if parts.status.canonical_reason() != Some(reason)
        && let Ok(reason) = ReasonPhrase::try_from(reason.as_bytes())
    {
        parts.extensions.insert(reason);
    }
}

/// Where the body ends (RFC 9112 section 6.3).
fn body_of(parts: &mut response::Parts, asked: RequestedContent) -> Result<BodyDecoder, Http1ParseError> {
    let length = content_length(&mut parts.headers)?;
    let has_none = parts.status.is_informational()
        || matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
        || asked == RequestedContent::ForHead;
    if parts.status.is_informational() || parts.status == StatusCode::NO_CONTENT {
        // RFC 9110 section 8.6 forbids a length here, and HTTP/2 clients wait for its bytes.
        parts.headers.remove(header::CONTENT_LENGTH);
    }
    if has_none {
        return Ok(BodyDecoder::Ended);
    }
    if is_chunked(&parts.headers)? {
        if parts.version == Version::HTTP_10 {
            return Err(Http1ParseError::TransferEncoding);
        }
        // The one that counts is the transfer coding; a length beside it would mislead the next recipient.
        parts.headers.remove(header::CONTENT_LENGTH);
        return Ok(BodyDecoder::chunked());
    }
    Ok(length.map_or(BodyDecoder::UntilClose, BodyDecoder::of_length))
}

/// Nothing can follow an answer that ends with its connection.
fn persistence_of(parts: &response::Parts, body: &BodyDecoder) -> Persistence {
    match body {
        BodyDecoder::UntilClose => Persistence::Closing,
        _ => Persistence::of(parts.version, &parts.headers),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &'static str, asked: RequestedContent) -> Result<Option<UpstreamResponseHead>, Http1ParseError> {
        parse(&mut Bytes::from_static(text.as_bytes()), asked)
    }

    fn whole(text: &'static str) -> UpstreamResponseHead {
        head(text, RequestedContent::ForResponse).unwrap().unwrap()
    }

    #[test]
    fn what_follows_the_head_stays() {
        let mut unread = Bytes::from_static(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
        let head = parse(&mut unread, RequestedContent::ForResponse).unwrap().unwrap();
        assert_eq!(head.parts.status, 200);
        assert_eq!(head.parts.headers["content-length"], "2");
        assert_eq!(unread, "ok");
    }

    #[test]
    fn part_of_a_head_is_left_until_the_rest_comes() {
        let mut unread = Bytes::from_static(b"HTTP/1.1 200 OK\r\ncontent-le");
        assert!(parse(&mut unread, RequestedContent::ForResponse).unwrap().is_none());
        assert_eq!(unread.len(), 27);
    }

    #[test]
    fn the_body_ends_where_the_head_says() {
        let cases = [
            ("HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n", BodyDecoder::of_length(7)),
            ("HTTP/1.1 200 OK\r\ncontent-length: 7, 7\r\ncontent-length: 7\r\n\r\n", BodyDecoder::of_length(7)),
            ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", BodyDecoder::Ended),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n", BodyDecoder::chunked()),
            ("HTTP/1.1 200 OK\r\n\r\n", BodyDecoder::UntilClose),
            ("HTTP/1.1 204 No Content\r\n\r\n", BodyDecoder::Ended),
            ("HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n", BodyDecoder::Ended),
        ];
        for (text, expected) in cases {
            assert_eq!(whole(text).body, expected, "{text}");
        }
        let answer =
            head("HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n", RequestedContent::ForHead).unwrap().unwrap();
        assert_eq!(answer.body, BodyDecoder::Ended);
        assert_eq!(answer.parts.headers["content-length"], "7");
    }

    #[test]
    fn a_length_beside_a_transfer_coding_is_not_passed_on() {
        let answer = whole("HTTP/1.1 200 OK\r\ncontent-length: 7\r\ntransfer-encoding: chunked\r\n\r\n");
        assert_eq!((answer.body, answer.parts.headers.get("content-length")), (BodyDecoder::chunked(), None));
    }

    #[test]
    fn a_length_that_is_said_twice_is_passed_on_once() {
        let answer = whole("HTTP/1.1 200 OK\r\ncontent-length: 7, 7\r\ncontent-length: 7\r\n\r\n");
        let lengths: Vec<_> = answer.parts.headers.get_all("content-length").iter().collect();
        assert_eq!(lengths, ["7"]);
    }

    #[test]
    fn heads_that_can_be_read_in_two_ways_are_refused() {
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
            "HTTP/1.1 200 OK\r\ncontent-length : 7\r\n\r\n",
            "HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\n",
            "SSH-2.0-OpenSSH_9\r\n\r\n",
        ];
        for text in texts {
            assert!(head(text, RequestedContent::ForResponse).is_err(), "{text}");
        }
    }

    #[test]
    fn a_head_has_an_end() {
        let endless = Bytes::from([&b"HTTP/1.1 200 OK\r\na: "[..], &[b'b'; MAX_HEAD]].concat());
        assert!(matches!(
            parse(&mut endless.clone(), RequestedContent::ForResponse),
            Err(Http1ParseError::HeadTooLarge)
        ));
    }

    #[test]
    fn a_connection_persists_if_both_sides_can_tell_where_the_answer_ends() {
        let cases = [
            ("HTTP/1.1 204 No Content\r\n\r\n", Persistence::Persistent),
            ("HTTP/1.1 204 No Content\r\nconnection: keep-alive, Close\r\n\r\n", Persistence::Closing),
            ("HTTP/1.0 204 No Content\r\n\r\n", Persistence::Closing),
            ("HTTP/1.0 204 No Content\r\nconnection: Keep-Alive\r\n\r\n", Persistence::Persistent),
            ("HTTP/1.1 200 OK\r\n\r\n", Persistence::Closing),
        ];
        for (text, expected) in cases {
            assert_eq!(whole(text).persistence, expected, "{text}");
        }
    }

    #[test]
    fn an_unusual_reason_is_kept() {
        let reason = |text| whole(text).parts.extensions.get::<ReasonPhrase>().map(|it| it.as_bytes().to_vec());
        assert_eq!(reason("HTTP/1.1 200 Fine\r\n\r\n"), Some(b"Fine".to_vec()));
        assert_eq!(reason("HTTP/1.1 200 OK\r\n\r\n"), None);
    }
}
