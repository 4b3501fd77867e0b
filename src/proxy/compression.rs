//! Decides whether a response is compressed, by the rules of nginx's gzip module.

use std::time::SystemTime;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode, Version, request, response};

use super::gzip_body::GzipBody;
use super::local_response::LocalResponse;
use super::response_body::BodyContent;
use crate::model::compression::{
    CompressionPolicy, GzipPolicy, GzipProxied, GzipProxiedCondition, GzipVary, MinHttpVersion,
};

/// Whether the response to a request may be compressed.
pub(super) struct CompressionDecision<'a> {
    policy: &'a GzipPolicy,
    acceptance: GzipAcceptance,
    part: CompressedPart,
}

/// Whether the request accepts gzip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GzipAcceptance {
    No,
    Yes,
    /// The request has `Via`, so a cache may store the response: only an uncacheable response is compressed.
    IfUncacheable,
}

/// Whether the body is sent or only the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CompressedPart {
    HeadAndBody,
    HeadOnly,
}

impl<'a> CompressionDecision<'a> {
    /// Evaluates the request headers; `None` if compression is off.
    pub(super) fn new(
        compression: &'a CompressionPolicy,
        head: &request::Parts,
    ) -> Option<CompressionDecision<'a>> {
        let CompressionPolicy::Gzip(policy) = compression else { return None };
        let part = if head.method == Method::HEAD { CompressedPart::HeadOnly } else { CompressedPart::HeadAndBody };
        Some(CompressionDecision { policy, acceptance: acceptance(policy, head), part })
    }

    /// Compresses a response if it qualifies. Adds `Vary` to every response that would be compressed for some
    /// request.
    fn apply(&self, response: LocalResponse) -> LocalResponse {
        if !self.qualifies(&response) {
            return response;
        }
        let (mut head, content) = response.into_parts();
        let is_accepted = match self.acceptance {
            GzipAcceptance::No => false,
            GzipAcceptance::Yes => true,
            GzipAcceptance::IfUncacheable => is_uncacheable(&self.policy.proxied, &head.headers),
        };
        if self.policy.vary == GzipVary::On {
            add_vary(&mut head.headers);
        }
        if !is_accepted {
            return Response::from_parts(head, content);
        }
        update_headers(&mut head);
        Response::from_parts(head, self.compressed(content))
    }

    /// Returns whether status, coding, length and media type permit compression.
    fn qualifies(&self, response: &LocalResponse) -> bool {
        let headers = response.headers();
        let is_encoded = headers.get(header::CONTENT_ENCODING).is_some_and(|coding| !coding.is_empty());
        STATUSES.contains(&response.status())
            && !is_encoded
            && !forbids_transformation(headers)
            && length(response).is_none_or(|length| length >= self.policy.min_length)
            && self.policy.types.contains(headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes))
    }

    /// Returns the compressed body. As in nginx, HEAD has the headers that GET would have.
    fn compressed(&self, content: BodyContent) -> BodyContent {
        match (self.part, content) {
            (CompressedPart::HeadAndBody, content) => {
                BodyContent::Gzip(Box::new(GzipBody::new(content, self.policy.level)))
            }
            (CompressedPart::HeadOnly, BodyContent::Bytes(_)) => BodyContent::Empty,
            (CompressedPart::HeadOnly, content) => content,
        }
    }
}

/// Returns whether a response forbids a change of its content (RFC 9110 section 7.7), or carries a digest of the
/// content that a change would make wrong (RFC 9530), in the head or announced as a trailer.
fn forbids_transformation(headers: &HeaderMap) -> bool {
    DIGESTS.iter().any(|digest| headers.contains_key(digest) || announces_trailer(headers, digest))
        || has_directive(headers, "no-transform")
}

/// Returns whether `Trailer` lists a field.
fn announces_trailer(headers: &HeaderMap, name: &HeaderName) -> bool {
    let lines = headers.get_all(header::TRAILER).iter();
    let mut members = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    members.any(|member| member.eq_ignore_ascii_case(name.as_str().as_bytes()))
}

