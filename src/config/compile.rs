//! Compiles a document into a model: applies defaults, resolves names, checks consistency.
//!
//! The order of all items in the model depends on the document alone: hosts in source order, each before its
//! redirect hosts, and listeners by address. Equal documents therefore compile to equal models.

mod acme;
mod client_address;
mod context;
mod defaults;
mod headers;
mod host;
mod listen;
mod listeners;
mod local_responses;
mod log_format;
mod redirect;
mod routes;
mod status;
mod tls;
mod unused_keys;
mod upstreams;

use std::path::Path;

use super::diagnostic::{Diagnostic, Diagnostics};
use super::document::{Document, HostSection, ProcessSection, Setting, Spanned};
use super::span::SourceSpan;
use super::suggestion::nearest;
use crate::model::host::{HostName, HostPattern};
use crate::model::tls::TicketKeySource;
use crate::model::{Model, ProcessSettings};
use context::CompileContext;
use listeners::ListenerTable;

/// Compiles a document. Returns `None` if `problems` contains errors, from reading or from compiling.
pub fn compile(document: &Document, problems: &mut Diagnostics) -> Option<Model> {
    // A file whose only host is invalid has one error, not two.
    if document.hosts.is_empty() && !problems.has_errors() {
        problems.push(no_host(document));
    }
    let model = Model::new(process(&document.process, &document.directory));
    let mut context = CompileContext::new(&document.directory, model, problems);
    let mut listeners = ListenerTable::default();
    for section in &document.hosts {
        for binding in host::compile(section, &document.defaults, &mut context) {
            listeners.bind(binding, context.problems);
        }
    }
    if let Some(section) = document.status.as_set() {
        for binding in status::compile(section, &mut context) {
            listeners.bind(binding, context.problems);
        }
    }
    context.model.acme = acme::compile(&document.acme, &mut context);
    let default_hosts = document.default_host.as_set().map(|setting| &setting.value[..]).unwrap_or_default();
    for unknown in default_hosts.iter().filter_map(|name| unknown_default_host(name, &document.hosts)) {
        context.problems.push(unknown);
    }
    listeners.report_shared_proxy_protocol(context.problems);
    context.model.listeners = listeners.into_model(default_hosts, context.model.status);
    acme::report_unreachable_challenge(&document.acme, &context.model, context.problems);
    (!context.problems.has_errors()).then_some(context.model)
}

fn process(section: &ProcessSection, directory: &Path) -> ProcessSettings {
    let ticket_keys =
        section.ticket_keys.as_set().map(|setting| TicketKeySource::File(directory.join(&setting.value)));
    ProcessSettings {
        workers: section.workers.value_or(defaults::workers()),
        user: section.user.as_set().map(|setting| setting.value.clone()),
        shutdown_timeout: section.shutdown_timeout.value_or(defaults::SHUTDOWN_TIMEOUT),
        log_level: section.log_level.value_or(defaults::LOG_LEVEL),
        ticket_keys: ticket_keys.unwrap_or(TicketKeySource::Generated),
    }
}

fn no_host(document: &Document) -> Diagnostic {
    Diagnostic::error(&SourceSpan::file(&document.source), "no host is configured").help(SMALLEST_FILE)
}

const SMALLEST_FILE: &str = "the smallest file that serves a host is:
    [[host]]
    name = \"gitlab.example.com\"
    upstream = \"unix:/var/opt/gitlab/gitlab-workhorse/sockets/socket\"";

fn unknown_default_host(default_host: &Spanned<HostName>, hosts: &[HostSection]) -> Option<Diagnostic> {
    let pattern = HostPattern::Exact(default_host.value.clone());
    // An invalid name may be a misspelling of this one.
    let may_have_name = |host: &HostSection| match (&host.name, &host.aliases) {
        (Setting::Invalid, _) | (_, Setting::Invalid) => true,
        (name, aliases) => {
            let aliases = aliases.as_set().map(|setting| &setting.value[..]).unwrap_or_default();
            name.as_set().into_iter().chain(aliases).any(|name| name.value == pattern)
        }
    };
    if hosts.iter().any(may_have_name) {
        return None;
    }
    let error =
        Diagnostic::error(&default_host.span, format!("unknown host `{}` in `default_host`", default_host.value));
    let names = hosts.iter().filter_map(|host| host.name.as_set()).map(|name| name.value.name().as_str());
    Some(match nearest(default_host.value.as_str(), names) {
        Some(suggestion) => error.help(format!("did you mean \"{suggestion}\"?")),
        None => error.help("write the name of a configured host, or remove the line to reject unknown host names"),
    })
}
