//! Compiles the routes of a host.

use std::cmp::Reverse;

use super::context::CompileContext;
use super::{defaults, headers, local_responses, upstreams};
use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::document::{
    ForwardSettings, HostSection, HostSettings, RedirectSection, RouteActionSection, RouteSection, Setting,
    Spanned, UpstreamRef,
};
use crate::config::span::SourceSpan;
use crate::model::access::{AccessRule, AccessRules};
use crate::model::error_page::InterceptErrors;
use crate::model::headers::ops::HeaderOp;
use crate::model::route::{
    ExpectContinue, ForwardAction, PathMatch, PathRewrite, RedirectAction, RedirectOrigin, RedirectTarget, Route,
    RouteAction,
};
use crate::model::upstream::UpstreamProtocol;
use crate::model::{ErrorPagesId, Model};

/// A route that is ready to be added to a host and to its redirect host.
pub(super) struct CompiledRoute {
    path: PathMatch,
    action: RouteAction,
    /// Configured response headers, without the headers that the host adds to every response.
    response_headers: Vec<HeaderOp>,
    access: AccessRules,
    error_pages: Option<ErrorPagesId>,
    /// Span of `before_redirect`, if the route also applies on the redirect host.
    pub(super) before_redirect: Option<SourceSpan>,
}

impl CompiledRoute {
    /// Returns the route for a host that applies `host_wide_ops` to every response.
    pub(super) fn route(&self, host_wide_ops: &[HeaderOp]) -> Route {
        let mut response_headers = [host_wide_ops, &self.response_headers].concat();
        headers::sort(&mut response_headers);
        Route {
            path: self.path.clone(),
            action: self.action.clone(),
            response_headers,
            access: self.access.clone(),
            error_pages: self.error_pages,
        }
    }

    /// Returns whether the route forwards to an upstream over TLS.
    pub(super) fn uses_tls(&self, model: &Model) -> bool {
        matches!(&self.action, RouteAction::Forward(forward) if model.upstream(forward.upstream).tls().is_some())
    }

    /// Returns whether the route matches every path.
    pub(super) fn is_catch_all(&self) -> bool {
        is_catch_all(&self.path)
    }
}

/// Compiles the routes of a host in matching order, so that ids do not depend on the source order.
pub(super) fn compile(
    section: &HostSection,
    host: &HostSettings,
    context: &mut CompileContext<'_>,
) -> Vec<CompiledRoute> {
    headers::report_duplicates(&host.forwarding.response_headers, context.problems);
    local_responses::report_duplicates(&section.settings.forwarding.error_pages, context.problems);
    let challenge_route = local_responses::challenge_route(section);
    let all: Vec<&RouteSection> = section.routes.iter().chain(&challenge_route).collect();
    report_duplicate_routes(&all, context.problems);
    let mut sections: Vec<(&PathMatch, &RouteSection)> = Vec::new();
    for route in all {
        match &route.path {
            Setting::Set(path) => sections.push((&path.value, route)),
            Setting::Invalid => {}
            Setting::Unset => context.problems.push(missing_path(route)),
        }
    }
    sections.sort_by_key(|(path, _)| try_order(path));
    let mut compiled: Vec<_> = sections
        .into_iter()
        .filter_map(|(path, route)| compile_route(path, route, section, host, context))
        .collect();
    compiled.extend(catch_all(section, host, context));
    compiled
}

