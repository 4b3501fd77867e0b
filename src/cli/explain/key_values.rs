//! The outline as keys and values of the TOML language, each one written out.

use std::path::Path;

use http::{HeaderValue, StatusCode};

use super::outline::{Forwarding, HeaderOps, HostOutline, Outline, RouteOutline, StatusOutline, TlsOutline};
use super::value::{Entry, Value};
use super::{acme, compression, local_responses, notation};
use crate::model::client_address::{AddressSource, Choice, ClientAddress, Told};
use crate::model::error_page::ApplicationErrors;
use crate::model::headers::ops::HeaderOp;
use crate::model::log_format::LogFormat;
use crate::model::route::{Action, PathMatch, Redirect, RedirectPath, Respond};
use crate::model::tls::{
    CipherSuite, ClientAuthority, ClientCertificates, Demand, KeyGroup, Resumption, SuiteOrder, TicketKeySource,
    TlsPolicy, TlsVersions,
};
use crate::model::upstream::{Trust, UpstreamTls};
use crate::model::{CertificateFiles, HttpVersions, Preamble, Process};

/// A configuration, section by section.
pub(super) struct Settings {
    pub(super) default_host: Option<Value>,
    pub(super) process: Vec<Entry>,
    pub(super) status: Option<Vec<Entry>>,
    pub(super) acme: Option<Vec<Entry>>,
    pub(super) hosts: Vec<HostEntries>,
}

/// The keys of a host and of its routes.
pub(super) struct HostEntries {
    pub(super) entries: Vec<Entry>,
    pub(super) routes: Vec<Vec<Entry>>,
}

pub(super) fn of(outline: &Outline<'_>) -> Settings {
    Settings {
        default_host: match &outline.default_hosts[..] {
            [] => None,
            [only] => Some(Value::text(only)),
            several => Some(Value::list(several)),
        },
        process: process(outline.process),
        status: outline.status.as_ref().map(status),
        acme: outline.model.acme.as_ref().map(acme::section),
        hosts: outline.hosts.iter().map(host).collect(),
    }
}

fn process(process: &Process) -> Vec<Entry> {
    let mut entries = vec![("workers", Value::Number(process.workers.get() as u64))];
    entries.extend(process.user.as_ref().map(|user| ("user", Value::text(user))));
    entries.push(("shutdown_grace", Value::Text(notation::duration(process.shutdown_grace))));
    entries.push(("log_level", Value::text(notation::log_level(process.log_level))));
    if let TicketKeySource::File(file) = &process.ticket_keys {
        entries.push(("ticket_keys", Value::text(file.display())));
    }
    entries
}

fn status(status: &StatusOutline<'_>) -> Vec<Entry> {
    let mut entries = vec![("listen", Value::list(&status.listen)), local_responses::access(status.access)];
    entries.push(("metrics", Value::Flag(status.metrics)));
    entries.extend(status.application_metrics.map(|upstream| ("application_metrics", Value::text(upstream))));
    entries
}

fn host(host: &HostOutline<'_>) -> HostEntries {
    let mut entries = vec![("name", Value::text(host.name)), ("aliases", Value::list(host.aliases))];
    let catch_all = host.routes.iter().find(|route| route.is_plain_catch_all());
    if let Some(forwarding) = catch_all.and_then(|route| route.forwarding) {
        entries.push(("upstream", Value::text(forwarding.upstream)));
    }
    entries.push(("tls", Value::Flag(host.tls.is_some())));
    entries.push(("listen", Value::list(&host.listen)));
    if let Some(tls) = &host.tls {
        entries.extend(encryption(tls));
    }
    entries.push(("proxy_protocol", Value::Flag(host.preamble == Preamble::ProxyProtocol)));
    if let ClientAddress::Told(told) = host.client_address {
        entries.push(("client_address", client_address(told)));
    }
    if host.tls.is_some() || host.hsts.is_some() {
        entries.push(("hsts", header_choice(host.hsts)));
    }
    entries.push(("referrer_policy", header_choice(host.referrer_policy)));
    if let Some(forwarding) = &host.forwarding {
        entries.extend(texts(forwarding.limits()));
        entries.extend(forwarding.upstream.tls().map(upstream_tls));
        entries.push(("keepalive_connections", Value::Number(forwarding.upstream.max_idle as u64)));
        entries.push(("keepalive_timeout", Value::Text(notation::duration(forwarding.upstream.idle_timeout))));
    }
    entries.push(("compression", compression::value(host.compression)));
    entries.push(("access_log", Value::Text(notation::log_target(host.access_log))));
    if let LogFormat::Custom(format) = host.log_format {
        entries.push(("access_log_format", Value::text(&format.template)));
        entries.push(("access_log_escape", Value::text(format.escape.as_str())));
    }
    entries.extend(headers(&host.headers));
    entries.extend((!host.access.is_empty()).then(|| local_responses::access(host.access)));
    let intercepts =
        host.forwarding.map(|it| it.forward.application_errors).filter(|it| *it != ApplicationErrors::Pass);
    entries.extend(intercepts.map(local_responses::intercept_errors));
    entries.extend(host.error_pages.map(|own| local_responses::error_pages(Some(own))));
    let routes = host.routes.iter().filter(|route| !route.is_plain_catch_all());
    HostEntries { entries, routes: routes.map(|it| route(it, host.forwarding.as_ref())).collect() }
}

