//! Header field parsing and the fields that control framing (RFC 9112 section 6).

use bytes::Bytes;
use http::HeaderMap;
use http::header::{self, HeaderName, HeaderValue};

use super::parse_error::Http1ParseError;

/// Converts parsed fields to a header map. Values share the memory of `text`, the buffer with the message head.
pub(crate) fn collect(fields: &[httparse::Header<'_>], text: &Bytes) -> Result<HeaderMap, Http1ParseError> {
    let mut headers = HeaderMap::with_capacity(fields.len() + RESERVED_HEADERS);
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| Http1ParseError::Header)?;
        let value =
            HeaderValue::from_maybe_shared(text.slice_ref(field.value)).map_err(|_| Http1ParseError::Header)?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// Returns whether the body is chunked. Any other transfer coding is rejected: it would have to be decoded here
/// or announced to the next hop.
pub(crate) fn is_chunked(headers: &HeaderMap) -> Result<bool, Http1ParseError> {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter().flat_map(tokens);
    match (codings.next(), codings.next()) {
        (None, _) => Ok(false),
        (Some(only), None) if only.eq_ignore_ascii_case(b"chunked") => Ok(true),
        _ => Err(Http1ParseError::TransferEncoding),
    }
}

/// Returns the content length; rejects conflicting values. Repeated equal values are merged into one (RFC 9110
/// section 8.6).
pub(crate) fn content_length(headers: &mut HeaderMap) -> Result<Option<u64>, Http1ParseError> {
    let mut values = headers.get_all(header::CONTENT_LENGTH).iter().flat_map(tokens);
    let Some(first) = values.next() else { return Ok(None) };
    let length = decimal(first).ok_or(Http1ParseError::Length)?;
    let mut is_repeated = false;
    for repeated in values {
        if decimal(repeated) != Some(length) {
            return Err(Http1ParseError::Length);
        }
        is_repeated = true;
    }
    if is_repeated {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    Ok(Some(length))
}

/// Parses a decimal number. Only digits are accepted, because `str::parse` accepts a sign.
pub(crate) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Splits a comma-separated list and trims its members.
pub(crate) fn tokens(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

/// Returns whether a trailer is listed in `Trailer`. A recipient may handle an undeclared trailer in any way
/// (RFC 9110 section 6.5.1).
pub(crate) fn is_declared_trailer(declared: Option<&HeaderValue>, name: &HeaderName) -> bool {
    declared.into_iter().flat_map(tokens).any(|token| token.eq_ignore_ascii_case(name.as_str().as_bytes()))
}

/// Maximum number of headers, as in hyper.
pub(crate) const MAX_HEADERS: usize = 100;

/// Capacity reserved for the headers that most routes add, so that the map does not grow.
const RESERVED_HEADERS: usize = 4;

/// Maximum bytes of a message head. The defaults of nginx are 4 or 8 KiB; cookies of single sign-on are larger.
pub(crate) const MAX_HEAD: usize = 64 * 1024;
