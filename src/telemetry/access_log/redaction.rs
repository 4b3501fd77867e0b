//! Redacts secret query parameters.

use http::Uri;

use crate::model::path;

/// Appends path and query; `[FILTERED]` replaces the values of secret parameters.
///
/// ```
/// use gatepost::telemetry::access_log::redaction::append_target;
///
/// let mut line = Vec::new();
/// append_target(&"/search?q=a&private_token=secret".parse().unwrap(), &mut line);
/// assert_eq!(line, b"/search?q=a&private_token=[FILTERED]");
/// ```
pub fn append_target(target: &Uri, out: &mut Vec<u8>) {
    out.extend_from_slice(target.path().as_bytes());
    let Some(query) = target.query() else { return };
    for (position, pair) in query.split('&').enumerate() {
        out.push(if position == 0 { b'?' } else { b'&' });
        match pair.split_once('=') {
            Some((name, _)) if is_secret(name) => {
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(b"=[FILTERED]");
            }
            _ => out.extend_from_slice(pair.as_bytes()),
        }
    }
}

/// Returns a `Referer` up to its query, which may contain secrets.
pub fn without_query(referer: &[u8]) -> &[u8] {
    referer.iter().position(|byte| *byte == b'?').map_or(referer, |at| &referer[..at])
}

/// Returns whether a parameter carries a credential: any name that ends in `token`, of which the filters of the
/// bundled nginx know some, and the parameters of single sign-on and sign-in forms. Upstreams decode names and
/// split `user[password]`, so names are decoded and split before the comparison.
fn is_secret(name: &str) -> bool {
    let decoded = if name.contains('%') { path::decode(name).ok() } else { None };
    let name = decoded.as_deref().unwrap_or(name);
    let innermost = name.trim_end_matches(']').rsplit('[').next().unwrap_or_default().as_bytes();
    let end = &innermost[innermost.len().saturating_sub(TOKEN.len())..];
    end.eq_ignore_ascii_case(TOKEN) || SECRETS.iter().any(|secret| is_same_name(innermost, secret.as_bytes()))
}

/// Compares names case-insensitively; `-` equals `_`.
fn is_same_name(name: &[u8], known: &[u8]) -> bool {
    let folded = |byte: &u8| if *byte == b'-' { b'_' } else { byte.to_ascii_lowercase() };
    name.len() == known.len() && name.iter().map(folded).eq(known.iter().copied())
}

const TOKEN: &[u8] = b"token";

const SECRETS: [&str; 4] = ["code", "password", "secret", "client_secret"];
