//! Explanations of the headers that the proxy adds.

/// Returns the purpose of a header that the proxy sets; `None` for other headers. `name` is in lower case.
pub(super) fn note(name: &str) -> Option<&'static str> {
    let (_, note) = PROXY_HEADERS.iter().find(|(known, _)| *known == name)?;
    Some(note)
}

/// Returns the path of a request, through the proxy or not, derived from its header names.
pub(super) fn path_taken<'a>(mut names: impl Iterator<Item = &'a str>) -> &'static str {
    match names.any(|name| name == "x-forwarded-proto") {
        true => {
            "It came through the proxy. The proxy set the marked headers; \
             values that a client sends under their names are removed."
        }
        false => {
            "It came directly to the demo application, without the headers that the proxy sets. \
             Open this page through the proxy to see them."
        }
    }
}

/// `Host` has the value of the client, but the proxy decides to forward it.
const PROXY_HEADERS: [(&str, &str); 5] = [
    (
        "host",
        "The name and port in the browser’s address bar, forwarded unchanged. GitLab builds its links from \
         it and rejects a WebSocket if it does not match the origin of the page.",
    ),
    (
        "x-real-ip",
        "The address of the client that connected to the proxy. The peer address of the application’s own \
         connection is that of the proxy.",
    ),
    ("x-forwarded-for", "The address of the client again. GitLab reads this header for its logs and rate limits."),
    (
        "x-forwarded-proto",
        "The scheme that the client used: https or http. With https, GitLab marks cookies as secure and \
         creates https links.",
    ),
    ("x-forwarded-ssl", "“on” if the client used https: the older form of X-Forwarded-Proto."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_without_proxy_headers_is_described_as_direct() {
        assert!(path_taken(["host", "accept"].into_iter()).contains("directly to the demo application"));
        assert!(path_taken(["host", "x-forwarded-proto"].into_iter()).contains("through the proxy"));
    }

    #[test]
    fn only_headers_that_the_proxy_sets_have_a_note() {
        for name in ["host", "x-real-ip", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-ssl"] {
            assert!(note(name).is_some(), "{name}");
        }
        assert_eq!(note("accept"), None);
    }
}
