//! The outline as TOML keys and values with nothing left to defaults.

use std::path::Path;

use http::{HeaderValue, StatusCode};

use super::outline::{
    ForwardOutline, HeaderOpsOutline, HostOutline, ModelOutline, ReferrerPolicyOutline, RouteOutline,
    StatusOutline, TlsOutline,
};
use super::value::{KeyValue, OutputValue};
use super::{acme, compression, local_responses, notation};
use crate::model::client_address::{ClientAddressPolicy, RealIpPolicy, RealIpSelection, RealIpSource};
use crate::model::error_page::InterceptErrors;
use crate::model::headers::ops::HeaderOp;
use crate::model::log_format::LogFormat;
use crate::model::route::{ExpectContinue, FixedResponse, PathMatch, RedirectAction, RedirectTarget, RouteAction};
use crate::model::tls::{
    CipherPreference, CipherSuite, ClientAuth, ClientAuthMode, ClientAuthPolicy, NamedGroup, SessionResumption,
    TicketKeySource, TlsPolicy, TlsVersions,
};
use crate::model::upstream::{UpstreamTlsSettings, UpstreamTrust};
use crate::model::{CertificateFiles, HttpVersions, ProcessSettings, ProxyProtocolMode};

/// Sections with their keys and values.
pub(super) struct KeyValues {
    pub(super) default_host: Option<OutputValue>,
    pub(super) process: Vec<KeyValue>,
    pub(super) status: Option<Vec<KeyValue>>,
    pub(super) acme: Option<Vec<KeyValue>>,
    pub(super) hosts: Vec<HostKeyValues>,
}

/// Keys and values of a host and its routes.
pub(super) struct HostKeyValues {
    pub(super) entries: Vec<KeyValue>,
    pub(super) routes: Vec<Vec<KeyValue>>,
}

/// Returns the keys and values of an outline.
pub(super) fn from_outline(outline: &ModelOutline<'_>) -> KeyValues {
    KeyValues {
        default_host: match &outline.default_hosts[..] {
            [] => None,
            [only] => Some(OutputValue::text(only)),
            several => Some(OutputValue::list(several)),
        },
        process: process(outline.process),
        status: outline.status.as_ref().map(status),
        acme: outline.model.acme.as_ref().map(acme::section),
        hosts: outline.hosts.iter().map(host).collect(),
    }
}

fn process(process: &ProcessSettings) -> Vec<KeyValue> {
    let mut entries = vec![("workers", OutputValue::Number(process.workers.get() as u64))];
    entries.extend(process.user.as_ref().map(|user| ("user", OutputValue::text(user))));
    entries.push(("shutdown_timeout", OutputValue::Text(notation::duration(process.shutdown_timeout))));
    entries.push(("log_level", OutputValue::text(notation::log_level(process.log_level))));
    if let TicketKeySource::File(file) = &process.ticket_keys {
        entries.push(("ticket_keys", OutputValue::text(file.display())));
    }
    entries
}

fn status(status: &StatusOutline<'_>) -> Vec<KeyValue> {
    let mut entries = vec![("listen", OutputValue::list(&status.listen)), local_responses::access(status.access)];
    entries.push(("metrics", OutputValue::Flag(status.metrics)));
    entries.extend(status.upstream_metrics.map(|upstream| ("upstream_metrics", OutputValue::text(upstream))));
    entries
}

