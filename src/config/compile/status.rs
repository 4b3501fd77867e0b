//! Compiles the status host.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use http::uri::PathAndQuery;
use http::{HeaderValue, StatusCode};

use super::context::{CompileContext, HostInsertion};
use super::listeners::{BindingKind, HostBinding};
use super::routes;
use crate::config::document::{ForwardSettings, HostSettings, Spanned, StatusSection, UpstreamRef};
use crate::config::span::SourceSpan;
use crate::model::access::{AccessAction, AccessRule, AccessRules, ClientMatch};
use crate::model::client_address::ClientAddressPolicy;
use crate::model::compression::CompressionPolicy;
use crate::model::headers::ops::{HeaderOp, SettableHeader};
use crate::model::host::{HostName, HostPattern};
use crate::model::log_format::LogFormat;
use crate::model::route::{FixedResponse, PathMatch, PathRewrite, Route, RouteAction, RouteTable, StatusEndpoint};
use crate::model::{HostSecurity, ListenerTransport, LogTarget, ProxyProtocolMode, VirtualHost};

/// Adds the status host; returns its bindings to addresses.
pub(super) fn compile(section: &Spanned<StatusSection>, context: &mut CompileContext<'_>) -> Vec<HostBinding> {
    let Spanned { value: section, span } = section;
    let Ok(name) = HostName::parse(NAME).map(HostPattern::Exact) else { return Vec::new() };
    let access = section.access.as_set().map_or_else(loopback_only, |setting| routes::access(&setting.value));
    let mut endpoints = vec![("/nginx_status", RouteAction::Status(StatusEndpoint::Connections))];
    if section.metrics.value_or(true) {
        endpoints.push(("/metrics", RouteAction::Status(StatusEndpoint::Metrics)));
    }
    if let Some(setting) = section.upstream_metrics.as_set() {
        endpoints.push(("/rails-metrics", upstream_metrics(setting, context)));
    }
    let endpoints = endpoints.into_iter().map(|(path, action)| (PathMatch::Exact(path.to_owned()), action));
    let fallback = (PathMatch::Prefix("/".to_owned()), RouteAction::Respond(not_found()));
    let route = |(path, action)| Route {
        path,
        action,
        response_headers: Vec::new(),
        access: access.clone(),
        error_pages: None,
    };
    let host = VirtualHost {
        names: vec![name.clone()],
        security: HostSecurity::Plain,
        routes: RouteTable::new(endpoints.chain([fallback]).map(route).collect()),
        client_address: ClientAddressPolicy::Peer,
        compression: CompressionPolicy::Off,
        access_log: context.model.add_access_log(LogTarget::Off),
        log_format: LogFormat::Package,
        error_pages: None,
    };
    let (HostInsertion::New(host) | HostInsertion::Known(host, _)) = context.add_host(host, span);
    context.model.status = Some(host);
    let names = vec![Spanned { value: name, span: span.clone() }];
    let binding = |address| HostBinding {
        address,
        proxy_protocol: ProxyProtocolMode::None,
        transport: ListenerTransport::Plain,
        host,
        names: names.clone(),
        kind: BindingKind::Serve,
    };
    listen(section, span).into_iter().map(binding).collect()
}

/// Returns the action that forwards to `/-/metrics` of GitLab. GitLab serves its metrics to loopback clients only,
/// so the forwarding headers, which name the real client, are removed.
fn upstream_metrics(upstream: &Spanned<UpstreamRef>, context: &mut CompileContext<'_>) -> RouteAction {
    let span = &upstream.span;
    let host = HeaderOp::Set(SettableHeader::from_static("host"), HeaderValue::from_static("gitlab-workhorse"));
    let forwarding = ["x-forwarded-for", "x-forwarded-proto", "x-real-ip"];
    let forwarding = forwarding.map(|name| HeaderOp::Remove(SettableHeader::from_static(name)));
    let ops = [host].into_iter().chain(forwarding);
    let settings = ForwardSettings {
        request_headers: ops.map(|value| Spanned { value, span: span.clone() }).collect(),
        ..ForwardSettings::default()
    };
    let target = PathRewrite::ReplacePrefix(PathAndQuery::from_static("/-/metrics"));
    routes::forward(&upstream.value, target, &settings, &HostSettings::default(), context)
}

fn listen(section: &StatusSection, span: &SourceSpan) -> Vec<Spanned<SocketAddr>> {
    match section.listen.as_set() {
        Some(setting) => setting.value.clone(),
        None => vec![Spanned { value: (Ipv4Addr::LOCALHOST, PORT).into(), span: span.clone() }],
    }
}

/// Default access: loopback only, because the status pages reveal internals of the server.
fn loopback_only() -> AccessRules {
    let allow =
        |address: IpAddr| AccessRule { action: AccessAction::Allow, clients: ClientMatch::Within(address.into()) };
    let deny = AccessRule { action: AccessAction::Deny, clients: ClientMatch::All };
    AccessRules::new(vec![allow(Ipv4Addr::LOCALHOST.into()), allow(Ipv6Addr::LOCALHOST.into()), deny])
}

fn not_found() -> FixedResponse {
    FixedResponse {
        status: StatusCode::NOT_FOUND,
        content_type: HeaderValue::from_static("text/plain"),
        body: String::new(),
    }
}

/// A host needs a name, although the status host is the default host of its address.
const NAME: &str = "localhost";

/// The port that Prometheus of the GitLab package scrapes.
const PORT: u16 = 8060;