fn compile_route(
    path: &PathMatch,
    route: &RouteSection,
    section: &HostSection,
    host: &HostSettings,
    context: &mut CompileContext<'_>,
) -> Option<CompiledRoute> {
    headers::report_duplicates(&route.settings.response_headers, context.problems);
    local_responses::report_duplicates(&route.settings.error_pages, context.problems);
    report_regex_replacement(path, route, context.problems);
    let settings = route.settings.or(&host.forwarding);
    let action = match &route.action {
        Setting::Invalid => return None,
        Setting::Unset => {
            if section.upstream.is_unset() {
                context.problems.push(missing_action(route));
            }
            forward(&section.upstream.as_set()?.value, target(route), &settings, host, context)
        }
        Setting::Set(setting) => match &setting.value {
            RouteActionSection::Upstream(upstream) => forward(upstream, target(route), &settings, host, context),
            RouteActionSection::RedirectTo(redirect_to) => {
                local_action(redirect(redirect_to), route, context.problems)
            }
            RouteActionSection::Respond(response) => {
                local_action(RouteAction::Respond(response.clone()), route, context.problems)
            }
            RouteActionSection::Close => local_action(RouteAction::Close, route, context.problems),
            RouteActionSection::Files(files) => {
                let files = local_responses::files(files, path, context)?;
                local_action(RouteAction::Files(files), route, context.problems)
            }
        },
    };
    let before_redirect =
        route.before_redirect.as_set().filter(|setting| setting.value).map(|setting| setting.span.clone());
    let response_headers = headers::ops(&settings.response_headers);
    let compiled = CompiledRoute {
        path: path.clone(),
        action,
        response_headers,
        access: settings.access.as_set().map(|setting| access(&setting.value)).unwrap_or_default(),
        error_pages: local_responses::add_error_pages(&settings.error_pages, context),
        before_redirect,
    };
    if matches!(compiled.action, RouteAction::Forward(_)) && !compiled.uses_tls(&context.model) {
        upstreams::report_unused_tls(&route.settings, context.problems);
    }
    Some(compiled)
}

/// Returns the route for all other paths: to the upstream of the host.
fn catch_all(
    section: &HostSection,
    host: &HostSettings,
    context: &mut CompileContext<'_>,
) -> Option<CompiledRoute> {
    let matches_all = |route: &RouteSection| match &route.path {
        Setting::Set(path) => is_catch_all(&path.value),
        // An invalid path may be one for all paths, so a missing upstream is not reported.
        Setting::Invalid => section.upstream.is_unset(),
        Setting::Unset => false,
    };
    if section.routes.iter().any(matches_all) {
        return None;
    }
    if section.upstream.is_unset() {
        context.problems.push(
            Diagnostic::error(&section.span, "the host has no `upstream`, and no route matches all paths")
                .help("add `upstream = \"127.0.0.1:8065\"`, or a route with `prefix = \"/\"`"),
        );
    }
    let upstream = &section.upstream.as_set()?.value;
    Some(CompiledRoute {
        path: PathMatch::Prefix("/".to_owned()),
        action: forward(upstream, PathRewrite::Unchanged, &host.forwarding, host, context),
        response_headers: headers::ops(&host.forwarding.response_headers),
        access: host.forwarding.access.as_set().map(|setting| access(&setting.value)).unwrap_or_default(),
        error_pages: local_responses::add_error_pages(&host.forwarding.error_pages, context),
        before_redirect: None,
    })
}

fn target(route: &RouteSection) -> PathRewrite {
    route
        .replace_with
        .as_set()
        .map_or(PathRewrite::Unchanged, |setting| PathRewrite::ReplacePrefix(setting.value.clone()))
}

/// Compiles the action that forwards to an upstream.
pub(super) fn forward(
    upstream: &UpstreamRef,
    target: PathRewrite,
    settings: &ForwardSettings,
    host: &HostSettings,
    context: &mut CompileContext<'_>,
) -> RouteAction {
    let upstream = upstreams::compile(upstream, settings, host, context);
    let read_timeout = settings.upstream_read_timeout.value_or(defaults::UPSTREAM_READ_TIMEOUT);
    // In a gRPC streaming call, the client may send nothing for as long as the upstream.
    let client_timeout = match upstream.protocol {
        UpstreamProtocol::Http1 => defaults::CLIENT_TIMEOUT,
        UpstreamProtocol::Http2 => read_timeout,
    };
    RouteAction::Forward(ForwardAction {
        upstream: context.model.add_upstream(upstream),
        target,
        request_headers: headers::ops(&settings.request_headers),
        body_limit: settings.max_request_body.value_or(defaults::MAX_REQUEST_BODY),
        read_timeout,
        client_timeout: settings.client_timeout.value_or(client_timeout),
        tunnel_idle_timeout: settings.tunnel_idle_timeout.value_or(defaults::TUNNEL_IDLE_TIMEOUT),
        intercept_errors: settings.intercept_errors.value_or(InterceptErrors::Pass),
        expect_continue: settings.expect_continue.value_or(ExpectContinue::Respond),
    })
}

