//! The locations that the package's own nginx has before those of a snippet.
//!
//! As long as a host has no other locations they all lead to its one application, so they need no routes.
//! Beside a location of a snippet they do: nginx takes the first pattern that matches, and takes patterns
//! before plain prefixes.

use regex::Regex;

use crate::config::document::{ForwardSettings, HostSection, RouteActionSection, RouteSection, Setting};
use crate::config::gitlab_rb::lower::service::{Service, ServiceHost};
use crate::model::route::PathMatch;

/// The package's patterns for a host, in its order.
pub(super) fn patterns(plan: &ServiceHost) -> Vec<Regex> {
    let texts = match plan.service {
        Service::Gitlab => vec![UNBUFFERED.to_owned(), format!(r"^{}/api/v\d", regex::escape(&plan.url.path))],
        Service::Mattermost => vec![WEBSOCKET.to_owned(), BOARDS.to_owned()],
        _ => Vec::new(),
    };
    texts.iter().filter_map(|text| Regex::new(text).ok()).collect()
}

/// The pattern of the package that takes every path that begins so.
pub(super) fn covering<'p>(prefix: &str, patterns: &'p [Regex]) -> Option<&'p Regex> {
    patterns.iter().find(|pattern| pattern.as_str().starts_with('^') && pattern.is_match(prefix))
}

/// Makes routes of the patterns that have none.
pub(super) fn add_routes(plan: &ServiceHost, patterns: &[Regex], host: &mut HostSection) {
    let has_route = |pattern: &Regex, host: &HostSection| {
        host.routes
            .iter()
            .any(|route| route.path.as_set().is_some_and(|path| path.value.text() == pattern.as_str()))
    };
    for pattern in patterns {
        if !has_route(pattern, host) {
            host.routes.push(RouteSection {
                span: plan.span.clone(),
                path: plan.url_setting(PathMatch::Regex(pattern.clone())),
                action: plan.url_setting(RouteActionSection::Upstream(plan.upstream.value.clone())),
                replace_with: Setting::Unset,
                before_redirect: Setting::Unset,
                settings: ForwardSettings::default(),
            });
        }
    }
}

/// The default of `request_buffering_off_path_regex`.
const UNBUFFERED: &str = r"(/api/v\d/jobs/\d+/artifacts$|/import/gitlab_project$|\.git/git-receive-pack$|\.git/ssh-receive-pack$|\.git/ssh-upload-pack$|\.git/gitlab-lfs/objects|\.git/info/lfs/objects/batch$)";

const WEBSOCKET: &str = "/api/v[0-9]+/(users/)?websocket$";
const BOARDS: &str = "/plugins/focalboard/ws/*";
