//! The plain side of a TLS host: sends clients to HTTPS.

use std::net::SocketAddr;

use http::StatusCode;

use super::context::{CompileContext, HostInsertion};
use super::listeners::{BindingKind, HostBinding};
use super::routes::CompiledRoute;
use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::document::Spanned;
use crate::model::access::AccessRules;
use crate::model::client_address::ClientAddressPolicy;
use crate::model::compression::CompressionPolicy;
use crate::model::host::HostPattern;
use crate::model::log_format::LogFormat;
use crate::model::route::{
    PathMatch, RedirectAction, RedirectOrigin, RedirectTarget, Route, RouteAction, RouteTable,
};
use crate::model::{HostSecurity, ListenerTransport, LogId, ProxyProtocolMode, VirtualHost};

/// A redirect to a host, for all of its names.
pub(super) struct CompiledRedirect<'a> {
    pub(super) names: &'a [Spanned<HostPattern>],
    pub(super) from: &'a [Spanned<SocketAddr>],
    pub(super) preamble: ProxyProtocolMode,
    /// The port that clients see; `None` if it is 443.
    pub(super) port: Option<u16>,
    pub(super) routes: &'a [CompiledRoute],
    pub(super) access_log: LogId,
    pub(super) log_format: LogFormat,
}

/// Adds a host for each name, because each is redirected to itself. Answers carry neither HSTS, which
/// has no effect over plain HTTP (RFC 6797 section 7.2), nor the other headers of the TLS host.
pub(super) fn compile(plan: &CompiledRedirect<'_>, context: &mut CompileContext<'_>) -> Vec<HostBinding> {
    let before: Vec<_> = before_redirect(plan.routes, context.problems).map(|route| route.route(&[])).collect();
    let mut claims = Vec::new();
    for name in plan.names {
        let routes = before.iter().cloned().chain([redirect(&name.value, plan.port)]).collect();
        let host = VirtualHost {
            names: vec![name.value.clone()],
            security: HostSecurity::Plain,
            // As in the package, whose redirects know nothing of `real_ip_*`.
            client_address: ClientAddressPolicy::Peer,
            routes: RouteTable::new(routes),
            compression: CompressionPolicy::Off,
            access_log: plan.access_log,
            log_format: plan.log_format.clone(),
            error_pages: None,
        };
        let (host, purpose) = match context.add_host(host, &name.span) {
            HostInsertion::New(host) => (host, BindingKind::Redirect),
            HostInsertion::Known(host, first) => (host, BindingKind::SameRedirect(first)),
        };
        claims.extend(plan.from.iter().map(|address| HostBinding {
            address: address.clone(),
            preamble: plan.preamble,
            transport: ListenerTransport::Plain,
            host,
            names: vec![name.clone()],
            purpose: purpose.clone(),
        }));
    }
    claims
}

fn before_redirect<'a>(
    routes: &'a [CompiledRoute],
    problems: &mut Diagnostics,
) -> impl Iterator<Item = &'a CompiledRoute> + use<'a> {
    for route in routes.iter().filter(|route| route.is_catch_all()) {
        if let Some(place) = &route.before_redirect {
            problems.push(
                Diagnostic::error(place, "a route for all paths would leave nothing to redirect")
                    .help("remove it; to serve everything over plain HTTP, add a host with `tls = false`"),
            );
        }
    }
    routes.iter().filter(|route| route.before_redirect.is_some())
}

fn redirect(name: &HostPattern, port: Option<u16>) -> Route {
    let origin = match name {
        HostPattern::Exact(name) => RedirectOrigin::Fixed(match port {
            Some(port) => format!("https://{name}:{port}"),
            None => format!("https://{name}"),
        }),
        HostPattern::Wildcard(_) => RedirectOrigin::SameHost { port },
    };
    Route {
        path: PathMatch::Prefix("/".to_owned()),
        action: RouteAction::Redirect(RedirectAction {
            status: StatusCode::MOVED_PERMANENTLY,
            origin,
            path: RedirectTarget::Unchanged,
        }),
        response_headers: Vec::new(),
        access: AccessRules::default(),
        error_pages: None,
    }
}
