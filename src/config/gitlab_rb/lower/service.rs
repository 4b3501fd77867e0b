//! What is to be served for a service of the package.

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

/// What is to be served for a service.
pub(super) struct ServiceHost {
    pub(super) service: Service,
    /// Where its URL is written.
    pub(super) span: SourceSpan,
    pub(super) name: HostPattern,
    pub(super) url: ExternalUrl,
    pub(super) upstream: Spanned<UpstreamRef>,
}

impl Service {
    /// In the order in which the package's nginx reads them.
    pub(super) const ALL: [Service; 5] =
        [Service::Gitlab, Service::Mattermost, Service::Pages, Service::Registry, Service::Kas];

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
    /// A value that follows from the URL.
    pub(super) fn url_setting<T>(&self, value: T) -> Setting<T> {
        Setting::Set(Spanned { value, span: self.span.clone() })
    }

    /// A route of its host that does one thing, and has no settings of its own.
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

    pub(super) fn url_value<T>(&self, value: T) -> Spanned<T> {
        Spanned { value, span: self.span.clone() }
    }
}
