//! Lowers settings to a document, by the rules of the GitLab package.

mod acme;
mod certificate;
mod certificate_paths;
mod cipher_string;
mod client_address;
mod client_certificates;
mod compression;
mod context;
mod error_pages;
mod external_url;
mod fallback_url;
mod host;
mod kas;
mod kerberos;
mod lets_encrypt;
mod listen;
mod log_format;
mod nginx_string;
mod openssl_conf;
mod port_conflicts;
pub(super) mod reader;
mod request_headers;
mod response_headers;
mod roles;
mod routes;
mod service;
mod services;
mod shared_addresses;
mod smartcard;
pub(super) mod snippet;
mod status;
mod tls;
mod units;
mod unserved_names;
mod upstreams;

use std::path::Path;
use std::sync::Arc;

pub(super) use units::{body_limit, duration};

use super::environment::Environment;
use crate::config::diagnostic::Diagnostic;
use crate::config::document::{Document, HostSection, HostSettings, ProcessSection, Setting, Spanned};
use crate::config::span::{SourceFile, SourceSpan};
use crate::model::host::{HostName, HostPattern};
use context::LowerContext;
use lets_encrypt::LetsEncrypt;
use reader::SettingsReader;
use service::Service;

/// Lowers the settings of a `gitlab.rb` to a document, with one host for each service that has one.
pub(super) fn document(
    source: &Arc<SourceFile>,
    process: ProcessSection,
    reader: &mut SettingsReader<'_>,
    environment: &dyn Environment,
) -> Document {
    let process = with_user(process, source, reader);
    roles::check(reader);
    report_openbao(reader);
    let mut context = LowerContext { reader, environment, lets_encrypt: LetsEncrypt::Off, gitlab: None };
    let http = snippet::http_block::read(&mut context);
    let mut hosts = Vec::new();
    let mut renamed_hosts = Vec::new();
    let mut workhorse = None;
    for service in Service::ALL {
        let Some(service_host) = service.host(&mut context) else { continue };
        if service == Service::Gitlab {
            context.lets_encrypt = LetsEncrypt::decide(&service_host, context.reader, environment);
            context.gitlab = Some(service_host.url.clone());
            workhorse = Some(service_host.upstream.clone());
        }
        let mut host = service_host.lower(&mut context);
        let mut renamed = snippet::apply(&service_host, &mut host, &mut context);
        for host in [&mut host].into_iter().chain(&mut renamed) {
            client_address::inherit(service.owner(), &mut host.settings, &http.client_address, context.reader);
        }
        renamed_hosts.extend(renamed);
        if service == Service::Gitlab {
            // The smartcard host copies the listen addresses before the Kerberos port is added to them.
            let smartcard_host = smartcard::host(&host, context.reader);
            let kerberos_host = kerberos::add_port(&mut host, context.reader);
            hosts.extend([Some(host), kerberos_host, smartcard_host].into_iter().flatten());
        } else {
            hosts.push(host);
        }
    }
    if context.gitlab.is_none() {
        LetsEncrypt::record_without_gitlab(context.reader);
    }
    let acme = context.lets_encrypt.section(context.reader);
    http.restrict(&mut hosts);
    shared_addresses::add_renamed(&mut hosts, renamed_hosts);
    shared_addresses::unify_http_versions(&mut hosts);
    shared_addresses::drop_shadowed_redirects(&mut hosts, reader.problems);
    port_conflicts::report(&hosts, reader);
    unserved_names::report(&hosts, reader);
    if hosts.is_empty() && !reader.problems.has_errors() {
        let error = no_host(source, reader);
        reader.problems.push(error);
    }
    Document {
        source: Arc::clone(source),
        directory: Path::new("/etc/gitlab").to_owned(),
        default_host: default_hosts(&hosts, source),
        process,
        status: status::section(workhorse, reader),
        acme,
        defaults: HostSettings::default(),
        hosts,
    }
}

/// Warns that the host of OpenBao, which GitLab 19 adds (`oak['enable']`), is not served.
fn report_openbao(reader: &mut SettingsReader<'_>) {
    let Some(enabled) = reader.entry(&["oak", "enable"]).filter(|setting| setting.value.truth() == Some(true))
    else {
        return;
    };
    let warning = Diagnostic::warning(
        &enabled.span,
        "`oak['enable']` has no effect: Gatepost does not serve a host for OpenBao",
    );
    reader.problems.push(
        warning.help("serve OpenBao from another machine, or write a gatepost.toml that has a `[[host]]` for it"),
    );
}

/// Sets the user of the process, unless it is set: `web_server['username']`, by default `gitlab-www`. The
/// bundled nginx runs as that account, which has access to Workhorse's socket.
fn with_user(process: ProcessSection, source: &Arc<SourceFile>, reader: &mut SettingsReader<'_>) -> ProcessSection {
    if !process.user.is_unset() {
        return process;
    }
    let setting = reader.text(&["web_server", "username"]);
    let default = Spanned { value: "gitlab-www".to_owned(), span: SourceSpan::file(source) };
    ProcessSection { user: Setting::Set(setting.unwrap_or(default)), ..process }
}

/// Returns the default hosts. As in the package's nginx, the first host of each address serves requests for
/// unknown names; health checks by IP address depend on it. GitLab's host comes first.
fn default_hosts(hosts: &[HostSection], source: &Arc<SourceFile>) -> Setting<Vec<Spanned<HostName>>> {
    let mut names: Vec<Spanned<HostName>> = Vec::new();
    for setting in hosts.iter().filter_map(|host| host.name.as_set()) {
        if let HostPattern::Exact(name) = &setting.value
            && names.iter().all(|known| known.value != *name)
        {
            names.push(Spanned { value: name.clone(), span: setting.span.clone() });
        }
    }
    Setting::Set(Spanned { value: names, span: SourceSpan::file(source) })
}

fn no_host(source: &Arc<SourceFile>, reader: &SettingsReader<'_>) -> Diagnostic {
    let error = Diagnostic::error(&SourceSpan::file(source), "no host is configured");
    if roles::exclude_gitlab(reader) {
        return error.help(
            "`roles` does not include GitLab; set `gitlab_rails['enable'] = true` to serve it on this machine",
        );
    }
    error.help("write `external_url 'https://gitlab.example.com'`, or set `mattermost_external_url` to serve only Mattermost")
}
