//! Lowers the settings of the agent server for Kubernetes (KAS).
//!
//! The agent server has paths on GitLab's host, or a host of its own.

use std::path::PathBuf;
use std::time::Duration;

use http::uri::PathAndQuery;

use super::context::LowerContext;
use super::external_url::{ExternalScheme, ExternalUrl};
use super::reader::SettingsReader;
use super::service::ServiceHost;
use super::upstreams::{or_default, read_upstream};
use crate::config::diagnostic::Diagnostic;
use crate::config::document::{
    self, ForwardSettings, RouteActionSection, RouteSection, Setting, Spanned, UpstreamRef, UpstreamTlsSection,
};
use crate::config::gitlab_rb::settings::SettingOwner;
use crate::model::host::HostName;
use crate::model::route::PathMatch;

/// Addresses and protocol of the agent server.
pub(super) struct Kas {
    /// Address for agents.
    agents: UpstreamRef,
    /// Address of the Kubernetes API proxy, for users.
    api: UpstreamRef,
    /// Certificate of the agent server, if it uses TLS. The file is local, so only this certificate is
    /// accepted; the package's nginx accepts any.
    certificate: Option<Spanned<PathBuf>>,
    api_connect_timeout: Duration,
    api_read_timeout: Duration,
}

impl Kas {
    /// Reads the settings. `None` if the agent server is disabled, or if an address is invalid, which is
    /// reported.
    pub(super) fn read(reader: &mut SettingsReader<'_>) -> Option<Kas> {
        if is_off(reader) {
            for key in ["listen_address", "kubernetes_api_listen_address", "certificate_file", "key_file"] {
                reader.no_effect_at(&["gitlab_kas", key], "the agent server is disabled");
            }
            return None;
        }
        let mut upstream = |key: &str, default: &str| {
            Some(read_upstream(or_default(reader.text(&["gitlab_kas", key]), default), reader)?.value)
        };
        let agents = upstream("listen_address", "localhost:8150")?;
        let api = upstream("kubernetes_api_listen_address", "localhost:8154")?;
        let certificate = reader.text(&["gitlab_kas", "certificate_file"]);
        let has_key = reader.text(&["gitlab_kas", "key_file"]).is_some();
        if !has_key {
            reader.no_effect_at(
                &["gitlab_kas", "certificate_file"],
                "the agent server uses no TLS: `gitlab_kas['key_file']` is not set",
            );
        }
        let file = |setting: Spanned<String>| Spanned { value: PathBuf::from(setting.value), span: setting.span };
        let mut duration = |key: &str, default: u64| {
            reader.duration(SettingOwner::Kas, key).map_or(Duration::from_secs(default), |setting| setting.value)
        };
        Some(Kas {
            agents,
            api,
            certificate: certificate.filter(|_| has_key).map(file),
            api_connect_timeout: duration("k8s_proxy_connect_timeout", 5),
            api_read_timeout: duration("k8s_proxy_read_timeout", 7200),
        })
    }

    /// Returns the routes of the agent server on GitLab's host.
    pub(super) fn paths(&self, service_host: &ServiceHost) -> Vec<RouteSection> {
        let root = &service_host.url.path;
        let agents = PathMatch::Exact(format!("{root}/-/kubernetes-agent/"));
        let api = PathMatch::Prefix(format!("{root}/-/kubernetes-agent/k8s-proxy/"));
        vec![
            self.agents(service_host, agents),
            self.api(service_host, api),
            self.grpc(service_host, format!("{root}/gitlab.agent.")),
        ]
    }

    /// Returns the routes of the agent server's own host.
    pub(super) fn host(&self, service_host: &ServiceHost) -> Vec<RouteSection> {
        vec![
            self.agents(service_host, PathMatch::Prefix("/".to_owned())),
            self.api(service_host, PathMatch::Prefix("/k8s-proxy/".to_owned())),
            self.grpc(service_host, "/gitlab.agent.".to_owned()),
        ]
    }

    /// Returns the route for agents, which connect by WebSocket.
    fn agents(&self, service_host: &ServiceHost, path: PathMatch) -> RouteSection {
        let mut route =
            service_host.route(path, self.action(service_host, &self.agents, document::UpstreamScheme::Https));
        route.replace_with = service_host.url_setting(PathAndQuery::from_static("/"));
        route.settings = self.settings(service_host);
        route
    }

    /// Returns the route to the Kubernetes API proxy.
    fn api(&self, service_host: &ServiceHost, path: PathMatch) -> RouteSection {
        let mut route =
            service_host.route(path, self.action(service_host, &self.api, document::UpstreamScheme::Https));
        route.replace_with = service_host.url_setting(PathAndQuery::from_static("/"));
        route.settings = ForwardSettings {
            connect_timeout: service_host.url_setting(self.api_connect_timeout),
            upstream_read_timeout: service_host.url_setting(self.api_read_timeout),
            tunnel_idle_timeout: service_host.url_setting(self.api_read_timeout),
            ..self.settings(service_host)
        };
        route
    }

