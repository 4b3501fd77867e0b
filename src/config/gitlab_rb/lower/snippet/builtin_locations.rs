//! Adds the package's own locations next to custom ones.
//!
//! Without custom locations, all of them lead to the upstream of the host and need no routes. Next to a custom
//! location they do: nginx selects the first regex that matches, and selects a regex before a plain prefix.

use regex::Regex;

use crate::config::document::{ForwardSettings, HostSection, RouteActionSection, RouteSection, Setting};
use crate::config::gitlab_rb::lower::service::{Service, ServiceHost};
use crate::model::route::PathMatch;

/// Returns the regexes of the package's locations of a host, in its order.
pub(super) fn patterns(service_host: &ServiceHost) -> Vec<Regex> {
    let texts = match service_host.service {
        Service::Gitlab => {
            vec![UNBUFFERED.to_owned(), format!(r"^{}/api/v\d", regex::escape(&service_host.url.path))]
        }
        Service::Mattermost => vec![WEBSOCKET.to_owned(), BOARDS.to_owned()],
        _ => Vec::new(),
    };
    texts.iter().filter_map(|text| Regex::new(text).ok()).collect()
}

/// Returns the package's regex that matches every path with a prefix, if there is one.
pub(super) fn covering<'p>(prefix: &str, patterns: &'p [Regex]) -> Option<&'p Regex> {
    patterns.iter().find(|pattern| pattern.as_str().starts_with('^') && pattern.is_match(prefix))
}

/// Adds a route for each pattern that has none.
pub(super) fn add_routes(service_host: &ServiceHost, patterns: &[Regex], host: &mut HostSection) {
    let has_route = |pattern: &Regex, host: &HostSection| {
        host.routes
            .iter()
            .any(|route| route.path.as_set().is_some_and(|path| path.value.text() == pattern.as_str()))
    };
    for pattern in patterns {
        if !has_route(pattern, host) {
            host.routes.push(RouteSection {
                span: service_host.span.clone(),
                path: service_host.url_setting(PathMatch::Regex(pattern.clone())),
                action: service_host.url_setting(RouteActionSection::Upstream(service_host.upstream.value.clone())),
                replace_with: Setting::Unset,
                before_redirect: Setting::Unset,
                settings: ForwardSettings::default(),
            });
        }
    }
}

/// Default of `request_buffering_off_path_regex`.
const UNBUFFERED: &str = r"(/api/v\d/jobs/\d+/artifacts$|/import/gitlab_project$|\.git/git-receive-pack$|\.git/ssh-receive-pack$|\.git/ssh-upload-pack$|\.git/gitlab-lfs/objects|\.git/info/lfs/objects/batch$)";

/// Mattermost's WebSocket location.
const WEBSOCKET: &str = "/api/v[0-9]+/(users/)?websocket$";
/// Location of Mattermost's Boards plugin.
const BOARDS: &str = "/plugins/focalboard/ws/*";
