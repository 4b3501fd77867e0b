//! Routes and route selection by nginx `location` rules.
//!
//! The rules are those of nginx, because the configurations that Gatepost replaces were written for them. They
//! are tried in this order: an exact path; the longest prefix if it is a [`PathMatch::PreferredPrefix`] (nginx
//! `^~`); regular expressions in configured order; the longest prefix.

use std::fmt;
use std::time::Duration;

use http::uri::PathAndQuery;
use http::{HeaderValue, StatusCode};
use regex::Regex;

use super::access::AccessRules;
use super::error_page::InterceptErrors;
use super::files::StaticFiles;
use super::headers::ops::HeaderOp;
use super::ids::{ErrorPagesId, UpstreamId};
use super::limits::BodyLimit;

/// The routes of one virtual host in matching order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RouteTable {
    exact: Vec<Route>,
    regex: Vec<Route>,
    /// Longest first, so that the first match is the longest.
    prefix: Vec<Route>,
}

/// A path match, its settings and its action.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    pub path: PathMatch,
    pub action: RouteAction,
    /// Applied to every response of the route, including local responses.
    pub response_headers: Vec<HeaderOp>,
    /// Access control; other clients receive 403.
    pub access: AccessRules,
    /// `None` selects the built-in pages.
    pub error_pages: Option<ErrorPagesId>,
}

/// The paths that a route matches.
#[derive(Debug, Clone)]
pub enum PathMatch {
    /// Exactly this path (nginx `=`).
    Exact(String),
    /// Every path that starts with this string.
    Prefix(String),
    /// A prefix that takes precedence over regular expressions (nginx `^~`).
    PreferredPrefix(String),
    /// A regular expression that matches anywhere in the path unless anchored (nginx `~`).
    Regex(Regex),
}

/// What a route does with a request.
#[derive(Debug, Clone, PartialEq)]
pub enum RouteAction {
    Forward(ForwardAction),
    Redirect(RedirectAction),
    Respond(FixedResponse),
    /// Closes the connection without a response (nginx `return 444`).
    Close,
    Files(StaticFiles),
    Status(StatusEndpoint),
}

/// A status endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusEndpoint {
    /// Connection and request counts as text, in the format of nginx `stub_status`.
    Connections,
    /// Prometheus metrics, with the names of the nginx VTS module.
    Metrics,
}

/// Forwards the request to an upstream.
#[derive(Debug, Clone, PartialEq)]
pub struct ForwardAction {
    pub upstream: UpstreamId,
    pub target: PathRewrite,
    /// Applied after the forwarding headers (`Host`, `X-Forwarded-*`) are set.
    pub request_headers: Vec<HeaderOp>,
    pub body_limit: BodyLimit,
    /// Maximum time between two reads from the upstream (nginx `proxy_read_timeout`).
    pub read_timeout: Duration,
    /// Maximum time between two reads of a request body or two writes of a response (nginx
    /// `client_body_timeout`, `send_timeout`).
    pub client_timeout: Duration,
    /// Maximum time without data in either direction of a tunnel.
    pub tunnel_idle_timeout: Duration,
    pub intercept_errors: InterceptErrors,
    pub expect_continue: ExpectContinue,
}

/// Who responds to `Expect: 100-continue` (RFC 9110 section 10.1.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ExpectContinue {
    /// The proxy sends 100 at once and does not forward `Expect`, as nginx does.
    #[default]
    Respond,
    /// The upstream decides: it may refuse the request before the client sends the body.
    Forward,
}

/// Whether the matched path prefix is replaced. The query is always kept unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathRewrite {
    /// The path is forwarded byte for byte (nginx `proxy_pass` without a URI).
    Unchanged,
    /// Replaces the prefix that the route matched. The rest is decoded, normalized and encoded again (nginx
    /// `proxy_pass` with a URI). Not valid for a route with a regular expression.
    ReplacePrefix(PathAndQuery),
}

