//! The agent server for Kubernetes (KAS): its paths on GitLab's host, or a host of its own.

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

/// Where the agent server listens, and how it is spoken to.
pub(super) struct Kas {
    /// Of the agents.
    agents: UpstreamRef,
    /// Of Kubernetes' own API, for users.
    api: UpstreamRef,
    /// Its own certificate, if it has one. The file is at hand, so that certificate is believed and no
    /// other; the package's nginx believes any.
    certificate: Option<Spanned<PathBuf>>,
    api_connect_timeout: Duration,
    api_read_timeout: Duration,
}

impl Kas {
    /// `None` if it is switched off, or cannot be understood.
    pub(super) fn read(reader: &mut SettingsReader<'_>) -> Option<Kas> {
        if is_off(reader) {
            for key in ["listen_address", "kubernetes_api_listen_address", "certificate_file", "key_file"] {
                reader.no_effect_at(&["gitlab_kas", key], "the agent server is switched off");
            }
            return None;
        }
        let mut application = |key: &str, default: &str| {
            Some(read_upstream(or_default(reader.text(&["gitlab_kas", key]), default), reader)?.value)
        };
        let agents = application("listen_address", "localhost:8150")?;
        let api = application("kubernetes_api_listen_address", "localhost:8154")?;
        let certificate = reader.text(&["gitlab_kas", "certificate_file"]);
        let has_key = reader.text(&["gitlab_kas", "key_file"]).is_some();
        if !has_key {
            reader
                .no_effect_at(&["gitlab_kas", "certificate_file"], "without key_file the agent server has no TLS");
        }
        let file = |said: Spanned<String>| Spanned { value: PathBuf::from(said.value), span: said.span };
        let mut span = |key: &str, default: u64| {
            reader.span(SettingOwner::Kas, key).map_or(Duration::from_secs(default), |said| said.value)
        };
        Some(Kas {
            agents,
            api,
            certificate: certificate.filter(|_| has_key).map(file),
            api_connect_timeout: span("k8s_proxy_connect_timeout", 5),
            api_read_timeout: span("k8s_proxy_read_timeout", 7200),
        })
    }

    /// Its paths on GitLab's host.
    pub(super) fn paths(&self, plan: &ServiceHost) -> Vec<RouteSection> {
        let root = &plan.url.path;
        let agents = PathMatch::Exact(format!("{root}/-/kubernetes-agent/"));
        let api = PathMatch::Prefix(format!("{root}/-/kubernetes-agent/k8s-proxy/"));
        vec![self.agents(plan, agents), self.api(plan, api), self.grpc(plan, format!("{root}/gitlab.agent."))]
    }

    /// All that its own host does.
    pub(super) fn host(&self, plan: &ServiceHost) -> Vec<RouteSection> {
        vec![
            self.agents(plan, PathMatch::Prefix("/".to_owned())),
            self.api(plan, PathMatch::Prefix("/k8s-proxy/".to_owned())),
            self.grpc(plan, "/gitlab.agent.".to_owned()),
        ]
    }

    fn agents(&self, plan: &ServiceHost, path: PathMatch) -> RouteSection {
        let mut route = plan.route(path, self.action(plan, &self.agents, document::UpstreamScheme::Https));
        route.replace_with = plan.url_setting(PathAndQuery::from_static("/"));
        route.settings = self.settings(plan);
        route
    }

    fn api(&self, plan: &ServiceHost, path: PathMatch) -> RouteSection {
        let mut route = plan.route(path, self.action(plan, &self.api, document::UpstreamScheme::Https));
        route.replace_with = plan.url_setting(PathAndQuery::from_static("/"));
        route.settings = ForwardSettings {
            connect_timeout: plan.url_setting(self.api_connect_timeout),
            upstream_read_timeout: plan.url_setting(self.api_read_timeout),
            tunnel_idle_timeout: plan.url_setting(self.api_read_timeout),
            ..self.settings(plan)
        };
        route
    }

