//! Serialises a response head and selects its framing.

use std::io::Write;

use http::header::{self, HeaderName, HeaderValue};
use http::{StatusCode, Version, response};
use hyper::body::SizeHint;
use hyper::ext::ReasonPhrase;

use super::date;
use crate::http1::fields::decimal;
use crate::http1::persistence::Persistence;

/// Request properties that affect how the response is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct ResponseContext {
    pub(super) content: ResponseContent,
    pub(super) version: Version,
    pub(super) trailers: ClientTrailers,
}

/// Head only, or head and body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ResponseContent {
    /// The response to a HEAD request.
    Head,
    HeadAndBody,
}

/// Whether the client accepts trailers (`TE: trailers`, RFC 9110 section 10.1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientTrailers {
    No,
    Yes,
}

/// Remaining body: none, length, chunked, or until close.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ResponseFraming {
    Ended,
    /// Remaining bytes.
    Length(u64),
    /// With the value of `Trailer`, if the client accepts trailers.
    Chunked(Option<HeaderValue>),
    UntilClose,
}

/// Framing fields found while writing the head.
#[derive(Default)]
struct SeenFields {
    length: Option<u64>,
    has_date: bool,
}

impl ResponseFraming {
    /// Selects the framing (RFC 9112 section 6.3). `length` is that of the content, if known.
    fn select(head: &response::Parts, length: Option<u64>, context: &ResponseContext) -> ResponseFraming {
        match length {
            _ if has_no_content(head.status) || context.content == ResponseContent::Head => ResponseFraming::Ended,
            Some(0) => ResponseFraming::Ended,
            Some(length) => ResponseFraming::Length(length),
            None if context.version == Version::HTTP_10 => ResponseFraming::UntilClose,
            None => ResponseFraming::Chunked(match context.trailers {
                ClientTrailers::Yes => head.headers.get(header::TRAILER).cloned(),
                ClientTrailers::No => None,
            }),
        }
    }
}

/// Writes a response head. Returns the framing of its body, and whether another response may follow.
pub(super) fn write(
    text: &mut Vec<u8>,
    head: &response::Parts,
    size: &SizeHint,
    context: &ResponseContext,
    persistence: Persistence,
) -> (ResponseFraming, Persistence) {
    text.reserve(room_for(head, size));
    write_status(text, head);
    let seen = write_fields(text, head);
    if !seen.has_date {
        text.extend_from_slice(b"Date: ");
        date::write(text);
        text.extend_from_slice(b"\r\n");
    }
    let framing = ResponseFraming::select(head, seen.length.or(size.exact()), context);
    write_framing(text, content_length(head.status, &framing, &seen, context), &framing);
    let persistence = if framing == ResponseFraming::UntilClose { Persistence::Closing } else { persistence };
    if head.status != StatusCode::SWITCHING_PROTOCOLS {
        write_persistence(text, context.version, persistence);
    }
    text.extend_from_slice(b"\r\n");
    (framing, persistence)
}

/// Writes one field with a capitalised name. Names are case-insensitive, but scripts search for `Location:`, as
/// nginx and most upstreams write it.
pub(super) fn write_field(text: &mut Vec<u8>, name: &HeaderName, value: &HeaderValue) {
    let start = text.len();
    text.extend_from_slice(name.as_str().as_bytes());
    let mut begins_word = true;
    for letter in &mut text[start..] {
        if begins_word {
            letter.make_ascii_uppercase();
        }
        begins_word = *letter == b'-';
    }
    text.extend_from_slice(b": ");
    text.extend_from_slice(value.as_bytes());
    text.extend_from_slice(b"\r\n");
}

/// Writes the status line. The version is the highest that the sender supports, so it is 1.1 for HTTP/1.0 clients
/// too (RFC 9110 section 6.2).
fn write_status(text: &mut Vec<u8>, head: &response::Parts) {
    let upstream_reason = head.extensions.get::<ReasonPhrase>().map(ReasonPhrase::as_bytes);
    let reason = upstream_reason.or(head.status.canonical_reason().map(str::as_bytes)).unwrap_or_default();
    for part in [b"HTTP/1.1 ", head.status.as_str().as_bytes(), b" ", reason, b"\r\n"] {
        text.extend_from_slice(part);
    }
}

/// Writes all fields except `Content-Length`, which [`write_framing`] writes.
fn write_fields(text: &mut Vec<u8>, head: &response::Parts) -> SeenFields {
    let mut seen = SeenFields::default();
    for (name, value) in &head.headers {
        if *name == header::CONTENT_LENGTH {
            seen.length = decimal(value.as_bytes());
            continue;
        }
        seen.has_date |= *name == header::DATE;
        write_field(text, name, value);
    }
    seen
}

fn write_framing(text: &mut Vec<u8>, length: Option<u64>, framing: &ResponseFraming) {
    if let Some(length) = length {
        // Writing to a vector cannot fail.
        let _ = write!(text, "Content-Length: {length}\r\n");
    } else if let ResponseFraming::Chunked(_) = framing {
        text.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    }
}

/// Returns the `Content-Length` to send. The response to HEAD, and a 304, state the length of the content that they
/// do not send (RFC 9110 section 8.6).
fn content_length(
    status: StatusCode,
    framing: &ResponseFraming,
    seen: &SeenFields,
    context: &ResponseContext,
) -> Option<u64> {
    match framing {
        ResponseFraming::Length(length) => Some(*length),
        ResponseFraming::Chunked(_) | ResponseFraming::UntilClose => None,
        ResponseFraming::Ended if status == StatusCode::NO_CONTENT || status.is_informational() => None,
        ResponseFraming::Ended
            if status == StatusCode::NOT_MODIFIED || context.content == ResponseContent::Head =>
        {
            seen.length
        }
        ResponseFraming::Ended => Some(0),
    }
}

