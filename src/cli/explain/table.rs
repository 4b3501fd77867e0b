//! Renders the outline as an 80-column table.

use super::outline::{
    HeaderOpsOutline, HostOutline, ModelOutline, ReferrerPolicyOutline, RouteOutline, StatusOutline, TlsOutline,
};
use super::text_page::{OutputStyle, TextPage};
use super::{acme, compression, local_responses, notation};
use crate::model::access::AccessRules;
use crate::model::client_address::{ClientAddressPolicy, RealIpPolicy, RealIpSelection, RealIpSource};
use crate::model::compression::CompressionPolicy;
use crate::model::error_page::{ErrorPages, InterceptErrors};
use crate::model::files::{StaticFileRoot, StaticFiles};
use crate::model::headers::ops::HeaderOp;
use crate::model::log_format::LogFormat;
use crate::model::route::{ExpectContinue, RedirectAction, RedirectTarget, RouteAction};
use crate::model::tls::{
    CipherPreference, CipherSuite, ClientAuth, ClientAuthMode, NamedGroup, SessionResumption, TicketKeySource,
    TlsPolicy, TlsVersions,
};
use crate::model::upstream::{UpstreamSpec, UpstreamTrust};
use crate::model::{
    HostId, HostSecurity, HttpVersions, Listener, Model, ProcessSettings, ProxyProtocolMode, VirtualHost,
};

/// Renders the process, the hosts of each listening address, and each host.
pub(super) fn page(outline: &ModelOutline<'_>, style: OutputStyle) -> TextPage {
    let mut page = TextPage::new(style);
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
    page.row("user", process.user.as_deref().unwrap_or("the account that starts the process"));
    page.row("shutdown timeout", &notation::duration(process.shutdown_timeout));
    page.row("log level", notation::log_level(process.log_level));
    if let TicketKeySource::File(file) = &process.ticket_keys {
        page.row("ticket keys", &file.display().to_string());
    }
}

fn listener(page: &mut TextPage, listener: &Listener, model: &Model) {
    let proxy_protocol = match listener.proxy_protocol {
        ProxyProtocolMode::None => "",
        ProxyProtocolMode::ProxyProtocol => ", PROXY protocol",
    };
    page.row(&listener.address.to_string(), &format!("{}{proxy_protocol}", protocols_of(listener, model)));
    for (name, id) in listener.hosts.entries() {
        page.row("", &format!("{name}{}", redirect_of(model.host(*id))));
    }
    let default = listener.hosts.default.and_then(|id| model.host(id).names.first());
    let unknown = default.map_or("rejected".to_owned(), |name| format!("served by {name}"));
    page.row("", &format!("unknown names: {unknown}"));
}

fn status(page: &mut TextPage, status: &StatusOutline<'_>) {
    page.heading("status");
    page.row("listen", &list(&status.listen));
    page.row("access", &rules(status.access));
    page.row("endpoints", if status.metrics { "/nginx_status, /metrics" } else { "/nginx_status" });
    if let Some(upstream) = status.upstream_metrics {
        page.row("", &format!("/rails-metrics, from /-/metrics of {upstream}"));
    }
}

fn host(page: &mut TextPage, host: &HostOutline<'_>) {
    page.heading(&format!("host {}", host.name));
    if !host.aliases.is_empty() {
        page.row("aliases", &list(host.aliases));
    }
    page.row("listen", &list(&host.listen));
    match &host.tls {
        Some(tls) => tls_settings(page, tls),
        None => page.row("protocols", PLAIN),
    }
    if let ClientAddressPolicy::RealIp(policy) = host.client_address {
        page.row("client address", &client_address(policy));
    }
    if let Some(forwarding) = &host.forwarding {
        let upstream = forwarding.upstream;
        let timeout = notation::duration(upstream.idle_timeout);
        page.row("limits", &limits(forwarding.limits()));
        page.row("keep-alive", &format!("up to {} idle upstream connections, {timeout} each", upstream.max_idle));
    }
    if host.tls.is_some() || host.hsts.is_some() {
        page.row("hsts", &host.hsts.map_or(AS_SENT.to_owned(), notation::header_value));
    }
    page.row("referrer policy", &referrer_policy(host.referrer_policy));
    headers(page, &host.headers, "headers");
    if !host.access.is_empty() {
        page.row("access", &rules(host.access));
    }
    if let Some(pages) = host.error_pages {
        page.row("error pages", &error_pages(Some(pages)));
    }
    if let CompressionPolicy::Gzip(rules) = host.compression {
        page.row("compression", &compression::sentence(rules));
    }
    page.row("access log", &notation::log_target(host.access_log));
    if let LogFormat::Custom(format) = host.log_format {
        page.row("log format", &format!("escape={} {}", format.escape.as_str(), format.template));
    }
    for it in &host.routes {
        route(page, it, host);
    }
}