    /// Calls last as long as the agent does, and may be silent for long.
    fn grpc(&self, plan: &ServiceHost, prefix: String) -> RouteSection {
        let plain = UpstreamRef { scheme: document::UpstreamScheme::Grpc, ..self.agents.clone() };
        let mut route =
            plan.route(PathMatch::Prefix(prefix), self.action(plan, &plain, document::UpstreamScheme::Grpcs));
        route.settings = ForwardSettings { upstream_read_timeout: plan.url_setting(HOUR), ..self.settings(plan) };
        route
    }

    fn action(
        &self,
        plan: &ServiceHost,
        plain: &UpstreamRef,
        with_tls: document::UpstreamScheme,
    ) -> Setting<RouteActionSection> {
        let scheme = if self.certificate.is_some() { with_tls } else { plain.scheme };
        plan.url_setting(RouteActionSection::Upstream(UpstreamRef { scheme, ..plain.clone() }))
    }

    fn settings(&self, plan: &ServiceHost) -> ForwardSettings {
        let Some(certificate) = &self.certificate else { return ForwardSettings::default() };
        let pin = Setting::Set(certificate.clone());
        ForwardSettings {
            upstream_tls: plan.url_setting(UpstreamTlsSection { pin, ..UpstreamTlsSection::default() }),
            ..ForwardSettings::default()
        }
    }
}

/// Why there is no host for it, if there is none.
pub(super) fn without_host(lowering: &mut LowerContext<'_, '_>) -> Option<&'static str> {
    let reader = &mut *lowering.reader;
    if reader.text(&["gitlab_rails", "gitlab_kas_external_url"]).is_some() {
        reader.no_effect_at(&["gitlab_kas_external_url"], ELSEWHERE);
        return Some(ELSEWHERE);
    }
    let said = reader.text(&["gitlab_kas_external_url"])?;
    let authority = said.value.split_once("://").map_or("", |(_, rest)| rest);
    let host = authority.split(['/', ':', '?', '#']).next().and_then(|host| HostName::parse(host).ok());
    let gitlab = lowering.gitlab.as_ref().map(|url| &url.name);
    (host.is_some() && host.as_ref() == gitlab).then_some("there is no host for it, because it is on GitLab's")
}

/// The URL of its own host. As in the package the port comes from another setting.
pub(super) fn url(said: &Spanned<String>, reader: &mut SettingsReader<'_>) -> Result<ExternalUrl, Diagnostic> {
    let mut url = ExternalUrl::parse_agent(said)?;
    if let Some(place) =
        reader.entry(&["gitlab_kas", "listen_websocket"]).filter(|it| it.value.truth() == Some(false))
    {
        let error = Diagnostic::error(&place.span, "a host of its own needs an agent server that takes WebSockets");
        return Err(error.help("set gitlab_kas['listen_websocket'] = true, or take the line out"));
    }
    let default = match url.scheme {
        ExternalScheme::Http => 80,
        ExternalScheme::Https => 443,
    };
    let said_port = reader.port(SettingOwner::Kas, "port").map(|said| said.value);
    let port = said_port.unwrap_or(default);
    if url.port != port && said_port.is_none() {
        let message = format!("the port of this URL is not listened on; {port} is, as in the package");
        let warning = Diagnostic::warning(&said.span, message);
        reader.problems.push(warning.help(format!("set gitlab_kas_nginx['port'] = {}", url.port)));
    }
    url.port = port;
    if let Some(host) = reader.text_of(SettingOwner::Kas, "host") {
        let wrong = |why| Diagnostic::error(&host.span, format!("`{}` is not a host name: {why}", host.value));
        url.name = HostName::parse(&host.value).map_err(wrong)?;
    }
    Ok(url)
}

pub(super) fn is_off(reader: &SettingsReader<'_>) -> bool {
    reader.flag_at(&["gitlab_kas", "enable"]) == Some(false)
}

const ELSEWHERE: &str = "there is no host for it, because gitlab_rails['gitlab_kas_external_url'] says where it is";

const HOUR: Duration = Duration::from_secs(3600);
