//! What changes in a head on its way: from the client to the application, and back.

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

/// The headers of a request as the application is to see them.
///
/// What a client says about itself or about its way here never survives: applications believe it.
pub fn to_upstream(head: &mut request::Parts, introduction: Rc<ForwardingHeaders>) -> EndToEndHeaders {
    let mut headers = EndToEndHeaders::from_request(std::mem::take(&mut head.headers), introduction);
    if head.version == Version::HTTP_2 {
        join_cookies(&mut headers);
    }
    headers
}

/// Path and query as the application is to see them.
pub fn target(uri: &Uri, route: &Route, target: &PathRewrite) -> Result<PathAndQuery, InvalidPath> {
    let PathRewrite::ReplacePrefix(replacement) = target else { return Ok(origin_form(uri)) };
    let mut text = path::replace_prefix(uri.path(), route.path.text().len(), replacement.path())?;
    if let Some(query) = uri.query() {
        text.push('?');
        text.push_str(query);
    }
    PathAndQuery::from_maybe_shared(Bytes::from(text)).map_err(|_| InvalidPath)
}

/// Path and query that a redirect leads to.
pub fn redirect_target<'a>(
    uri: &'a Uri,
    route: &Route,
    path: &'a RedirectTarget,
) -> Result<Cow<'a, str>, InvalidPath> {
    match path {
        RedirectTarget::Unchanged => Ok(as_it_came(uri)),
        RedirectTarget::Fixed(fixed) => Ok(fixed.into()),
        RedirectTarget::ReplacePrefix(replacement) => {
            let mut target = path::replace_prefix(uri.path(), route.path.text().len(), replacement)?;
            // The rest of a path must not become a part of the host's name.
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

/// Path and query as text. The path of `http://host?a=b` is `/`, though it is not written (RFC 9110 section
/// 4.2.3).
fn as_it_came(uri: &Uri) -> Cow<'_, str> {
    let target = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    if target.starts_with('?') { format!("/{target}").into() } else { target.into() }
}

/// Path and query, as they came.
pub fn origin_form(uri: &Uri) -> PathAndQuery {
    match uri.path_and_query() {
        Some(target) if !target.as_str().starts_with('?') => target.clone(),
        _ => as_it_came(uri).parse().unwrap_or_else(|_| PathAndQuery::from_static("/")),
    }
}

/// The headers of an answer as the client is to see them.
pub fn to_client(headers: HeaderMap, ops: &ResolvedHeaderOps<'_>) -> HeaderMap {
    let mut headers = EndToEndHeaders::from_message(headers, is_for_proxies);
    headers.apply(ops);
    headers.into_headers()
}

/// The protocols that a 426 requires, for an HTTP/1 client; HTTP/2 has no `Upgrade` (RFC 9110 section 15.5.22).
pub fn required_upgrade(head: &response::Parts, client: Version) -> Option<HeaderValue> {
    let applies = head.status == StatusCode::UPGRADE_REQUIRED && client < Version::HTTP_2;
    head.headers.get(header::UPGRADE).filter(|_| applies).cloned()
}

/// Said to the proxy by the application (nginx hides the same), and the name of its server software.
fn is_for_proxies(name: &str) -> bool {
    match name.as_bytes()[0] {
        b'x' => CONSUMED_X.contains(&name),
        b's' => name == "server",
        _ => false,
    }
}

/// HTTP/2 clients may split `Cookie`; HTTP/1 wants one line (RFC 9113 section 8.2.3).
fn join_cookies(headers: &mut EndToEndHeaders) {
    if headers.get_all(&header::COOKIE).nth(1).is_none() {
        return;
    }
    let crumbs: Vec<&[u8]> = headers.get_all(&header::COOKIE).map(HeaderValue::as_bytes).collect();
    // Valid values joined by "; " are a valid value.
    if let Ok(value) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..])) {
        headers.set(header::COOKIE, value);
    }
}

const CONSUMED_X: [&str; 6] =
    ["x-accel-redirect", "x-accel-expires", "x-accel-limit-rate", "x-accel-buffering", "x-accel-charset", "x-pad"];