fn host(host: &HostOutline<'_>) -> HostKeyValues {
    let mut entries = vec![("name", OutputValue::text(host.name)), ("aliases", OutputValue::list(host.aliases))];
    let catch_all = host.routes.iter().find(|route| route.is_plain_catch_all());
    if let Some(forwarding) = catch_all.and_then(|route| route.forwarding) {
        entries.push(("upstream", OutputValue::text(forwarding.upstream)));
    }
    entries.push(("tls", OutputValue::Flag(host.tls.is_some())));
    entries.push(("listen", OutputValue::list(&host.listen)));
    if let Some(tls) = &host.tls {
        entries.extend(tls_entries(tls));
    }
    entries.push(("proxy_protocol", OutputValue::Flag(host.proxy_protocol == ProxyProtocolMode::ProxyProtocol)));
    if let ClientAddressPolicy::RealIp(policy) = host.client_address {
        entries.push(("client_address", client_address(policy)));
    }
    if host.tls.is_some() || host.hsts.is_some() {
        entries.push(("hsts", header_value(host.hsts)));
    }
    entries.push(("referrer_policy", referrer_policy(host.referrer_policy)));
    if let Some(forwarding) = &host.forwarding {
        entries.extend(texts(forwarding.limits()));
        entries.extend(forwarding.upstream.tls().map(upstream_tls));
        entries.push(("upstream_keepalive_connections", OutputValue::Number(forwarding.upstream.max_idle as u64)));
        entries.push((
            "upstream_keepalive_timeout",
            OutputValue::Text(notation::duration(forwarding.upstream.idle_timeout)),
        ));
    }
    entries.push(("compression", compression::value(host.compression)));
    entries.push(("access_log", OutputValue::Text(notation::log_target(host.access_log))));
    if let LogFormat::Custom(format) = host.log_format {
        entries.push(("access_log_format", OutputValue::text(&format.template)));
        entries.push(("access_log_escape", OutputValue::text(format.escape.as_str())));
    }
    entries.extend(headers(&host.headers));
    entries.extend((!host.access.is_empty()).then(|| local_responses::access(host.access)));
    let intercept_errors =
        host.forwarding.map(|it| it.forward.intercept_errors).filter(|it| *it != InterceptErrors::Pass);
    entries.extend(intercept_errors.map(local_responses::intercept_errors));
    let expect = host.forwarding.map(|it| it.forward.expect_continue).filter(|it| *it != ExpectContinue::Respond);
    entries.extend(expect.map(local_responses::expect_continue));
    entries.extend(host.error_pages.map(|pages| local_responses::error_pages(Some(pages))));
    let routes = host.routes.iter().filter(|route| !route.is_plain_catch_all());
    HostKeyValues { entries, routes: routes.map(|it| route(it, host.forwarding.as_ref())).collect() }
}

fn tls_entries(tls: &TlsOutline<'_>) -> Vec<KeyValue> {
    let paths = |path: fn(&CertificateFiles) -> &Path| {
        let paths: Vec<_> = tls.certificates.iter().map(|files| path(files).display()).collect();
        if let [only] = &paths[..] { OutputValue::text(only) } else { OutputValue::list(paths) }
    };
    let from = tls.redirect.as_ref().map(|redirect| &redirect.from[..]).unwrap_or_default();
    let mut entries =
        vec![("certificate", paths(|files| &files.chain)), ("certificate_key", paths(|files| &files.key))];
    let passwords = tls.certificates.first().and_then(|files| files.passwords.as_ref());
    entries.extend(tls.acme.iter().flat_map(|it| acme::host_entries(it.certificate, &it.host_names)));
    entries.extend(passwords.map(|path| ("key_password_file", OutputValue::text(path.display()))));
    entries.push(("redirect_from", OutputValue::list(from)));
    entries
        .extend(tls.redirect.as_ref().map(|redirect| ("public_port", OutputValue::Number(redirect.port.into()))));
    entries.push(("http2", OutputValue::Flag(tls.policy.http == HttpVersions::Http2And1)));
    entries.extend(policy(tls.policy));
    entries
}

fn policy(policy: &TlsPolicy) -> [KeyValue; 6] {
    let versions: &[&str] = match policy.versions {
        TlsVersions::Tls12And13 => &["1.2", "1.3"],
        TlsVersions::Tls13Only => &["1.3"],
    };
    let prefers_server = policy.order == CipherPreference::Server;
    let resumption = match policy.resumption {
        SessionResumption::Off => OutputValue::text("off"),
        SessionResumption::Tickets => OutputValue::text("tickets"),
        SessionResumption::Sessions(count) => OutputValue::Number(count.get() as u64),
    };
    let clients = match &policy.clients {
        ClientAuth::Off => OutputValue::Flag(false),
        ClientAuth::Verify(policy) => client_auth(policy),
    };
    [
        ("tls_versions", OutputValue::list(versions)),
        ("cipher_suites", OutputValue::list(policy.suites.iter().copied().map(CipherSuite::name))),
        ("prefer_server_ciphers", OutputValue::Flag(prefers_server)),
        ("key_exchange_groups", OutputValue::list(policy.groups.iter().copied().map(NamedGroup::name))),
        ("session_resumption", resumption),
        ("client_certificates", clients),
    ]
}

