//! Waits that SIGINT and SIGTERM interrupt.
//!
//! A signal becomes an ordinary error, so that child processes and directories are removed by their `Drop`.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};

/// Error returned after SIGINT or SIGTERM.
#[derive(Debug)]
pub(crate) struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted; all child processes were terminated")
    }
}

impl std::error::Error for Interrupted {}

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Installs handlers for SIGINT and SIGTERM.
///
/// # Errors
/// The handlers cannot be installed.
pub(crate) fn install_handlers() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let (mut interrupt, mut terminate) = {
        let _context = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        INTERRUPTED.store(true, Ordering::Relaxed);
    });
    Ok(())
}

/// Sleeps for `duration`.
///
/// # Errors
/// [`Interrupted`], if a signal arrived.
pub(crate) fn sleep(duration: Duration) -> Result<()> {
    let end = Instant::now() + duration;
    loop {
        if INTERRUPTED.load(Ordering::Relaxed) {
            return Err(Interrupted.into());
        }
        let remaining = end.saturating_duration_since(Instant::now());
        if remaining.is_zero() {
            return Ok(());
        }
        std::thread::sleep(remaining.min(STEP));
    }
}

/// Calls `done` every `interval` until it returns `true`. Returns `false` after `limit`.
///
/// # Errors
/// The errors of `done`, and [`Interrupted`].
pub(crate) fn poll_until(
    limit: Duration,
    interval: Duration,
    mut done: impl FnMut() -> Result<bool>,
) -> Result<bool> {
    let end = Instant::now() + limit;
    while Instant::now() < end {
        if done()? {
            return Ok(true);
        }
        sleep(interval)?;
    }
    Ok(false)
}

const STEP: Duration = Duration::from_millis(50);
