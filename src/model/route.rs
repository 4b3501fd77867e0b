//! Routes: which part of a host a request is for, and what happens to it there.
//!
//! Matching follows nginx's `location` rules, because the configurations that are replaced were
//! written for them: an exact path first, then regular expressions in the order they are written, then
//! the longest prefix. A `PathMatch::PrefixFirst` prefix (nginx's `^~`) is chosen before any regular
//! expression if it is the longest prefix.

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

/// The routes of one host, ready to choose from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RouteTable {
    exact: Vec<Route>,
    regex: Vec<Route>,
    /// Longest first, so that the first hit is the longest.
    prefix: Vec<Route>,
}

/// A path match and what happens to requests that match it.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    pub path: PathMatch,
    pub action: RouteAction,
    /// Applied to every answer of the route, also to those the proxy makes itself.
    pub response_headers: Vec<HeaderOp>,
    /// Who may come here; anybody else is answered 403.
    pub access: AccessRules,
    /// `None` leaves the proxy's own plain pages.
    pub error_pages: Option<ErrorPagesId>,
}

/// Which paths a route is for.
#[derive(Debug, Clone)]
pub enum PathMatch {
    Exact(String),
    Prefix(String),
    /// A prefix that regular expressions do not override (nginx's `^~`).
    PreferredPrefix(String),
    /// Searched for anywhere in the path unless anchored.
    Regex(Regex),
}

/// What happens to a request.
#[derive(Debug, Clone, PartialEq)]
pub enum RouteAction {
    Forward(ForwardAction),
    Redirect(RedirectAction),
    Respond(FixedResponse),
    /// The connection ends without an answer (nginx's `return 444`).
    Close,
    Files(StaticFiles),
    Status(StatusEndpoint),
}

/// A page about the proxy itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusEndpoint {
    /// A few counters as text, as nginx's `stub_status` writes them.
    Connections,
    /// Counters for Prometheus, named as nginx's VTS module names them.
    Metrics,
}

/// The request goes to an application.
#[derive(Debug, Clone, PartialEq)]
pub struct ForwardAction {
    pub upstream: UpstreamId,
    pub target: PathRewrite,
    /// Applied after the proxy's own forwarding headers.
    pub request_headers: Vec<HeaderOp>,
    pub body_limit: BodyLimit,
    /// Longest silence of the application before and within its answer.
    pub read_timeout: Duration,
    /// Longest silence of the client while it sends a body or takes an answer.
    pub client_timeout: Duration,
    /// Longest silence in both directions of a tunnel.
    pub tunnel_idle_timeout: Duration,
    pub intercept_errors: InterceptErrors,
}

/// What becomes of the path of a request. The query goes on as it came in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathRewrite {
    /// Byte for byte as the client wrote it (nginx's `proxy_pass` without a URI).
    Unchanged,
    /// This stands in place of what the route matched. The rest is decoded, brought to its normal form and
    /// encoded again (nginx's `proxy_pass` with a URI). Never on a route with a pattern.
    ReplacePrefix(PathAndQuery),
}

/// The client is sent elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectAction {
    pub status: StatusCode,
    pub origin: RedirectOrigin,
    pub path: RedirectTarget,
}

/// Where on its goal a redirect leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedirectTarget {
    /// To the same path and query, byte for byte.
    Unchanged,
    /// This stands in place of what the route matched; the rest, in its normal form, and the query follow.
    ReplacePrefix(String),
    /// To this path and query, whatever was asked for. May be empty.
    Fixed(String),
}

/// Where a redirect points to, without the path. Either way the configuration decides which hosts are
/// possible, so no client can choose where others are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedirectOrigin {
    /// Scheme and authority, such as `https://gitlab.example.com:8443`.
    Fixed(String),
    /// `https` at the host of the request, which a wildcard of the configuration has matched.
    SameHost {
        /// `None` is 443, which no URL needs to name.
        port: Option<u16>,
    },
}

/// The proxy answers by itself. An error without a body is shown as other errors are, with the page that
/// there is for its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixedResponse {
    pub status: StatusCode,
    pub content_type: HeaderValue,
    pub body: String,
}

impl RouteTable {
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

    /// The route for a path, by the rules above; `None` if no route matches.
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

    /// All routes, in the order in which they are tried.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        let first = self.prefix.iter().filter(|route| matches!(route.path, PathMatch::PreferredPrefix(_)));
        let last = self.prefix.iter().filter(|route| matches!(route.path, PathMatch::Prefix(_)));
        self.exact.iter().chain(first).chain(&self.regex).chain(last)
    }
}

impl Route {
    /// What is done to headers, in both directions.
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
    /// The path, prefix or pattern as it is written.
    pub fn text(&self) -> &str {
        match self {
            PathMatch::Exact(text) | PathMatch::Prefix(text) | PathMatch::PreferredPrefix(text) => text,
            PathMatch::Regex(regex) => regex.as_str(),
        }
    }
}

/// Written as a URL without a path; `*` stands for the host of the request.
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

/// Written as nginx writes a location: `= /x`, `^~ /x`, `~ x`, `/x`.
impl fmt::Display for PathMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self {
            PathMatch::Exact(_) => "= ",
            PathMatch::Prefix(_) => "",
            PathMatch::PreferredPrefix(_) => "^~ ",
            PathMatch::Regex(_) => "~ ",
        };
        write!(f, "{sign}{}", self.text())
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

    fn chosen(table: &RouteTable, path: &str) -> String {
        table.select(path).map_or_else(|| "none".to_owned(), |route| route.path.to_string())
    }

    #[test]
    fn exact_then_protected_prefix_then_regex_then_longest_prefix() {
        let table = routes(&["/", "/assets", "^~ /assets/raw/", "= /assets/x.git", r"~ \.git$", "~ ^/assets"]);
        assert_eq!(chosen(&table, "/assets/x.git"), "= /assets/x.git");
        assert_eq!(chosen(&table, "/assets/raw/x.git"), "^~ /assets/raw/");
        assert_eq!(chosen(&table, "/group/x.git"), r"~ \.git$");
        assert_eq!(chosen(&table, "/assets/y"), "~ ^/assets");
        assert_eq!(chosen(&table, "/group"), "/");
    }

    #[test]
    fn a_prefix_is_a_plain_string_prefix_and_the_longest_wins() {
        let table = routes(&["/git", "/git/deep"]);
        assert_eq!(chosen(&table, "/gitfoo"), "/git");
        assert_eq!(chosen(&table, "/git/deeper"), "/git/deep");
        assert_eq!(chosen(&table, "/other"), "none");
    }
}
