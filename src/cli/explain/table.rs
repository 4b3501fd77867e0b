//! The outline for people, at 80 columns.

use super::outline::{HeaderOpsOutline, HostOutline, ModelOutline, RouteOutline, StatusOutline, TlsOutline};
use super::text_page::{OutputStyle, TextPage};
use super::{acme, compression, local_responses, notation};
use crate::model::access::AccessRules;
use crate::model::client_address::{ClientAddressPolicy, RealIpPolicy, RealIpSelection, RealIpSource};
use crate::model::compression::CompressionPolicy;
use crate::model::error_page::{ErrorPages, InterceptErrors};
use crate::model::files::{StaticFileRoot, StaticFiles};
use crate::model::headers::ops::HeaderOp;
use crate::model::log_format::LogFormat;
use crate::model::route::{RedirectAction, RedirectTarget, RouteAction};
use crate::model::tls::{
    CipherPreference, CipherSuite, ClientAuth, ClientAuthMode, NamedGroup, SessionResumption, TicketKeySource,
    TlsPolicy, TlsVersions,
};
use crate::model::upstream::{UpstreamSpec, UpstreamTrust};
use crate::model::{
    HostId, HostSecurity, HttpVersions, Listener, Model, ProcessSettings, ProxyProtocolMode, VirtualHost,
};

/// The table: the process, who answers on which address, and every host.
pub(super) fn page(outline: &ModelOutline<'_>, ink: OutputStyle) -> TextPage {
    let mut page = TextPage::new(ink);
    process(&mut page, outline.process);
    page.heading("listeners");
    for it in &outline.model.listeners {
        listener(&mut page, it, outline.model);
    }
    if let Some(it) = &outline.status {
        status(&mut page, it);
    }
    if let Some(it) = &outline.model.acme {
        page.heading("acme");
        acme::rows(it).iter().for_each(|(label, text)| page.row(label, text));
    }
    for it in &outline.hosts {
        host(&mut page, it);
    }
    page
}

fn process(page: &mut TextPage, process: &ProcessSettings) {
    page.heading("process");
    page.row("workers", &process.workers.to_string());
    page.row("account", process.user.as_deref().unwrap_or("the one that starts it"));
    page.row("stop", &format!("after {} at the latest", notation::duration(process.shutdown_timeout)));
    page.row("log level", notation::log_level(process.log_level));
    if let TicketKeySource::File(file) = &process.ticket_keys {
        page.row("ticket keys", &file.display().to_string());
    }
}

fn listener(page: &mut TextPage, listener: &Listener, model: &Model) {
    let preamble = match listener.proxy_protocol {
        ProxyProtocolMode::None => "",
        ProxyProtocolMode::ProxyProtocol => ", after a PROXY header",
    };
    page.row(&listener.address.to_string(), &format!("{}{preamble}", spoken_on(listener, model)));
    for (name, id) in listener.hosts.entries() {
        page.row("", &format!("{name}{}", redirect_of(model.host(*id))));
    }
    let default = listener.hosts.default.and_then(|id| model.host(id).names.first());
    let unknown = default.map_or("refused".to_owned(), |name| format!("as {name}"));
    page.row("", &format!("unknown names: {unknown}"));
}

fn status(page: &mut TextPage, status: &StatusOutline<'_>) {
    page.heading("status");
    page.row("listens on", &list(&status.listen));
    page.row("access", &rules(status.access));
    page.row("answers", if status.metrics { "/nginx_status, /metrics" } else { "/nginx_status" });
    if let Some(upstream) = status.application_metrics {
        page.row("", &format!("/rails-metrics, which is /-/metrics of {upstream}"));
    }
}

fn host(page: &mut TextPage, host: &HostOutline<'_>) {
    page.heading(&format!("host {}", host.name));
    if !host.aliases.is_empty() {
        page.row("also named", &list(host.aliases));
    }
    page.row("listens on", &list(&host.listen));
    match &host.tls {
        Some(tls) => encryption(page, tls),
        None => page.row("speaks", PLAIN),
    }
    if let ClientAddressPolicy::RealIp(told) = host.client_address {
        page.row("client address", &client_address(told));
    }
    if let Some(forwarding) = &host.forwarding {
        let upstream = forwarding.upstream;
        let rest = notation::duration(upstream.idle_timeout);
        page.row("limits", &limits(forwarding.limits()));
        page.row("keeps", &format!("up to {} connections, each for {rest}", upstream.max_idle));
    }
    let policies = [
        (host.tls.is_some() || host.hsts.is_some()).then_some(("hsts", host.hsts)),
        Some(("referrer policy", host.referrer_policy)),
    ];
    for (label, value) in policies.into_iter().flatten() {
        page.row(label, &value.map_or("left to the application".to_owned(), notation::header_value));
    }
    headers(page, &host.headers, "headers");
    if !host.access.is_empty() {
        page.row("access", &rules(host.access));
    }
    if let Some(pages) = host.error_pages {
        page.row("error pages", &error_pages(Some(pages)));
    }
    if let CompressionPolicy::Gzip(rules) = host.compression {
        page.row("compresses", &compression::sentence(rules));
    }
    page.row("access log", &notation::log_target(host.access_log));
    if let LogFormat::Custom(format) = host.log_format {
        page.row("log format", &format!("escape={} {}", format.escape.as_str(), format.template));
    }
    for it in &host.routes {
        route(page, it, host);
    }
}

