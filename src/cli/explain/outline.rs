//! View model of a configuration: hosts with their redirects and routes.
//!
//! Settings are not repeated: a route has only those that differ from its host.

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

/// Hosts, redirects and status endpoints of a model.
pub(super) struct ModelOutline<'a> {
    pub(super) model: &'a Model,
    pub(super) process: &'a ProcessSettings,
    pub(super) default_hosts: Vec<HostPattern>,
    pub(super) status: Option<StatusOutline<'a>>,
    pub(super) hosts: Vec<HostOutline<'a>>,
}

/// The status host.
pub(super) struct StatusOutline<'a> {
    pub(super) listen: Vec<SocketAddr>,
    pub(super) access: &'a AccessRules,
    pub(super) metrics: bool,
    /// Upstream whose metrics the status host serves.
    pub(super) upstream_metrics: Option<&'a UpstreamSpec>,
}

/// One host.
pub(super) struct HostOutline<'a> {
    pub(super) name: &'a HostPattern,
    pub(super) aliases: &'a [HostPattern],
    pub(super) listen: Vec<SocketAddr>,
    /// Set only if all addresses of the host and of its redirect use it.
    pub(super) proxy_protocol: ProxyProtocolMode,
    pub(super) client_address: &'a ClientAddressPolicy,
    pub(super) tls: Option<TlsOutline<'a>>,
    pub(super) hsts: Option<&'a HeaderValue>,
    pub(super) referrer_policy: ReferrerPolicyOutline<'a>,
    pub(super) compression: &'a CompressionPolicy,
    pub(super) access_log: &'a LogTarget,
    pub(super) log_format: &'a LogFormat,
    /// Default of the forwarding routes.
    pub(super) forwarding: Option<ForwardOutline<'a>>,
    /// Default of the routes.
    pub(super) access: &'a AccessRules,
    pub(super) error_pages: Option<&'a ErrorPages>,
    /// Header operations common to all routes.
    pub(super) headers: HeaderOpsOutline<'a>,
    /// In the order of selection.
    pub(super) routes: Vec<RouteOutline<'a>>,
}

/// The Referrer-Policy of a host's responses.
#[derive(Clone, Copy)]
pub(super) enum ReferrerPolicyOutline<'a> {
    FromUpstream,
    /// Sent if the upstream sends none.
    IfAbsent(&'a HeaderValue),
    /// Replaces that of the upstream.
    Set(&'a HeaderValue),
}

/// TLS settings of a host.
pub(super) struct TlsOutline<'a> {
    pub(super) policy: &'a TlsPolicy,
    pub(super) certificates: Vec<&'a CertificateFiles>,
    pub(super) acme: Option<AcmeOutline<'a>>,
    pub(super) redirect: Option<FoldedRedirect<'a>>,
}

/// ACME settings of a host.
pub(super) struct AcmeOutline<'a> {
    pub(super) certificate: &'a AcmeCertificate,
    /// Names of all hosts with this certificate.
    pub(super) host_names: Vec<HostPattern>,
}

/// A forward action with its upstream.
#[derive(Clone, Copy)]
pub(super) struct ForwardOutline<'a> {
    pub(super) forward: &'a ForwardAction,
    pub(super) upstream: &'a UpstreamSpec,
}

/// Header operations of both directions.
#[derive(Default)]
pub(super) struct HeaderOpsOutline<'a> {
    pub(super) request: Vec<&'a HeaderOp>,
    pub(super) response: Vec<&'a HeaderOp>,
}

/// One route.
pub(super) struct RouteOutline<'a> {
    pub(super) route: &'a Route,
    pub(super) forwarding: Option<ForwardOutline<'a>>,
    /// Operations that are not common to all routes of the host.
    pub(super) headers: HeaderOpsOutline<'a>,
    /// Access rules, if they differ from those of the host.
    pub(super) own_access: Option<&'a AccessRules>,
    /// Error pages, if they differ from those of the host; `Some(None)` disables the pages of the host.
    pub(super) own_error_pages: Option<Option<&'a ErrorPages>>,
    /// Whether the route is also served without TLS, before the redirect.
    pub(super) before_redirect: bool,
}

