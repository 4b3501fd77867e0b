//! Whether an answer is compressed: nginx's rules, applied to one request and its answer.

use std::time::SystemTime;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode, Version, request, response};

use super::gzip_body::GzipBody;
use super::local_response::LocalResponse;
use super::response_body::BodyContent;
use crate::model::compression::{
    CompressionPolicy, GzipPolicy, GzipProxied, GzipProxiedCondition, GzipVary, MinHttpVersion,
};

/// What is to become of an answer.
pub(super) struct CompressionDecision<'a> {
    rules: &'a GzipPolicy,
    consent: GzipAcceptance,
    wanted: CompressedPart,
}

/// What the request says to compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GzipAcceptance {
    No,
    Yes,
    /// It comes from a proxy, which may store some answers.
    IfUnshared,
}

/// What of the answer the client gets to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CompressedPart {
    Everything,
    Head,
}

impl<'a> CompressionDecision<'a> {
    /// `None` where nothing is ever compressed.
    pub(super) fn of(compression: &'a CompressionPolicy, head: &request::Parts) -> Option<CompressionDecision<'a>> {
        let CompressionPolicy::Gzip(rules) = compression else { return None };
        let wanted = if head.method == Method::HEAD { CompressedPart::Head } else { CompressedPart::Everything };
        Some(CompressionDecision { rules, consent: consent(rules, head), wanted })
    }

    /// Compresses an answer if it qualifies. `GzipVary` is added to all that could be compressed for somebody.
    fn apply(&self, reply: LocalResponse) -> LocalResponse {
        if !self.qualifies(&reply) {
            return reply;
        }
        let (mut head, content) = reply.into_parts();
        let is_agreed = match self.consent {
            GzipAcceptance::No => false,
            GzipAcceptance::Yes => true,
            GzipAcceptance::IfUnshared => is_unshared(&self.rules.proxied, &head.headers),
        };
        if self.rules.vary == GzipVary::On {
            add_vary(&mut head.headers);
        }
        if !is_agreed {
            return Response::from_parts(head, content);
        }
        update_headers(&mut head);
        Response::from_parts(head, self.compressed(content))
    }

    fn qualifies(&self, reply: &LocalResponse) -> bool {
        let headers = reply.headers();
        let is_encoded = headers.get(header::CONTENT_ENCODING).is_some_and(|coding| !coding.is_empty());
        STATUSES.contains(&reply.status())
            && !is_encoded
            && !forbids_transformation(headers)
            && length(reply).is_none_or(|length| length >= self.rules.min_length)
            && self.rules.types.include(headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes))
    }

    /// As in nginx, HEAD is told what GET would be.
    fn compressed(&self, content: BodyContent) -> BodyContent {
        match (self.wanted, content) {
            (CompressedPart::Everything, content) => {
                BodyContent::Gzip(Box::new(GzipBody::new(content, self.rules.level)))
            }
            (CompressedPart::Head, BodyContent::Bytes(_)) => BodyContent::Empty,
            (CompressedPart::Head, content) => content,
        }
    }
}

/// Whether a response forbids a change of its content (RFC 9110 section 7.7), or carries a digest of it that a
/// change would make wrong (RFC 9530).
fn forbids_transformation(headers: &HeaderMap) -> bool {
    DIGESTS.iter().any(|digest| headers.contains_key(digest)) || has_directive(headers, "no-transform")
}

/// The answer in the form that its client prefers.
pub(super) fn apply(prospect: Option<CompressionDecision<'_>>, reply: LocalResponse) -> LocalResponse {
    match prospect {
        Some(prospect) => prospect.apply(reply),
        None => reply,
    }
}

fn consent(rules: &GzipPolicy, head: &request::Parts) -> GzipAcceptance {
    let is_old = match rules.oldest_http {
        MinHttpVersion::Http10 => head.version < Version::HTTP_10,
        MinHttpVersion::Http11 => head.version < Version::HTTP_11,
    };
    if is_old || !accepts_gzip(&head.headers) {
        return GzipAcceptance::No;
    }
    if !head.headers.contains_key(header::VIA) {
        return GzipAcceptance::Yes;
    }
    match &rules.proxied {
        GzipProxied::Never => GzipAcceptance::No,
        GzipProxied::Always => GzipAcceptance::Yes,
        GzipProxied::When(conditions) => {
            let is_private = conditions.contains(&GzipProxiedCondition::Auth)
                && head.headers.contains_key(header::AUTHORIZATION);
            if is_private { GzipAcceptance::Yes } else { GzipAcceptance::IfUnshared }
        }
    }
}

