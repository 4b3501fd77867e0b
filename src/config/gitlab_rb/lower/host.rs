//! One host, as the package's nginx would serve it.

use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderValue, StatusCode};

use super::Lowering;
use super::plan::{Plan, Service};
use super::reader::Reader;
use super::url::Scheme;
use super::{client_address, headers, listening, notation};
use crate::config::document::{
    ForwardSettings, HeaderChoice, HostSection, HostSettings, RouteAction, RouteSection, Said, Setting,
};
use crate::config::gitlab_rb::settings::Owner;
use crate::model::route::{PathMatch, Respond};
use crate::model::{BodyLimit, HttpVersions, LogTarget, TlsVersions};

impl Plan {
    /// The host in the words of a document.
    pub(super) fn host(&self, lowering: &mut Lowering<'_, '_>) -> HostSection {
        let owner = self.service.owner();
        let listening = listening::of(self, lowering);
        if !listening.tls {
            self.remark_on_plain(lowering);
        }
        let [certificate, certificate_key] = self.certificate(&listening, lowering);
        let public_port = listening.public_port(self.url.port);
        let redirects = listening.redirects();
        let mut settings = HostSettings {
            tls: self.said(listening.tls),
            listen: self.said(listening.listen),
            redirect_from: self.said(listening.redirect_from),
            proxy_protocol: self.said(client_address::is_proxied(owner, lowering.reader)),
            client_address: client_address::of(owner, lowering.reader),
            hsts: headers::hsts(self, listening.tls, lowering.reader),
            referrer_policy: self.said(self.referrer_policy(lowering)),
            access_log: self.said(self.access_log(lowering)),
            forwarding: self.forwarding(listening.tls, lowering),
            ..HostSettings::default()
        };
        if listening.tls {
            let http2 = lowering.reader.flag(owner, "http2_enabled").unwrap_or(self.service != Service::Registry);
            settings.http2 = self.said(if http2 { HttpVersions::Http2And1 } else { HttpVersions::Http1Only });
            settings.tls_versions = self.said(self.tls_versions(lowering));
        }
        let rooted = !self.url.path.is_empty();
        HostSection {
            place: self.place.clone(),
            name: self.said(self.name.clone()),
            aliases: Setting::Unsaid,
            upstream: if rooted { Setting::Unsaid } else { Setting::Said(self.upstream.clone()) },
            certificate,
            certificate_key,
            public_port: public_port.map_or(Setting::Unsaid, |port| self.said(port)),
            settings,
            routes: self.routes(redirects),
        }
    }

    /// Settings for HTTPS on a host without.
    fn remark_on_plain(&self, lowering: &mut Lowering<'_, '_>) {
        let why = "this host does not speak HTTPS itself";
        for key in
            ["redirect_http_to_https", "redirect_http_to_https_port", "ssl_certificate", "ssl_certificate_key"]
        {
            lowering.reader.no_effect(self.service.owner(), key, why);
        }
        lowering.reader.no_effect(self.service.owner(), "ssl_protocols", why);
        lowering.reader.no_effect(self.service.owner(), "http2_enabled", "HTTP/2 is offered only with TLS");
    }

    /// The paths of certificate and key. By default they are named after the host, in the URL's case.
    fn certificate(
        &self,
        listening: &listening::Listening,
        lowering: &mut Lowering<'_, '_>,
    ) -> [Setting<PathBuf>; 2] {
        if !listening.tls {
            return [Setting::Unsaid, Setting::Unsaid];
        }
        let host = match self.url.scheme {
            Scheme::Https => self.url.host.clone(),
            Scheme::Http => lowering.surroundings.node("fqdn").unwrap_or(self.url.host.clone()),
        };
        let owner = self.service.owner();
        let own = [("ssl_certificate", "crt"), ("ssl_certificate_key", "key")].map(|(key, ending)| {
            let default = || Said { value: format!("/etc/gitlab/ssl/{host}.{ending}"), place: self.place.clone() };
            lowering.reader.text_of(owner, key).unwrap_or_else(default)
        });
        let own = own.map(|said| Said { value: PathBuf::from(said.value), place: said.place });
        lowering.lets_encrypt.certificate(self.service, own, lowering.surroundings).map(Setting::Said)
    }

    fn tls_versions(&self, lowering: &mut Lowering<'_, '_>) -> TlsVersions {
        let Some(said) = lowering.reader.text_of(self.service.owner(), "ssl_protocols") else {
            return TlsVersions::Tls12And13;
        };
        notation::tls_versions(&said, lowering.reader.problems)
    }