impl<'a> ModelOutline<'a> {
    /// Builds the outline of a model that [`crate::config`] has compiled.
    pub(super) fn from_model(model: &'a Model) -> ModelOutline<'a> {
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
    /// Returns whether the route equals the one that the key `upstream` of the host creates.
    pub(super) fn is_plain_catch_all(&self) -> bool {
        let catch_all = matches!(&self.route.path, PathMatch::Prefix(prefix) if prefix == "/");
        let bare = self.headers.request.is_empty() && self.headers.response.is_empty();
        let has_host_settings = self.own_access.is_none() && self.own_error_pages.is_none();
        let keeps_path = self.forwarding.is_some_and(|forwarding| forwarding.replacement().is_none());
        catch_all && keeps_path && bare && has_host_settings && !self.before_redirect
    }
}

impl<'a> ForwardOutline<'a> {
    /// Returns the limits of a single request with their TOML keys.
    pub(super) fn limits(&self) -> [(&'static str, String); 5] {
        [
            ("max_request_body", notation::body_limit(self.forward.body_limit)),
            ("connect_timeout", notation::duration(self.upstream.connect_timeout)),
            ("upstream_read_timeout", notation::duration(self.forward.read_timeout)),
            ("client_timeout", notation::duration(self.forward.client_timeout)),
            ("tunnel_idle_timeout", notation::duration(self.forward.tunnel_idle_timeout)),
        ]
    }

    /// Returns the TLS settings of the upstream, if they differ from those of the host.
    pub(super) fn own_tls(&self, host: Option<&ForwardOutline<'_>>) -> Option<&'a UpstreamTlsSettings> {
        let host_tls = host.and_then(|host| host.upstream.tls());
        self.upstream.tls().filter(|own| host_tls != Some(own))
    }

    /// Returns the path that replaces the matched prefix; `None` if the path is unchanged.
    pub(super) fn replacement(&self) -> Option<&'a PathAndQuery> {
        match &self.forward.target {
            PathRewrite::Unchanged => None,
            PathRewrite::ReplacePrefix(replacement) => Some(replacement),
        }
    }

    /// Returns the limits that differ from those of the host.
    pub(super) fn own_limits(&self, host: Option<&ForwardOutline<'_>>) -> Vec<(&'static str, String)> {
        let host_limits = host.map(|host| host.limits());
        let own = |limit: &(_, _)| host_limits.as_ref().is_none_or(|limits| !limits.contains(limit));
        self.limits().into_iter().filter(own).collect()
    }
}

/// Returns the value of `default_host`: names such that the default host of each address is the first of them that
/// listens there.
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

/// Returns whether a name is the default host of every address that has none of the chosen names, and there is such
/// an address.
fn can_follow(chosen: &[HostPattern], name: &HostPattern, model: &Model) -> bool {
    let mut decides = false;
    for listener in &model.listeners {
        let entries = listener.hosts.entries();
        let host_of = |wanted: &HostPattern| entries.iter().find(|(known, _)| known == wanted).map(|(_, id)| **id);
        let Some(here) = host_of(name) else { continue };
        if chosen.iter().any(|earlier| host_of(earlier).is_some()) {
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
        access: routes.iter().next().map_or(&NO_RULES, |route| &route.access),
        metrics: routes.iter().any(is_metrics),
        upstream_metrics: routes.iter().find_map(|route| Some(forwarding(model, route)?.upstream)),
    }
}

/// Returns the outline of a host. `None` for a host without a name, which no request can reach.
fn host<'a>(model: &'a Model, index: usize, redirect: Option<FoldedRedirect<'a>>) -> Option<HostOutline<'a>> {
    let host = &model.hosts()[index];
    let (name, aliases) = host.names.split_first()?;
    let routes: Vec<_> = host.routes.iter().collect();
    let headers = common_headers(&routes);
    // The catch-all is the last route. Without one, the settings of any forwarding route serve as the default.
    let forwarding = routes.iter().rev().find_map(|route| forwarding(model, route));
    // The catch-all has the rules of the host, or its own, which then serve as the default.
    let access = routes.last().map_or(&NO_RULES, |route| &route.access);
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
        proxy_protocol: proxy_protocol(model, listen.iter().chain(redirected)),
        client_address: &host.client_address,
        listen,
        tls: tls(model, index, redirect),
        hsts: host_wide(&routes, "strict-transport-security"),
        referrer_policy: referrer_policy(&routes),
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

/// Returns whether connections to all of the addresses start with a PROXY protocol header.
fn proxy_protocol<'a>(model: &Model, mut addresses: impl Iterator<Item = &'a SocketAddr>) -> ProxyProtocolMode {
    let mode =
        |address: &SocketAddr| model.listeners.iter().find(|it| it.address == *address).map(|it| it.proxy_protocol);
    let everywhere = addresses.all(|address| mode(address) == Some(ProxyProtocolMode::ProxyProtocol));
    if everywhere { ProxyProtocolMode::ProxyProtocol } else { ProxyProtocolMode::None }
}

fn tls<'a>(model: &'a Model, index: usize, redirect: Option<FoldedRedirect<'a>>) -> Option<TlsOutline<'a>> {
    let HostSecurity::Tls(id) = model.hosts()[index].security else { return None };
    let settings = model.tls_settings(id);
    let certificates = settings.certificates.iter().map(|id| model.certificate(*id)).collect();
    let acme = settings.certificates.iter().find_map(|id| {
        let host_names = model.hosts_with_certificate(*id);
        model.acme_certificate(*id).map(|certificate| AcmeOutline { certificate, host_names })
    });
    Some(TlsOutline { policy: &settings.policy, certificates, acme, redirect })
}

fn forwarding<'a>(model: &'a Model, route: &'a Route) -> Option<ForwardOutline<'a>> {
    match &route.action {
        RouteAction::Forward(forward) => {
            Some(ForwardOutline { forward, upstream: model.upstream(forward.upstream) })
        }
        _ => None,
    }
}

/// Returns the value of a header that all responses of a host carry.
fn host_wide<'a>(routes: &[&'a Route], name: &str) -> Option<&'a HeaderValue> {
    routes.first()?.response_headers.iter().find_map(|op| match op {
        HeaderOp::Set(set, value) if set.as_str() == name => Some(value),
        _ => None,
    })
}

fn referrer_policy<'a>(routes: &[&'a Route]) -> ReferrerPolicyOutline<'a> {
    let if_absent = routes.first().and_then(|route| {
        route.response_headers.iter().find_map(|op| match op {
            HeaderOp::SetIfAbsent(set, value) if set.as_str() == "referrer-policy" => Some(value),
            _ => None,
        })
    });
    let set = host_wide(routes, "referrer-policy").map(ReferrerPolicyOutline::Set);
    set.or(if_absent.map(ReferrerPolicyOutline::IfAbsent)).unwrap_or(ReferrerPolicyOutline::FromUpstream)
}

fn own_ops(route: &Route) -> HeaderOpsOutline<'_> {
    let request = match &route.action {
        RouteAction::Forward(forward) => forward.request_headers.iter().collect(),
        _ => Vec::new(),
    };
    HeaderOpsOutline { request, response: redirect_folding::own_headers(route).collect() }
}

/// Returns the header operations common to all routes. Request headers are compared among forwarding routes only.
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
    let difference =
        |ops: Vec<&'a HeaderOp>, common: &[&HeaderOp]| ops.into_iter().filter(|op| !common.contains(op)).collect();
    HeaderOpsOutline {
        request: difference(ops.request, &common.request),
        response: difference(ops.response, &common.response),
    }
}

static NO_RULES: AccessRules = AccessRules::ALLOW_ALL;