fn tls_settings(page: &mut TextPage, tls: &TlsOutline<'_>) {
    page.row("protocols", &protocols(tls.policy));
    for files in &tls.certificates {
        page.row("certificate", &files.chain.display().to_string());
        page.row("key", &files.key.display().to_string());
    }
    if let Some(acme) = &tls.acme {
        page.row("", &acme::sentence(acme.certificate));
    }
    policy(page, tls.policy);
    if let Some(redirect) = &tls.redirect {
        page.row("redirect from", &format!("{} to https, port {}", list(&redirect.from), redirect.port));
    }
}

fn client_address(policy: &RealIpPolicy) -> String {
    let trusted = list(&policy.trusted);
    match (&policy.source, policy.choice) {
        (RealIpSource::ProxyProtocol, _) => format!("from the PROXY header of trusted peers: {trusted}"),
        (RealIpSource::Header(name), RealIpSelection::Last) => {
            format!("last entry of {name} from trusted peers: {trusted}")
        }
        (RealIpSource::Header(name), RealIpSelection::LastUntrusted) => {
            format!("last untrusted entry of {name} from trusted peers: {trusted}")
        }
    }
}

/// Renders the TLS settings that differ from their defaults.
fn policy(page: &mut TextPage, policy: &TlsPolicy) {
    let is_default = |suite: &CipherSuite| policy.versions.supports(*suite);
    let suites = policy.suites.iter().copied().map(CipherSuite::name).collect::<Vec<_>>();
    if policy.suites != CipherSuite::ALL.into_iter().filter(is_default).collect::<Vec<_>>() {
        page.row("cipher suites", &suites.join(", "));
    }
    if policy.order == CipherPreference::Server {
        page.row("", "in the order of the server");
    }
    if policy.groups != NamedGroup::ALL {
        let groups: Vec<_> = policy.groups.iter().copied().map(NamedGroup::name).collect();
        page.row("key exchange", &groups.join(", "));
    }
    match policy.resumption {
        SessionResumption::Tickets => {}
        SessionResumption::Off => page.row("resumption", "off"),
        SessionResumption::Sessions(count) => page.row("resumption", &format!("up to {count} sessions in memory")),
    }
    if let ClientAuth::Verify(auth) = &policy.clients {
        let mode = match auth.mode {
            ClientAuthMode::Required => "required",
            ClientAuthMode::Optional => "optional",
        };
        page.row("client certs", &format!("{mode}, issued by {}", auth.ca.display()));
        page.row("", &format!("with up to {} intermediates", auth.depth));
        if let Some(crl) = &auth.crl {
            page.row("", &format!("not revoked by {}", crl.display()));
        }
    }
}

fn route(page: &mut TextPage, route: &RouteOutline<'_>, host: &HostOutline<'_>) {
    page.row("route", &route.route.path.to_string());
    match (&route.route.action, &route.forwarding) {
        (RouteAction::Redirect(redirect), _) => {
            page.row("", &format!("redirects to {} ({})", redirect_url(redirect), redirect.status.as_u16()));
        }
        (RouteAction::Respond(response), _) => {
            let media_type = notation::header_value(&response.content_type);
            let status = response.status.as_u16();
            page.row("", &format!("responds with {status} and {} bytes of {media_type}", response.body.len()));
        }
        (RouteAction::Close, _) => page.row("", "closes the connection without a response"),
        (RouteAction::Files(it), _) => page.row("", &files(it)),
        (RouteAction::Status(_), _) => {}
        (RouteAction::Forward(_), Some(forwarding)) => upstream(page, forwarding.upstream),
        (RouteAction::Forward(_), None) => {}
    }
    if let Some(replacement) = route.forwarding.and_then(|own| own.replacement()) {
        page.row("", &format!("with {replacement} instead of the matched path"));
    }
    if route.before_redirect {
        page.row("", "also without TLS, before the redirect");
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
        page.row("", "error pages replace error responses of the upstream");
    }
    if route.forwarding.is_some_and(|own| own.forward.expect_continue == ExpectContinue::Forward) {
        page.row("", "`Expect: 100-continue` is forwarded");
    }
    if let Some(own) = route.own_error_pages {
        page.row("", &format!("error pages: {}", error_pages(own)));
    }
}

