//! The routes of a host, with everything that holds for them.

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
    ForwardAction, PathMatch, PathRewrite, RedirectAction, RedirectOrigin, RedirectTarget, Route, RouteAction,
};
use crate::model::upstream::UpstreamProtocol;
use crate::model::{ErrorPagesId, Model};

/// A route that may appear twice: on the host, and before the redirect to it.
pub(super) struct CompiledRoute {
    path: PathMatch,
    action: RouteAction,
    /// What the configuration says; what the host adds to every answer comes on top.
    response_headers: Vec<HeaderOp>,
    access: AccessRules,
    error_pages: Option<ErrorPagesId>,
    /// Where it was asked to answer before the redirect too.
    pub(super) before_redirect: Option<SourceSpan>,
}

impl CompiledRoute {
    /// The route on a host that adds `policy` to its answers.
    pub(super) fn route(&self, policy: &[HeaderOp]) -> Route {
        let mut response_headers = [policy, &self.response_headers].concat();
        headers::sort(&mut response_headers);
        Route {
            path: self.path.clone(),
            action: self.action.clone(),
            response_headers,
            access: self.access.clone(),
            error_pages: self.error_pages,
        }
    }

    /// Whether it speaks TLS to an application of the model.
    pub(super) fn speaks_tls(&self, model: &Model) -> bool {
        matches!(&self.action, RouteAction::Forward(forward) if model.upstream(forward.upstream).tls().is_some())
    }

    /// Whether it matches every path.
    pub(super) fn is_catch_all(&self) -> bool {
        is_catch_all(&self.path)
    }
}

/// Compiles the routes of a host, in the order in which they are tried, so that ids do not depend on
/// the order in which they are written.
pub(super) fn compile(
    section: &HostSection,
    host: &HostSettings,
    context: &mut CompileContext<'_>,
) -> Vec<CompiledRoute> {
    headers::report_doubles(&host.forwarding.response_headers, context.problems);
    local_responses::report_doubles(&section.settings.forwarding.error_pages, context.problems);
    let challenges = local_responses::challenges(section);
    let all: Vec<&RouteSection> = section.routes.iter().chain(&challenges).collect();
    report_repeated(&all, context.problems);
    let mut sections: Vec<(&PathMatch, &RouteSection)> = Vec::new();
    for route in all {
        match &route.path {
            Setting::Set(path) => sections.push((&path.value, route)),
            Setting::Invalid => {}
            Setting::Unset => context.problems.push(pathless(route)),
        }
    }
    sections.sort_by_key(|(path, _)| try_order(path));
    let mut plans: Vec<_> = sections
        .into_iter()
        .filter_map(|(path, route)| compile_route(path, route, section, host, context))
        .collect();
    plans.extend(catch_all(section, host, context));
    plans
}

fn compile_route(
    path: &PathMatch,
    route: &RouteSection,
    section: &HostSection,
    host: &HostSettings,
    context: &mut CompileContext<'_>,
) -> Option<CompiledRoute> {
    headers::report_doubles(&route.settings.response_headers, context.problems);
    local_responses::report_doubles(&route.settings.error_pages, context.problems);
    report_pattern_replaced(path, route, context.problems);
    let settings = route.settings.over(&host.forwarding);
    let action = match &route.action {
        Setting::Invalid => return None,
        Setting::Unset => {
            if section.upstream.is_unset() {
                context.problems.push(homeless(route));
            }
            forward(&section.upstream.as_set()?.value, target(route), &settings, host, context)
        }
        Setting::Set(said) => match &said.value {
            RouteActionSection::Upstream(application) => {
                forward(application, target(route), &settings, host, context)
            }
            RouteActionSection::RedirectTo(goal) => own_answer(redirect(goal), route, context.problems),
            RouteActionSection::Respond(answer) => {
                own_answer(RouteAction::Respond(answer.clone()), route, context.problems)
            }
            RouteActionSection::Close => own_answer(RouteAction::Close, route, context.problems),
            RouteActionSection::Files(files) => {
                let files = local_responses::files(files, path, context)?;
                own_answer(RouteAction::Files(files), route, context.problems)
            }
        },
    };
    let before_redirect = route.before_redirect.as_set().filter(|said| said.value).map(|said| said.span.clone());
    let response_headers = headers::ops(&settings.response_headers);
    let plan = CompiledRoute {
        path: path.clone(),
        action,
        response_headers,
        access: settings.access.as_set().map(|said| access(&said.value)).unwrap_or_default(),
        error_pages: local_responses::add(&settings.error_pages, context),
        before_redirect,
    };
    if matches!(plan.action, RouteAction::Forward(_)) && !plan.speaks_tls(&context.model) {
        upstreams::report_unused_tls(&route.settings, context.problems);
    }
    Some(plan)
}

/// The route for everything that no route was written for: to the host's upstream.
fn catch_all(
    section: &HostSection,
    host: &HostSettings,
    context: &mut CompileContext<'_>,
) -> Option<CompiledRoute> {
    let taken = |route: &RouteSection| match &route.path {
        Setting::Set(path) => is_catch_all(&path.value),
        // It may have been meant to take all paths, so nothing is known to be missing.
        Setting::Invalid => section.upstream.is_unset(),
        Setting::Unset => false,
    };
    if section.routes.iter().any(taken) {
        return None;
    }
    if section.upstream.is_unset() {
        context.problems.push(
            Diagnostic::error(&section.span, "this host has no `upstream`, and no route takes all paths")
                .help("add `upstream = \"127.0.0.1:8065\"`, or a route with `prefix = \"/\"`"),
        );
    }
    let application = &section.upstream.as_set()?.value;
    Some(CompiledRoute {
        path: PathMatch::Prefix("/".to_owned()),
        action: forward(application, PathRewrite::Unchanged, &host.forwarding, host, context),
        response_headers: headers::ops(&host.forwarding.response_headers),
        access: host.forwarding.access.as_set().map(|said| access(&said.value)).unwrap_or_default(),
        error_pages: local_responses::add(&host.forwarding.error_pages, context),
        before_redirect: None,
    })
}

