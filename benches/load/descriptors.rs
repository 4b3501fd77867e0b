//! File descriptors: as many as the scenarios want, or as many as there are.

use anyhow::{Context, Result};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Raises this process's limit, which its children inherit, to `wanted` where allowed, else as far
/// as the hard limit goes; returns what is granted.
///
/// # Errors
/// The limit can be neither read nor set.
pub(crate) fn raise_to(wanted: u64) -> Result<u64> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).context("cannot read the limit of open files")?;
    if hard < wanted && setrlimit(Resource::RLIMIT_NOFILE, wanted, wanted).is_ok() {
        return Ok(wanted);
    }
    let granted = wanted.min(hard);
    setrlimit(Resource::RLIMIT_NOFILE, granted, hard)
        .with_context(|| format!("cannot raise the limit of open files to {granted}"))?;
    Ok(granted)
}

/// The most tunnels a proxy can carry with `descriptors`: two sockets each, and some for itself.
pub(crate) fn tunnels_within(descriptors: u64) -> usize {
    usize::try_from(descriptors.saturating_sub(RESERVE) / 2).unwrap_or(usize::MAX)
}

/// How many descriptors `tunnels` tunnels take.
pub(crate) fn needed_for(tunnels: usize) -> u64 {
    2 * tunnels as u64 + RESERVE
}

/// What a proxy opens beside its tunnels: listeners, logs, event queues, a few spare.
const RESERVE: u64 = 500;
