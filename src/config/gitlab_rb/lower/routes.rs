//! The routes of a host, which are the locations of the package's nginx.

use http::{HeaderValue, StatusCode};
use regex::Regex;

use super::error_pages::HostErrorPages;
use super::service::{Service, ServiceHost};
use crate::config::document::{RouteActionSection, RouteSection, Setting};
use crate::model::error_page::InterceptErrors;
use crate::model::route::{FixedResponse, PathMatch};

/// All routes but the one to the host's application. `redirects` is whether HTTP leads to HTTPS.
pub(super) fn of(plan: &ServiceHost, redirects: bool, pages: &HostErrorPages) -> Vec<RouteSection> {
    if plan.service != Service::Gitlab {
        return Vec::new();
    }
    let mut routes = health(plan, redirects, pages);
    if pages.intercept() {
        routes.extend(untouched(plan));
    }
    routes.extend(pattern(&pages.own_paths()).map(|path| plan.route(path, nothing(plan))));
    let root = &plan.url.path;
    if !root.is_empty() {
        routes.push(plan.route(PathMatch::Prefix(root.clone()), upstream(plan)));
        routes.push(plan.route(PathMatch::Prefix("/".to_owned()), nothing(plan)));
    }
    routes
}

/// Health checks answer before the redirect, and in words of their own.
fn health(plan: &ServiceHost, redirects: bool, pages: &HostErrorPages) -> Vec<RouteSection> {
    let check = |path: &&str| {
        let mut route = plan.route(PathMatch::Exact(format!("{}{path}", plan.url.path)), upstream(plan));
        if redirects {
            route.before_redirect = plan.url_setting(true);
        }
        route.settings.error_pages = pages.of_health(plan, path);
        route
    };
    HEALTH.iter().map(check).collect()
}

/// What programs read is never replaced by pages. The package spares the API alone; git and LFS clients
/// get pages from it that they cannot read.
fn untouched(plan: &ServiceHost) -> impl Iterator<Item = RouteSection> {
    let root = regex::escape(&plan.url.path);
    let paths = [format!(r"^{root}/api/v\d"), r"\.git/(info/|git-|ssh-|gitlab-lfs/)".to_owned()];
    paths.into_iter().filter_map(|path| pattern(&path)).map(|path| {
        let mut route = plan.route(path, upstream(plan));
        route.settings.intercept_errors = plan.url_setting(InterceptErrors::Pass);
        route
    })
}

fn upstream(plan: &ServiceHost) -> Setting<RouteActionSection> {
    plan.url_setting(RouteActionSection::Upstream(plan.upstream.value.clone()))
}

/// 404, with the page for it.
fn nothing(plan: &ServiceHost) -> Setting<RouteActionSection> {
    plan.url_setting(RouteActionSection::Respond(FixedResponse {
        status: StatusCode::NOT_FOUND,
        content_type: HeaderValue::from_static("text/plain"),
        body: String::new(),
    }))
}

/// The patterns here are put together from escaped parts, so they can be read.
fn pattern(text: &str) -> Option<PathMatch> {
    Regex::new(text).ok().map(PathMatch::Regex)
}

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
