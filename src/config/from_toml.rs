//! TOML front end: reads a TOML file into a document and reports every error.
//!
//! Reading does not stop at the first error: an invalid value is reported, becomes [`Setting::Invalid`], and
//! reading continues. Checks of several values against each other are in [`compile`](super::compile).

mod acme;
mod compression;
mod local_responses;
mod readers;
mod redirect;
mod section;
mod table;
mod tls;

use std::num::{NonZeroU16, NonZeroUsize};
use std::path::Path;
use std::sync::Arc;

use http::{HeaderValue, StatusCode};
use toml::Spanned;
use toml::de::DeTable;

use super::diagnostic::{Diagnostic, Diagnostics, ValueError};
use super::document::{
    ClientAddressSection, Document, ForwardSettings, HostSection, HostSettings, ProcessSection, RouteActionSection,
    RouteSection, Setting, UpstreamTlsSection,
};
use super::schema;
use super::span::{SourceFile, SourceSpan};
use super::values::{access, address, client_address, duration, header, route_path, template};
use crate::model::route::{FixedResponse, PathMatch};
use readers::{boolean, headers, list, number, text};
use section::{section, sections};
use table::{TomlReader, TomlTable, TomlValue};

/// Reads a TOML text into a document. Returns `None` if the text is not TOML.
pub(super) fn read(source: &Arc<SourceFile>, directory: &Path, problems: &mut Diagnostics) -> Option<Document> {
    let root = parse(source, problems)?;
    let mut reader = TomlReader { source, problems };
    let mut top = TomlTable::open(&schema::TOP, SourceSpan::file(source), root.get_ref(), &mut reader);
    Some(Document {
        source: Arc::clone(source),
        directory: directory.to_owned(),
        default_host: top.get("default_host", readers::one_or_more(readers::HOST_EXPECTED, readers::host_name)),
        process: top.get("process", section(&schema::PROCESS, process)).value_or_default(),
        status: top.get("status", section(&schema::STATUS, local_responses::status)),
        acme: top.get("acme", section(&schema::ACME, acme::acme)),
        defaults: top.get("defaults", section(&schema::DEFAULTS, host_settings)).value_or_default(),
        hosts: top.get("host", sections(&schema::HOST, host)).value_or_default(),
    })
}

/// Parses a text. Returns `None` after a syntax error: the meaning of the rest is then uncertain.
pub(super) fn parse<'s>(source: &'s Arc<SourceFile>, problems: &mut Diagnostics) -> Option<Spanned<DeTable<'s>>> {
    let (root, syntax_errors) = DeTable::parse_recoverable(source.text());
    let has_errors = !syntax_errors.is_empty();
    for error in syntax_errors {
        let span = SourceSpan::new(source, error.span().unwrap_or_default());
        problems.push(syntax_error(&span, error.message()));
    }
    (!has_errors).then_some(root)
}

/// Reads `[process]` of a table whose other keys have another schema, as in `gatepost-overrides.toml`.
pub(super) fn process_section(
    source: &Arc<SourceFile>,
    top: &DeTable<'_>,
    problems: &mut Diagnostics,
) -> ProcessSection {
    let Some(value) = top.get("process") else { return ProcessSection::default() };
    let mut reader = TomlReader { source, problems };
    section(&schema::PROCESS, process)(&mut reader, value).unwrap_or_default()
}

fn syntax_error(span: &SourceSpan, message: &str) -> Diagnostic {
    let error = Diagnostic::error(span, message);
    match message {
        "duplicate key" => error.help("the key is set above; remove one of them"),
        _ if message.starts_with("string values must be quoted") => error.help("put the value in \"quotes\""),
        _ => error,
    }
}

fn process(table: &mut TomlTable<'_, '_, '_>) -> ProcessSection {
    ProcessSection {
        workers: table.get("workers", workers),
        user: table.get("user", text("write the name of an account in quotes", readers::account)),
        shutdown_timeout: table.get("shutdown_timeout", text(duration::EXPECTED, duration::parse)),
        log_level: table.get("log_level", text(readers::LOG_LEVEL_EXPECTED, readers::log_level)),
        ticket_keys: table.get("ticket_keys", text(readers::PATH_EXPECTED, readers::path)),
    }
}

