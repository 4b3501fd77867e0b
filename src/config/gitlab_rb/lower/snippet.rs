//! Lowers raw nginx configuration (`custom_gitlab_server_config` and similar).
//!
//! The package's nginx has the text at the end of the host's `server` block. Each directive is applied, has no
//! effect, or is refused, and is reported with its own line; none is dropped without a verdict.

mod builtin_locations;
mod common_directives;
mod file_pattern;
pub(super) mod http_block;
mod include;
mod location_block;
mod proxy_pass;
mod real_ip;
mod redirect_target;
pub(in crate::config::gitlab_rb) mod report;
mod return_rewrite;
mod server_block;
mod setting;
mod unsupported;

use super::context::LowerContext;
use super::service::{Service, ServiceHost};
use crate::config::document::HostSection;
use report::SnippetReport;
use server_block::ServerState;
use setting::{conclude, read};

/// Applies the nginx text of a host to its section. Returns a second host if the text has a condition on
/// another host name.
pub(super) fn apply(
    service_host: &ServiceHost,
    host: &mut HostSection,
    context: &mut LowerContext<'_, '_>,
) -> Option<HostSection> {
    let owner = service_host.service.owner();
    let key = match service_host.service {
        Service::Mattermost => "custom_gitlab_mattermost_server_config",
        _ => "custom_gitlab_server_config",
    };
    let mut report = SnippetReport::new(context.reader.spelling(owner, key)?);
    let directives = read(owner, key, context)?;
    let proxy_protocol = context.reader.entry_of(owner, "proxy_protocol");
    let proxy_protocol = proxy_protocol.filter(|entry| entry.value.truth() == Some(true)).map(|entry| entry.span);
    let mut server = ServerState::new(service_host, &host.settings, proxy_protocol);
    for directive in &directives {
        server.lower(directive, &mut report);
    }
    let other = server.finish(host);
    conclude(report, context.reader);
    other
}

#[cfg(test)]
mod tests;
