//! The load generator: clients on threads with one event loop each.

pub(crate) mod broadcast;
pub(crate) mod connection;
pub(crate) mod error;
pub(crate) mod handshake;
pub(crate) mod http1;
pub(crate) mod http2;
pub(crate) mod upload;
pub(crate) mod websocket;

mod client;
mod driver;
mod plan;
mod probe;

use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context, Result, anyhow};
use tokio::sync::watch;
use tokio::task::LocalSet;

use self::driver::ClientDriver;
pub(crate) use self::plan::Target;
pub(crate) use self::probe::Probe;
use crate::cores::CoreSet;
use crate::meter::{Counts, Phase, Progress};
use crate::scenario::Load;

/// A load on running threads; stopped by `finish` or drop.
#[derive(Debug)]
pub(crate) struct RunningLoad {
    phase: watch::Sender<Phase>,
    progress: Arc<Progress>,
    threads: Vec<JoinHandle<Result<Counts>>>,
}

impl RunningLoad {
    /// Starts the clients of `load` on one thread per core.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub(crate) fn start(load: Load, target: &Target, cores: &CoreSet) -> Result<Self> {
        let (phase, _) = watch::channel(Phase::Connecting);
        let progress = Arc::new(Progress::default());
        let count = if load.needs_one_thread() { 1 } else { cores.len().min(load.clients()) };
        let mut running = Self { phase, progress, threads: Vec::new() };
        for (index, core) in cores.split().take(count).enumerate() {
            let clients = load.clients() / count + usize::from(index < load.clients() % count);
            let driver = ClientDriver::new(Arc::clone(&running.progress), running.phase.subscribe());
            let target = *target;
            let thread = std::thread::Builder::new().name(format!("generator-{index}")).spawn(move || {
                core.pin_this_thread()?;
                event_loop(plan::run(load, clients, target, driver))
            });
            running.threads.push(thread.context("cannot start a generator thread")?);
        }
        Ok(running)
    }

    /// Returns the progress of the clients.
    pub(crate) fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Enters `phase` on all threads.
    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    /// Stops the load and returns the counts of all clients.
    ///
    /// # Errors
    /// A thread could not create its clients.
    pub(crate) fn finish(mut self) -> Result<Counts> {
        self.phase.send_replace(Phase::Finished);
        let mut sum = Counts::new();
        for thread in self.threads.drain(..) {
            sum.merge(&thread.join().map_err(|_| anyhow!("a generator thread panicked"))??);
        }
        Ok(sum)
    }
}

impl Drop for RunningLoad {
    /// Stops the threads of an aborted trial.
    fn drop(&mut self) {
        self.phase.send_replace(Phase::Finished);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Runs the clients of one thread. Client tasks that are pending when `driver` completes are dropped.
fn event_loop(driver: impl Future<Output = Result<Counts>>) -> Result<Counts> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, driver)
}