fn host(table: &mut TomlTable<'_, '_, '_>) -> HostSection {
    HostSection {
        span: table.span.clone(),
        name: table.get("name", text(readers::HOST_EXPECTED, readers::host_pattern)),
        aliases: table
            .get("aliases", list(readers::HOST_EXPECTED, || text(readers::HOST_EXPECTED, readers::host_pattern))),
        upstream: table.get("upstream", text(address::UPSTREAM_EXPECTED, address::upstream)),
        certificate: table.get("certificate", readers::one_or_more(readers::PATH_EXPECTED, readers::path)),
        certificate_key: table.get("certificate_key", readers::one_or_more(readers::PATH_EXPECTED, readers::path)),
        key_password_file: table.get("key_password_file", text(readers::PATH_EXPECTED, readers::path)),
        public_port: table.get("public_port", port),
        acme_challenge_directory: table
            .get("acme_challenge_directory", text(readers::PATH_EXPECTED, readers::path)),
        acme_names: table
            .get("acme_names", list(readers::HOST_EXPECTED, || text(readers::HOST_EXPECTED, readers::host_name))),
        settings: host_settings(table),
        routes: table.get("route", sections(&schema::ROUTE, route)).value_or_default(),
    }
}

fn host_settings(table: &mut TomlTable<'_, '_, '_>) -> HostSettings {
    let addresses = || list(address::LISTEN_EXPECTED, || text(address::LISTEN_EXPECTED, address::listen));
    HostSettings {
        tls: table.get("tls", boolean),
        acme: table.get("acme", boolean),
        listen: table.get("listen", addresses()),
        redirect_from: table.get("redirect_from", addresses()),
        proxy_protocol: table.get("proxy_protocol", boolean),
        client_address: table.get("client_address", section(&schema::CLIENT_ADDRESS, client_address)),
        http2: table.get("http2", readers::http_versions),
        tls_section: tls::settings(table),
        hsts: table.get("hsts", readers::hsts),
        referrer_policy: table.get("referrer_policy", readers::referrer_policy),
        upstream_keepalive_connections: table.get("upstream_keepalive_connections", connections),
        upstream_keepalive_timeout: table
            .get("upstream_keepalive_timeout", text(duration::EXPECTED, duration::parse)),
        compression: table.get("compression", compression::compression),
        access_log: table.get("access_log", text(readers::LOG_TARGET_EXPECTED, readers::log_target)),
        access_log_format: table.get("access_log_format", text(readers::LOG_FORMAT_EXPECTED, template::parse_log)),
        access_log_escape: table.get("access_log_escape", text(readers::LOG_ESCAPE_EXPECTED, readers::log_escape)),
        forwarding: forward_settings(table),
    }
}

fn client_address(table: &mut TomlTable<'_, '_, '_>) -> ClientAddressSection {
    let expected = client_address::TRUSTED_EXPECTED;
    ClientAddressSection {
        trusted: table.get("trusted", list(expected, || text(expected, client_address::trusted))),
        from: table.get("from", text(client_address::SOURCE_EXPECTED, client_address::source)),
        recursive: table.get("recursive", boolean),
    }
}

fn forward_settings(table: &mut TomlTable<'_, '_, '_>) -> ForwardSettings {
    let timeout = || text(duration::EXPECTED, duration::parse);
    ForwardSettings {
        max_request_body: table.get("max_request_body", readers::max_request_body),
        connect_timeout: table.get("connect_timeout", timeout()),
        upstream_read_timeout: table.get("upstream_read_timeout", timeout()),
        client_timeout: table.get("client_timeout", timeout()),
        tunnel_idle_timeout: table.get("tunnel_idle_timeout", timeout()),
        upstream_tls: table.get("upstream_tls", section(&schema::UPSTREAM_TLS, upstream_tls)),
        request_headers: table.get("request_headers", headers).value_or_default(),
        response_headers: table.get("response_headers", headers).value_or_default(),
        access: table.get("access", list(access::EXPECTED, || text(access::EXPECTED, access::rule))),
        intercept_errors: table.get("intercept_errors", readers::intercept_errors),
        expect_continue: table.get("expect_continue", text(readers::EXPECT_EXPECTED, readers::expect_continue)),
        error_pages: table.get("error_page", list(schema::ERROR_PAGE.form, || local_responses::error_page)),
    }
}

fn upstream_tls(table: &mut TomlTable<'_, '_, '_>) -> UpstreamTlsSection {
    let file = || text(readers::PATH_EXPECTED, readers::path);
    UpstreamTlsSection {
        verify: table.get("verify", boolean),
        ca: table.get("ca", file()),
        pin: table.get("pin", file()),
        name: table.get("name", text(readers::HOST_EXPECTED, readers::host_name)),
        certificate: table.get("certificate", file()),
        certificate_key: table.get("certificate_key", file()),
    }
}