fn files(files: &StaticFiles) -> String {
    let location = match &files.location {
        StaticFileRoot::Root(directory) => format!("files, root {}", directory.display()),
        StaticFileRoot::Alias { directory, .. } => format!("files, alias {}", directory.display()),
        StaticFileRoot::Single(file) => format!("file {}", file.display()),
    };
    files.index.as_ref().map_or(location.clone(), |index| format!("{location}, index {index}"))
}

fn rules(rules: &AccessRules) -> String {
    if rules.is_empty() { "all clients".to_owned() } else { list(&rules.iter().collect::<Vec<_>>()) }
}

fn error_pages(pages: Option<&ErrorPages>) -> String {
    pages.map_or("built-in".to_owned(), local_responses::statuses)
}

fn upstream(page: &mut TextPage, upstream: &UpstreamSpec) {
    page.row("", &format!("to {upstream}"));
    let Some(tls) = upstream.tls() else { return };
    page.row(
        "",
        &match &tls.trust {
            UpstreamTrust::System => format!("TLS: certificate for {}, issued by a CA of the system", tls.name),
            UpstreamTrust::CaFile(file) => {
                format!("TLS: certificate for {}, issued by a CA in {}", tls.name, file.display())
            }
            UpstreamTrust::Pinned(file) => format!("TLS: pinned certificate {}", file.display()),
            UpstreamTrust::Insecure => "TLS: certificate NOT verified".to_owned(),
        },
    );
    if let Some(identity) = &tls.identity {
        page.row("", &format!("TLS: client certificate {}", identity.chain.display()));
    }
}

fn headers(page: &mut TextPage, ops: &HeaderOpsOutline<'_>, label: &str) {
    let request = ops.request.iter().map(|op| (op, "upstream"));
    let response = ops.response.iter().map(|op| (op, "client"));
    for (nth, (op, receiver)) in request.chain(response).enumerate() {
        let label = if nth == 0 { label } else { "" };
        let name = op.name().as_str();
        match op {
            HeaderOp::Set(_, value) | HeaderOp::SetIfAbsent(_, value) => {
                page.row(label, &format!("to {receiver}: {name}: {}", notation::header_template(value)));
            }
            HeaderOp::Add(_, value) => {
                page.row(label, &format!("to {receiver}: add {name}: {}", notation::header_value(value)));
            }
            HeaderOp::SetTo(_, template) => page.row(label, &format!("to {receiver}: {name}: {template}")),
            HeaderOp::Remove(_) => page.row(label, &format!("to {receiver}: remove {name}")),
        }
    }
}

fn referrer_policy(policy: ReferrerPolicyOutline<'_>) -> String {
    match policy {
        ReferrerPolicyOutline::FromUpstream => AS_SENT.to_owned(),
        ReferrerPolicyOutline::IfAbsent(value) => format!("{AS_SENT}, else {}", notation::header_value(value)),
        ReferrerPolicyOutline::Set(value) => notation::header_value(value),
    }
}

/// Returns the URL of a redirect. An origin alone is followed by the path of the request.
fn redirect_url(redirect: &RedirectAction) -> String {
    match &redirect.path {
        RedirectTarget::Unchanged => redirect.origin.to_string(),
        RedirectTarget::Fixed(path) => format!("the fixed URL {}{path}", redirect.origin),
        RedirectTarget::ReplacePrefix(path) => format!("{}{path} instead of the matched path", redirect.origin),
    }
}

/// Returns the redirect target of a host whose catch-all route is a redirect.
fn redirect_of(host: &VirtualHost) -> String {
    match host.routes.select("/").map(|route| &route.action) {
        Some(RouteAction::Redirect(redirect)) => format!(" -> {}", redirect.origin),
        _ => String::new(),
    }
}

fn protocols_of(listener: &Listener, model: &Model) -> String {
    let host_protocols = |id: &HostId| match model.host(*id).security {
        HostSecurity::Plain => PLAIN.to_owned(),
        HostSecurity::Tls(id) => protocols(&model.tls_settings(id).policy),
    };
    let mut all: Vec<String> = listener.hosts.entries().into_iter().map(|(_, id)| host_protocols(id)).collect();
    all.dedup();
    if let [only] = &all[..] { only.clone() } else { "TLS, with the settings of each host".to_owned() }
}

fn protocols(policy: &TlsPolicy) -> String {
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
    let pairs = limits.into_iter().map(|(key, value)| format!("{key}={value}"));
    pairs.collect::<Vec<_>>().join(", ")
}

fn list<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

const AS_SENT: &str = "as sent by the upstream";
const PLAIN: &str = "HTTP/1.1, no TLS";
