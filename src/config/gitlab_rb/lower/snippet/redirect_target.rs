//! Parses redirect targets with nginx variables.
//!
//! Variables that are the same for all requests of a host (`$host`, `$scheme`, `$server_name`) are replaced by
//! their values here, so a client cannot choose the target of a redirect.

use crate::config::gitlab_rb::lower::service::ServiceHost;
use crate::config::values::address;
use crate::model::route::RedirectTarget;

/// Target of a redirect.
#[derive(Debug, PartialEq)]
pub(super) struct SnippetRedirect {
    /// Scheme and authority.
    pub(super) origin: String,
    pub(super) path: RedirectTarget,
}

/// Variable part after the fixed prefix of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RedirectSuffix {
    Nothing,
    /// Path and query of the request.
    Request,
    /// Match of the first capture group of a pattern.
    FirstGroup,
}

/// Parses a URL with variables, or a path on the same host.
///
/// # Errors
/// Returns why the target is not supported.
pub(super) fn target(text: &str, service_host: &ServiceHost) -> Result<SnippetRedirect, String> {
    let (fixed, rest) = split(text, service_host)?;
    let (origin, path) = match fixed.find("://").map(|at| at + 3) {
        Some(host) => fixed.split_at(fixed[host..].find(['/', '?']).map_or(fixed.len(), |at| host + at)),
        None => ("", fixed.as_str()),
    };
    let origin = if origin.is_empty() { service_host.url.origin() } else { origin.to_owned() };
    let origin = address::origin(&origin).map_err(|error| error.message)?;
    let is_path = path.is_empty() || path.starts_with(['/', '?']);
    if !is_path || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!("`{text}` is neither a URL nor a path"));
    }
    let path = match rest {
        RedirectSuffix::Request if path.is_empty() => RedirectTarget::Unchanged,
        RedirectSuffix::Request => return Err(format!("`{path}` before the path of the request is not supported")),
        RedirectSuffix::Nothing => RedirectTarget::Fixed(path.to_owned()),
        RedirectSuffix::FirstGroup => RedirectTarget::ReplacePrefix(path.to_owned()),
    };
    Ok(SnippetRedirect { origin, path })
}

/// Splits a target into the part that is the same for every request, and the rest.
fn split(text: &str, service_host: &ServiceHost) -> Result<(String, RedirectSuffix), String> {
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
            "scheme" => service_host.url.scheme.as_str().to_owned(),
            "host" | "server_name" => service_host.url.name.as_str().to_owned(),
            "http_host" => service_host.url.origin().split("://").nth(1).unwrap_or_default().to_owned(),
            _ => return Err(format!("`${name}` is not supported in a redirect, or not at this position")),
        };
        left = remaining;
    }
    Ok((fixed + left, RedirectSuffix::Nothing))
}

/// Splits a text into the name of a variable, with or without braces, and the rest.
fn variable(text: &str) -> (&str, &str) {
    if let Some((name, rest)) = text.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
        return (name, rest);
    }
    text.split_at(text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len()))
}
