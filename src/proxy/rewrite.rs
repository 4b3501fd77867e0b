//! Rewrites request and response heads.

use std::borrow::Cow;
use std::rc::Rc;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::uri::PathAndQuery;
use http::{StatusCode, Uri, Version, request, response};

use crate::model::headers::end_to_end::EndToEndHeaders;
use crate::model::headers::forwarding::ForwardingHeaders;
use crate::model::headers::ops::ResolvedHeaderOps;
use crate::model::path::{self, InvalidPath};
use crate::model::route::{PathRewrite, RedirectTarget, Route};

/// Takes the headers of a request and returns those for the upstream.
///
/// Client-supplied forwarding headers are removed, because upstreams trust them.
pub fn to_upstream(head: &mut request::Parts, forwarding: Rc<ForwardingHeaders>) -> EndToEndHeaders {
    let mut headers = EndToEndHeaders::from_request(std::mem::take(&mut head.headers), forwarding);
    if head.version == Version::HTTP_2 {
        join_cookies(&mut headers);
    }
    headers
}

/// Returns path and query for the upstream.
///
/// # Errors
///
/// If the path cannot be normalised.
pub fn target(uri: &Uri, route: &Route, target: &PathRewrite) -> Result<PathAndQuery, InvalidPath> {
    let PathRewrite::ReplacePrefix(replacement) = target else { return Ok(origin_form(uri)) };
    let mut text = path::replace_prefix(uri.path(), route.path.text().len(), replacement.path())?;
    if let Some(query) = uri.query() {
        text.push('?');
        text.push_str(query);
    }
    PathAndQuery::from_maybe_shared(Bytes::from(text)).map_err(|_| InvalidPath)
}

/// Returns path and query of a redirect.
///
/// # Errors
///
/// If the path cannot be normalised, or the result would extend the host name.
pub fn redirect_target<'a>(
    uri: &'a Uri,
    route: &Route,
    path: &'a RedirectTarget,
) -> Result<Cow<'a, str>, InvalidPath> {
    match path {
        RedirectTarget::Unchanged => Ok(path_and_query(uri)),
        RedirectTarget::Fixed(fixed) => Ok(fixed.into()),
        RedirectTarget::ReplacePrefix(replacement) => {
            let mut target = path::replace_prefix(uri.path(), route.path.text().len(), replacement)?;
            // The rest of a path must not become part of the host name.
            if !target.is_empty() && !target.starts_with('/') {
                return Err(InvalidPath);
            }
            if let Some(query) = uri.query() {
                target.push('?');
                target.push_str(query);
            }
            Ok(target.into())
        }
    }
}

/// Returns path and query as text. The empty path of `http://host?a=b` is `/` (RFC 9110 section 4.2.3).
fn path_and_query(uri: &Uri) -> Cow<'_, str> {
    let target = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    if target.starts_with('?') { format!("/{target}").into() } else { target.into() }
}

/// Returns path and query in origin form, otherwise unchanged.
pub fn origin_form(uri: &Uri) -> PathAndQuery {
    match uri.path_and_query() {
        Some(target) if !target.as_str().starts_with('?') => target.clone(),
        _ => path_and_query(uri).parse().unwrap_or_else(|_| PathAndQuery::from_static("/")),
    }
}

/// Returns the headers of an upstream response for the client.
pub fn to_client(status: StatusCode, mut headers: HeaderMap, ops: &ResolvedHeaderOps<'_>) -> HeaderMap {
    if status.is_informational() || status == StatusCode::NO_CONTENT {
        // RFC 9110 section 8.6 forbids a length here; an HTTP/2 client would wait for its bytes.
        headers.remove(header::CONTENT_LENGTH);
    }
    let mut headers = EndToEndHeaders::from_message(headers, is_hidden_from_client);
    headers.apply(ops);
    headers.into_headers()
}

/// Returns the protocols that a 426 requires, for an HTTP/1 client (RFC 9110 section 15.5.22). HTTP/2 has no
/// `Upgrade`.
pub fn required_upgrade(head: &response::Parts, client: Version) -> Option<HeaderValue> {
    let applies = head.status == StatusCode::UPGRADE_REQUIRED && client < Version::HTTP_2;
    head.headers.get(header::UPGRADE).filter(|_| applies).cloned()
}

/// Returns whether a response header is removed: instructions to the proxy (nginx hides the same, see
/// `proxy_hide_header`) and `Server`.
fn is_hidden_from_client(name: &str) -> bool {
    match name.as_bytes()[0] {
        b'x' => HIDDEN_HEADERS.contains(&name),
        b's' => name == "server",
        _ => false,
    }
}

/// Joins the `Cookie` fields that an HTTP/2 client may split; HTTP/1 requires one field (RFC 9113 section 8.2.3).
fn join_cookies(headers: &mut EndToEndHeaders) {
    if headers.get_all(&header::COOKIE).nth(1).is_none() {
        return;
    }
    let cookies: Vec<&[u8]> = headers.get_all(&header::COOKIE).map(HeaderValue::as_bytes).collect();
    // Valid values joined by "; " are a valid value.
    if let Ok(value) = HeaderValue::from_bytes(&cookies.join(&b"; "[..])) {
        headers.set(header::COOKIE, value);
    }
}

/// The headers of [`is_hidden_from_client`] that begin with `x`.
const HIDDEN_HEADERS: [&str; 6] =
    ["x-accel-redirect", "x-accel-expires", "x-accel-limit-rate", "x-accel-buffering", "x-accel-charset", "x-pad"];
