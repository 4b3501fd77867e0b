//! Routes that correspond to the package's nginx locations.

use http::{HeaderValue, StatusCode};
use regex::Regex;

use super::error_pages::HostErrorPages;
use super::service::{Service, ServiceHost};
use crate::config::document::{RouteActionSection, RouteSection, Setting};
use crate::model::error_page::InterceptErrors;
use crate::model::route::{FixedResponse, PathMatch};

/// Returns all routes except the one to the host's upstream. `redirects` is whether HTTP redirects to HTTPS.
pub(super) fn lower(service_host: &ServiceHost, redirects: bool, pages: &HostErrorPages) -> Vec<RouteSection> {
    if service_host.service != Service::Gitlab {
        return Vec::new();
    }
    let mut routes = health_routes(service_host, redirects, pages);
    if pages.intercept() {
        routes.extend(program_routes(service_host));
    }
    routes.extend(pattern(&pages.page_paths()).map(|path| service_host.route(path, not_found(service_host))));
    let root = &service_host.url.path;
    if !root.is_empty() {
        routes.push(service_host.route(PathMatch::Prefix(root.clone()), upstream(service_host)));
        routes.push(service_host.route(PathMatch::Prefix("/".to_owned()), not_found(service_host)));
    }
    routes
}

/// Returns the routes of health checks, which precede the redirect and have their own error responses.
fn health_routes(service_host: &ServiceHost, redirects: bool, pages: &HostErrorPages) -> Vec<RouteSection> {
    let check = |path: &&str| {
        let mut route = service_host
            .route(PathMatch::Exact(format!("{}{path}", service_host.url.path)), upstream(service_host));
        if redirects {
            route.before_redirect = service_host.url_setting(true);
        }
        route.settings.error_pages = pages.health_pages(service_host, path);
        route
    };
    HEALTH.iter().map(check).collect()
}

/// Returns the routes whose error responses are never replaced by pages, because programs read them. The
/// package exempts only the API, and sends git and LFS clients pages that they cannot read.
fn program_routes(service_host: &ServiceHost) -> impl Iterator<Item = RouteSection> {
    let root = regex::escape(&service_host.url.path);
    let paths = [format!(r"^{root}/api/v\d"), r"\.git/(info/|git-|ssh-|gitlab-lfs/)".to_owned()];
    paths.into_iter().filter_map(|path| pattern(&path)).map(|path| {
        let mut route = service_host.route(path, upstream(service_host));
        route.settings.intercept_errors = service_host.url_setting(InterceptErrors::Pass);
        route
    })
}

fn upstream(service_host: &ServiceHost) -> Setting<RouteActionSection> {
    service_host.url_setting(RouteActionSection::Upstream(service_host.upstream.value.clone()))
}

/// Returns an action that responds 404 with the error page for it.
fn not_found(service_host: &ServiceHost) -> Setting<RouteActionSection> {
    service_host.url_setting(RouteActionSection::Respond(FixedResponse {
        status: StatusCode::NOT_FOUND,
        content_type: HeaderValue::from_static("text/plain"),
        body: String::new(),
    }))
}

/// Compiles a pattern. All patterns here consist of escaped parts, so they compile.
fn pattern(text: &str) -> Option<PathMatch> {
    Regex::new(text).ok().map(PathMatch::Regex)
}

/// Paths of GitLab's health checks.
const HEALTH: [&str; 8] = [
    "/-/health",
    "/-/readiness",
    "/-/liveness",
    "/health_check",
    "/health_check/database",
    "/health_check/migrations",
    "/health_check/cache",
    "/health_check/geo",
];