/// Redirects the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectAction {
    pub status: StatusCode,
    pub origin: RedirectOrigin,
    pub path: RedirectTarget,
}

/// Path and query of a redirect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedirectTarget {
    /// The path and query of the request, byte for byte.
    Unchanged,
    /// Replaces the prefix that the route matched; the rest, normalized, and the query follow.
    ReplacePrefix(String),
    /// This path and query for every request. May be empty.
    Fixed(String),
}

/// Scheme and authority of a redirect. The configuration determines the possible hosts in both variants, so a
/// client cannot choose the target of a redirect (open redirect).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedirectOrigin {
    /// Scheme and authority, such as `https://gitlab.example.com:8443`.
    Fixed(String),
    /// `https` and the host of the request, which a host pattern of the configuration has matched.
    SameHost {
        /// `None` is 443, the default port of the scheme.
        port: Option<u16>,
    },
}

/// A response with a configured status and body. An error status without a body selects the error page for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixedResponse {
    pub status: StatusCode,
    pub content_type: HeaderValue,
    pub body: String,
}

impl RouteTable {
    /// Builds a table. The order of regular expressions is kept; prefixes are sorted by length.
    pub fn new(routes: Vec<Route>) -> RouteTable {
        let mut table = RouteTable::default();
        for route in routes {
            match route.path {
                PathMatch::Exact(_) => table.exact.push(route),
                PathMatch::Regex(_) => table.regex.push(route),
                PathMatch::Prefix(_) | PathMatch::PreferredPrefix(_) => table.prefix.push(route),
            }
        }
        table.prefix.sort_by_key(|route| std::cmp::Reverse(route.path.text().len()));
        table
    }

    /// Returns the route that matches a normalized path; `None` if no route matches.
    ///
    /// ```
    /// use gatepost::model::access::AccessRules;
    /// use gatepost::model::route::{PathMatch, Route, RouteAction, RouteTable};
    /// use regex::Regex;
    ///
    /// let route = |path| Route {
    ///     path,
    ///     action: RouteAction::Close,
    ///     response_headers: Vec::new(),
    ///     access: AccessRules::ALLOW_ALL,
    ///     error_pages: None,
    /// };
    /// let table = RouteTable::new(vec![
    ///     route(PathMatch::Prefix("/".into())),
    ///     route(PathMatch::PreferredPrefix("/assets/".into())),
    ///     route(PathMatch::Exact("/assets/logo.png".into())),
    ///     route(PathMatch::Regex(Regex::new(r"\.png$").expect("a regular expression"))),
    ///     route(PathMatch::Regex(Regex::new("^/group/").expect("a regular expression"))),
    /// ]);
    /// let selected = |path| table.select(path).map(|route| route.path.to_string());
    ///
    /// assert_eq!(selected("/assets/logo.png").as_deref(), Some("= /assets/logo.png"));
    /// assert_eq!(selected("/assets/icon.png").as_deref(), Some("^~ /assets/"));
    /// assert_eq!(selected("/group/icon.png").as_deref(), Some(r"~ \.png$"));
    /// assert_eq!(selected("/group/readme").as_deref(), Some("~ ^/group/"));
    /// assert_eq!(selected("/users").as_deref(), Some("/"));
    /// ```
    pub fn select(&self, path: &str) -> Option<&Route> {
        if let Some(route) = self.exact.iter().find(|route| route.path.text() == path) {
            return Some(route);
        }
        let prefix = self.prefix.iter().find(|route| path.starts_with(route.path.text()));
        if let Some(Route { path: PathMatch::PreferredPrefix(_), .. }) = prefix {
            return prefix;
        }
        let regex = self.regex.iter().find(|route| match &route.path {
            PathMatch::Regex(regex) => regex.is_match(path),
            _ => false,
        });
        regex.or(prefix)
    }