fn encryption(tls: &TlsOutline<'_>) -> Vec<Entry> {
    let paths = |path: fn(&CertificateFiles) -> &Path| {
        let paths: Vec<_> = tls.certificates.iter().map(|files| path(files).display()).collect();
        if let [only] = &paths[..] { Value::text(only) } else { Value::list(paths) }
    };
    let from = tls.redirect.as_ref().map(|redirect| &redirect.from[..]).unwrap_or_default();
    let mut entries =
        vec![("certificate", paths(|files| &files.chain)), ("certificate_key", paths(|files| &files.key))];
    let passwords = tls.certificates.first().and_then(|files| files.passwords.as_ref());
    entries.extend(tls.obtained.iter().flat_map(|it| acme::of_host(it.certificate, &it.shown)));
    entries.extend(passwords.map(|path| ("key_password_file", Value::text(path.display()))));
    entries.push(("redirect_from", Value::list(from)));
    entries.extend(tls.redirect.as_ref().map(|redirect| ("public_port", Value::Number(redirect.port.into()))));
    entries.push(("http2", Value::Flag(tls.policy.http == HttpVersions::Http2And1)));
    entries.extend(policy(tls.policy));
    entries
}

fn policy(policy: &TlsPolicy) -> [Entry; 6] {
    let versions: &[&str] = match policy.versions {
        TlsVersions::Tls12And13 => &["1.2", "1.3"],
        TlsVersions::Tls13Only => &["1.3"],
    };
    let order = match policy.order {
        SuiteOrder::Client => "client",
        SuiteOrder::Server => "server",
    };
    let resumption = match policy.resumption {
        Resumption::Off => Value::text("off"),
        Resumption::Tickets => Value::text("tickets"),
        Resumption::Sessions(count) => Value::Number(count.get() as u64),
    };
    let clients = match &policy.clients {
        ClientCertificates::NotAsked => Value::Flag(false),
        ClientCertificates::Asked(authority) => client_authority(authority),
    };
    [
        ("tls_versions", Value::list(versions)),
        ("cipher_suites", Value::list(policy.suites.iter().copied().map(CipherSuite::name))),
        ("cipher_order", Value::text(order)),
        ("key_exchange_groups", Value::list(policy.groups.iter().copied().map(KeyGroup::name))),
        ("session_resumption", resumption),
        ("client_certificates", clients),
    ]
}

fn client_authority(authority: &ClientAuthority) -> Value {
    let verify = match authority.demand {
        Demand::Required => "required",
        Demand::Optional => "optional",
    };
    let mut entries = vec![
        ("verify".to_owned(), Value::text(verify)),
        ("ca".to_owned(), Value::text(authority.ca.display())),
        ("depth".to_owned(), Value::Number(authority.depth.into())),
    ];
    entries.extend(authority.crl.as_ref().map(|crl| ("crl".to_owned(), Value::text(crl.display()))));
    Value::Table(entries)
}

