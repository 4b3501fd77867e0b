//! Compiles one host and its redirects.

use std::net::SocketAddr;

use super::context::{CompileContext, HostInsertion};
use super::listeners::{BindingKind, HostBinding};
use super::redirect::{self, CompiledRedirect};
use super::routes::{self, CompiledRoute};
use super::{
    acme, client_address, defaults, headers, listen, local_responses, log_format, tls, unused_keys, upstreams,
};
use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::document::{HeaderSetting, HostSection, HostSettings, Spanned};
use crate::model::headers::ops::HeaderOp;
use crate::model::host::HostPattern;
use crate::model::log_format::LogFormat;
use crate::model::route::RouteTable;
use crate::model::{HostSecurity, ListenerTransport, LogId, VirtualHost};

/// Adds a host and its redirects to the model. Returns their bindings to addresses; none if the host has no valid
/// name or an invalid `tls`.
pub(super) fn compile(
    section: &HostSection,
    defaults: &HostSettings,
    context: &mut CompileContext<'_>,
) -> Vec<HostBinding> {
    let settings = section.settings.or(defaults);
    let host = CompiledHost {
        section,
        names: names(section, context.problems),
        transport: transport(&settings),
        routes: routes::compile(section, &settings, context),
        listen: listen::listen(section, &settings, context.problems),
        redirect_from: listen::redirect_from(section, &settings, context.problems),
        log_format: log_format::compile(&settings, context.problems),
        settings,
    };
    host.report_unused_keys(context);
    match host.names.first() {
        Some(name) if !host.settings.tls.is_invalid() => host.add(&name.value, context),
        _ => Vec::new(),
    }
}

/// A host that is ready to be added to the model.
struct CompiledHost<'a> {
    section: &'a HostSection,
    /// The settings of the host merged with `[defaults]`.
    settings: HostSettings,
    names: Vec<Spanned<HostPattern>>,
    transport: ListenerTransport,
    routes: Vec<CompiledRoute>,
    listen: Vec<Spanned<SocketAddr>>,
    redirect_from: Vec<Spanned<SocketAddr>>,
    log_format: LogFormat,
}

impl CompiledHost<'_> {
    fn report_unused_keys(&self, context: &mut CompileContext<'_>) {
        if !self.routes.iter().any(|route| route.uses_tls(&context.model)) {
            upstreams::report_unused_tls(&self.section.settings.forwarding, context.problems);
        }
        let problems = &mut *context.problems;
        if self.transport == ListenerTransport::Plain {
            unused_keys::report_tls_keys(self.section, problems);
        }
        if self.redirect_from.is_empty() && !self.settings.redirect_from.is_invalid() {
            unused_keys::report_redirect_keys(self.section, &self.routes, problems);
        }
    }

    fn add(&self, name: &HostPattern, context: &mut CompileContext<'_>) -> Vec<HostBinding> {
        let access_log = context.log_target(self.settings.access_log.value_or(defaults::access_log()));
        let access_log = context.model.add_access_log(access_log);
        let host_wide_ops = self.host_wide_ops();
        let error_pages = local_responses::add_error_pages(&self.settings.forwarding.error_pages, context);
        let host = VirtualHost {
            names: self.names.iter().map(|name| name.value.clone()).collect(),
            security: self.security(name, context),
            client_address: client_address::compile(&self.settings, context.problems),
            routes: RouteTable::new(self.routes.iter().map(|route| route.route(&host_wide_ops)).collect()),
            compression: self.settings.compression.clone().value_or_default(),
            access_log,
            log_format: self.log_format.clone(),
            error_pages,
        };
        let host = match context.add_host(host, &self.section.span) {
            HostInsertion::New(host) => host,
            HostInsertion::Known(_, first) => {
                let error =
                    Diagnostic::error(&self.section.span, format!("host `{name}` is identical to an earlier host"))
                        .help(format!("remove it, and list all addresses in `listen` of the host at {first}"));
                context.problems.push(error);
                return Vec::new();
            }
        };
        let binding = |address: &Spanned<SocketAddr>| HostBinding {
            address: address.clone(),
            proxy_protocol: client_address::proxy_protocol(&self.settings),
            transport: self.transport,
            host,
            names: self.names.clone(),
            kind: BindingKind::Serve,
        };
        self.listen.iter().map(binding).chain(self.add_redirect(access_log, context)).collect()
    }

    fn add_redirect(&self, access_log: LogId, context: &mut CompileContext<'_>) -> Vec<HostBinding> {
        if self.redirect_from.is_empty() {
            return Vec::new();
        }
        let port = listen::public_port(self.section, &self.listen, context.problems);
        let redirect = CompiledRedirect {
            names: &self.names,
            from: &self.redirect_from,
            proxy_protocol: client_address::proxy_protocol(&self.settings),
            port,
            routes: &self.routes,
            access_log,
            log_format: self.log_format.clone(),
        };
        redirect::compile(&redirect, context)
    }

    fn security(&self, name: &HostPattern, context: &mut CompileContext<'_>) -> HostSecurity {
        if self.transport == ListenerTransport::Plain {
            return HostSecurity::Plain;
        }
        let tls_settings = tls::compile(self.section, &self.settings, name, context);
        acme::request_certificate(self.section, &self.settings.acme, &tls_settings.certificates, context);
        HostSecurity::Tls(context.model.add_tls_settings(tls_settings))
    }

    /// Returns the header operations for every response. Browsers ignore HSTS over plain HTTP (RFC 6797 section
    /// 8.1), so a plain host sends it only if the host itself sets `hsts`: TLS is then terminated by a load
    /// balancer.
    fn host_wide_ops(&self) -> Vec<HeaderOp> {
        let hsts = match self.transport {
            ListenerTransport::Plain => self.section.settings.hsts.value_or(HeaderSetting::Leave),
            ListenerTransport::Tls => self.settings.hsts.value_or(defaults::hsts()),
        };
        headers::host_wide_ops(hsts, self.settings.referrer_policy.value_or(defaults::referrer_policy()))
    }
}

/// Returns all names, `name` first. Empty if `name` is missing or invalid.
fn names(section: &HostSection, problems: &mut Diagnostics) -> Vec<Spanned<HostPattern>> {
    if section.name.is_unset() {
        let error = Diagnostic::error(&section.span, "the host is missing the key `name`");
        problems.push(error.help("add `name = \"gitlab.example.com\"`"));
    }
    let Some(name) = section.name.as_set() else { return Vec::new() };
    let mut names = vec![name.clone()];
    for alias in section.aliases.as_set().map(|setting| &setting.value[..]).unwrap_or_default() {
        if names.iter().any(|known| known.value == alias.value) {
            let error = Diagnostic::error(&alias.span, format!("`{}` is already a name of this host", alias.value));
            problems.push(error.help("remove the alias"));
        } else {
            names.push(alias.clone());
        }
    }
    names
}

fn transport(settings: &HostSettings) -> ListenerTransport {
    if settings.tls.value_or(defaults::TLS) { ListenerTransport::Tls } else { ListenerTransport::Plain }
}
