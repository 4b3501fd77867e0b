//! From what a document says to what it means: defaults, cross-checks, one model.
//!
//! The order of everything in the model follows from the document alone: hosts as they are written,
//! each before its redirects, listeners by address. So equal documents make equal models.

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

/// Compiles a document. `None` if there are errors, be it here or in `problems` from the reading.
pub fn compile(document: &Document, problems: &mut Diagnostics) -> Option<Model> {
    // A file whose only host cannot be read has one problem, not two.
    if document.hosts.is_empty() && !problems.has_errors() {
        problems.push(no_host(document));
    }
    let model = Model::new(process(&document.process, &document.directory));
    let mut context = CompileContext::new(&document.directory, model, problems);
    let mut listeners = ListenerTable::default();
    for section in &document.hosts {
        for claim in host::compile(section, &document.defaults, &mut context) {
            listeners.bind(claim, context.problems);
        }
    }
    if let Some(section) = document.status.as_set() {
        for claim in status::compile(section, &mut context) {
            listeners.bind(claim, context.problems);
        }
    }
    context.model.acme = acme::compile(&document.acme, &mut context);
    let default_hosts = document.default_host.as_set().map(|said| &said.value[..]).unwrap_or_default();
    for unknown in default_hosts.iter().filter_map(|said| unknown_host(said, &document.hosts)) {
        context.problems.push(unknown);
    }
    listeners.report_shared_preambles(context.problems);
    context.model.listeners = listeners.into_model(default_hosts, context.model.status);
    acme::report_unreachable_challenge(&document.acme, &context.model, context.problems);
    (!context.problems.has_errors()).then_some(context.model)
}

fn process(section: &ProcessSection, directory: &Path) -> ProcessSettings {
    let ticket_keys = section.ticket_keys.as_set().map(|said| TicketKeySource::File(directory.join(&said.value)));
    ProcessSettings {
        workers: section.workers.value_or(defaults::workers()),
        user: section.user.as_set().map(|said| said.value.clone()),
        shutdown_timeout: section.shutdown_timeout.value_or(defaults::SHUTDOWN_GRACE),
        log_level: section.log_level.value_or(defaults::LOG_LEVEL),
        ticket_keys: ticket_keys.unwrap_or(TicketKeySource::Generated),
    }
}

fn no_host(document: &Document) -> Diagnostic {
    Diagnostic::error(&SourceSpan::file(&document.source), "no host is configured")
        .help("the smallest file that serves something is:")
        .help("    [[host]]")
        .help("    name = \"gitlab.example.com\"")
        .help("    upstream = \"unix:/var/opt/gitlab/gitlab-workhorse/sockets/socket\"")
}

fn unknown_host(said: &Spanned<HostName>, hosts: &[HostSection]) -> Option<Diagnostic> {
    let wanted = HostPattern::Exact(said.value.clone());
    // A name that cannot be read may be the one.
    let may_be_named = |host: &HostSection| match (&host.name, &host.aliases) {
        (Setting::Invalid, _) | (_, Setting::Invalid) => true,
        (name, aliases) => {
            let aliases = aliases.as_set().map(|said| &said.value[..]).unwrap_or_default();
            name.as_set().into_iter().chain(aliases).any(|name| name.value == wanted)
        }
    };
    if hosts.iter().any(may_be_named) {
        return None;
    }
    let error = Diagnostic::error(&said.span, format!("no host is named `{}`", said.value));
    let names = hosts.iter().filter_map(|host| host.name.as_set()).map(|name| name.value.name().as_str());
    Some(match nearest(said.value.as_str(), names) {
        Some(meant) => error.help(format!("did you mean \"{meant}\"?")),
        None => error.help("name one of the hosts below, or remove the line to refuse unknown names"),
    })
}
