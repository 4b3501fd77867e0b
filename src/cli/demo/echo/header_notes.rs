//! Plain words for the headers that the proxy writes.

/// What a header that the proxy writes is for, in a sentence or two; `None` for all others.
///
/// `name` is in lower case.
pub(super) fn header(name: &str) -> Option<&'static str> {
    let (_, meaning) = WRITTEN_BY_THE_PROXY.iter().find(|(known, _)| *known == name)?;
    Some(meaning)
}

/// How the request came here, judged by the names of its headers.
pub(super) fn way<'a>(mut names: impl Iterator<Item = &'a str>) -> &'static str {
    match names.any(|name| name == "x-forwarded-proto") {
        true => {
            "It came through the proxy. The marked headers are what the proxy vouches for; \
             what a client invents under their names does not get this far."
        }
        false => {
            "It came straight to the application: none of the headers that the proxy writes is here. \
             Open this page through the proxy to see them."
        }
    }
}

/// `Host` is the client's, but it is the proxy that decides to pass it on.
const WRITTEN_BY_THE_PROXY: [(&str, &str); 5] = [
    (
        "host",
        "The name and port in the browser’s address bar, passed on unchanged. GitLab builds its links from \
         it, and a WebSocket is refused when it does not match the page’s origin.",
    ),
    (
        "x-real-ip",
        "The address of the client that connected to the proxy. The application itself only sees the proxy.",
    ),
    (
        "x-forwarded-for",
        "The client’s address again, under the name that GitLab reads for its logs and rate limits.",
    ),
    (
        "x-forwarded-proto",
        "What the client spoke: https or http. From this GitLab knows that its cookies and links must be secure.",
    ),
    ("x-forwarded-ssl", "Says “on” when the client spoke https: the older way to say the same."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_without_the_proxys_headers_is_said_to_be_direct() {
        assert!(way(["host", "accept"].into_iter()).contains("straight to the application"));
        assert!(way(["host", "x-forwarded-proto"].into_iter()).contains("through the proxy"));
    }

    #[test]
    fn each_header_of_the_proxy_is_explained_and_no_other() {
        for name in ["host", "x-real-ip", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-ssl"] {
            assert!(header(name).is_some(), "{name}");
        }
        assert_eq!(header("accept"), None);
    }
}