fn client_address(told: &Told) -> Value {
    let from = match &told.source {
        AddressSource::ProxyProtocol => "proxy_protocol",
        AddressSource::Header(name) => name.as_str(),
    };
    let entries = [
        ("trusted", Value::list(&told.trusted)),
        ("from", Value::text(from)),
        ("recursive", Value::Flag(told.choice == Choice::LastUntrusted)),
    ];
    Value::Table(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

fn route(route: &RouteOutline<'_>, host: Option<&Forwarding<'_>>) -> Vec<Entry> {
    let key = match route.route.path {
        PathMatch::Exact(_) => "exact",
        PathMatch::Prefix(_) => "prefix",
        PathMatch::PrefixFirst(_) => "prefix_first",
        PathMatch::Regex(_) => "regex",
    };
    let mut entries = vec![(key, Value::text(route.route.path.text()))];
    entries.push(match (&route.route.action, &route.forwarding) {
        (Action::Redirect(redirect), _) => ("redirect_to", redirect_to(redirect)),
        (Action::Respond(answer), _) => ("respond", respond(answer)),
        (Action::Close, _) => ("close", Value::Flag(true)),
        (Action::Files(files), _) => local_responses::files(files),
        // These stand in a host of their own, which is told as `[status]`.
        (Action::Status(_), _) => return entries,
        (Action::Forward(_), forwarding) => {
            ("upstream", Value::Text(forwarding.map(|it| it.upstream.to_string()).unwrap_or_default()))
        }
    });
    if let Some(replacement) = route.forwarding.and_then(|own| own.replacement()) {
        entries.push(("replace_with", Value::text(replacement)));
    }
    if route.before_redirect {
        entries.push(("before_redirect", Value::Flag(true)));
    }
    entries.extend(route.forwarding.iter().flat_map(|own| texts(own.own_limits(host))));
    entries.extend(route.forwarding.and_then(|own| own.own_tls(host)).map(upstream_tls));
    entries.extend(headers(&route.headers));
    entries.extend(route.own_access.map(local_responses::access));
    entries.extend(own_interception(route, host));
    entries.extend(route.own_error_pages.map(local_responses::error_pages));
    entries
}

fn own_interception(route: &RouteOutline<'_>, host: Option<&Forwarding<'_>>) -> Option<Entry> {
    let own = route.forwarding?.forward.application_errors;
    let of_host = host.map(|host| host.forward.application_errors).unwrap_or_default();
    (own != of_host).then(|| local_responses::intercept_errors(own))
}

fn upstream_tls(tls: &UpstreamTls) -> Entry {
    let file = |key: &str, path: &Path| (key.to_owned(), Value::text(path.display()));
    let mut entries = match &tls.trust {
        Trust::System => vec![("verify".to_owned(), Value::Flag(true))],
        Trust::Authorities(path) => vec![file("ca", path)],
        Trust::Pinned(path) => vec![file("pin", path)],
        Trust::Anything => vec![("verify".to_owned(), Value::Flag(false))],
    };
    entries.push(("name".to_owned(), Value::text(&tls.name)));
    if let Some(identity) = &tls.identity {
        entries.push(file("certificate", &identity.chain));
        entries.push(file("certificate_key", &identity.key));
    }
    ("upstream_tls", Value::Table(entries))
}

fn texts(limits: impl IntoIterator<Item = (&'static str, String)>) -> impl Iterator<Item = Entry> {
    limits.into_iter().map(|(key, text)| (key, Value::Text(text)))
}

/// The origin alone, if there is no more to it.
fn redirect_to(redirect: &Redirect) -> Value {
    let path = match &redirect.path {
        RedirectPath::AsItCame if redirect.status == StatusCode::MOVED_PERMANENTLY => {
            return Value::text(&redirect.origin);
        }
        RedirectPath::AsItCame => None,
        RedirectPath::Fixed(path) => Some(("path", Value::text(path))),
        RedirectPath::Replaced(path) => Some(("replace_with", Value::text(path))),
    };
    let status = ("status", Value::Number(redirect.status.as_u16().into()));
    let entries = [Some(("origin", Value::text(&redirect.origin))), path, Some(status)];
    Value::Table(entries.into_iter().flatten().map(|(key, value)| (key.to_owned(), value)).collect())
}

fn respond(answer: &Respond) -> Value {
    let entries = [
        ("status", Value::Number(answer.status.as_u16().into())),
        ("content_type", Value::Text(notation::header_value(&answer.content_type))),
        ("body", Value::text(&answer.body)),
    ];
    Value::Table(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

fn header_choice(value: Option<&HeaderValue>) -> Value {
    value.map_or(Value::Flag(false), |value| Value::Text(notation::header_value(value)))
}

fn headers(ops: &HeaderOps<'_>) -> Vec<Entry> {
    let table = |ops: &[&HeaderOp]| {
        let entry = |op: &&HeaderOp| {
            let value = match op {
                HeaderOp::Set(_, value) => Value::Text(notation::header_template(value)),
                HeaderOp::SetTo(_, template) => Value::text(template),
                HeaderOp::Add(_, value) => Value::Table(vec![("add".to_owned(), header_choice(Some(value)))]),
                HeaderOp::Remove(_) => header_choice(None),
            };
            (op.name().as_str().to_owned(), value)
        };
        (!ops.is_empty()).then(|| Value::Table(ops.iter().map(entry).collect()))
    };
    let both = [("request_headers", table(&ops.request)), ("response_headers", table(&ops.response))];
    both.into_iter().filter_map(|(key, table)| Some((key, table?))).collect()
}
