//! Raw nginx text of a host (`custom_gitlab_server_config` and its like), translated into the words of a
//! document.
//!
//! nginx puts the text at the end of the host's `server` block. Each directive of it is obeyed, has no
//! effect, or is refused, and is accounted for with its own line: nothing is left out in silence.

pub(in crate::config::gitlab_rb) mod account;
mod answer;
mod block;
pub(super) mod http;
mod include;
mod location;
mod minor;
mod proxy_pass;
mod server;
mod template;
mod url;

use super::Lowering;
use super::plan::{Plan, Service};
use super::reader::Reader;
use crate::config::document::{HostSection, Said};
use crate::config::gitlab_rb::nginx_text::{self, Directive, Written};
use crate::config::gitlab_rb::settings::Owner;
use account::Account;
use include::Includes;
use server::Server;

/// Adds what the text of a host says to the host. A host of its own may come of it.
pub(super) fn apply(plan: &Plan, host: &mut HostSection, lowering: &mut Lowering<'_, '_>) -> Option<HostSection> {
    let owner = plan.service.owner();
    let key = match plan.service {
        Service::Mattermost => "custom_gitlab_mattermost_server_config",
        _ => "custom_gitlab_server_config",
    };
    let mut account = Account::new(lowering.reader.spelling(owner, key)?);
    let directives = read(owner, key, lowering)?;
    let mut server = Server::new(plan, &host.settings);
    let mut includes = Includes::new(lowering.surroundings);
    let mut take = |directive: &Directive, account: &mut Account| server.take(directive, account);
    includes.each(&directives, &mut account, lowering.reader.problems, &mut take);
    let other = server.finish(host);
    conclude(account, lowering.reader);
    other
}

/// The directives of a setting; `None` if there are none that could be read.
fn read(owner: Owner, key: &str, lowering: &mut Lowering<'_, '_>) -> Option<Vec<Directive>> {
    let Said { value, place } = lowering.reader.text_of(owner, key)?;
    nginx_text::parse(&Written::value(&value, &place)).map_err(|error| lowering.reader.problems.push(error)).ok()
}

/// Hands the account over to those who judge the whole file.
fn conclude(account: Account, reader: &mut Reader<'_>) {
    account.warn(reader.problems);
    if let Some((verdict, reason)) = account.summary() {
        reader.remark(account.setting(), verdict, reason);
    }
    reader.directives.extend(account.verdicts);
}

#[cfg(test)]
mod tests;
