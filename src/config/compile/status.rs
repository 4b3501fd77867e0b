//! The host of the pages about the proxy itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use http::{HeaderValue, StatusCode};

use super::context::{Added, Context};
use super::listeners::{Claim, Purpose};
use super::routes;
use crate::config::document::{Said, StatusSection};
use crate::config::source::Place;
use crate::model::access::{AccessRule, AccessRules, Clients, Permission};
use crate::model::client_address::ClientAddress;
use crate::model::host::{HostName, HostPattern};
use crate::model::route::{Action, PathMatch, Respond, Route, Routes, StatusPage};
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
        access_log: context.model.add_access_log(LogTarget::Off),
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
