//! Members of `Connection` (RFC 9110 section 7.6.1).

use http::header::{self, HeaderMap, HeaderName};

/// Returns the headers that `Connection` declares hop-by-hop, except [`ALWAYS_END_TO_END`]: a sender must not
/// be able to remove headers that security depends on.
pub(super) fn named_by_connection(headers: &HeaderMap) -> impl Iterator<Item = HeaderName> {
    let values = headers.get_all(header::CONNECTION);
    // Bytes, because a member that is no token must not hide the names beside it.
    let members = values.iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let is_header = |member: &&[u8]| !COMMON_OPTIONS.iter().any(|it| it.eq_ignore_ascii_case(member));
    members
        .map(<[u8]>::trim_ascii)
        .filter(is_header)
        .filter_map(|member| HeaderName::from_bytes(member).ok())
        .filter(|name| !ALWAYS_END_TO_END.contains(name))
}

/// Connection options that name no header.
const COMMON_OPTIONS: [&[u8]; 3] = [b"close", b"keep-alive", b"upgrade"];

/// Headers that `Connection` cannot declare hop-by-hop.
const ALWAYS_END_TO_END: [HeaderName; 6] = [
    header::HOST,
    header::AUTHORIZATION,
    header::COOKIE,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::ORIGIN,
];