/// Returns the access rules in source order.
pub(super) fn access(rules: &[Spanned<AccessRule>]) -> AccessRules {
    AccessRules::new(rules.iter().map(|rule| rule.value.clone()).collect())
}

fn redirect(redirect_to: &RedirectSection) -> RouteAction {
    let origin = RedirectOrigin::Fixed(redirect_to.origin.clone());
    RouteAction::Redirect(RedirectAction { status: redirect_to.status, origin, path: redirect_to.path.clone() })
}

/// Returns the action of a local response; reports keys that apply to forwarded requests only.
fn local_action(action: RouteAction, route: &RouteSection, problems: &mut Diagnostics) -> RouteAction {
    let replacement = route.replace_with.span().map(|span| ("replace_with", span));
    for (key, span) in route.settings.forward_only().into_iter().chain(replacement) {
        let message = format!("`{key}` is not allowed on a route that does not forward requests");
        problems.push(Diagnostic::error(span, message).help("remove it"));
    }
    action
}

/// Reports `replace_with` on a regular expression: only a fixed path has a fixed length. nginx rejects the same.
fn report_regex_replacement(path: &PathMatch, route: &RouteSection, problems: &mut Diagnostics) {
    let redirect = route.action.as_set().filter(|setting| match &setting.value {
        RouteActionSection::RedirectTo(redirect_to) => matches!(redirect_to.path, RedirectTarget::ReplacePrefix(_)),
        _ => false,
    });
    let span = route.replace_with.span().or(redirect.map(|setting| &setting.span));
    if let (PathMatch::Regex(_), Some(span)) = (path, span) {
        let error = Diagnostic::error(
            span,
            "`replace_with` requires a fixed path, but the route matches a regular expression",
        );
        problems.push(error.help("use `prefix` or `exact`, or remove `replace_with`"));
    }
}

fn report_duplicate_routes(routes: &[&RouteSection], problems: &mut Diagnostics) {
    let paths: Vec<_> = routes.iter().filter_map(|route| route.path.as_set()).collect();
    for (index, path) in paths.iter().enumerate() {
        if let Some(first) = paths[..index].iter().find(|first| have_same_paths(&first.value, &path.value)) {
            problems.push(
                Diagnostic::error(&path.span, format!("duplicate route for `{}`", path.value.text()))
                    .help(format!("remove one of them: the first is at {}, and only one can match", first.span)),
            );
        }
    }
}

/// Returns whether two routes match the same paths. Both kinds of prefix count as one, as in nginx.
fn have_same_paths(a: &PathMatch, b: &PathMatch) -> bool {
    let kind = |path: &PathMatch| match path {
        PathMatch::Exact(_) => "exact",
        PathMatch::Prefix(_) | PathMatch::PreferredPrefix(_) => "prefix",
        PathMatch::Regex(_) => "regex",
    };
    kind(a) == kind(b) && a.text() == b.text()
}

/// Returns the sort key of the order of [`RouteTable::iter`](crate::model::route::RouteTable::iter).
fn try_order(path: &PathMatch) -> (u8, Reverse<usize>) {
    match path {
        PathMatch::Exact(_) => (0, Reverse(0)),
        PathMatch::PreferredPrefix(prefix) => (1, Reverse(prefix.len())),
        PathMatch::Regex(_) => (2, Reverse(0)),
        PathMatch::Prefix(prefix) => (3, Reverse(prefix.len())),
    }
}

fn missing_path(route: &RouteSection) -> Diagnostic {
    Diagnostic::error(&route.span, "the route has no path")
        .help("add one of `exact`, `prefix`, `prefix_before_regex` and `regex`")
}

fn missing_action(route: &RouteSection) -> Diagnostic {
    Diagnostic::error(&route.span, "the route has no action, and its host has no `upstream`").help(
        "add `upstream`, `redirect_to`, `respond`, `files` or `close` to the route, or `upstream` to the host",
    )
}

fn is_catch_all(path: &PathMatch) -> bool {
    matches!(path, PathMatch::Prefix(prefix) | PathMatch::PreferredPrefix(prefix) if prefix == "/")
}
