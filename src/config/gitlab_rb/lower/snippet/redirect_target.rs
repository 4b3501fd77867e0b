//! Where a `return` or `rewrite` sends clients, as far as it can be told before there is a request.
//!
//! What nginx computes from the request, and is the same for all requests of a host (`$host`, `$scheme`,
//! `$server_name`), is put in here. So no client can choose where it is sent.

use crate::config::gitlab_rb::lower::service::ServiceHost;
use crate::config::values::address;
use crate::model::route::RedirectTarget;

/// Where a redirect goes.
#[derive(Debug, PartialEq)]
pub(super) struct SnippetRedirect {
    /// Scheme and authority.
    pub(super) origin: String,
    pub(super) path: RedirectTarget,
}

/// What follows the fixed beginning of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RedirectSuffix {
    Nothing,
    /// Path and query of the request.
    Request,
    /// What the first group of a pattern matched.
    FirstGroup,
}

/// Reads a URL with variables, or a path on the same host. The error says why it cannot be.
pub(super) fn target(text: &str, plan: &ServiceHost) -> Result<SnippetRedirect, String> {
    let (fixed, rest) = split(text, plan)?;
    let (origin, path) = match fixed.find("://").map(|at| at + 3) {
        Some(host) => fixed.split_at(fixed[host..].find(['/', '?']).map_or(fixed.len(), |at| host + at)),
        None => ("", fixed.as_str()),
    };
    let origin = if origin.is_empty() { plan.url.origin() } else { origin.to_owned() };
    let origin = address::origin(&origin).map_err(|mistake| mistake.message)?;
    let is_path = path.is_empty() || path.starts_with(['/', '?']);
    if !is_path || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!("`{text}` is neither a URL nor a path"));
    }
    let path = match rest {
        RedirectSuffix::Request if path.is_empty() => RedirectTarget::Unchanged,
        RedirectSuffix::Request => return Err(format!("`{path}` cannot stand before the path of the request")),
        RedirectSuffix::Nothing => RedirectTarget::Fixed(path.to_owned()),
        RedirectSuffix::FirstGroup => RedirectTarget::ReplacePrefix(path.to_owned()),
    };
    Ok(SnippetRedirect { origin, path })
}

/// The part that is the same for every request, and what follows it.
fn split(text: &str, plan: &ServiceHost) -> Result<(String, RedirectSuffix), String> {
    let mut fixed = String::new();
    let mut left = text;
    while let Some((before, after)) = left.split_once('$') {
        fixed += before;
        for (ending, rest) in [
            ("request_uri", RedirectSuffix::Request),
            ("uri$is_args$args", RedirectSuffix::Request),
            ("1", RedirectSuffix::FirstGroup),
        ] {
            let braced = format!("{{{ending}}}");
            if after == ending || after == braced {
                return Ok((fixed, rest));
            }
        }
        let (name, remaining) = variable(after);
        fixed += &match name {
            "scheme" => plan.url.scheme.as_str().to_owned(),
            "host" | "server_name" => plan.url.name.as_str().to_owned(),
            "http_host" => plan.url.origin().split("://").nth(1).unwrap_or_default().to_owned(),
            _ => return Err(format!("`${name}` is not understood in a redirect, or not at this place")),
        };
        left = remaining;
    }
    Ok((fixed + left, RedirectSuffix::Nothing))
}

/// The name of a variable, with or without braces, and what follows.
fn variable(text: &str) -> (&str, &str) {
    if let Some((name, rest)) = text.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
        return (name, rest);
    }
    text.split_at(text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len()))
}
