//! The machine around the program: how much it may open, and what names it knows.

use std::net::ToSocketAddrs;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use super::finding::Finding;
use crate::model::Model;
use crate::model::host::HostPattern;
use crate::sys::account;

/// Whether there are as many descriptors as the bundled nginx would want.
pub(super) fn descriptors() -> Vec<Finding> {
    let Some(limit) = account::descriptor_limit().filter(|limit| *limit < EXPECTED_CONNECTIONS * 2) else {
        return Vec::new();
    };
    vec![Finding::warning(format!(
        "programs started from here may open {limit} files, which is enough for about {} connections, each with one to \
         its application; raise it to {} (LimitNOFILE= of a systemd service, else `ulimit -Hn`)",
        limit / 2,
        EXPECTED_CONNECTIONS * 2,
    ))]
}

/// Whether the names of hosts can be looked up. Without a name server that answers there is nothing to tell.
pub(super) fn names(model: &Model) -> Vec<Finding> {
    let shown =
        model.hosts().iter().enumerate().filter(|(nth, _)| model.status.is_none_or(|it| it.index() != *nth));
    let mut names: Vec<String> = shown.flat_map(|(_, host)| &host.names).filter_map(exact).collect();
    names.sort();
    names.dedup();
    let (sender, unknown) = channel();
    for name in names {
        let sender = sender.clone();
        // A look-up that hangs is left behind, and ends with the program.
        std::thread::spawn(move || sender.send(is_unknown(&name).then_some(name)));
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
        "nobody knows an address for {name}; give it one in DNS, or in /etc/hosts of whoever needs it (GitLab itself \
         does, when somebody signs in to Mattermost)"
    ))
}

fn exact(pattern: &HostPattern) -> Option<String> {
    match pattern {
        HostPattern::Exact(name) => Some(name.as_str().to_owned()),
        HostPattern::Wildcard(_) => None,
    }
}

/// The standard library tells the two kinds of failure apart by their text only: of the C library's answers, the
/// one that comes from a name server, and not the one that none could be asked (RFC 3493 section 6.1).
fn is_unknown(name: &str) -> bool {
    let answers = ["Name or service not known", "Name does not resolve", "No address associated with hostname"];
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let error = (bare, 443).to_socket_addrs().err().map(|error| error.to_string());
    error.is_some_and(|error| answers.iter().any(|answer| error.contains(answer)))
}

/// Of clients at once. The package lets each of nginx's workers have so many.
const EXPECTED_CONNECTIONS: u64 = 10_240;

/// For all names together.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(2);