/// Whether gzip is named and not refused (RFC 9110 section 12.5.3). `*` is no reason to compress, as in nginx:
/// plain is always right.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let codings = headers.get_all(header::ACCEPT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
    let gzip = codings.flat_map(|value| value.split(',')).find_map(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim().eq_ignore_ascii_case("gzip").then_some(weight)
    });
    gzip.is_some_and(|weight| !is_refusal(weight.trim()))
}

/// Whether a weight is zero, as in `q=0` and `q=0.000`. One that makes no sense is no consent either.
fn is_refusal(weight: &str) -> bool {
    let Some((name, value)) = weight.split_once('=') else { return !weight.is_empty() };
    let is_positive = value.trim().parse().is_ok_and(|weight: f32| weight > 0.0);
    !(name.trim().eq_ignore_ascii_case("q") && is_positive)
}

/// Whether no proxy would store the answer for others, by the conditions that count. The order is nginx's: an
/// `Expires` decides alone, then `Cache-Control` does, and an answer without either may be compressed.
fn is_unshared(proxied: &GzipProxied, headers: &HeaderMap) -> bool {
    let GzipProxied::When(conditions) = proxied else { return *proxied == GzipProxied::Always };
    let counts = |condition| conditions.contains(&condition);
    if let Some(expires) = headers.get(header::EXPIRES) {
        let now = headers.get(header::DATE).map_or(Some(SystemTime::now()), time);
        let is_past = time(expires).zip(now).is_some_and(|(expires, now)| expires < now);
        return counts(GzipProxiedCondition::Expired) && is_past;
    }
    if headers.contains_key(header::CACHE_CONTROL) {
        let reasons = [GzipProxiedCondition::NoCache, GzipProxiedCondition::NoStore, GzipProxiedCondition::Private];
        return reasons.into_iter().any(|reason| counts(reason) && has_directive(headers, reason.as_str()));
    }
    let missing = [
        (GzipProxiedCondition::NoLastModified, header::LAST_MODIFIED),
        (GzipProxiedCondition::NoEtag, header::ETAG),
    ];
    missing.into_iter().all(|(condition, name)| !counts(condition) || !headers.contains_key(name))
}

fn has_directive(headers: &HeaderMap, wanted: &str) -> bool {
    let values = headers.get_all(header::CACHE_CONTROL).into_iter().filter_map(|value| value.to_str().ok());
    let mut names = values.flat_map(|value| value.split(',')).filter_map(|element| element.split('=').next());
    names.any(|name| name.trim().eq_ignore_ascii_case(wanted))
}

fn time(value: &HeaderValue) -> Option<SystemTime> {
    httpdate::parse_http_date(value.to_str().ok()?).ok()
}

/// What the answer says of its length, if it does.
fn length(reply: &LocalResponse) -> Option<u64> {
    if let BodyContent::Bytes(bytes) = reply.body() {
        return Some(bytes.len() as u64);
    }
    reply.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Before what the application says itself, as in nginx.
fn add_vary(headers: &mut HeaderMap) {
    let theirs: Vec<HeaderValue> = headers.get_all(header::VARY).into_iter().cloned().collect();
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    for value in theirs {
        headers.append(header::VARY, value);
    }
}

/// The headers of the compressed form. Its bytes are not those that a length, a range or a strong tag is about.
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

/// As nginx does it: a tag without quotes is none.
fn weaken_etag(tag: HeaderValue) -> Option<HeaderValue> {
    match tag.as_bytes() {
        [b'W', b'/', ..] => Some(tag),
        [b'"', ..] => HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat()).ok(),
        _ => None,
    }
}

/// Fields with a digest of the content.
const DIGESTS: [HeaderName; 3] = [
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("content-md5"),
];

/// Of other answers nginx believes that they are short.
const STATUSES: [StatusCode; 3] = [StatusCode::OK, StatusCode::FORBIDDEN, StatusCode::NOT_FOUND];

#[cfg(test)]
mod tests {
    use http::header::HeaderName;

    use super::*;

    fn headers(fields: &[(HeaderName, &'static str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn gzip_must_be_named_and_not_be_refused() {
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
    fn what_a_proxy_may_store_stays_as_it_is() {
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
            assert_eq!(is_unshared(&package, &headers(&fields)), expected, "{fields:?}");
        }
        let only_without = GzipProxied::When(vec![GzipProxiedCondition::NoEtag]);
        assert!(!is_unshared(&only_without, &headers(&[(header::ETAG, "\"1\"")])));
    }

    #[test]
    fn a_strong_tag_becomes_weak() {
        let weak = |tag| weaken_etag(HeaderValue::from_static(tag));
        assert_eq!(weak("\"1\""), Some(HeaderValue::from_static("W/\"1\"")));
        assert_eq!(weak("W/\"1\""), Some(HeaderValue::from_static("W/\"1\"")));
        assert_eq!(weak("1"), None);
    }
}