/// Compresses a response if the decision permits it and the response qualifies.
pub(super) fn apply(decision: Option<CompressionDecision<'_>>, response: LocalResponse) -> LocalResponse {
    match decision {
        Some(decision) => decision.apply(response),
        None => response,
    }
}

/// Evaluates HTTP version, `Accept-Encoding` and `Via` of a request (nginx `gzip_http_version`, `gzip_proxied`).
fn acceptance(policy: &GzipPolicy, head: &request::Parts) -> GzipAcceptance {
    let is_old = match policy.oldest_http {
        MinHttpVersion::Http10 => head.version < Version::HTTP_10,
        MinHttpVersion::Http11 => head.version < Version::HTTP_11,
    };
    if is_old || !accepts_gzip(&head.headers) {
        return GzipAcceptance::No;
    }
    if !head.headers.contains_key(header::VIA) {
        return GzipAcceptance::Yes;
    }
    match &policy.proxied {
        GzipProxied::Never => GzipAcceptance::No,
        GzipProxied::Always => GzipAcceptance::Yes,
        GzipProxied::When(conditions) => {
            let is_private = conditions.contains(&GzipProxiedCondition::Auth)
                && head.headers.contains_key(header::AUTHORIZATION);
            if is_private { GzipAcceptance::Yes } else { GzipAcceptance::IfUncacheable }
        }
    }
}

/// Returns whether `Accept-Encoding` lists gzip with a positive weight (RFC 9110 section 12.5.3). As in nginx, `*`
/// does not count: an uncompressed response is always acceptable.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let codings = headers.get_all(header::ACCEPT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
    let gzip = codings.flat_map(|value| value.split(',')).find_map(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim().eq_ignore_ascii_case("gzip").then_some(weight)
    });
    gzip.is_some_and(|weight| !is_zero_or_invalid(weight.trim()))
}

/// Returns whether a weight is zero, as in `q=0` and `q=0.000`, or invalid. An empty weight is valid and means 1.
fn is_zero_or_invalid(weight: &str) -> bool {
    let Some((name, value)) = weight.split_once('=') else { return !weight.is_empty() };
    let is_positive = value.trim().parse().is_ok_and(|weight: f32| weight > 0.0);
    !(name.trim().eq_ignore_ascii_case("q") && is_positive)
}

/// Returns whether no shared cache stores the response, by the configured conditions. The order is that of nginx:
/// `Expires` decides alone, then `Cache-Control`; a response without both may be compressed.
fn is_uncacheable(proxied: &GzipProxied, headers: &HeaderMap) -> bool {
    let GzipProxied::When(conditions) = proxied else { return *proxied == GzipProxied::Always };
    let is_set = |condition| conditions.contains(&condition);
    if let Some(expires) = headers.get(header::EXPIRES) {
        let now = headers.get(header::DATE).map_or(Some(SystemTime::now()), time);
        let is_past = time(expires).zip(now).is_some_and(|(expires, now)| expires < now);
        return is_set(GzipProxiedCondition::Expired) && is_past;
    }
    if headers.contains_key(header::CACHE_CONTROL) {
        let directives =
            [GzipProxiedCondition::NoCache, GzipProxiedCondition::NoStore, GzipProxiedCondition::Private];
        return directives.into_iter().any(|name| is_set(name) && has_directive(headers, name.as_str()));
    }
    let missing = [
        (GzipProxiedCondition::NoLastModified, header::LAST_MODIFIED),
        (GzipProxiedCondition::NoEtag, header::ETAG),
    ];
    missing.into_iter().all(|(condition, name)| !is_set(condition) || !headers.contains_key(name))
}

/// Returns whether `Cache-Control` contains a directive.
fn has_directive(headers: &HeaderMap, directive: &str) -> bool {
    let values = headers.get_all(header::CACHE_CONTROL).into_iter().filter_map(|value| value.to_str().ok());
    let mut names = values.flat_map(|value| value.split(',')).filter_map(|element| element.split('=').next());
    names.any(|name| name.trim().eq_ignore_ascii_case(directive))
}

fn time(value: &HeaderValue) -> Option<SystemTime> {
    httpdate::parse_http_date(value.to_str().ok()?).ok()
}

