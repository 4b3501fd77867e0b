//! What a log must not say: the values of secret parameters.

use http::Uri;

use crate::model::path;

/// Appends path and query, with the values of secret parameters replaced.
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

pub fn without_query(referer: &[u8]) -> &[u8] {
    referer.iter().position(|byte| *byte == b'?').map_or(referer, |at| &referer[..at])
}

/// Parameters that carry a credential: any `…token`, as nginx's filters know some, and what sign-on and
/// sign-in send. Applications decode names and take `user[password]` apart, so that is done here, too.
fn is_secret(name: &str) -> bool {
    let decoded = path::decode(name).unwrap_or_else(|_| name.to_owned());
    let innermost = decoded.trim_end_matches(']').rsplit('[').next().unwrap_or_default();
    let name = innermost.to_ascii_lowercase().replace('-', "_");
    name.ends_with("token") || ["code", "password", "secret", "client_secret"].contains(&name.as_str())
}
