//! The head of an answer as the text of HTTP/1, and how its client knows where the body ends.

use std::io::Write;

use http::header::{self, HeaderName, HeaderValue};
use http::{StatusCode, Version, response};
use hyper::body::SizeHint;
use hyper::ext::ReasonPhrase;

use super::date;
use crate::http1::fields::decimal;
use crate::http1::persistence::Persistence;

/// What was asked, as far as it decides how the answer is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct ResponseContext {
    pub(super) purpose: ResponseContent,
    pub(super) version: Version,
    pub(super) trailers: ClientTrailers,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ResponseContent {
    /// Only the head is wanted.
    Head,
    Response,
}

/// Whether the client takes trailers (RFC 9110 section 10.1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientTrailers {
    No,
    Yes,
}

/// What is still to come of a body, and how the client knows its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ResponseFraming {
    Ended,
    Length(u64),
    /// With the names of the trailers that were announced, if the client takes any.
    Chunked(Option<HeaderValue>),
    UntilClose,
}

/// What the fields of a head say of things that are written apart.
#[derive(Default)]
struct SeenFields {
    length: Option<u64>,
    has_date: bool,
}

impl ResponseFraming {
    /// RFC 9112 section 6.3. `length` is that of the content, where it is known.
    fn of(head: &response::Parts, length: Option<u64>, asked: &ResponseContext) -> ResponseFraming {
        match length {
            _ if has_no_content(head.status) || asked.purpose == ResponseContent::Head => ResponseFraming::Ended,
            Some(0) => ResponseFraming::Ended,
            Some(length) => ResponseFraming::Length(length),
            None if asked.version == Version::HTTP_10 => ResponseFraming::UntilClose,
            None => ResponseFraming::Chunked(match asked.trailers {
                ClientTrailers::Yes => head.headers.get(header::TRAILER).cloned(),
                ClientTrailers::No => None,
            }),
        }
    }
}

/// Writes a head. Returns how its body is framed, and whether another answer may follow.
pub(super) fn write(
    text: &mut Vec<u8>,
    head: &response::Parts,
    size: &SizeHint,
    asked: &ResponseContext,
    wish: Persistence,
) -> (ResponseFraming, Persistence) {
    text.reserve(room_for(head, size));
    write_status(text, head);
    let said = write_fields(text, head);
    if !said.has_date {
        text.extend_from_slice(b"Date: ");
        date::write(text);
        text.extend_from_slice(b"\r\n");
    }
    let framing = ResponseFraming::of(head, said.length.or(size.exact()), asked);
    write_framing(text, content_length(head.status, &framing, &said, asked), &framing);
    let persistence = if framing == ResponseFraming::UntilClose { Persistence::Closing } else { wish };
    if head.status != StatusCode::SWITCHING_PROTOCOLS {
        write_persistence(text, asked.version, persistence);
    }
    text.extend_from_slice(b"\r\n");
    (framing, persistence)
}

/// Names have no case, but scripts look for `Location:`, as applications and nginx write it.
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

/// A version is what its sender can do, so it is 1.1 for old clients, too (RFC 9110 section 6.2).
fn write_status(text: &mut Vec<u8>, head: &response::Parts) {
    let unusual = head.extensions.get::<ReasonPhrase>().map(ReasonPhrase::as_bytes);
    let reason = unusual.or(head.status.canonical_reason().map(str::as_bytes)).unwrap_or_default();
    for part in [b"HTTP/1.1 ", head.status.as_str().as_bytes(), b" ", reason, b"\r\n"] {
        text.extend_from_slice(part);
    }
}

fn write_fields(text: &mut Vec<u8>, head: &response::Parts) -> SeenFields {
    let mut said = SeenFields::default();
    for (name, value) in &head.headers {
        if *name == header::CONTENT_LENGTH {
            said.length = decimal(value.as_bytes());
            continue;
        }
        said.has_date |= *name == header::DATE;
        write_field(text, name, value);
    }
    said
}

fn write_framing(text: &mut Vec<u8>, length: Option<u64>, framing: &ResponseFraming) {
    if let Some(length) = length {
        // Memory takes everything.
        let _ = write!(text, "Content-Length: {length}\r\n");
    } else if let ResponseFraming::Chunked(_) = framing {
        text.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    }
}

/// An answer without a body may still say how long it would be (RFC 9110 section 8.6).
fn content_length(
    status: StatusCode,
    framing: &ResponseFraming,
    said: &SeenFields,
    asked: &ResponseContext,
) -> Option<u64> {
    match framing {
        ResponseFraming::Length(length) => Some(*length),
        ResponseFraming::Chunked(_) | ResponseFraming::UntilClose => None,
        ResponseFraming::Ended if status == StatusCode::NO_CONTENT || status.is_informational() => None,
        ResponseFraming::Ended if status == StatusCode::NOT_MODIFIED || asked.purpose == ResponseContent::Head => {
            said.length
        }
        ResponseFraming::Ended => Some(0),
    }
}

/// Said only where the client would assume something else (RFC 9112 section 9.3).
fn write_persistence(text: &mut Vec<u8>, version: Version, persistence: Persistence) {
    match (version, persistence) {
        (_, Persistence::Closing) => text.extend_from_slice(b"Connection: close\r\n"),
        (Version::HTTP_10, Persistence::Persistent) => text.extend_from_slice(b"Connection: keep-alive\r\n"),
        (_, Persistence::Persistent) => {}
    }
}

