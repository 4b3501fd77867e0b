//! Lowers `custom_nginx_config`.
//!
//! The package's nginx has this text at the end of its `http` block.

use super::common_directives::BlockSettings;
use super::report::{DirectiveOutcome, SnippetReport};
use super::setting::{self, conclude};
use super::{real_ip, unsupported};
use crate::config::document::{ClientAddressSection, HostSection, Setting, Spanned};
use crate::config::gitlab_rb::lower::context::LowerContext;
use crate::config::gitlab_rb::nginx_text::NginxDirective;
use crate::config::gitlab_rb::settings::SettingOwner;

/// What the hosts inherit from the text.
#[derive(Debug, Default)]
pub(in crate::config::gitlab_rb::lower) struct HttpBlock {
    pub(in crate::config::gitlab_rb::lower) client_address: ClientAddressSection,
    block: BlockSettings,
}

/// Reads the text. Few directives have an effect, because nginx inherits only what a host does not set itself.
pub(in crate::config::gitlab_rb::lower) fn read(context: &mut LowerContext<'_, '_>) -> HttpBlock {
    let mut http = HttpBlock::default();
    let Some(key) = context.reader.spelling(SettingOwner::Daemon, KEY) else { return http };
    let Some(directives) = setting::read(SettingOwner::Daemon, KEY, context) else { return http };
    let mut report = SnippetReport::new(key);
    for directive in &directives {
        lower(directive, &mut http, &mut report);
    }
    conclude(report, context.reader);
    http
}

impl HttpBlock {
    /// Applies the access rules to all hosts without rules of their own.
    pub(in crate::config::gitlab_rb::lower) fn restrict(self, hosts: &mut [HostSection]) {
        let Some(first) = self.block.access.first() else { return };
        let span = first.span.clone();
        for host in hosts.iter_mut().filter(|host| host.settings.forwarding.access.is_unset()) {
            let rules = Spanned { value: self.block.access.clone(), span: span.clone() };
            host.settings.forwarding.access = Setting::Set(rules);
        }
    }
}

fn lower(directive: &NginxDirective, http: &mut HttpBlock, report: &mut SnippetReport) {
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
        "allow" | "deny" => http.block.lower(directive),
        _ if real_ip::is_real_ip(name) => real_ip::lower(&mut http.client_address, None, directive, report),
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
