//! What is to be served for a service of the package.

use super::external_url::ExternalUrl;
use crate::config::document::{Application, ForwardSettings, RouteAction, RouteSection, Said, Setting};
use crate::config::gitlab_rb::settings::Owner;
use crate::config::span::Place;
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
pub(super) struct Plan {
    pub(super) service: Service,
    /// Where its URL is written.
    pub(super) place: Place,
    pub(super) name: HostPattern,
    pub(super) url: ExternalUrl,
    pub(super) upstream: Said<Application>,
}

impl Service {
    /// In the order in which the package's nginx reads them.
    pub(super) const ALL: [Service; 5] =
        [Service::Gitlab, Service::Mattermost, Service::Pages, Service::Registry, Service::Kas];

    pub(super) fn owner(self) -> Owner {
        match self {
            Service::Gitlab => Owner::Gitlab,
            Service::Mattermost => Owner::Mattermost,
            Service::Pages => Owner::Pages,
            Service::Registry => Owner::Registry,
            Service::Kas => Owner::Kas,
        }
    }
}

impl Plan {
    /// A value that follows from the URL.
    pub(super) fn said<T>(&self, value: T) -> Setting<T> {
        Setting::Said(Said { value, place: self.place.clone() })
    }

    /// A route of its host that does one thing, and has no settings of its own.
    pub(super) fn route(&self, path: PathMatch, action: Setting<RouteAction>) -> RouteSection {
        RouteSection {
            place: self.place.clone(),
            path: self.said(path),
            action,
            replace_with: Setting::Unsaid,
            before_redirect: Setting::Unsaid,
            settings: ForwardSettings::default(),
        }
    }

    pub(super) fn said_value<T>(&self, value: T) -> Said<T> {
        Said { value, place: self.place.clone() }
    }
}
