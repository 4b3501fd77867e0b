//! The limit of open files, and the number of tunnels it allows.

use anyhow::{Context, Result};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Raises the limit of this process and its children to `requested`, or to the hard limit where raising that is
/// not permitted. Returns the new limit.
///
/// # Errors
/// The limit cannot be read or set.
pub(crate) fn raise_limit(requested: u64) -> Result<u64> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).context("cannot read the limit of open files")?;
    if hard < requested && setrlimit(Resource::RLIMIT_NOFILE, requested, requested).is_ok() {
        return Ok(requested);
    }
    let granted = requested.min(hard);
    setrlimit(Resource::RLIMIT_NOFILE, granted, hard)
        .with_context(|| format!("cannot raise the limit of open files to {granted}"))?;
    Ok(granted)
}

/// Returns the number of tunnels that `descriptors` allow: two sockets per tunnel plus [`RESERVE`].
pub(crate) fn max_tunnels(descriptors: u64) -> usize {
    usize::try_from(descriptors.saturating_sub(RESERVE) / 2).unwrap_or(usize::MAX)
}

/// Returns the number of descriptors that `tunnels` tunnels require.
pub(crate) fn required_for(tunnels: usize) -> u64 {
    2 * tunnels as u64 + RESERVE
}

/// Descriptors of a proxy for listeners, logs and event queues, with a margin.
const RESERVE: u64 = 500;
