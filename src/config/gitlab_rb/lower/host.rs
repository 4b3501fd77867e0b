//! Lowers one host.

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
use crate::model::route::ExpectContinue;
use crate::model::{BodyLimit, HttpVersions, LogTarget};

impl ServiceHost {
    /// Lowers the settings of the service to a host section.
    pub(super) fn lower(&self, context: &mut LowerContext<'_, '_>) -> HostSection {
        let owner = self.service.owner();
        let listening = listen::lower(self, context);
        if !listening.tls {
            self.record_unused_tls_settings(context);
        }
        let [certificate, certificate_key] = self.certificate(&listening, context);
        let key_password_file = self.key_password_file(&listening, context);
        let public_port = listening.public_port(self.url.port);
        let redirects = listening.redirects();
        let pages = error_pages::lower(self, context);
        let mut settings = HostSettings {
            tls: self.url_setting(listening.tls),
            listen: self.url_setting(listening.listen),
            redirect_from: self.url_setting(listening.redirect_from),
            proxy_protocol: self.url_setting(client_address::is_proxied(owner, context.reader)),
            client_address: self.url_setting(client_address::lower(owner, context.reader)),
            hsts: response_headers::hsts(self, listening.tls, context.reader),
            referrer_policy: self.url_setting(self.referrer_policy(context)),
            compression: compression::lower(self.service, listening.tls, &self.span, context.reader),
            access_log: self.url_setting(self.access_log(context)),
            access_log_format: log_format::format(self.service, context.reader),
            access_log_escape: log_format::escape(self.service, context.reader),
            forwarding: self.forwarding(listening.tls, &pages, context),
            ..HostSettings::default()
        };
        if listening.tls {
            let http2 = context.reader.flag(owner, "http2_enabled").unwrap_or(self.service != Service::Registry);
            settings.http2 =
                self.url_setting(if http2 { HttpVersions::Http2And1 } else { HttpVersions::Http1Only });
            settings.tls_section = tls::settings(self, context.reader);
            let chain = certificate.as_set().and_then(|setting| setting.value.first());
            if chain.is_some_and(|file| context.lets_encrypt.manages(&file.value)) {
                settings.acme = self.url_setting(true);
            }
        }
        // With a relative URL, and for the agent server, the routes name the upstream instead of the host.
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
            acme_challenge_directory: self.challenges(context),
            acme_names: self.further_names(context),
            settings,
            routes: [routes::lower(self, redirects, &pages), self.agent_routes(&pages, context)].concat(),
        }
    }

    /// Returns the directory of HTTP-01 challenge files. As in the package, every host with an exact name
    /// serves it if certificates are obtained. Setting `letsencrypt['wwwroot']` alone has the same effect.
    fn challenges(&self, context: &mut LowerContext<'_, '_>) -> Setting<PathBuf> {
        let setting = context.reader.text(&["letsencrypt", "wwwroot"]);
        let is_single = matches!(self.name, HostPattern::Exact(_));
        match (setting, &context.lets_encrypt) {
            _ if !is_single => Setting::Unset,
            (Some(setting), _) => Setting::set_at(setting.value.into(), &setting.span),
            (None, LetsEncrypt::On { .. }) => self.url_setting(CHALLENGE_DIRECTORY.into()),
            (None, LetsEncrypt::Off) => Setting::Unset,
        }
    }

    /// Returns the additional names in GitLab's certificate.
    fn further_names(&self, context: &mut LowerContext<'_, '_>) -> Setting<Vec<Spanned<HostName>>> {
        match &context.lets_encrypt {
            LetsEncrypt::On { .. } if self.service == Service::Gitlab => acme::names(context.reader),
            LetsEncrypt::On { .. } | LetsEncrypt::Off => Setting::Unset,
        }
    }

    /// Records that TLS settings have no effect on a plain HTTP host.
    fn record_unused_tls_settings(&self, context: &mut LowerContext<'_, '_>) {
        let why = "this host does not use TLS";
        for key in ONLY_WITH_TLS {
            context.reader.no_effect(self.service.owner(), key, why);
        }
        context.reader.no_effect(self.service.owner(), "http2_enabled", "HTTP/2 is offered only over TLS");
    }

    /// Returns the `Referrer-Policy` header, which only GitLab's and Mattermost's hosts send. The default yields to
    /// the policy of the application, which may be stricter: Mattermost sends `no-referrer`.
    fn referrer_policy(&self, context: &mut LowerContext<'_, '_>) -> HeaderSetting {
        if !matches!(self.service, Service::Gitlab | Service::Mattermost) {
            return HeaderSetting::Leave;
        }
        let owner = self.service.owner();
        if context.reader.flag(owner, "referrer_policy") == Some(false) {
            return HeaderSetting::Leave;
        }
        let default = HeaderValue::from_static("strict-origin-when-cross-origin");
        let Some(setting) = context.reader.text_of(owner, "referrer_policy") else {
            return HeaderSetting::SendIfAbsent(default);
        };
        HeaderSetting::Send(header::value(&setting.value).unwrap_or_else(|error| {
            context.reader.problems.push(error.at(&setting.span));
            default
        }))
    }

    fn access_log(&self, context: &mut LowerContext<'_, '_>) -> LogTarget {
        let directory = context.reader.text_of(self.service.owner(), "log_directory");
        let directory = directory.map_or("/var/log/gitlab/nginx".to_owned(), |setting| setting.value);
        let file = match self.service {
            Service::Gitlab => "gitlab_access.log",
            Service::Mattermost => "gitlab_mattermost_access.log",
            Service::Pages => "gitlab_pages_access.log",
            Service::Registry => "gitlab_registry_access.log",
            Service::Kas => "gitlab_kas_access.log",
        };
        LogTarget::File(PathBuf::from(directory).join(file))
    }

    fn forwarding(&self, tls: bool, pages: &HostErrorPages, context: &mut LowerContext<'_, '_>) -> ForwardSettings {
        let owner = self.service.owner();
        // The package has fixed read timeouts for the registry, Pages and the agent server.
        let read_timeout = match self.service {
            Service::Gitlab | Service::Mattermost => context.reader.duration(owner, "proxy_read_timeout"),
            Service::Registry => Some(self.url_value(Duration::from_secs(900))),
            Service::Pages | Service::Kas => Some(self.url_value(Duration::from_secs(60))),
        };
        let connect_timeout = match self.service {
            Service::Kas => Some(self.url_value(Duration::from_secs(5))),
            _ => context.reader.duration(owner, "proxy_connect_timeout"),
        };
        let tunnel = read_timeout.clone().filter(|_| !matches!(self.service, Service::Pages | Service::Kas));
        ForwardSettings {
            max_request_body: body_limit(owner, context.reader),
            connect_timeout: connect_timeout.map_or(Setting::Unset, Setting::Set),
            tunnel_idle_timeout: tunnel.map_or(Setting::Unset, Setting::Set),
            upstream_read_timeout: read_timeout.map_or(Setting::Unset, Setting::Set),
            request_headers: request_headers::lower(self, tls, context.reader),
            error_pages: pages.pages.clone(),
            intercept_errors: pages.intercept.clone(),
            expect_continue: self.expect_continue(),
            ..ForwardSettings::default()
        }
    }

    /// Returns who responds to `Expect: 100-continue`. Mattermost and the registry are Go servers that refuse an
    /// upload before its body. Workhorse forwards `Expect` to Puma, whose 100 makes Workhorse report a later error
    /// as 200; nginx never forwards it.
    fn expect_continue(&self) -> Setting<ExpectContinue> {
        match self.service {
            Service::Mattermost | Service::Registry => self.url_setting(ExpectContinue::Forward),
            Service::Gitlab | Service::Pages | Service::Kas => Setting::Unset,
        }
    }

    /// Returns the routes of the agent server. Programs read its error responses, so pages never replace them.
    fn agent_routes(&self, pages: &HostErrorPages, context: &mut LowerContext<'_, '_>) -> Vec<RouteSection> {
        let kas = match self.service {
            Service::Gitlab | Service::Kas => Kas::read(context.reader),
            Service::Mattermost | Service::Pages | Service::Registry => None,
        };
        let mut routes = match kas {
            Some(kas) if self.service == Service::Kas => kas.host(self),
            Some(kas) => kas.paths(self),
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
    /// Returns the port in redirects: that of the URL, not the listen port.
    fn public_port(&self, port: u16) -> Option<NonZeroU16> {
        NonZeroU16::new(port).filter(|_| self.redirects())
    }
}

/// Returns the request body limit of a host. As in nginx, 0 means unlimited, which is the package's default.
fn body_limit(owner: SettingOwner, reader: &mut SettingsReader<'_>) -> Setting<BodyLimit> {
    match reader.text_of(owner, "client_max_body_size") {
        Some(Spanned { value, span }) => match units::body_limit(&value) {
            Some(value) => Setting::Set(Spanned { value, span }),
            None => Setting::Invalid,
        },
        None => Setting::Unset,
    }
}

/// Settings without effect on a plain HTTP host.
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

/// Directory into which the package's ACME client writes its challenges.
const CHALLENGE_DIRECTORY: &str = "/var/opt/gitlab/nginx/www";
