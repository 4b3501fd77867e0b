//! A model as people think of it: hosts with their redirects, settings of a host told once.

use std::net::SocketAddr;

use http::HeaderValue;
use http::uri::PathAndQuery;

use super::notation;
use super::redirect_folding::{self, FoldedRedirect};
use crate::model::access::AccessRules;
use crate::model::acme::AcmeCertificate;
use crate::model::client_address::ClientAddressPolicy;
use crate::model::compression::CompressionPolicy;
use crate::model::error_page::ErrorPages;
use crate::model::headers::ops::HeaderOp;
use crate::model::host::HostPattern;
use crate::model::log_format::LogFormat;
use crate::model::route::{ForwardAction, PathMatch, PathRewrite, Route, RouteAction, StatusEndpoint};
use crate::model::tls::TlsPolicy;
use crate::model::upstream::{UpstreamSpec, UpstreamTlsSettings};
use crate::model::{CertificateFiles, HostId, HostSecurity, LogTarget, Model, ProcessSettings, ProxyProtocolMode};

/// The outline of a model that `config` compiled.
pub(super) struct ModelOutline<'a> {
    pub(super) model: &'a Model,
    pub(super) process: &'a ProcessSettings,
    pub(super) default_hosts: Vec<HostPattern>,
    pub(super) status: Option<StatusOutline<'a>>,
    pub(super) hosts: Vec<HostOutline<'a>>,
}

/// The pages about the proxy itself.
pub(super) struct StatusOutline<'a> {
    pub(super) listen: Vec<SocketAddr>,
    pub(super) access: &'a AccessRules,
    pub(super) metrics: bool,
    pub(super) application_metrics: Option<&'a UpstreamSpec>,
}

/// One host.
pub(super) struct HostOutline<'a> {
    pub(super) name: &'a HostPattern,
    pub(super) aliases: &'a [HostPattern],
    pub(super) listen: Vec<SocketAddr>,
    /// On all of its addresses, those of its redirect included.
    pub(super) preamble: ProxyProtocolMode,
    pub(super) client_address: &'a ClientAddressPolicy,
    pub(super) tls: Option<TlsOutline<'a>>,
    pub(super) hsts: Option<&'a HeaderValue>,
    pub(super) referrer_policy: Option<&'a HeaderValue>,
    pub(super) compression: &'a CompressionPolicy,
    pub(super) access_log: &'a LogTarget,
    pub(super) log_format: &'a LogFormat,
    /// How requests are passed on, unless a route says otherwise.
    pub(super) forwarding: Option<ForwardOutline<'a>>,
    /// Who may come in, unless a route says otherwise.
    pub(super) access: &'a AccessRules,
    pub(super) error_pages: Option<&'a ErrorPages>,
    /// Header operations that all routes have in common.
    pub(super) headers: HeaderOpsOutline<'a>,
    /// In the order in which they are tried.
    pub(super) routes: Vec<RouteOutline<'a>>,
}

/// What only a TLS host has.
pub(super) struct TlsOutline<'a> {
    pub(super) policy: &'a TlsPolicy,
    pub(super) certificates: Vec<&'a CertificateFiles>,
    /// What is obtained as its certificate.
    pub(super) obtained: Option<AcmeOutline<'a>>,
    pub(super) redirect: Option<FoldedRedirect<'a>>,
}

/// A certificate that is obtained, and the names of the hosts that show it.
pub(super) struct AcmeOutline<'a> {
    pub(super) certificate: &'a AcmeCertificate,
    pub(super) shown: Vec<HostPattern>,
}

/// Forwarding with the application it goes to.
#[derive(Clone, Copy)]
pub(super) struct ForwardOutline<'a> {
    pub(super) forward: &'a ForwardAction,
    pub(super) upstream: &'a UpstreamSpec,
}

/// Operations on the headers of both directions.
#[derive(Default)]
pub(super) struct HeaderOpsOutline<'a> {
    pub(super) request: Vec<&'a HeaderOp>,
    pub(super) response: Vec<&'a HeaderOp>,
}

/// One route.
pub(super) struct RouteOutline<'a> {
    pub(super) route: &'a Route,
    pub(super) forwarding: Option<ForwardOutline<'a>>,
    /// The operations that the host does not have.
    pub(super) headers: HeaderOpsOutline<'a>,
    /// The rules, if they are not those of the host.
    pub(super) own_access: Option<&'a AccessRules>,
    /// The pages, if they are not those of the host.
    pub(super) own_error_pages: Option<Option<&'a ErrorPages>>,
    /// Whether it also answers on the plain side, before the redirect.
    pub(super) before_redirect: bool,
}

