//! One host, as the package's nginx would serve it.

use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use http::HeaderValue;

use super::context::LowerContext;
use super::error_pages::{self, HostErrorPages};
use super::kas::Kas;
use super::lets_encrypt::LetsEncrypt;
use super::reader::SettingsReader;
use super::service::{Service, ServiceHost};
use super::{
    acme, client_address, compression, listen, log_format, request_headers, response_headers, routes, tls, units,
};
use crate::config::document::{
    ForwardSettings, HeaderSetting, HostSection, HostSettings, RouteSection, Setting, Spanned,
};
use crate::config::gitlab_rb::settings::SettingOwner;
use crate::config::values::header;
use crate::model::error_page::InterceptErrors;
use crate::model::host::{HostName, HostPattern};
use crate::model::{BodyLimit, HttpVersions, LogTarget};

impl ServiceHost {
    /// The host in the words of a document.
    pub(super) fn host(&self, lowering: &mut LowerContext<'_, '_>) -> HostSection {
        let owner = self.service.owner();
        let listening = listen::of(self, lowering);
        if !listening.tls {
            self.remark_on_plain(lowering);
        }
        let [certificate, certificate_key] = self.certificate(&listening, lowering);
        let key_password_file = self.key_password_file(&listening, lowering);
        let public_port = listening.public_port(self.url.port);
        let redirects = listening.redirects();
        let pages = error_pages::of(self, lowering);
        let mut settings = HostSettings {
            tls: self.url_setting(listening.tls),
            listen: self.url_setting(listening.listen),
            redirect_from: self.url_setting(listening.redirect_from),
            proxy_protocol: self.url_setting(client_address::is_proxied(owner, lowering.reader)),
            client_address: client_address::of(owner, lowering.reader),
            hsts: response_headers::hsts(self, listening.tls, lowering.reader),
            referrer_policy: self.url_setting(self.referrer_policy(lowering)),
            compression: compression::of(self.service, listening.tls, &self.span, lowering.reader),
            access_log: self.url_setting(self.access_log(lowering)),
            access_log_format: log_format::format(self.service, lowering.reader),
            access_log_escape: log_format::escape(self.service, lowering.reader),
            forwarding: self.forwarding(listening.tls, &pages, lowering),
            ..HostSettings::default()
        };
        if listening.tls {
            let http2 = lowering.reader.flag(owner, "http2_enabled").unwrap_or(self.service != Service::Registry);
            settings.http2 =
                self.url_setting(if http2 { HttpVersions::Http2And1 } else { HttpVersions::Http1Only });
            settings.tls_section = tls::settings(self, lowering.reader);
            let shown = certificate.as_set().and_then(|said| said.value.first());
            if shown.is_some_and(|file| lowering.lets_encrypt.obtains(&file.value)) {
                settings.acme = self.url_setting(true);
            }
        }
        // The routes name the application where the host alone does not say everything.
        let routed = !self.url.path.is_empty() || self.service == Service::Kas;
        HostSection {
            span: self.span.clone(),
            name: self.url_setting(self.name.clone()),
            aliases: Setting::Unset,
            upstream: if routed { Setting::Unset } else { Setting::Set(self.upstream.clone()) },
            certificate,
            certificate_key,
            key_password_file,
            public_port: public_port.map_or(Setting::Unset, |port| self.url_setting(port)),
            acme_challenge_directory: self.challenges(lowering),
            acme_names: self.further_names(lowering),
            settings,
            routes: [routes::of(self, redirects, &pages), self.agent_routes(&pages, lowering)].concat(),
        }
    }

    /// The package writes its challenges there. It has them served on every host with a name of its own, if
    /// it obtains certificates at all; so does who only names the directory.
    fn challenges(&self, lowering: &mut LowerContext<'_, '_>) -> Setting<PathBuf> {
        let said = lowering.reader.text(&["letsencrypt", "wwwroot"]);
        let is_single = matches!(self.name, HostPattern::Exact(_));
        match (said, &lowering.lets_encrypt) {
            _ if !is_single => Setting::Unset,
            (Some(said), _) => Setting::set_at(said.value.into(), &said.span),
            (None, LetsEncrypt::On { .. }) => self.url_setting(WWW.into()),
            (None, LetsEncrypt::Off) => Setting::Unset,
        }
    }

    /// They stand in GitLab's certificate.
    fn further_names(&self, lowering: &mut LowerContext<'_, '_>) -> Setting<Vec<Spanned<HostName>>> {
        match &lowering.lets_encrypt {
            LetsEncrypt::On { .. } if self.service == Service::Gitlab => acme::names(lowering.reader),
            LetsEncrypt::On { .. } | LetsEncrypt::Off => Setting::Unset,
        }
    }

    /// Settings for HTTPS on a host without.
    fn remark_on_plain(&self, lowering: &mut LowerContext<'_, '_>) {
        let why = "this host does not speak HTTPS itself";
        for key in ONLY_WITH_TLS {
            lowering.reader.no_effect(self.service.owner(), key, why);
        }
        lowering.reader.no_effect(self.service.owner(), "http2_enabled", "HTTP/2 is offered only with TLS");
    }