fn route(table: &mut TomlTable<'_, '_, '_>) -> RouteSection {
    RouteSection {
        span: table.span.clone(),
        path: route_match(table),
        action: route_action(table),
        replace_with: table.get("replace_with", text(route_path::REPLACEMENT_EXPECTED, route_path::replacement)),
        before_redirect: table.get("before_redirect", boolean),
        settings: forward_settings(table),
    }
}

fn route_match(table: &mut TomlTable<'_, '_, '_>) -> Setting<PathMatch> {
    let mut path = |key, kind: fn(String) -> PathMatch| {
        table.get(key, text("write a path in quotes", |path| route_path::plain(path).map(kind)))
    };
    let exact = path("exact", PathMatch::Exact);
    let prefix = path("prefix", PathMatch::Prefix);
    let prefix_before_regex = path("prefix_before_regex", PathMatch::PreferredPrefix);
    let pattern = |pattern: &str| route_path::pattern(pattern).map(PathMatch::Regex);
    let regex = table.get("regex", text("write a regular expression in single quotes", pattern));
    table.only_one(
        vec![exact, prefix, prefix_before_regex, regex],
        "`exact`, `prefix`, `prefix_before_regex` and `regex`",
    )
}

fn route_action(table: &mut TomlTable<'_, '_, '_>) -> Setting<RouteActionSection> {
    let upstream = |upstream: &str| address::upstream(upstream).map(RouteActionSection::Upstream);
    let upstream = table.get("upstream", text(address::UPSTREAM_EXPECTED, upstream));
    let redirect = table.get("redirect_to", redirect::redirect);
    let respond = table.get("respond", respond);
    let files = table.get("files", local_responses::files);
    let close = table.get("close", close);
    let actions = vec![upstream, redirect, respond, files, close];
    table.only_one(actions, "`upstream`, `redirect_to`, `respond`, `files` and `close`")
}

/// Reads `close = true`. `false` is rejected: it is the effect of leaving the key out.
fn close(reader: &mut TomlReader<'_>, value: &TomlValue<'_>) -> Option<RouteActionSection> {
    let is_true = boolean(reader, value)?;
    let error = || ValueError::new("`close = false` has no effect").help("remove it, or write `close = true`");
    reader.accept(is_true.then_some(RouteActionSection::Close).ok_or_else(error), value)
}

fn respond<'t>(reader: &mut TomlReader<'_>, value: &'t TomlValue<'t>) -> Option<RouteActionSection> {
    let response = section(&schema::RESPOND, |table| {
        let status = table.get("status", status);
        let content_type = table.get("content_type", text("write a media type in quotes", header::value));
        let body = table.get("body", text("write the body in quotes", |body| Ok(body.to_owned())));
        FixedResponse {
            status: status.value_or(StatusCode::OK),
            content_type: content_type.value_or(HeaderValue::from_static("text/plain")),
            body: body.value_or_default(),
        }
    })(reader, value)?;
    // Responses with these statuses end after the header section (RFC 9110 sections 15.3.5 and 15.4.5).
    if [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&response.status) && !response.body.is_empty() {
        let error =
            ValueError::new(format!("a response with status {} cannot have a body", response.status.as_u16()));
        return reader.accept(Err(error.help("remove the body, or use status 200")), value);
    }
    Some(RouteActionSection::Respond(response))
}

fn status(reader: &mut TomlReader<'_>, value: &TomlValue<'_>) -> Option<StatusCode> {
    number(200..=599)(reader, value).and_then(|code| StatusCode::from_u16(u16::try_from(code).ok()?).ok())
}

fn workers(reader: &mut TomlReader<'_>, value: &TomlValue<'_>) -> Option<NonZeroUsize> {
    number(1..=MAX_WORKERS)(reader, value).and_then(|count| NonZeroUsize::new(usize::try_from(count).ok()?))
}

fn connections(reader: &mut TomlReader<'_>, value: &TomlValue<'_>) -> Option<usize> {
    number(0..=MAX_CONNECTIONS)(reader, value).and_then(|count| usize::try_from(count).ok())
}

fn port(reader: &mut TomlReader<'_>, value: &TomlValue<'_>) -> Option<NonZeroU16> {
    number(1..=65535)(reader, value).and_then(|port| NonZeroU16::new(u16::try_from(port).ok()?))
}

/// More threads than any machine has cores: a larger number is a mistake.
const MAX_WORKERS: u64 = 1024;

/// More idle connections than a client address has ports.
const MAX_CONNECTIONS: u64 = 65535;
