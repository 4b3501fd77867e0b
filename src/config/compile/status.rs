//! The host of the pages about the proxy itself.

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

/// Adds the host; gives back the addresses it wants to answer on.
pub(super) fn compile(said: &Spanned<StatusSection>, context: &mut CompileContext<'_>) -> Vec<HostBinding> {
    let Spanned { value: section, span: place } = said;
    let Ok(name) = HostName::parse(NAME).map(HostPattern::Exact) else { return Vec::new() };
    let access = section.access.as_set().map_or_else(on_this_machine, |said| routes::access(&said.value));
    let mut pages = vec![("/nginx_status", RouteAction::Status(StatusEndpoint::Connections))];
    if section.metrics.value_or(true) {
        pages.push(("/metrics", RouteAction::Status(StatusEndpoint::Metrics)));
    }
    if let Some(said) = section.upstream_metrics.as_set() {
        pages.push(("/rails-metrics", application_metrics(said, context)));
    }
    let pages = pages.into_iter().map(|(path, action)| (PathMatch::Exact(path.to_owned()), action));
    let rest = (PathMatch::Prefix("/".to_owned()), RouteAction::Respond(nothing()));
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
        routes: RouteTable::new(pages.chain([rest]).map(route).collect()),
        client_address: ClientAddressPolicy::Peer,
        compression: CompressionPolicy::Off,
        access_log: context.model.add_access_log(LogTarget::Off),
        log_format: LogFormat::Package,
        error_pages: None,
    };
    let (HostInsertion::New(host) | HostInsertion::Known(host, _)) = context.add_host(host, place);
    context.model.status = Some(host);
    let names = vec![Spanned { value: name, span: place.clone() }];
    let claim = |address| HostBinding {
        address,
        preamble: ProxyProtocolMode::None,
        transport: ListenerTransport::Plain,
        host,
        names: names.clone(),
        purpose: BindingKind::Serve,
    };
    listen(section, place).into_iter().map(claim).collect()
}

/// GitLab tells its metrics to this machine alone, so nothing is said about whom they are passed on to.
fn application_metrics(said: &Spanned<UpstreamRef>, context: &mut CompileContext<'_>) -> RouteAction {
    let place = &said.span;
    let host = HeaderOp::Set(SettableHeader::from_static("host"), HeaderValue::from_static("gitlab-workhorse"));
    let unsaid = ["x-forwarded-for", "x-forwarded-proto", "x-real-ip"];
    let unsaid = unsaid.map(|name| HeaderOp::Remove(SettableHeader::from_static(name)));
    let ops = [host].into_iter().chain(unsaid);
    let settings = ForwardSettings {
        request_headers: ops.map(|value| Spanned { value, span: place.clone() }).collect(),
        ..ForwardSettings::default()
    };
    let target = PathRewrite::ReplacePrefix(PathAndQuery::from_static("/-/metrics"));
    routes::forward(&said.value, target, &settings, &HostSettings::default(), context)
}

fn listen(section: &StatusSection, place: &SourceSpan) -> Vec<Spanned<SocketAddr>> {
    match section.listen.as_set() {
        Some(said) => said.value.clone(),
        None => vec![Spanned { value: (Ipv4Addr::LOCALHOST, PORT).into(), span: place.clone() }],
    }
}

/// The pages tell strangers more than they need to know.
fn on_this_machine() -> AccessRules {
    let allow =
        |address: IpAddr| AccessRule { action: AccessAction::Allow, clients: ClientMatch::Within(address.into()) };
    let deny = AccessRule { action: AccessAction::Deny, clients: ClientMatch::All };
    AccessRules::new(vec![allow(Ipv4Addr::LOCALHOST.into()), allow(Ipv6Addr::LOCALHOST.into()), deny])
}

fn nothing() -> FixedResponse {
    FixedResponse {
        status: StatusCode::NOT_FOUND,
        content_type: HeaderValue::from_static("text/plain"),
        body: String::new(),
    }
}

/// Whatever name is asked for, this host answers; it needs one all the same.
const NAME: &str = "localhost";

/// Where the package's Prometheus looks.
const PORT: u16 = 8060;
