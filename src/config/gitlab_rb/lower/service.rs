//! The services that can have a host.

use super::external_url::ExternalUrl;
use crate::config::document::{ForwardSettings, RouteActionSection, RouteSection, Setting, Spanned, UpstreamRef};
use crate::config::gitlab_rb::settings::SettingOwner;
use crate::config::span::SourceSpan;
use crate::model::host::HostPattern;
use crate::model::route::PathMatch;

/// A service that can have a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Gitlab,
    Mattermost,
    Pages,
    Registry,
    Kas,
}

/// Service, URL and span of a host to serve.
pub(super) struct ServiceHost {
    pub(super) service: Service,
    /// Span of the URL.
    pub(super) span: SourceSpan,
    pub(super) name: HostPattern,
    pub(super) url: ExternalUrl,
    pub(super) upstream: Spanned<UpstreamRef>,
}

impl Service {
    /// All services, in the order in which the package's nginx reads their hosts.
    pub(super) const ALL: [Service; 5] =
        [Service::Gitlab, Service::Mattermost, Service::Pages, Service::Registry, Service::Kas];

    /// Returns the owner of the service's nginx settings.
    pub(super) fn owner(self) -> SettingOwner {
        match self {
            Service::Gitlab => SettingOwner::Gitlab,
            Service::Mattermost => SettingOwner::Mattermost,
            Service::Pages => SettingOwner::Pages,
            Service::Registry => SettingOwner::Registry,
            Service::Kas => SettingOwner::Kas,
        }
    }
}

impl ServiceHost {
    /// Returns a setting whose value is derived from the URL.
    pub(super) fn url_setting<T>(&self, value: T) -> Setting<T> {
        Setting::Set(Spanned { value, span: self.span.clone() })
    }

    /// Returns a route of the host with one action and no settings of its own.
    pub(super) fn route(&self, path: PathMatch, action: Setting<RouteActionSection>) -> RouteSection {
        RouteSection {
            span: self.span.clone(),
            path: self.url_setting(path),
            action,
            replace_with: Setting::Unset,
            before_redirect: Setting::Unset,
            settings: ForwardSettings::default(),
        }
    }

    /// Returns a value that is derived from the URL.
    pub(super) fn url_value<T>(&self, value: T) -> Spanned<T> {
        Spanned { value, span: self.span.clone() }
    }
}
