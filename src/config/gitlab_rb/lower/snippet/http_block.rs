//! Lowers `custom_nginx_config`.
//!
//! The package's nginx has this text at the end of its `http` block.

use super::common_directives::BlockSettings;
use super::report::{DirectiveOutcome, SnippetReport};
use super::setting::{conclude, read};
use super::unsupported;
use crate::config::document::{HostSection, Setting, Spanned};
use crate::config::gitlab_rb::lower::context::LowerContext;
use crate::config::gitlab_rb::nginx_text::NginxDirective;
use crate::config::gitlab_rb::settings::SettingOwner;

/// Applies the text to all hosts. Few directives have an effect, because nginx inherits only what a host does
/// not set itself.
pub(in crate::config::gitlab_rb::lower) fn apply(hosts: &mut [HostSection], context: &mut LowerContext<'_, '_>) {
    let Some(key) = context.reader.spelling(SettingOwner::Daemon, KEY) else { return };
    let Some(directives) = read(SettingOwner::Daemon, KEY, context) else { return };
    let mut report = SnippetReport::new(key);
    let mut block = BlockSettings::default();
    for directive in &directives {
        lower(directive, &mut block, &mut report);
    }
    if let Some(first) = block.access.first() {
        let span = first.span.clone();
        for host in hosts.iter_mut().filter(|host| host.settings.forwarding.access.is_unset()) {
            let rules = Spanned { value: block.access.clone(), span: span.clone() };
            host.settings.forwarding.access = Setting::Set(rules);
        }
    }
    conclude(report, context.reader);
}

fn lower(directive: &NginxDirective, block: &mut BlockSettings, report: &mut SnippetReport) {
    let name = directive.name.as_str();
    if !directive.inner().is_empty() {
        let why = match unsupported::outcome(name, &[]) {
            DirectiveOutcome::Refused(why) | DirectiveOutcome::NoEffect(why) => why,
            DirectiveOutcome::Applied | DirectiveOutcome::Invalid(_) | DirectiveOutcome::Dropped(_) => {
                String::new()
            }
        };
        return report.refuse_block(directive, &why);
    }
    let outcome = match name {
        "include" => DirectiveOutcome::included(directive),
        "allow" | "deny" => block.lower(directive),
        _ if OVERRIDDEN.contains(&name) => {
            DirectiveOutcome::no_effect("every host of the package sets this itself")
        }
        _ => unsupported::outcome(name, &directive.words()),
    };
    report.record(directive, outcome);
}

const KEY: &str = "custom_nginx_config";

/// Directives that every host of the package sets itself.
const OVERRIDDEN: [&str; 8] = [
    "add_header",
    "proxy_set_header",
    "client_max_body_size",
    "proxy_read_timeout",
    "proxy_connect_timeout",
    "access_log",
    "root",
    "index",
];
