//! Lowers `return` and `rewrite`: responses without an upstream.

use http::{HeaderValue, StatusCode};

use super::redirect_target::{self, SnippetRedirect};
use crate::config::document::{RedirectSection, RouteActionSection};
use crate::config::gitlab_rb::lower::service::ServiceHost;
use crate::model::route::{FixedResponse, PathMatch, RedirectTarget};

/// A `rewrite` that is a redirect.
#[derive(Debug, PartialEq)]
pub(super) struct RewriteRedirect {
    pub(super) path: PathMatch,
    pub(super) action: SnippetRedirect,
    pub(super) status: StatusCode,
}

/// Lowers a `return`. `content_type` is that of the location.
pub(super) fn lower_return(
    words: &[&str],
    content_type: &HeaderValue,
    service_host: &ServiceHost,
) -> Result<RouteActionSection, String> {
    match words {
        [CLOSE] | [CLOSE, _] => Ok(RouteActionSection::Close),
        [code] if code.bytes().all(|byte| byte.is_ascii_digit()) => text(status(code)?, "", content_type),
        [code, rest] => {
            let status = status(code)?;
            if REDIRECTS.contains(&status.as_u16()) {
                return redirect(redirect_target::target(rest, service_host)?, status);
            }
            text(status, rest, content_type)
        }
        // A URL without a status is a redirect with 302.
        [url] => redirect(redirect_target::target(url, service_host)?, StatusCode::FOUND),
        _ => Err("write `return 403;`, `return 200 \"text\";` or `return 301 https://…;`".to_owned()),
    }
}

fn status(code: &str) -> Result<StatusCode, String> {
    let known = code.parse().ok().and_then(|code| StatusCode::from_u16(code).ok());
    known.filter(|status| (200..=599).contains(&status.as_u16())).ok_or_else(|| format!("`{code}` is not a status"))
}

fn text(status: StatusCode, body: &str, content_type: &HeaderValue) -> Result<RouteActionSection, String> {
    if REDIRECTS.contains(&status.as_u16()) {
        return Err(format!("`return {}` requires a URL", status.as_u16()));
    }
    if body.contains('$') {
        return Err("variables are not supported in a response body; write a fixed text".to_owned());
    }
    Ok(RouteActionSection::Respond(FixedResponse {
        status,
        content_type: content_type.clone(),
        body: body.to_owned(),
    }))
}

/// Returns the action of a redirect.
pub(super) fn redirect(target: SnippetRedirect, status: StatusCode) -> Result<RouteActionSection, String> {
    Ok(RouteActionSection::RedirectTo(RedirectSection { status, origin: target.origin, path: target.path }))
}

/// Lowers a `rewrite` that redirects. Its pattern may be `^/old$`, `^/old`, `^/old(.*)` or `^`.
pub(super) fn lower_rewrite(words: &[&str], service_host: &ServiceHost) -> Result<RewriteRedirect, String> {
    let [pattern, replacement, flags @ ..] = words else {
        return Err("write `rewrite ^/old$ /new permanent;`".to_owned());
    };
    let is_url = ["http://", "https://", "$scheme"].iter().any(|start| replacement.starts_with(start));
    let status = match flags {
        ["permanent"] => StatusCode::MOVED_PERMANENTLY,
        ["redirect"] => StatusCode::FOUND,
        [] if is_url => StatusCode::FOUND,
        _ => return Err("only a `rewrite` with `permanent` or `redirect` is supported".to_owned()),
    };
    // nginx appends the query to a replacement, unless the replacement ends with a question mark.
    let (replacement, keeps_query) = match replacement.strip_suffix('?') {
        Some(replacement) => (replacement, false),
        None => (*replacement, true),
    };
    let path = paths(pattern)?;
    let mut action = redirect_target::target(replacement, service_host)?;
    action.path = match (action.path, &path) {
        (RedirectTarget::Fixed(fixed), PathMatch::Exact(_)) if keeps_query && !fixed.contains('?') => {
            RedirectTarget::ReplacePrefix(fixed)
        }
        (RedirectTarget::Fixed(fixed), _) if !keeps_query => RedirectTarget::Fixed(fixed),
        (RedirectTarget::ReplacePrefix(fixed), PathMatch::PreferredPrefix(_))
            if keeps_query && pattern.contains('(') =>
        {
            RedirectTarget::ReplacePrefix(fixed)
        }
        (RedirectTarget::Unchanged, _) if !keeps_query => RedirectTarget::Unchanged,
        _ => return Err("this `rewrite` is not supported; write a `location` with `return 301 URL;`".to_owned()),
    };
    Ok(RewriteRedirect { path, action, status })
}

/// Parses a simple pattern: a fixed prefix, then the end of the path or any characters.
fn paths(pattern: &str) -> Result<PathMatch, String> {
    let simple = || {
        let rest = pattern.strip_prefix('^')?;
        let (text, is_whole) = match rest.strip_suffix('$') {
            Some(text) if !text.ends_with(".*") && !text.ends_with("(.*)") => (text, true),
            Some(text) => (text, false),
            None => (rest, false),
        };
        let text = ["(.*)", ".*"].iter().find_map(|end| text.strip_suffix(end)).unwrap_or(text);
        let plain = text.replace("\\.", "\0").replace("\\-", "-");
        let is_plain = !plain.contains(['\\', '(', ')', '[', ']', '{', '}', '.', '*', '+', '?', '|', '^', '$']);
        let path = plain.replace('\0', ".");
        let path = if path.is_empty() { "/".to_owned() } else { path };
        (is_plain && path.starts_with('/')).then_some((path, is_whole))
    };
    match simple() {
        Some((path, true)) => Ok(PathMatch::Exact(path)),
        Some((path, false)) => Ok(PathMatch::PreferredPrefix(path)),
        None => Err(format!("the pattern `{pattern}` is not supported; write one such as `^/old$` or `^/old(.*)`")),
    }
}

/// Statuses that take a URL.
const REDIRECTS: [u16; 5] = [301, 302, 303, 307, 308];

/// Status of nginx that closes the connection without a response.
const CLOSE: &str = "444";
