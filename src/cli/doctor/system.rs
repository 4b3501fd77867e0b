//! Checks the descriptor limit and name resolution.

use std::net::ToSocketAddrs;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use super::finding::Finding;
use crate::model::Model;
use crate::model::host::HostPattern;
use crate::sys::account;

/// Checks that the descriptor limit allows as many clients as the bundled nginx.
pub(super) fn check_descriptor_limit() -> Vec<Finding> {
    let Some(limit) = account::descriptor_limit().filter(|limit| *limit < EXPECTED_CONNECTIONS * 2) else {
        return Vec::new();
    };
    vec![Finding::warning(format!(
        "programs started from here may open {limit} files, enough for about {} client connections with an \
         upstream connection each; raise the limit to {} (systemd: LimitNOFILE=, otherwise `ulimit -Hn`)",
        limit / 2,
        EXPECTED_CONNECTIONS * 2,
    ))]
}

/// Checks that the names of the hosts have an address. Reports nothing if no name server responds within 2 s.
pub(super) fn check_host_names(model: &Model) -> Vec<Finding> {
    let hosts =
        model.hosts().iter().enumerate().filter(|(nth, _)| model.status.is_none_or(|it| it.index() != *nth));
    let mut names: Vec<String> = hosts.flat_map(|(_, host)| &host.names).filter_map(exact_name).collect();
    names.sort();
    names.dedup();
    let (sender, unknown) = channel();
    for name in names {
        let sender = sender.clone();
        // A lookup that does not return is abandoned; its thread ends with the process.
        std::thread::spawn(move || sender.send(has_no_address(&name).then_some(name)));
    }
    drop(sender);
    let deadline = Instant::now() + LOOKUP_TIMEOUT;
    let next = || unknown.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok();
    let mut unknown: Vec<String> = std::iter::from_fn(next).flatten().collect();
    unknown.sort();
    unknown.iter().map(unknown_name).collect()
}

fn unknown_name(name: &String) -> Finding {
    Finding::warning(format!(
        "{name} has no address; add one in DNS, or in /etc/hosts of the machines that connect to it (GitLab itself \
         does when a user signs in to Mattermost)"
    ))
}

/// Returns the name of an exact pattern. A wildcard cannot be looked up.
fn exact_name(pattern: &HostPattern) -> Option<String> {
    match pattern {
        HostPattern::Exact(name) => Some(name.as_str().to_owned()),
        HostPattern::Wildcard(_) => None,
    }
}

/// Returns whether a name server responded that a name has no address.
///
/// The standard library distinguishes the errors of `getaddrinfo` (RFC 3493 section 6.1) only by their text. The
/// texts here are those of a response; an unreachable name server has another one.
fn has_no_address(name: &str) -> bool {
    let texts = ["Name or service not known", "Name does not resolve", "No address associated with hostname"];
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let error = (bare, 443).to_socket_addrs().err().map(|error| error.to_string());
    error.is_some_and(|error| texts.iter().any(|text| error.contains(text)))
}

/// Concurrent client connections: nginx `worker_connections` in the package.
const EXPECTED_CONNECTIONS: u64 = 10_240;

/// Time limit for all names together.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(2);
