//! From settings to a document: which hosts there are, and how they are served, by the package's rules.

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
mod upstreams;

use std::path::Path;
use std::sync::Arc;

pub(super) use units::{body_limit, span};

use super::environment::Environment;
use crate::config::diagnostic::Diagnostic;
use crate::config::document::{Document, HostSection, HostSettings, ProcessSection, Setting, Spanned};
use crate::config::span::{SourceFile, SourceSpan};
use crate::model::host::{HostName, HostPattern};
use context::LowerContext;
use lets_encrypt::LetsEncrypt;
use reader::SettingsReader;
use service::Service;

/// The document of a file whose settings `reader` reads.
pub(super) fn document(
    source: &Arc<SourceFile>,
    process: ProcessSection,
    reader: &mut SettingsReader<'_>,
    surroundings: &dyn Environment,
) -> Document {
    let process = with_account(process, source, reader);
    roles::check(reader);
    report_openbao(reader);
    let mut lowering = LowerContext { reader, surroundings, lets_encrypt: LetsEncrypt::Off, gitlab: None };
    let mut hosts = Vec::new();
    let mut renamed_hosts = Vec::new();
    let mut workhorse = None;
    for service in Service::ALL {
        let Some(plan) = service.plan(&mut lowering) else { continue };
        if service == Service::Gitlab {
            lowering.lets_encrypt = LetsEncrypt::decide(&plan, lowering.reader, surroundings);
            lowering.gitlab = Some(plan.url.clone());
            workhorse = Some(plan.upstream.clone());
        }
        let mut host = plan.host(&mut lowering);
        renamed_hosts.extend(snippet::apply(&plan, &mut host, &mut lowering));
        if service == Service::Gitlab {
            // Its address list is copied before Kerberos' port is added to it.
            let for_smartcards = smartcard::host(&host, lowering.reader);
            let for_kerberos = kerberos::add_port(&mut host, lowering.reader);
            hosts.extend([Some(host), for_kerberos, for_smartcards].into_iter().flatten());
        } else {
            hosts.push(host);
        }
    }
    if lowering.gitlab.is_none() {
        LetsEncrypt::is_idle(lowering.reader);
    }
    let acme = lowering.lets_encrypt.section(lowering.reader);
    snippet::http_block::apply(&mut hosts, &mut lowering);
    shared_addresses::add_renamed(&mut hosts, renamed_hosts);
    shared_addresses::unify_http_versions(&mut hosts);
    shared_addresses::drop_shadowed_redirects(&mut hosts, reader.problems);
    port_conflicts::report(&hosts, reader);
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

/// GitLab 19 brings a vault with a host of its own.
fn report_openbao(reader: &mut SettingsReader<'_>) {
    let Some(enabled) = reader.entry(&["oak", "enable"]).filter(|said| said.value.truth() == Some(true)) else {
        return;
    };
    let warning = Diagnostic::warning(&enabled.span, "the host of OpenBao is not served");
    reader.problems.push(warning.help("put it on another machine, or serve it with a gatepost.toml of your own"));
}

/// The package's nginx serves as `gitlab-www`, which may use Workhorse's socket.
fn with_account(
    process: ProcessSection,
    source: &Arc<SourceFile>,
    reader: &mut SettingsReader<'_>,
) -> ProcessSection {
    if !process.user.is_unset() {
        return process;
    }
    let said = reader.text(&["web_server", "username"]);
    let default = Spanned { value: "gitlab-www".to_owned(), span: SourceSpan::file(source) };
    ProcessSection { user: Setting::Set(said.unwrap_or(default)), ..process }
}

/// The first host of each address answers for unknown names, as the package has it: probes by IP address
/// depend on it. GitLab's comes before all others.
fn default_hosts(hosts: &[HostSection], source: &Arc<SourceFile>) -> Setting<Vec<Spanned<HostName>>> {
    let mut names: Vec<Spanned<HostName>> = Vec::new();
    for said in hosts.iter().filter_map(|host| host.name.as_set()) {
        if let HostPattern::Exact(name) = &said.value
            && names.iter().all(|known| known.value != *name)
        {
            names.push(Spanned { value: name.clone(), span: said.span.clone() });
        }
    }
    Setting::Set(Spanned { value: names, span: SourceSpan::file(source) })
}

fn no_host(source: &Arc<SourceFile>, reader: &SettingsReader<'_>) -> Diagnostic {
    let error = Diagnostic::error(&SourceSpan::file(source), "this file asks for no host at all");
    if roles::leave_gitlab_out(reader) {
        return error.help("its roles leave GitLab out; gitlab_rails['enable'] = true has it all the same");
    }
    error.help("set external_url 'https://gitlab.example.com', or mattermost_external_url for Mattermost alone")
}