fn client_auth(policy: &ClientAuthPolicy) -> OutputValue {
    let verify = match policy.mode {
        ClientAuthMode::Required => "required",
        ClientAuthMode::Optional => "optional",
    };
    let mut entries = vec![
        ("verify".to_owned(), OutputValue::text(verify)),
        ("ca".to_owned(), OutputValue::text(policy.ca.display())),
        ("depth".to_owned(), OutputValue::Number(policy.depth.into())),
    ];
    entries.extend(policy.crl.as_ref().map(|crl| ("crl".to_owned(), OutputValue::text(crl.display()))));
    OutputValue::Table(entries)
}

fn client_address(policy: &RealIpPolicy) -> OutputValue {
    let from = match &policy.source {
        RealIpSource::ProxyProtocol => "proxy_protocol",
        RealIpSource::Header(name) => name.as_str(),
    };
    let entries = [
        ("trusted", OutputValue::list(&policy.trusted)),
        ("from", OutputValue::text(from)),
        ("recursive", OutputValue::Flag(policy.choice == RealIpSelection::LastUntrusted)),
    ];
    OutputValue::Table(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

fn route(route: &RouteOutline<'_>, host: Option<&ForwardOutline<'_>>) -> Vec<KeyValue> {
    let key = match route.route.path {
        PathMatch::Exact(_) => "exact",
        PathMatch::Prefix(_) => "prefix",
        PathMatch::PreferredPrefix(_) => "prefix_before_regex",
        PathMatch::Regex(_) => "regex",
    };
    let mut entries = vec![(key, OutputValue::text(route.route.path.text()))];
    entries.push(match (&route.route.action, &route.forwarding) {
        (RouteAction::Redirect(redirect), _) => ("redirect_to", redirect_to(redirect)),
        (RouteAction::Respond(response), _) => ("respond", respond(response)),
        (RouteAction::Close, _) => ("close", OutputValue::Flag(true)),
        (RouteAction::Files(files), _) => local_responses::files(files),
        // Status routes are on the status host, which is rendered as `[status]`.
        (RouteAction::Status(_), _) => return entries,
        (RouteAction::Forward(_), forwarding) => {
            ("upstream", OutputValue::Text(forwarding.map(|it| it.upstream.to_string()).unwrap_or_default()))
        }
    });
    if let Some(replacement) = route.forwarding.and_then(|own| own.replacement()) {
        entries.push(("replace_with", OutputValue::text(replacement)));
    }
    if route.before_redirect {
        entries.push(("before_redirect", OutputValue::Flag(true)));
    }
    entries.extend(route.forwarding.iter().flat_map(|own| texts(own.own_limits(host))));
    entries.extend(route.forwarding.and_then(|own| own.own_tls(host)).map(upstream_tls));
    entries.extend(headers(&route.headers));
    entries.extend(route.own_access.map(local_responses::access));
    entries.extend(own_intercept_errors(route, host));
    entries.extend(own_expect_continue(route, host));
    entries.extend(route.own_error_pages.map(local_responses::error_pages));
    entries
}

/// Returns `intercept_errors` of a route if it differs from that of the host.
fn own_intercept_errors(route: &RouteOutline<'_>, host: Option<&ForwardOutline<'_>>) -> Option<KeyValue> {
    let own = route.forwarding?.forward.intercept_errors;
    let of_host = host.map(|host| host.forward.intercept_errors).unwrap_or_default();
    (own != of_host).then(|| local_responses::intercept_errors(own))
}

/// Returns `expect_continue` of a route if it differs from that of the host.
fn own_expect_continue(route: &RouteOutline<'_>, host: Option<&ForwardOutline<'_>>) -> Option<KeyValue> {
    let own = route.forwarding?.forward.expect_continue;
    let of_host = host.map(|host| host.forward.expect_continue).unwrap_or_default();
    (own != of_host).then(|| local_responses::expect_continue(own))
}

fn upstream_tls(tls: &UpstreamTlsSettings) -> KeyValue {
    let file = |key: &str, path: &Path| (key.to_owned(), OutputValue::text(path.display()));
    let mut entries = match &tls.trust {
        UpstreamTrust::System => vec![("verify".to_owned(), OutputValue::Flag(true))],
        UpstreamTrust::CaFile(path) => vec![file("ca", path)],
        UpstreamTrust::Pinned(path) => vec![file("pin", path)],
        UpstreamTrust::Insecure => vec![("verify".to_owned(), OutputValue::Flag(false))],
    };
    entries.push(("name".to_owned(), OutputValue::text(&tls.name)));
    if let Some(identity) = &tls.identity {
        entries.push(file("certificate", &identity.chain));
        entries.push(file("certificate_key", &identity.key));
    }
    ("upstream_tls", OutputValue::Table(entries))
}

fn texts(limits: impl IntoIterator<Item = (&'static str, String)>) -> impl Iterator<Item = KeyValue> {
    limits.into_iter().map(|(key, text)| (key, OutputValue::Text(text)))
}

/// Returns the origin alone if the redirect has status 301 and keeps the path.
fn redirect_to(redirect: &RedirectAction) -> OutputValue {
    let path = match &redirect.path {
        RedirectTarget::Unchanged if redirect.status == StatusCode::MOVED_PERMANENTLY => {
            return OutputValue::text(&redirect.origin);
        }
        RedirectTarget::Unchanged => None,
        RedirectTarget::Fixed(path) => Some(("path", OutputValue::text(path))),
        RedirectTarget::ReplacePrefix(path) => Some(("replace_with", OutputValue::text(path))),
    };
    let status = ("status", OutputValue::Number(redirect.status.as_u16().into()));
    let entries = [Some(("origin", OutputValue::text(&redirect.origin))), path, Some(status)];
    OutputValue::Table(entries.into_iter().flatten().map(|(key, value)| (key.to_owned(), value)).collect())
}

fn respond(response: &FixedResponse) -> OutputValue {
    let entries = [
        ("status", OutputValue::Number(response.status.as_u16().into())),
        ("content_type", OutputValue::Text(notation::header_value(&response.content_type))),
        ("body", OutputValue::text(&response.body)),
    ];
    OutputValue::Table(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// Returns the value of a header; `false` if it is not set.
fn header_value(value: Option<&HeaderValue>) -> OutputValue {
    value.map_or(OutputValue::Flag(false), |value| OutputValue::Text(notation::header_value(value)))
}

fn referrer_policy(policy: ReferrerPolicyOutline<'_>) -> OutputValue {
    match policy {
        ReferrerPolicyOutline::FromUpstream => header_value(None),
        ReferrerPolicyOutline::IfAbsent(value) => {
            OutputValue::Table(vec![("if_absent".to_owned(), header_value(Some(value)))])
        }
        ReferrerPolicyOutline::Set(value) => header_value(Some(value)),
    }
}

fn headers(ops: &HeaderOpsOutline<'_>) -> Vec<KeyValue> {
    let table = |ops: &[&HeaderOp]| {
        let entry = |op: &&HeaderOp| {
            let value = match op {
                HeaderOp::Set(_, value) | HeaderOp::SetIfAbsent(_, value) => {
                    OutputValue::Text(notation::header_template(value))
                }
                HeaderOp::SetTo(_, template) => OutputValue::text(template),
                HeaderOp::Add(_, value) => OutputValue::Table(vec![("add".to_owned(), header_value(Some(value)))]),
                HeaderOp::Remove(_) => header_value(None),
            };
            (op.name().as_str().to_owned(), value)
        };
        (!ops.is_empty()).then(|| OutputValue::Table(ops.iter().map(entry).collect()))
    };
    let both = [("request_headers", table(&ops.request)), ("response_headers", table(&ops.response))];
    both.into_iter().filter_map(|(key, table)| Some((key, table?))).collect()
}