/// Writes `Connection` where it differs from the default of the client's version (RFC 9112 section 9.3).
fn write_persistence(text: &mut Vec<u8>, version: Version, persistence: Persistence) {
    match (version, persistence) {
        (_, Persistence::Closing) => text.extend_from_slice(b"Connection: close\r\n"),
        (Version::HTTP_10, Persistence::Persistent) => text.extend_from_slice(b"Connection: keep-alive\r\n"),
        (_, Persistence::Persistent) => {}
    }
}

/// Returns the estimated bytes of a head, and of the body if it is small, so that the buffer rarely grows.
fn room_for(head: &response::Parts, size: &SizeHint) -> usize {
    let body = size.exact().and_then(|size| usize::try_from(size).ok()).filter(|size| *size < LARGE);
    FIXED_LINES + head.headers.len() * TYPICAL_FIELD + body.unwrap_or_default()
}

fn has_no_content(status: StatusCode) -> bool {
    status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

/// Bytes of the status line, `Date`, the framing fields and the empty line.
const FIXED_LINES: usize = 160;

/// Bytes of an average field.
const TYPICAL_FIELD: usize = 48;

/// Bytes of a full TLS record. Body frames of this size or more are not copied into the write buffer.
pub(super) const LARGE: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;

    const HTTP11: ResponseContext = ResponseContext {
        content: ResponseContent::HeadAndBody,
        version: Version::HTTP_11,
        trailers: ClientTrailers::No,
    };
    const HTTP11_HEAD: ResponseContext = ResponseContext { content: ResponseContent::Head, ..HTTP11 };
    const HTTP10: ResponseContext = ResponseContext { version: Version::HTTP_10, ..HTTP11 };

    /// Returns the text of a head with these fields, its framing and its persistence.
    fn head(
        status: u16,
        fields: &[(&str, &str)],
        size: Option<u64>,
        context: &ResponseContext,
    ) -> (String, ResponseFraming, Persistence) {
        let mut response = Response::builder().status(status).header("date", "now");
        for (name, value) in fields {
            response = response.header(*name, *value);
        }
        let size = size.map_or_else(SizeHint::default, SizeHint::with_exact);
        let mut text = Vec::new();
        let parts = response.body(()).unwrap().into_parts().0;
        let (framing, persistence) = write(&mut text, &parts, &size, context, Persistence::Persistent);
        let text = String::from_utf8(text).unwrap();
        (text.replacen("Date: now\r\n", "", 1), framing, persistence)
    }

    #[test]
    fn framing_suits_status_method_and_version() {
        let length = "Content-Length: 7\r\n";
        let chunked = "Transfer-Encoding: chunked\r\n";
        let seen = &[("content-length", "7")][..];
        let cases = [
            (head(200, seen, None, &HTTP11), length, ResponseFraming::Length(7)),
            (head(200, &[], Some(7), &HTTP11), length, ResponseFraming::Length(7)),
            (head(200, &[], Some(0), &HTTP11), "Content-Length: 0\r\n", ResponseFraming::Ended),
            (head(200, &[], None, &HTTP11), chunked, ResponseFraming::Chunked(None)),
            (head(200, &[], None, &HTTP10), "Connection: close\r\n", ResponseFraming::UntilClose),
            (head(200, seen, None, &HTTP11_HEAD), length, ResponseFraming::Ended),
            (head(200, &[], Some(0), &HTTP11_HEAD), "", ResponseFraming::Ended),
            (head(304, seen, Some(0), &HTTP11), length, ResponseFraming::Ended),
            (head(204, seen, Some(0), &HTTP11), "", ResponseFraming::Ended),
            (head(101, &[], Some(0), &HTTP11), "", ResponseFraming::Ended),
        ];
        for ((text, framing, _), fields, expected) in cases {
            let (_, rest) = text.split_once("\r\n").unwrap();
            assert_eq!((rest, framing), (format!("{fields}\r\n").as_str(), expected), "{text}");
        }
    }

    #[test]
    fn http10_keep_alive_is_confirmed_with_a_field() {
        let (text, _, persistence) = head(200, &[], Some(0), &HTTP10);
        assert!(text.contains("\r\nConnection: keep-alive\r\n"), "{text}");
        assert_eq!(persistence, Persistence::Persistent);
    }

    #[test]
    fn field_names_are_capitalised() {
        let (text, ..) = head(302, &[("location", "/a-b"), ("x-request-id", "q")], Some(0), &HTTP11);
        assert!(text.starts_with("HTTP/1.1 302 Found\r\nLocation: /a-b\r\nX-Request-Id: q\r\n"), "{text}");
    }

    #[test]
    fn a_response_without_a_date_gets_one() {
        let mut text = Vec::new();
        let parts = Response::new(()).into_parts().0;
        write(&mut text, &parts, &SizeHint::with_exact(0), &HTTP11, Persistence::Persistent);
        let text = String::from_utf8(text).unwrap();
        let date = text.lines().find_map(|line| line.strip_prefix("Date: ")).unwrap();
        assert!(httpdate::parse_http_date(date).is_ok(), "{date}");
    }

    #[test]
    fn trailers_require_a_client_that_accepts_them() {
        let accepting = ResponseContext { trailers: ClientTrailers::Yes, ..HTTP11 };
        let announced = &[("trailer", "x-sum")][..];
        assert_eq!(
            head(200, announced, None, &accepting).1,
            ResponseFraming::Chunked(Some(HeaderValue::from_static("x-sum")))
        );
        assert_eq!(head(200, announced, None, &HTTP11).1, ResponseFraming::Chunked(None));
    }
}
