//! Compiles the HTTP-to-HTTPS redirect of a host.

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

/// A redirect host that is ready to be added to the model, for all names of the TLS host.
pub(super) struct CompiledRedirect<'a> {
    pub(super) names: &'a [Spanned<HostPattern>],
    pub(super) from: &'a [Spanned<SocketAddr>],
    pub(super) proxy_protocol: ProxyProtocolMode,
    /// Port in the redirect URLs; `None` for 443.
    pub(super) port: Option<u16>,
    pub(super) routes: &'a [CompiledRoute],
    pub(super) access_log: LogId,
    pub(super) log_format: LogFormat,
}

/// Adds a redirect host for each name, because each name redirects to itself. Redirects have neither an HSTS
/// header, which must not be sent over plain HTTP (RFC 6797 section 7.2), nor the other headers of the TLS host.
pub(super) fn compile(compiled: &CompiledRedirect<'_>, context: &mut CompileContext<'_>) -> Vec<HostBinding> {
    let before_redirect: Vec<_> =
        routes_before_redirect(compiled.routes, context.problems).map(|route| route.route(&[])).collect();
    let mut bindings = Vec::new();
    for name in compiled.names {
        let routes = before_redirect.iter().cloned().chain([redirect(&name.value, compiled.port)]).collect();
        let host = VirtualHost {
            names: vec![name.value.clone()],
            security: HostSecurity::Plain,
            // As in the GitLab package, whose redirect servers have no `real_ip_*` directives.
            client_address: ClientAddressPolicy::Peer,
            routes: RouteTable::new(routes),
            compression: CompressionPolicy::Off,
            access_log: compiled.access_log,
            log_format: compiled.log_format.clone(),
            error_pages: None,
        };
        let (host, kind) = match context.add_host(host, &name.span) {
            HostInsertion::New(host) => (host, BindingKind::Redirect),
            HostInsertion::Known(host, first) => (host, BindingKind::SameRedirect(first)),
        };
        bindings.extend(compiled.from.iter().map(|address| HostBinding {
            address: address.clone(),
            proxy_protocol: compiled.proxy_protocol,
            transport: ListenerTransport::Plain,
            host,
            names: vec![name.clone()],
            kind: kind.clone(),
        }));
    }
    bindings
}

fn routes_before_redirect<'a>(
    routes: &'a [CompiledRoute],
    problems: &mut Diagnostics,
) -> impl Iterator<Item = &'a CompiledRoute> + use<'a> {
    for route in routes.iter().filter(|route| route.is_catch_all()) {
        if let Some(span) = &route.before_redirect {
            problems.push(
                Diagnostic::error(span, "`before_redirect` on a route for all paths leaves no request to redirect")
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