fn encryption(page: &mut TextPage, tls: &TlsOutline<'_>) {
    page.row("speaks", &spoken(tls.policy));
    for files in &tls.certificates {
        page.row("certificate", &files.chain.display().to_string());
        page.row("key", &files.key.display().to_string());
    }
    if let Some(obtained) = &tls.obtained {
        page.row("", &acme::sentence(obtained.certificate));
    }
    policy(page, tls.policy);
    if let Some(redirect) = &tls.redirect {
        page.row("redirects", &format!("from {} to https, port {}", list(&redirect.from), redirect.port));
    }
}

fn client_address(told: &RealIpPolicy) -> String {
    let trusted = list(&told.trusted);
    match (&told.source, told.choice) {
        (RealIpSource::ProxyProtocol, _) => format!("from the PROXY header, if written by {trusted}"),
        (RealIpSource::Header(name), RealIpSelection::Last) => format!("the last in {name}, if sent by {trusted}"),
        (RealIpSource::Header(name), RealIpSelection::LastUntrusted) => {
            format!("the last in {name} that is none of these, if sent by one of them: {trusted}")
        }
    }
}

/// What is not as it would be without a word about it.
fn policy(page: &mut TextPage, policy: &TlsPolicy) {
    let is_usual = |suite: &CipherSuite| policy.versions.supports(*suite);
    let suites = policy.suites.iter().copied().map(CipherSuite::name).collect::<Vec<_>>();
    if policy.suites != CipherSuite::ALL.into_iter().filter(is_usual).collect::<Vec<_>>() {
        page.row("cipher suites", &suites.join(", "));
    }
    if policy.order == CipherPreference::Server {
        page.row("", "in this order, not the client's");
    }
    if policy.groups != NamedGroup::ALL {
        let groups: Vec<_> = policy.groups.iter().copied().map(NamedGroup::name).collect();
        page.row("key exchange", &groups.join(", "));
    }
    match policy.resumption {
        SessionResumption::Tickets => {}
        SessionResumption::Off => page.row("sessions", "are not resumed"),
        SessionResumption::Sessions(count) => page.row("sessions", &format!("up to {count} are remembered")),
    }
    if let ClientAuth::Verify(authority) = &policy.clients {
        let demand = match authority.mode {
            ClientAuthMode::Required => "need a certificate of",
            ClientAuthMode::Optional => "may show a certificate of",
        };
        page.row("clients", &format!("{demand} {}", authority.ca.display()));
        page.row("", &format!("with up to {} intermediates", authority.depth));
        if let Some(crl) = &authority.crl {
            page.row("", &format!("unless {} revokes it", crl.display()));
        }
    }
}

fn route(page: &mut TextPage, route: &RouteOutline<'_>, host: &HostOutline<'_>) {
    page.row("route", &route.route.path.to_string());
    match (&route.route.action, &route.forwarding) {
        (RouteAction::Redirect(redirect), _) => {
            page.row("", &format!("redirects to {} ({})", goal(redirect), redirect.status.as_u16()));
        }
        (RouteAction::Respond(answer), _) => {
            let kind = notation::header_value(&answer.content_type);
            let status = answer.status.as_u16();
            page.row("", &format!("answers {status} with {} bytes of {kind}", answer.body.len()));
        }
        (RouteAction::Close, _) => page.row("", "closes the connection without an answer"),
        (RouteAction::Files(it), _) => page.row("", &files(it)),
        (RouteAction::Status(_), _) => {}
        (RouteAction::Forward(_), Some(forwarding)) => application(page, forwarding.upstream),
        (RouteAction::Forward(_), None) => {}
    }
    if let Some(replacement) = route.forwarding.and_then(|own| own.replacement()) {
        page.row("", &format!("with {replacement} in place of the matched path"));
    }
    if route.before_redirect {
        page.row("", "also before the redirect");
    }
    let own = route.forwarding.map(|own| own.own_limits(host.forwarding.as_ref())).unwrap_or_default();
    if !own.is_empty() {
        page.row("", &limits(own));
    }
    headers(page, &route.headers, "");
    if let Some(own) = route.own_access {
        page.row("", &format!("access: {}", rules(own)));
    }
    if route.forwarding.is_some_and(|own| own.forward.intercept_errors == InterceptErrors::Replace) {
        page.row("", "error pages also for errors of the application");
    }
    if let Some(own) = route.own_error_pages {
        page.row("", &format!("error pages: {}", error_pages(own)));
    }
}