impl<'a> ModelOutline<'a> {
    pub(super) fn of(model: &'a Model) -> ModelOutline<'a> {
        let hosts =
            redirect_folding::hosts(model).into_iter().filter_map(|(index, redirect)| host(model, index, redirect));
        ModelOutline {
            model,
            process: &model.process,
            default_hosts: default_hosts(model),
            status: model.status.map(|id| status(model, id)),
            hosts: hosts.collect(),
        }
    }
}

impl RouteOutline<'_> {
    /// Whether the route is the one that the host's `upstream` alone makes.
    pub(super) fn is_plain_catch_all(&self) -> bool {
        let catch_all = matches!(&self.route.path, PathMatch::Prefix(prefix) if prefix == "/");
        let bare = self.headers.request.is_empty() && self.headers.response.is_empty();
        let as_host = self.own_access.is_none() && self.own_error_pages.is_none();
        let keeps_path = self.forwarding.is_some_and(|forwarding| forwarding.replacement().is_none());
        catch_all && keeps_path && bare && as_host && !self.before_redirect
    }
}

impl<'a> ForwardOutline<'a> {
    /// What holds for a single request, with the keys of the TOML language.
    pub(super) fn limits(&self) -> [(&'static str, String); 5] {
        [
            ("max_request_body", notation::body_limit(self.forward.body_limit)),
            ("connect_timeout", notation::duration(self.upstream.connect_timeout)),
            ("upstream_read_timeout", notation::duration(self.forward.read_timeout)),
            ("client_timeout", notation::duration(self.forward.client_timeout)),
            ("tunnel_idle_timeout", notation::duration(self.forward.tunnel_idle_timeout)),
        ]
    }

    /// The terms of TLS to the application, if they differ from those of the host.
    pub(super) fn own_tls(&self, host: Option<&ForwardOutline<'_>>) -> Option<&'a UpstreamTlsSettings> {
        let of_host = host.and_then(|host| host.upstream.tls());
        self.upstream.tls().filter(|own| of_host != Some(own))
    }

    /// What stands in place of the matched path, if anything does.
    pub(super) fn replacement(&self) -> Option<&'a PathAndQuery> {
        match &self.forward.target {
            PathRewrite::Unchanged => None,
            PathRewrite::ReplacePrefix(replacement) => Some(replacement),
        }
    }

    /// The limits that differ from those of the host.
    pub(super) fn own_limits(&self, host: Option<&ForwardOutline<'_>>) -> Vec<(&'static str, String)> {
        let of_host = host.map(|host| host.limits());
        let own = |limit: &(_, _)| of_host.as_ref().is_none_or(|limits| !limits.contains(limit));
        self.limits().into_iter().filter(own).collect()
    }
}

/// The names whose hosts answer for unknown ones, so that on each address the first that is there does.
fn default_hosts(model: &Model) -> Vec<HostPattern> {
    let exact = |name: &&HostPattern| matches!(name, HostPattern::Exact(_));
    let hosts = model.hosts().iter().enumerate().filter(|(index, _)| !redirect_folding::is_status(model, *index));
    let names: Vec<&HostPattern> = hosts.flat_map(|(_, host)| &host.names).filter(exact).collect();
    let mut chosen: Vec<HostPattern> = Vec::new();
    while let Some(next) = names.iter().find(|name| can_follow(&chosen, name, model)) {
        chosen.push((**next).clone());
    }
    chosen
}

/// Whether a name is the default on every address where none of the chosen is, and there is such an address.
fn can_follow(chosen: &[HostPattern], name: &HostPattern, model: &Model) -> bool {
    let mut decides = false;
    for listener in &model.listeners {
        let entries = listener.hosts.entries();
        let of = |wanted: &HostPattern| entries.iter().find(|(known, _)| known == wanted).map(|(_, id)| **id);
        let Some(here) = of(name) else { continue };
        if chosen.iter().any(|earlier| of(earlier).is_some()) {
            continue;
        }
        if listener.hosts.default != Some(here) {
            return false;
        }
        decides = true;
    }
    decides
}

fn status(model: &Model, id: HostId) -> StatusOutline<'_> {
    let routes = &model.host(id).routes;
    let is_metrics = |route: &Route| route.action == RouteAction::Status(StatusEndpoint::Metrics);
    StatusOutline {
        listen: redirect_folding::addresses(model, id.index()),
        access: routes.iter().next().map_or(&ALLOW_ALL, |route| &route.access),
        metrics: routes.iter().any(is_metrics),
        application_metrics: routes.iter().find_map(|route| Some(forwarding(model, route)?.upstream)),
    }
}

