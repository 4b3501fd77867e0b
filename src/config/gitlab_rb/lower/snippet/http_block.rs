//! `custom_nginx_config`: text that nginx puts at the end of its `http` block, around all hosts.

use super::common_directives::Block;
use super::include::Includes;
use super::report::{Account, Outcome};
use super::setting::{conclude, read};
use super::unsupported;
use crate::config::document::{HostSection, Said, Setting};
use crate::config::gitlab_rb::lower::context::Lowering;
use crate::config::gitlab_rb::nginx_text::Directive;
use crate::config::gitlab_rb::settings::Owner;

/// Adds what the text says to all hosts. That is little: nginx passes down only what a host does not say for
/// itself.
pub(in crate::config::gitlab_rb::lower) fn apply(hosts: &mut [HostSection], lowering: &mut Lowering<'_, '_>) {
    let Some(key) = lowering.reader.spelling(Owner::Daemon, KEY) else { return };
    let Some(directives) = read(Owner::Daemon, KEY, lowering) else { return };
    let mut account = Account::new(key);
    let mut block = Block::default();
    let mut includes = Includes::new(lowering.surroundings);
    let mut each = |directive: &Directive, account: &mut Account| take(directive, &mut block, account);
    includes.each(&directives, &mut account, lowering.reader.problems, &mut each);
    if let Some(first) = block.access.first() {
        let place = first.place.clone();
        for host in hosts.iter_mut().filter(|host| host.settings.forwarding.access.is_unsaid()) {
            let rules = Said { value: block.access.clone(), place: place.clone() };
            host.settings.forwarding.access = Setting::Said(rules);
        }
    }
    conclude(account, lowering.reader);
}

fn take(directive: &Directive, block: &mut Block, account: &mut Account) {
    let name = directive.name.as_str();
    if !directive.inner().is_empty() {
        let why = match unsupported::outcome(name, &[]) {
            Outcome::Refused(why) | Outcome::NoEffect(why) | Outcome::Lost(why) => why,
            Outcome::Applied => String::new(),
        };
        return account.refuse_all(directive, &why);
    }
    let outcome = match name {
        "allow" | "deny" => block.take(directive),
        _ if OVERRIDDEN.contains(&name) => Outcome::no_effect("the hosts of the package have their own"),
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