fn target(route: &RouteSection) -> PathRewrite {
    route
        .replace_with
        .as_set()
        .map_or(PathRewrite::Unchanged, |said| PathRewrite::ReplacePrefix(said.value.clone()))
}

/// To an application, as the settings say.
pub(super) fn forward(
    application: &UpstreamRef,
    target: PathRewrite,
    settings: &ForwardSettings,
    host: &HostSettings,
    context: &mut CompileContext<'_>,
) -> RouteAction {
    let upstream = upstreams::compile(application, settings, host, context);
    let read_timeout = settings.upstream_read_timeout.value_or(defaults::READ_TIMEOUT);
    // In a call that streams, the client may have nothing to say for as long as the application.
    let client_timeout = match upstream.protocol {
        UpstreamProtocol::Http1 => defaults::CLIENT_TIMEOUT,
        UpstreamProtocol::Http2 => read_timeout,
    };
    RouteAction::Forward(ForwardAction {
        upstream: context.model.add_upstream(upstream),
        target,
        request_headers: headers::ops(&settings.request_headers),
        body_limit: settings.max_request_body.value_or(defaults::MAX_BODY),
        read_timeout,
        client_timeout: settings.client_timeout.value_or(client_timeout),
        tunnel_idle_timeout: settings.tunnel_idle_timeout.value_or(defaults::TUNNEL_IDLE_TIMEOUT),
        intercept_errors: settings.intercept_errors.value_or(InterceptErrors::Pass),
    })
}

/// The rules alone, in their order.
pub(super) fn access(said: &[Spanned<AccessRule>]) -> AccessRules {
    AccessRules::new(said.iter().map(|rule| rule.value.clone()).collect())
}

fn redirect(goal: &RedirectSection) -> RouteAction {
    let origin = RedirectOrigin::Fixed(goal.origin.clone());
    RouteAction::Redirect(RedirectAction { status: goal.status, origin, path: goal.path.clone() })
}

/// An answer that the proxy makes itself; reports what is said about a forwarding that never happens.
fn own_answer(action: RouteAction, route: &RouteSection, problems: &mut Diagnostics) -> RouteAction {
    let replacement = route.replace_with.span().map(|place| ("replace_with", place));
    for (key, place) in route.settings.forward_only().into_iter().chain(replacement) {
        let message = format!("`{key}` has no meaning for a route that forwards nothing");
        problems.push(Diagnostic::error(place, message).help("remove it"));
    }
    action
}

/// Only a fixed text has a length that can be taken away; nginx refuses the same.
fn report_pattern_replaced(path: &PathMatch, route: &RouteSection, problems: &mut Diagnostics) {
    let redirect = route.action.as_set().filter(|said| match &said.value {
        RouteActionSection::RedirectTo(goal) => matches!(goal.path, RedirectTarget::ReplacePrefix(_)),
        _ => false,
    });
    let place = route.replace_with.span().or(redirect.map(|said| &said.span));
    if let (PathMatch::Regex(_), Some(place)) = (path, place) {
        let error = Diagnostic::error(place, "a route with a pattern has no fixed part that could be replaced");
        problems.push(error.help("use `prefix` or `exact`, or remove `replace_with`"));
    }
}

fn report_repeated(routes: &[&RouteSection], problems: &mut Diagnostics) {
    let said: Vec<_> = routes.iter().filter_map(|route| route.path.as_set()).collect();
    for (index, path) in said.iter().enumerate() {
        if let Some(first) = said[..index].iter().find(|first| match_the_same(&first.value, &path.value)) {
            problems.push(
                Diagnostic::error(&path.span, format!("a second route for `{}`", path.value.text()))
                    .help(format!("the first is at {}; only one of them could ever be used", first.span)),
            );
        }
    }
}

/// Whether two routes are for the same paths. The two kinds of prefix are one here, as in nginx.
fn match_the_same(a: &PathMatch, b: &PathMatch) -> bool {
    let kind = |path: &PathMatch| match path {
        PathMatch::Exact(_) => "exact",
        PathMatch::Prefix(_) | PathMatch::PreferredPrefix(_) => "prefix",
        PathMatch::Regex(_) => "regex",
    };
    kind(a) == kind(b) && a.text() == b.text()
}

/// Sorts routes as `Routes::iter` does.
fn try_order(path: &PathMatch) -> (u8, Reverse<usize>) {
    match path {
        PathMatch::Exact(_) => (0, Reverse(0)),
        PathMatch::PreferredPrefix(prefix) => (1, Reverse(prefix.len())),
        PathMatch::Regex(_) => (2, Reverse(0)),
        PathMatch::Prefix(prefix) => (3, Reverse(prefix.len())),
    }
}

fn pathless(route: &RouteSection) -> Diagnostic {
    Diagnostic::error(&route.place, "this route does not say which paths it is for")
        .help("add one of `exact`, `prefix`, `prefix_before_regex` and `regex`")
}

fn homeless(route: &RouteSection) -> Diagnostic {
    Diagnostic::error(&route.place, "this route does nothing, and its host has no `upstream`").help(
        "add `upstream`, `redirect_to`, `respond`, `files` or `close` to the route, or `upstream` to the host",
    )
}

fn is_catch_all(path: &PathMatch) -> bool {
    matches!(path, PathMatch::Prefix(prefix) | PathMatch::PreferredPrefix(prefix) if prefix == "/")
}