fn files(files: &StaticFiles) -> String {
    let place = match &files.location {
        StaticFileRoot::Root(directory) => format!("files, the whole path below {}", directory.display()),
        StaticFileRoot::Alias { directory, .. } => format!("files in {}", directory.display()),
        StaticFileRoot::Single(file) => format!("the file {}", file.display()),
    };
    files.index.as_ref().map_or(place.clone(), |index| format!("{place}, {index} for a directory"))
}

fn rules(rules: &AccessRules) -> String {
    if rules.is_empty() { "everybody".to_owned() } else { list(&rules.iter().collect::<Vec<_>>()) }
}

fn error_pages(pages: Option<&ErrorPages>) -> String {
    pages.map_or("the proxy's own".to_owned(), local_responses::statuses)
}

fn application(page: &mut TextPage, upstream: &UpstreamSpec) {
    page.row("", &format!("to {upstream}"));
    let Some(tls) = upstream.tls() else { return };
    page.row(
        "",
        &match &tls.trust {
            UpstreamTrust::System => format!("whose certificate the system trusts for {}", tls.name),
            UpstreamTrust::CaFile(file) => {
                format!("whose certificate is for {} by {}", tls.name, file.display())
            }
            UpstreamTrust::Pinned(file) => format!("whose certificate is the one in {}", file.display()),
            UpstreamTrust::Insecure => "whose certificate is NOT verified".to_owned(),
        },
    );
    if let Some(identity) = &tls.identity {
        page.row("", &format!("which is shown {}", identity.chain.display()));
    }
}

fn headers(page: &mut TextPage, ops: &HeaderOpsOutline<'_>, label: &str) {
    let request = ops.request.iter().map(|op| (op, "application"));
    let response = ops.response.iter().map(|op| (op, "client"));
    for (nth, (op, goal)) in request.chain(response).enumerate() {
        let label = if nth == 0 { label } else { "" };
        let name = op.name().as_str();
        match op {
            HeaderOp::Set(_, value) => {
                page.row(label, &format!("to {goal}: {name}: {}", notation::header_template(value)));
            }
            HeaderOp::Add(_, value) => {
                page.row(label, &format!("to {goal}: also {name}: {}", notation::header_value(value)));
            }
            HeaderOp::SetTo(_, template) => page.row(label, &format!("to {goal}: {name}: {template}")),
            HeaderOp::Remove(_) => page.row(label, &format!("to {goal}: no {name}")),
        }
    }
}

/// Where a redirect leads; without more the path of the request follows.
fn goal(redirect: &RedirectAction) -> String {
    match &redirect.path {
        RedirectTarget::Unchanged => redirect.origin.to_string(),
        RedirectTarget::Fixed(path) => format!("exactly {}{path}", redirect.origin),
        RedirectTarget::ReplacePrefix(path) => format!("{}{path} in place of the matched path", redirect.origin),
    }
}

/// Where a host sends everybody, if it does nothing else for most paths.
fn redirect_of(host: &VirtualHost) -> String {
    match host.routes.select("/").map(|route| &route.action) {
        Some(RouteAction::Redirect(redirect)) => format!(" -> {}", redirect.origin),
        _ => String::new(),
    }
}

fn spoken_on(listener: &Listener, model: &Model) -> String {
    let of = |id: &HostId| match model.host(*id).security {
        HostSecurity::Plain => PLAIN.to_owned(),
        HostSecurity::Tls(terms) => spoken(&model.tls_settings(terms).policy),
    };
    let mut all: Vec<String> = listener.hosts.entries().into_iter().map(|(_, id)| of(id)).collect();
    all.dedup();
    if let [only] = &all[..] { only.clone() } else { "TLS, each host on its own terms".to_owned() }
}

fn spoken(policy: &TlsPolicy) -> String {
    let http = match policy.http {
        HttpVersions::Http1Only => "HTTP/1.1",
        HttpVersions::Http2And1 => "HTTP/2 and HTTP/1.1",
    };
    let tls = match policy.versions {
        TlsVersions::Tls12And13 => "TLS 1.2 and 1.3",
        TlsVersions::Tls13Only => "TLS 1.3",
    };
    format!("{http} over {tls}")
}

fn limits(limits: impl IntoIterator<Item = (&'static str, String)>) -> String {
    let said = limits.into_iter().map(|(key, value)| format!("{key}={value}"));
    said.collect::<Vec<_>>().join(", ")
}

fn list<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

const PLAIN: &str = "HTTP/1.1, no TLS";
