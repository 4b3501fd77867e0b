//! The host of the pages about the proxy itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use http::uri::PathAndQuery;
use http::{HeaderValue, StatusCode};

use super::context::{Added, Context};
use super::listeners::{Claim, Purpose};
use super::routes;
use crate::config::document::{Application, ForwardSettings, HostSettings, Said, StatusSection};
use crate::config::span::Place;
use crate::model::access::{AccessRule, AccessRules, Clients, Permission};
use crate::model::client_address::ClientAddress;
use crate::model::compression::Compression;
use crate::model::headers::ops::{HeaderOp, SettableName};
use crate::model::host::{HostName, HostPattern};
use crate::model::log_format::LogFormat;
use crate::model::route::{Action, ForwardTarget, PathMatch, Respond, Route, Routes, StatusPage};
use crate::model::{LogTarget, Preamble, Security, Transport, VirtualHost};

/// Adds the host; gives back the addresses it wants to answer on.
pub(super) fn compile(said: &Said<StatusSection>, context: &mut Context<'_>) -> Vec<Claim> {
    let Said { value: section, place } = said;
    let Ok(name) = HostName::parse(NAME).map(HostPattern::Exact) else { return Vec::new() };
    let access = section.access.said().map_or_else(on_this_machine, |said| routes::access(&said.value));
    let mut pages = vec![("/nginx_status", Action::Status(StatusPage::Connections))];
    if section.metrics.value_or(true) {
        pages.push(("/metrics", Action::Status(StatusPage::Metrics)));
    }
    if let Some(said) = section.application_metrics.said() {
        pages.push(("/rails-metrics", application_metrics(said, context)));
    }
    let pages = pages.into_iter().map(|(path, action)| (PathMatch::Exact(path.to_owned()), action));
    let rest = (PathMatch::Prefix("/".to_owned()), Action::Respond(nothing()));
    let route = |(path, action)| Route {
        path,
        action,
        response_headers: Vec::new(),
        access: access.clone(),
        error_pages: None,
    };
    let host = VirtualHost {
        names: vec![name.clone()],
        security: Security::Plain,
        routes: Routes::new(pages.chain([rest]).map(route).collect()),
        client_address: ClientAddress::Peer,
        compression: Compression::Off,
        access_log: context.model.add_access_log(LogTarget::Off),
        log_format: LogFormat::Package,
        error_pages: None,
    };
    let (Added::New(host) | Added::Known(host, _)) = context.add_host(host, place);
    context.model.status = Some(host);
    let names = vec![Said { value: name, place: place.clone() }];
    let claim = |address| Claim {
        address,
        preamble: Preamble::None,
        transport: Transport::Plain,
        host,
        names: names.clone(),
        purpose: Purpose::Serve,
    };
    listen(section, place).into_iter().map(claim).collect()
}

/// GitLab tells its metrics to this machine alone, so nothing is said about whom they are passed on to.
fn application_metrics(said: &Said<Application>, context: &mut Context<'_>) -> Action {
    let place = &said.place;
    let host = HeaderOp::Set(SettableName::from_static("host"), HeaderValue::from_static("gitlab-workhorse"));
    let unsaid = ["x-forwarded-for", "x-forwarded-proto", "x-real-ip"];
    let unsaid = unsaid.map(|name| HeaderOp::Remove(SettableName::from_static(name)));
    let ops = [host].into_iter().chain(unsaid);
    let settings = ForwardSettings {
        request_headers: ops.map(|value| Said { value, place: place.clone() }).collect(),
        ..ForwardSettings::default()
    };
    let target = ForwardTarget::Replaced(PathAndQuery::from_static("/-/metrics"));
    routes::forward(&said.value, target, &settings, &HostSettings::default(), context)
}

fn listen(section: &StatusSection, place: &Place) -> Vec<Said<SocketAddr>> {
    match section.listen.said() {
        Some(said) => said.value.clone(),
        None => vec![Said { value: (Ipv4Addr::LOCALHOST, PORT).into(), place: place.clone() }],
    }
}

/// The pages tell strangers more than they need to know.
fn on_this_machine() -> AccessRules {
    let allow =
        |address: IpAddr| AccessRule { permission: Permission::Allow, clients: Clients::Within(address.into()) };
    let deny = AccessRule { permission: Permission::Deny, clients: Clients::All };
    AccessRules::new(vec![allow(Ipv4Addr::LOCALHOST.into()), allow(Ipv6Addr::LOCALHOST.into()), deny])
}

fn nothing() -> Respond {
    Respond {
        status: StatusCode::NOT_FOUND,
        content_type: HeaderValue::from_static("text/plain"),
        body: String::new(),
    }
}

/// Whatever name is asked for, this host answers; it needs one all the same.
const NAME: &str = "localhost";

/// Where the package's Prometheus looks.
const PORT: u16 = 8060;