/// The outline of a host. `None` if it has no name, so that nothing can reach it.
fn host<'a>(model: &'a Model, index: usize, redirect: Option<FoldedRedirect<'a>>) -> Option<HostOutline<'a>> {
    let host = &model.hosts()[index];
    let (name, aliases) = host.names.split_first()?;
    let routes: Vec<_> = host.routes.iter().collect();
    let headers = common_headers(&routes);
    // The catch-all is tried last. Where there is none, any forwarding route is as good.
    let forwarding = routes.iter().rev().find_map(|route| forwarding(model, route));
    // The catch-all has the host's rules unless it was given its own; then they are as good as the host's.
    let access = routes.last().map_or(&ALLOW_ALL, |route| &route.access);
    let error_pages = host.error_pages.map(|id| model.error_pages(id));
    let before = redirect.as_ref().map(|redirect| redirect.before.clone()).unwrap_or_default();
    let outline = |route: &&'a Route| RouteOutline {
        route,
        forwarding: self::forwarding(model, route),
        headers: without(own_ops(route), &headers),
        own_access: (route.access != *access).then_some(&route.access),
        own_error_pages: (route.error_pages != host.error_pages)
            .then(|| route.error_pages.map(|id| model.error_pages(id))),
        before_redirect: before.contains(&&route.path),
    };
    let listen = redirect_folding::addresses(model, index);
    let redirected = redirect.iter().flat_map(|redirect| &redirect.from);
    Some(HostOutline {
        name,
        aliases,
        preamble: preamble(model, listen.iter().chain(redirected)),
        client_address: &host.client_address,
        listen,
        tls: tls(model, index, redirect),
        hsts: host_wide(&routes, "strict-transport-security"),
        referrer_policy: host_wide(&routes, "referrer-policy"),
        compression: &host.compression,
        access_log: model.access_log(host.access_log),
        log_format: &host.log_format,
        forwarding,
        access,
        error_pages,
        routes: routes.iter().map(outline).collect(),
        headers,
    })
}

/// What stands in front of connections, if it does on all of the addresses.
fn preamble<'a>(model: &Model, mut addresses: impl Iterator<Item = &'a SocketAddr>) -> ProxyProtocolMode {
    let of =
        |address: &SocketAddr| model.listeners.iter().find(|it| it.address == *address).map(|it| it.proxy_protocol);
    let everywhere = addresses.all(|address| of(address) == Some(ProxyProtocolMode::ProxyProtocol));
    if everywhere { ProxyProtocolMode::ProxyProtocol } else { ProxyProtocolMode::None }
}

fn tls<'a>(model: &'a Model, index: usize, redirect: Option<FoldedRedirect<'a>>) -> Option<TlsOutline<'a>> {
    let HostSecurity::Tls(terms) = model.hosts()[index].security else { return None };
    let terms = model.tls_settings(terms);
    let certificates = terms.certificates.iter().map(|id| model.certificate(*id)).collect();
    let obtained = terms.certificates.iter().find_map(|id| {
        let shown = model.hosts_with_certificate(*id);
        model.acme_certificate(*id).map(|certificate| AcmeOutline { certificate, shown })
    });
    Some(TlsOutline { policy: &terms.policy, certificates, obtained, redirect })
}

fn forwarding<'a>(model: &'a Model, route: &'a Route) -> Option<ForwardOutline<'a>> {
    match &route.action {
        RouteAction::Forward(forward) => {
            Some(ForwardOutline { forward, upstream: model.upstream(forward.upstream) })
        }
        _ => None,
    }
}

/// The value of a header that every answer of a host carries.
fn host_wide<'a>(routes: &[&'a Route], name: &str) -> Option<&'a HeaderValue> {
    routes.first()?.response_headers.iter().find_map(|op| match op {
        HeaderOp::Set(set, value) if set.as_str() == name => Some(value),
        _ => None,
    })
}

fn own_ops(route: &Route) -> HeaderOpsOutline<'_> {
    let request = match &route.action {
        RouteAction::Forward(forward) => forward.request_headers.iter().collect(),
        _ => Vec::new(),
    };
    HeaderOpsOutline { request, response: redirect_folding::own_headers(route).collect() }
}

/// What all routes do to the headers; only forwarding routes have headers for the application.
fn common_headers<'a>(routes: &[&'a Route]) -> HeaderOpsOutline<'a> {
    let common = |lists: Vec<Vec<&'a HeaderOp>>| {
        let (first, others) = lists.split_first()?;
        let everywhere = |op: &&&HeaderOp| others.iter().all(|ops| ops.contains(op));
        Some(first.iter().filter(everywhere).copied().collect())
    };
    let forwarding = routes.iter().filter(|route| matches!(route.action, RouteAction::Forward(_)));
    HeaderOpsOutline {
        request: common(forwarding.map(|route| own_ops(route).request).collect()).unwrap_or_default(),
        response: common(routes.iter().map(|route| own_ops(route).response).collect()).unwrap_or_default(),
    }
}

fn without<'a>(ops: HeaderOpsOutline<'a>, common: &HeaderOpsOutline<'a>) -> HeaderOpsOutline<'a> {
    let less =
        |ops: Vec<&'a HeaderOp>, common: &[&HeaderOp]| ops.into_iter().filter(|op| !common.contains(op)).collect();
    HeaderOpsOutline { request: less(ops.request, &common.request), response: less(ops.response, &common.response) }
}

static ALLOW_ALL: AccessRules = AccessRules::ALLOW_ALL;
