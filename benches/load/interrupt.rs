//! Waiting that an interrupt from the keyboard or a TERM signal cuts short.
//!
//! An interrupt becomes an ordinary error, so that every child and directory ends by its own drop.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};

/// Somebody wants the harness to end.
#[derive(Debug)]
pub(crate) struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted; everything that was started has been ended")
    }
}

impl std::error::Error for Interrupted {}

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Takes over INT and TERM for the rest of the process.
///
/// # Errors
/// The handlers cannot be installed.
pub(crate) fn listen() -> Result<()> {
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
/// The harness was interrupted meanwhile.
pub(crate) fn pause(duration: Duration) -> Result<()> {
    let end = Instant::now() + duration;
    loop {
        if INTERRUPTED.load(Ordering::Relaxed) {
            return Err(Interrupted.into());
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(STEP));
    }
}

/// Asks `done` every `interval` until it says yes; `false` when `limit` has passed first.
///
/// # Errors
/// Those of `done`, or the harness was interrupted.
pub(crate) fn eventually(
    limit: Duration,
    interval: Duration,
    mut done: impl FnMut() -> Result<bool>,
) -> Result<bool> {
    let end = Instant::now() + limit;
    while Instant::now() < end {
        if done()? {
            return Ok(true);
        }
        pause(interval)?;
    }
    Ok(false)
}

const STEP: Duration = Duration::from_millis(50);