/// Bytes, about, of a head with the body behind it, if that is small; so that the text seldom has to grow.
fn room_for(head: &response::Parts, size: &SizeHint) -> usize {
    let behind = size.exact().and_then(|size| usize::try_from(size).ok()).filter(|size| *size < LARGE);
    OWN_LINES + head.headers.len() * TYPICAL_FIELD + behind.unwrap_or_default()
}

fn has_no_content(status: StatusCode) -> bool {
    status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

/// Bytes: status line, date, framing and the empty line.
const OWN_LINES: usize = 160;

/// Bytes.
const TYPICAL_FIELD: usize = 48;

/// Bytes from which a piece of a body is not copied behind others: those of a full TLS record.
pub(super) const LARGE: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;

    const ASKED: ResponseContext = ResponseContext {
        purpose: ResponseContent::Response,
        version: Version::HTTP_11,
        trailers: ClientTrailers::No,
    };
    const FOR_HEAD: ResponseContext = ResponseContext { purpose: ResponseContent::Head, ..ASKED };
    const OLD: ResponseContext = ResponseContext { version: Version::HTTP_10, ..ASKED };

    /// The head of an answer with these fields, and what is said of its body and its connection.
    fn head(
        status: u16,
        fields: &[(&str, &str)],
        size: Option<u64>,
        asked: &ResponseContext,
    ) -> (String, ResponseFraming, Persistence) {
        let mut answer = Response::builder().status(status).header("date", "now");
        for (name, value) in fields {
            answer = answer.header(*name, *value);
        }
        let size = size.map_or_else(SizeHint::default, SizeHint::with_exact);
        let mut text = Vec::new();
        let parts = answer.body(()).unwrap().into_parts().0;
        let (framing, persistence) = write(&mut text, &parts, &size, asked, Persistence::Persistent);
        let text = String::from_utf8(text).unwrap();
        (text.replacen("Date: now\r\n", "", 1), framing, persistence)
    }

    #[test]
    fn the_end_of_a_body_is_told_as_the_client_understands_it() {
        let length = "Content-Length: 7\r\n";
        let chunked = "Transfer-Encoding: chunked\r\n";
        let said = &[("content-length", "7")][..];
        let cases = [
            (head(200, said, None, &ASKED), length, ResponseFraming::Length(7)),
            (head(200, &[], Some(7), &ASKED), length, ResponseFraming::Length(7)),
            (head(200, &[], Some(0), &ASKED), "Content-Length: 0\r\n", ResponseFraming::Ended),
            (head(200, &[], None, &ASKED), chunked, ResponseFraming::Chunked(None)),
            (head(200, &[], None, &OLD), "Connection: close\r\n", ResponseFraming::UntilClose),
            (head(200, said, None, &FOR_HEAD), length, ResponseFraming::Ended),
            (head(200, &[], Some(0), &FOR_HEAD), "", ResponseFraming::Ended),
            (head(304, said, Some(0), &ASKED), length, ResponseFraming::Ended),
            (head(204, said, Some(0), &ASKED), "", ResponseFraming::Ended),
            (head(101, &[], Some(0), &ASKED), "", ResponseFraming::Ended),
        ];
        for ((text, framing, _), fields, expected) in cases {
            let (_, rest) = text.split_once("\r\n").unwrap();
            assert_eq!((rest, framing), (format!("{fields}\r\n").as_str(), expected), "{text}");
        }
    }

    #[test]
    fn an_old_client_is_told_that_its_connection_is_kept() {
        let (text, _, persistence) = head(200, &[], Some(0), &OLD);
        assert!(text.contains("\r\nConnection: keep-alive\r\n"), "{text}");
        assert_eq!(persistence, Persistence::Persistent);
    }

    #[test]
    fn names_are_written_as_scripts_expect_them() {
        let (text, ..) = head(302, &[("location", "/a-b"), ("x-request-id", "q")], Some(0), &ASKED);
        assert!(text.starts_with("HTTP/1.1 302 Found\r\nLocation: /a-b\r\nX-Request-Id: q\r\n"), "{text}");
    }

    #[test]
    fn an_answer_without_a_date_gets_one() {
        let mut text = Vec::new();
        let parts = Response::new(()).into_parts().0;
        write(&mut text, &parts, &SizeHint::with_exact(0), &ASKED, Persistence::Persistent);
        let text = String::from_utf8(text).unwrap();
        let date = text.lines().find_map(|line| line.strip_prefix("Date: ")).unwrap();
        assert!(httpdate::parse_http_date(date).is_ok(), "{date}");
    }

    #[test]
    fn trailers_are_for_clients_that_take_them() {
        let takes = ResponseContext { trailers: ClientTrailers::Yes, ..ASKED };
        let announced = &[("trailer", "x-sum")][..];
        assert_eq!(
            head(200, announced, None, &takes).1,
            ResponseFraming::Chunked(Some(HeaderValue::from_static("x-sum")))
        );
        assert_eq!(head(200, announced, None, &ASKED).1, ResponseFraming::Chunked(None));
    }
}
