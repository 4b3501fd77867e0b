//! `custom_nginx_config`: text that nginx puts at the end of its `http` block, around all hosts.

use super::common_directives::BlockSettings;
use super::include::IncludeReader;
use super::report::{DirectiveOutcome, SnippetReport};
use super::setting::{conclude, read};
use super::unsupported;
use crate::config::document::{HostSection, Setting, Spanned};
use crate::config::gitlab_rb::lower::context::LowerContext;
use crate::config::gitlab_rb::nginx_text::NginxDirective;
use crate::config::gitlab_rb::settings::SettingOwner;

/// Adds what the text says to all hosts. That is little: nginx passes down only what a host does not say for
/// itself.
pub(in crate::config::gitlab_rb::lower) fn apply(hosts: &mut [HostSection], lowering: &mut LowerContext<'_, '_>) {
    let Some(key) = lowering.reader.spelling(SettingOwner::Daemon, KEY) else { return };
    let Some(directives) = read(SettingOwner::Daemon, KEY, lowering) else { return };
    let mut account = SnippetReport::new(key);
    let mut block = BlockSettings::default();
    let mut includes = IncludeReader::new(lowering.surroundings);
    let mut each = |directive: &NginxDirective, account: &mut SnippetReport| take(directive, &mut block, account);
    includes.each(&directives, &mut account, lowering.reader.problems, &mut each);
    if let Some(first) = block.access.first() {
        let place = first.span.clone();
        for host in hosts.iter_mut().filter(|host| host.settings.forwarding.access.is_unset()) {
            let rules = Spanned { value: block.access.clone(), span: place.clone() };
            host.settings.forwarding.access = Setting::Set(rules);
        }
    }
    conclude(account, lowering.reader);
}

fn take(directive: &NginxDirective, block: &mut BlockSettings, account: &mut SnippetReport) {
    let name = directive.name.as_str();
    if !directive.inner().is_empty() {
        let why = match unsupported::outcome(name, &[]) {
            DirectiveOutcome::Refused(why) | DirectiveOutcome::NoEffect(why) | DirectiveOutcome::Lost(why) => why,
            DirectiveOutcome::Applied => String::new(),
        };
        return account.refuse_all(directive, &why);
    }
    let outcome = match name {
        "allow" | "deny" => block.take(directive),
        _ if OVERRIDDEN.contains(&name) => DirectiveOutcome::no_effect("the hosts of the package have their own"),
        _ => unsupported::outcome(name, &directive.words()),
    };
    account.note(directive, outcome);
}

const KEY: &str = "custom_nginx_config";

/// What every host of the package says for itself.
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