    /// Only GitLab's and Mattermost's hosts send it.
    fn referrer_policy(&self, lowering: &mut LowerContext<'_, '_>) -> HeaderSetting {
        if !matches!(self.service, Service::Gitlab | Service::Mattermost) {
            return HeaderSetting::Leave;
        }
        let owner = self.service.owner();
        if lowering.reader.flag(owner, "referrer_policy") == Some(false) {
            return HeaderSetting::Leave;
        }
        let default = HeaderValue::from_static("strict-origin-when-cross-origin");
        let Some(said) = lowering.reader.text_of(owner, "referrer_policy") else {
            return HeaderSetting::Send(default);
        };
        HeaderSetting::Send(header::value(&said.value).unwrap_or_else(|mistake| {
            lowering.reader.problems.push(mistake.at(&said.span));
            default
        }))
    }

    fn access_log(&self, lowering: &mut LowerContext<'_, '_>) -> LogTarget {
        let directory = lowering.reader.text_of(self.service.owner(), "log_directory");
        let directory = directory.map_or("/var/log/gitlab/nginx".to_owned(), |said| said.value);
        let file = match self.service {
            Service::Gitlab => "gitlab_access.log",
            Service::Mattermost => "gitlab_mattermost_access.log",
            Service::Pages => "gitlab_pages_access.log",
            Service::Registry => "gitlab_registry_access.log",
            Service::Kas => "gitlab_kas_access.log",
        };
        LogTarget::File(PathBuf::from(directory).join(file))
    }

    fn forwarding(
        &self,
        tls: bool,
        pages: &HostErrorPages,
        lowering: &mut LowerContext<'_, '_>,
    ) -> ForwardSettings {
        let owner = self.service.owner();
        // The registry's and Pages' are fixed in the package.
        let read_timeout = match self.service {
            Service::Gitlab | Service::Mattermost => lowering.reader.span(owner, "proxy_read_timeout"),
            Service::Registry => Some(self.url_value(Duration::from_secs(900))),
            Service::Pages | Service::Kas => Some(self.url_value(Duration::from_secs(60))),
        };
        let connect_timeout = match self.service {
            Service::Kas => Some(self.url_value(Duration::from_secs(5))),
            _ => lowering.reader.span(owner, "proxy_connect_timeout"),
        };
        let tunnel = read_timeout.clone().filter(|_| !matches!(self.service, Service::Pages | Service::Kas));
        ForwardSettings {
            max_request_body: body_limit(owner, lowering.reader),
            connect_timeout: connect_timeout.map_or(Setting::Unset, Setting::Set),
            tunnel_idle_timeout: tunnel.map_or(Setting::Unset, Setting::Set),
            upstream_read_timeout: read_timeout.map_or(Setting::Unset, Setting::Set),
            request_headers: request_headers::of(self, tls, lowering.reader),
            error_pages: pages.pages.clone(),
            intercept_errors: pages.intercept.clone(),
            ..ForwardSettings::default()
        }
    }

    /// Its errors are for programs.
    fn agent_routes(&self, pages: &HostErrorPages, lowering: &mut LowerContext<'_, '_>) -> Vec<RouteSection> {
        let agent = match self.service {
            Service::Gitlab | Service::Kas => Kas::read(lowering.reader),
            Service::Mattermost | Service::Pages | Service::Registry => None,
        };
        let mut routes = match agent {
            Some(agent) if self.service == Service::Kas => agent.host(self),
            Some(agent) => agent.paths(self),
            None => Vec::new(),
        };
        if pages.intercept() {
            routes
                .iter_mut()
                .for_each(|route| route.settings.intercept_errors = self.url_setting(InterceptErrors::Pass));
        }
        routes
    }
}

impl listen::ListenSettings {
    /// The port that redirects name: that of the URL, never the one that is listened on.
    fn public_port(&self, port: u16) -> Option<NonZeroU16> {
        NonZeroU16::new(port).filter(|_| self.redirects())
    }
}

/// The body limit of a host. nginx means "unlimited" by 0, and that is the package's default.
fn body_limit(owner: SettingOwner, reader: &mut SettingsReader<'_>) -> Setting<BodyLimit> {
    match reader.text_of(owner, "client_max_body_size") {
        Some(Spanned { value, span: place }) => match units::body_limit(&value) {
            Some(value) => Setting::Set(Spanned { value, span: place }),
            None => Setting::Invalid,
        },
        None => Setting::Unset,
    }
}

const ONLY_WITH_TLS: [&str; 16] = [
    "redirect_http_to_https",
    "redirect_http_to_https_port",
    "ssl_certificate",
    "ssl_certificate_key",
    "ssl_password_file",
    "ssl_protocols",
    "ssl_ciphers",
    "ssl_prefer_server_ciphers",
    "ssl_ecdh_curve",
    "ssl_conf_command",
    "ssl_session_cache",
    "ssl_session_tickets",
    "ssl_session_timeout",
    "ssl_client_certificate",
    "ssl_verify_client",
    "ssl_verify_depth",
];

/// Where the package's own client puts its challenges.
const WWW: &str = "/var/opt/gitlab/nginx/www";