    /// Only GitLab's and Mattermost's hosts send it.
    fn referrer_policy(&self, lowering: &mut Lowering<'_, '_>) -> HeaderChoice {
        if !matches!(self.service, Service::Gitlab | Service::Mattermost) {
            return HeaderChoice::Leave;
        }
        let owner = self.service.owner();
        if lowering.reader.flag(owner, "referrer_policy") == Some(false) {
            return HeaderChoice::Leave;
        }
        let said = lowering.reader.text_of(owner, "referrer_policy");
        let policy = said.and_then(|said| HeaderValue::from_str(&said.value).ok());
        HeaderChoice::Send(policy.unwrap_or(HeaderValue::from_static("strict-origin-when-cross-origin")))
    }

    fn access_log(&self, lowering: &mut Lowering<'_, '_>) -> LogTarget {
        let owner = match self.service {
            Service::Gitlab => Owner::Daemon,
            other => other.owner(),
        };
        let directory = lowering.reader.text_of(owner, "log_directory");
        let directory = directory.map_or("/var/log/gitlab/nginx".to_owned(), |said| said.value);
        let file = match self.service {
            Service::Gitlab => "gitlab_access.log",
            Service::Mattermost => "gitlab_mattermost_access.log",
            Service::Pages => "gitlab_pages_access.log",
            Service::Registry => "gitlab_registry_access.log",
        };
        LogTarget::File(PathBuf::from(directory).join(file))
    }

    fn forwarding(&self, tls: bool, lowering: &mut Lowering<'_, '_>) -> ForwardSettings {
        let owner = self.service.owner();
        // The registry's and Pages' are fixed in the package.
        let read_timeout = match self.service {
            Service::Gitlab | Service::Mattermost => lowering.reader.span(owner, "proxy_read_timeout"),
            Service::Registry => Some(self.said_value(Duration::from_secs(900))),
            Service::Pages => Some(self.said_value(Duration::from_secs(60))),
        };
        let connect_timeout = lowering.reader.span(owner, "proxy_connect_timeout");
        let tunnel = read_timeout.clone().filter(|_| self.service != Service::Pages);
        ForwardSettings {
            max_body: body_limit(owner, lowering.reader),
            connect_timeout: connect_timeout.map_or(Setting::Unsaid, Setting::Said),
            tunnel_idle_timeout: tunnel.map_or(Setting::Unsaid, Setting::Said),
            read_timeout: read_timeout.map_or(Setting::Unsaid, Setting::Said),
            request_headers: headers::request(self, tls, lowering.reader),
            ..ForwardSettings::default()
        }
    }

    /// GitLab's health checks answer before the redirect. Below a relative root nothing else is there.
    fn routes(&self, redirects: bool) -> Vec<RouteSection> {
        let root = &self.url.path;
        let upstream = || self.said(RouteAction::Upstream(self.upstream.value.clone()));
        let mut routes = Vec::new();
        if self.service == Service::Gitlab && redirects {
            for path in HEALTH {
                let mut route = self.route(PathMatch::Exact(format!("{root}{path}")), upstream());
                route.before_redirect = self.said(true);
                routes.push(route);
            }
        }
        if !root.is_empty() {
            let nothing = Respond {
                status: StatusCode::NOT_FOUND,
                content_type: HeaderValue::from_static("text/plain"),
                body: "There is nothing here.\n".to_owned(),
            };
            routes.push(self.route(PathMatch::Prefix(root.clone()), upstream()));
            routes.push(self.route(PathMatch::Prefix("/".to_owned()), self.said(RouteAction::Respond(nothing))));
        }
        routes
    }

    fn route(&self, path: PathMatch, action: Setting<RouteAction>) -> RouteSection {
        RouteSection {
            place: self.place.clone(),
            path: self.said(path),
            action,
            before_redirect: Setting::Unsaid,
            settings: ForwardSettings::default(),
        }
    }
}

impl listening::Listening {
    /// The port that redirects name: that of the URL, never the one that is listened on.
    fn public_port(&self, port: u16) -> Option<NonZeroU16> {
        NonZeroU16::new(port).filter(|_| self.redirects())
    }
}

/// The body limit of a host. nginx means "unlimited" by 0, and that is the package's default.
fn body_limit(owner: Owner, reader: &mut Reader<'_>) -> Setting<BodyLimit> {
    match reader.text_of(owner, "client_max_body_size") {
        Some(Said { value, place }) => match notation::body_limit(&value) {
            Some(value) => Setting::Said(Said { value, place }),
            None => Setting::Unreadable,
        },
        None => Setting::Unsaid,
    }
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