    /// Returns the route for gRPC. A call lasts as long as the agent runs and may be idle for long, so the read
    /// timeout is one hour.
    fn grpc(&self, service_host: &ServiceHost, prefix: String) -> RouteSection {
        let plain = UpstreamRef { scheme: document::UpstreamScheme::Grpc, ..self.agents.clone() };
        let mut route = service_host
            .route(PathMatch::Prefix(prefix), self.action(service_host, &plain, document::UpstreamScheme::Grpcs));
        route.settings = ForwardSettings {
            upstream_read_timeout: service_host.url_setting(HOUR),
            ..self.settings(service_host)
        };
        route
    }

    fn action(
        &self,
        service_host: &ServiceHost,
        plain: &UpstreamRef,
        with_tls: document::UpstreamScheme,
    ) -> Setting<RouteActionSection> {
        let scheme = if self.certificate.is_some() { with_tls } else { plain.scheme };
        service_host.url_setting(RouteActionSection::Upstream(UpstreamRef { scheme, ..plain.clone() }))
    }

    fn settings(&self, service_host: &ServiceHost) -> ForwardSettings {
        let Some(certificate) = &self.certificate else { return ForwardSettings::default() };
        let pin = Setting::Set(certificate.clone());
        ForwardSettings {
            upstream_tls: service_host.url_setting(UpstreamTlsSection { pin, ..UpstreamTlsSection::default() }),
            ..ForwardSettings::default()
        }
    }
}

/// Returns why the agent server has no host of its own although its URL is set; otherwise `None`.
pub(super) fn no_host_reason(context: &mut LowerContext<'_, '_>) -> Option<&'static str> {
    let reader = &mut *context.reader;
    if reader.text(&["gitlab_rails", "gitlab_kas_external_url"]).is_some() {
        reader.no_effect_at(&["gitlab_kas_external_url"], ELSEWHERE);
        return Some(ELSEWHERE);
    }
    let setting = reader.text(&["gitlab_kas_external_url"])?;
    let authority = setting.value.split_once("://").map_or("", |(_, rest)| rest);
    let host = authority.split(['/', ':', '?', '#']).next().and_then(|host| HostName::parse(host).ok());
    let gitlab = context.gitlab.as_ref().map(|url| &url.name);
    (host.is_some() && host.as_ref() == gitlab)
        .then_some("the agent server has no host of its own: its URL names GitLab's host")
}

/// Returns the URL of the agent server's own host. As in the package, the port comes from
/// `gitlab_kas_nginx['port']`, not from the URL.
pub(super) fn url(setting: &Spanned<String>, reader: &mut SettingsReader<'_>) -> Result<ExternalUrl, Diagnostic> {
    let mut url = ExternalUrl::parse_agent(setting)?;
    if let Some(websocket) =
        reader.entry(&["gitlab_kas", "listen_websocket"]).filter(|it| it.value.truth() == Some(false))
    {
        let error = Diagnostic::error(
            &websocket.span,
            "the agent server's own host requires WebSockets, but `gitlab_kas['listen_websocket']` is false",
        );
        return Err(error.help("set `gitlab_kas['listen_websocket'] = true`, or remove the line"));
    }
    let default = match url.scheme {
        ExternalScheme::Http => 80,
        ExternalScheme::Https => 443,
    };
    let configured_port = reader.port(SettingOwner::Kas, "port").map(|setting| setting.value);
    let port = configured_port.unwrap_or(default);
    if url.port != port && configured_port.is_none() {
        let message =
            format!("the port of this URL is ignored: as in the package, the host listens on port {port}");
        let warning = Diagnostic::warning(&setting.span, message);
        reader.problems.push(warning.help(format!("set `gitlab_kas_nginx['port'] = {}`", url.port)));
    }
    url.port = port;
    if let Some(host) = reader.text_of(SettingOwner::Kas, "host") {
        let invalid = |why| Diagnostic::error(&host.span, format!("`{}` is not a host name: {why}", host.value));
        url.name = HostName::parse(&host.value).map_err(invalid)?;
    }
    Ok(url)
}

/// Returns whether the agent server is disabled.
pub(super) fn is_off(reader: &SettingsReader<'_>) -> bool {
    reader.flag_at(&["gitlab_kas", "enable"]) == Some(false)
}

const ELSEWHERE: &str =
    "the agent server has no host here: `gitlab_rails['gitlab_kas_external_url']` sets its address";

const HOUR: Duration = Duration::from_secs(3600);
