//! The fields of a head, and what those say that frame its message (RFC 9112 section 6).

use bytes::Bytes;
use http::HeaderMap;
use http::header::{self, HeaderName, HeaderValue};

use super::parse_error::Http1ParseError;

/// Values stay where they were read to.
pub(crate) fn collect(fields: &[httparse::Header<'_>], text: &Bytes) -> Result<HeaderMap, Http1ParseError> {
    let mut headers = HeaderMap::with_capacity(fields.len() + OWN_HEADERS);
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| Http1ParseError::Header)?;
        let value =
            HeaderValue::from_maybe_shared(text.slice_ref(field.value)).map_err(|_| Http1ParseError::Header)?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// Any other transfer coding would have to be undone here, or be told to the next recipient.
pub(crate) fn is_chunked(headers: &HeaderMap) -> Result<bool, Http1ParseError> {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter().flat_map(tokens);
    match (codings.next(), codings.next()) {
        (None, _) => Ok(false),
        (Some(only), None) if only.eq_ignore_ascii_case(b"chunked") => Ok(true),
        _ => Err(Http1ParseError::TransferEncoding),
    }
}

/// A length that is said twice must be the same, and is passed on once (RFC 9110 section 8.6).
pub(crate) fn content_length(headers: &mut HeaderMap) -> Result<Option<u64>, Http1ParseError> {
    let mut said = headers.get_all(header::CONTENT_LENGTH).iter().flat_map(tokens);
    let Some(first) = said.next() else { return Ok(None) };
    let length = decimal(first).ok_or(Http1ParseError::Length)?;
    let mut is_repeated = false;
    for again in said {
        if decimal(again) != Some(length) {
            return Err(Http1ParseError::Length);
        }
        is_repeated = true;
    }
    if is_repeated {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    Ok(Some(length))
}

/// Digits only: `str::parse` would take a sign.
pub(crate) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The members of a list, without the white space around them.
pub(crate) fn tokens(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

/// Whether a trailer stands in the list of those that were announced. A recipient that was not told of it may take
/// it for anything (RFC 9110 section 6.5.1).
pub(crate) fn is_declared_trailer(announced: Option<&HeaderValue>, name: &HeaderName) -> bool {
    announced.into_iter().flat_map(tokens).any(|one| one.eq_ignore_ascii_case(name.as_str().as_bytes()))
}

/// As many as hyper takes.
pub(crate) const MAX_HEADERS: usize = 100;

/// How many headers a route adds, mostly: room for them spares the map from growing.
const OWN_HEADERS: usize = 4;

/// Head of a message, in bytes. nginx stops at 4 or 8 KiB unless told otherwise; the cookies of single sign-on are
/// larger.
pub(crate) const MAX_HEAD: usize = 64 * 1024;