    /// Iterates over all routes in matching order.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        let preferred = self.prefix.iter().filter(|route| matches!(route.path, PathMatch::PreferredPrefix(_)));
        let plain = self.prefix.iter().filter(|route| matches!(route.path, PathMatch::Prefix(_)));
        self.exact.iter().chain(preferred).chain(&self.regex).chain(plain)
    }
}

impl Route {
    /// Returns the header operations for requests and for responses.
    pub fn header_ops(&self) -> impl Iterator<Item = &HeaderOp> {
        let request = match &self.action {
            RouteAction::Forward(forward) => &forward.request_headers[..],
            RouteAction::Redirect(_)
            | RouteAction::Respond(_)
            | RouteAction::Close
            | RouteAction::Files(_)
            | RouteAction::Status(_) => &[],
        };
        request.iter().chain(&self.response_headers)
    }
}

impl PathMatch {
    /// Returns the path, prefix or regular expression as configured.
    pub fn text(&self) -> &str {
        match self {
            PathMatch::Exact(text) | PathMatch::Prefix(text) | PathMatch::PreferredPrefix(text) => text,
            PathMatch::Regex(regex) => regex.as_str(),
        }
    }
}

/// Formatted as a URL without a path; `*` is the host of the request.
impl fmt::Display for RedirectOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RedirectOrigin::Fixed(text) => f.write_str(text),
            RedirectOrigin::SameHost { port: None } => f.write_str("https://*"),
            RedirectOrigin::SameHost { port: Some(port) } => write!(f, "https://*:{port}"),
        }
    }
}

impl PartialEq for PathMatch {
    fn eq(&self, other: &PathMatch) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other) && self.text() == other.text()
    }
}

/// Formatted as an nginx `location`: `= /x`, `^~ /x`, `~ x`, `/x`.
impl fmt::Display for PathMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let modifier = match self {
            PathMatch::Exact(_) => "= ",
            PathMatch::Prefix(_) => "",
            PathMatch::PreferredPrefix(_) => "^~ ",
            PathMatch::Regex(_) => "~ ",
        };
        write!(f, "{modifier}{}", self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(paths: &[&str]) -> RouteTable {
        let route = |text: &&str| Route {
            path: match text.split_once(' ') {
                Some(("=", path)) => PathMatch::Exact(path.into()),
                Some(("^~", path)) => PathMatch::PreferredPrefix(path.into()),
                Some(("~", pattern)) => PathMatch::Regex(Regex::new(pattern).unwrap()),
                _ => PathMatch::Prefix((*text).into()),
            },
            action: RouteAction::Redirect(RedirectAction {
                status: StatusCode::MOVED_PERMANENTLY,
                origin: RedirectOrigin::SameHost { port: None },
                path: RedirectTarget::Unchanged,
            }),
            response_headers: Vec::new(),
            access: AccessRules::default(),
            error_pages: None,
        };
        RouteTable::new(paths.iter().map(route).collect())
    }

    fn selected(table: &RouteTable, path: &str) -> String {
        table.select(path).map_or_else(|| "none".to_owned(), |route| route.path.to_string())
    }

    #[test]
    fn exact_then_preferred_prefix_then_regex_then_longest_prefix() {
        let table = routes(&["/", "/assets", "^~ /assets/raw/", "= /assets/x.git", r"~ \.git$", "~ ^/assets"]);
        assert_eq!(selected(&table, "/assets/x.git"), "= /assets/x.git");
        assert_eq!(selected(&table, "/assets/raw/x.git"), "^~ /assets/raw/");
        assert_eq!(selected(&table, "/group/x.git"), r"~ \.git$");
        assert_eq!(selected(&table, "/assets/y"), "~ ^/assets");
        assert_eq!(selected(&table, "/group"), "/");
    }

    #[test]
    fn the_longest_string_prefix_is_selected() {
        let table = routes(&["/git", "/git/deep"]);
        assert_eq!(selected(&table, "/gitfoo"), "/git");
        assert_eq!(selected(&table, "/git/deeper"), "/git/deep");
        assert_eq!(selected(&table, "/other"), "none");
    }
}