/// Returns the length of the body, if it is known.
fn length(response: &LocalResponse) -> Option<u64> {
    if let BodyContent::Bytes(bytes) = response.body() {
        return Some(bytes.len() as u64);
    }
    response.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Inserts `Vary: Accept-Encoding` before the upstream's own values, as nginx does.
fn add_vary(headers: &mut HeaderMap) {
    let existing: Vec<HeaderValue> = headers.get_all(header::VARY).into_iter().cloned().collect();
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    for value in existing {
        headers.append(header::VARY, value);
    }
}

/// Updates the headers of a compressed response: length, ranges and a strong entity tag describe the uncompressed
/// bytes.
fn update_headers(head: &mut response::Parts) {
    let headers = &mut head.headers;
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::ACCEPT_RANGES);
    let Some(tag) = headers.remove(header::ETAG) else { return };
    if let Some(weak) = weaken_etag(tag) {
        headers.insert(header::ETAG, weak);
    }
}

/// Converts an entity tag to a weak one. As in nginx, a tag without quotes is removed.
fn weaken_etag(tag: HeaderValue) -> Option<HeaderValue> {
    match tag.as_bytes() {
        [b'W', b'/', ..] => Some(tag),
        [b'"', ..] => HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat()).ok(),
        _ => None,
    }
}

/// Headers with a digest of the content.
const DIGESTS: [HeaderName; 3] = [
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("content-md5"),
];

/// Statuses that nginx compresses; it assumes that other responses are short.
const STATUSES: [StatusCode; 3] = [StatusCode::OK, StatusCode::FORBIDDEN, StatusCode::NOT_FOUND];

#[cfg(test)]
mod tests {
    use http::header::HeaderName;

    use super::*;

    fn headers(fields: &[(HeaderName, &'static str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn gzip_must_be_listed_with_a_positive_weight() {
        let accepts = |value| accepts_gzip(&headers(&[(header::ACCEPT_ENCODING, value)]));
        for yes in ["gzip", "GZIP", "deflate, gzip;q=0.5", "br,gzip ; q = 0.001", "gzip;q=1.0, *;q=0"] {
            assert!(accepts(yes), "{yes}");
        }
        for no in ["", "*", "identity", "x-gzip", "gzip;q=0", "gzip;q=0.000, *", "gzip;q=x", "gzip;x", "gzip2"] {
            assert!(!accepts(no), "{no}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }

    #[test]
    fn cacheable_responses_are_not_compressed_for_proxies() {
        let package = GzipProxied::of_package();
        let past = "Tue, 01 Sep 2020 10:00:00 GMT";
        let future = "Sun, 01 Sep 2120 10:00:00 GMT";
        let cases = [
            (vec![], true),
            (vec![(header::CACHE_CONTROL, "max-age=0, private")], true),
            (vec![(header::CACHE_CONTROL, "No-Cache=\"x\"")], true),
            (vec![(header::CACHE_CONTROL, "public, max-age=60")], false),
            (vec![(header::EXPIRES, past), (header::CACHE_CONTROL, "public")], true),
            (vec![(header::EXPIRES, future), (header::CACHE_CONTROL, "private")], false),
            (vec![(header::EXPIRES, "soon")], false),
            (vec![(header::EXPIRES, future), (header::DATE, "Mon, 01 Sep 2121 10:00:00 GMT")], true),
            (vec![(header::ETAG, "\"1\"")], true),
        ];
        for (fields, expected) in cases {
            assert_eq!(is_uncacheable(&package, &headers(&fields)), expected, "{fields:?}");
        }
        let only_without = GzipProxied::When(vec![GzipProxiedCondition::NoEtag]);
        assert!(!is_uncacheable(&only_without, &headers(&[(header::ETAG, "\"1\"")])));
    }

    #[test]
    fn a_strong_entity_tag_becomes_weak() {
        let weak = |tag| weaken_etag(HeaderValue::from_static(tag));
        assert_eq!(weak("\"1\""), Some(HeaderValue::from_static("W/\"1\"")));
        assert_eq!(weak("W/\"1\""), Some(HeaderValue::from_static("W/\"1\"")));
        assert_eq!(weak("1"), None);
    }
}
