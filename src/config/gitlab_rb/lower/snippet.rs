//! Raw nginx text of a host (`custom_gitlab_server_config` and its like), translated into the words of a
//! document.
//!
//! nginx puts the text at the end of the host's `server` block. Each directive of it is obeyed, has no
//! effect, or is refused, and is accounted for with its own line: nothing is left out in silence.

mod builtin_locations;
mod common_directives;
pub(super) mod http_block;
mod include;
mod location_block;
mod proxy_pass;
mod redirect_target;
pub(in crate::config::gitlab_rb) mod report;
mod return_rewrite;
mod server_block;
mod setting;
mod unsupported;

use super::context::LowerContext;
use super::service::{Service, ServiceHost};
use crate::config::document::HostSection;
use crate::config::gitlab_rb::nginx_text::NginxDirective;
use include::IncludeReader;
use report::SnippetReport;
use server_block::ServerState;
use setting::{conclude, read};

/// Adds what the text of a host says to the host. A host of its own may come of it.
pub(super) fn apply(
    plan: &ServiceHost,
    host: &mut HostSection,
    lowering: &mut LowerContext<'_, '_>,
) -> Option<HostSection> {
    let owner = plan.service.owner();
    let key = match plan.service {
        Service::Mattermost => "custom_gitlab_mattermost_server_config",
        _ => "custom_gitlab_server_config",
    };
    let mut account = SnippetReport::new(lowering.reader.spelling(owner, key)?);
    let directives = read(owner, key, lowering)?;
    let mut server = ServerState::new(plan, &host.settings);
    let mut includes = IncludeReader::new(lowering.surroundings);
    let mut take = |directive: &NginxDirective, account: &mut SnippetReport| server.take(directive, account);
    includes.each(&directives, &mut account, lowering.reader.problems, &mut take);
    let other = server.finish(host);
    conclude(account, lowering.reader);
    other
}

#[cfg(test)]
mod tests;
