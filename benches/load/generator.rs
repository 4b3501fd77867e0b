//! The load generator: clients on threads with one event loop each.

pub(crate) mod broadcast;
pub(crate) mod connection;
pub(crate) mod error;
pub(crate) mod handshake;
pub(crate) mod http1;
pub(crate) mod http2;
pub(crate) mod upload;
pub(crate) mod websocket;

mod plan;
mod probe;

use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use tokio::sync::{Semaphore, watch};
use tokio::task::LocalSet;
use tokio::time::sleep;

use self::error::ClientError;
pub(crate) use self::plan::Target;
pub(crate) use self::probe::Probe;
use crate::cores::CoreSet;
use crate::meter::{ClientCounter, Counts, Phase, Progress, ThreadCounters};
use crate::scenario::Load;

/// A client that opens a connection and works on it until it closes.
pub(crate) trait Client {
    type Connection;

    /// # Errors
    /// Connecting fails, or a response is invalid.
    async fn open(&self) -> Result<Self::Connection, ClientError>;

    /// Works on the connection. Returns after an orderly close; the caller then opens a new connection.
    ///
    /// # Errors
    /// The connection fails or a response is invalid.
    async fn run(&self, connection: Self::Connection, counter: &Rc<ClientCounter>) -> Result<(), ClientError>;
}

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
            let driver = ClientDriver { progress: Arc::clone(&running.progress), phase: running.phase.subscribe() };
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

/// Runs the clients of one thread through the phases of a trial.
#[derive(Debug)]
pub(crate) struct ClientDriver {
    progress: Arc<Progress>,
    phase: watch::Receiver<Phase>,
}

impl ClientDriver {
    /// Runs `count` instances of `client` until the load is finished and returns their counts.
    pub(crate) async fn run<C: Client + 'static>(
        mut self,
        client: C,
        count: usize,
        no_progress: NoProgress,
    ) -> Counts {
        let thread = Rc::new(ThreadCounters::new(self.progress));
        let client = Rc::new(client);
        let connect_permits = Rc::new(Semaphore::new(MAX_CONCURRENT_CONNECTS));
        let counters: Vec<Rc<ClientCounter>> = (0..count).map(|_| Rc::new(ClientCounter::new(&thread))).collect();
        for counter in &counters {
            let client_loop = ClientLoop {
                counter: Rc::clone(counter),
                connect_permits: Rc::clone(&connect_permits),
                phase: self.phase.clone(),
            };
            tokio::task::spawn_local(client_loop.run(Rc::clone(&client)));
        }
        while self.phase.changed().await.is_ok() {
            let phase = *self.phase.borrow_and_update();
            thread.enter(phase);
            if phase == Phase::Finished {
                break;
            }
        }
        if no_progress == NoProgress::IsError {
            counters.iter().for_each(|counter| counter.check_productive());
        }
        thread.take()
    }
}

/// Whether it is an error that a client completes nothing in the measuring phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoProgress {
    IsError,
    IsExpected,
}

/// The loop of one client: connect, wait for the other clients, work, reconnect.
struct ClientLoop {
    counter: Rc<ClientCounter>,
    connect_permits: Rc<Semaphore>,
    phase: watch::Receiver<Phase>,
}

impl ClientLoop {
    /// Runs the loop. After a failure, it waits for [`RETRY_DELAY`].
    async fn run<C: Client>(mut self, client: Rc<C>) {
        loop {
            if let Err(error) = self.connect_and_run(&*client).await {
                self.counter.failed(&error);
                sleep(RETRY_DELAY).await;
            }
        }
    }

    async fn connect_and_run<C: Client>(&mut self, client: &C) -> Result<(), ClientError> {
        let connection = {
            // Thousands of simultaneous connects would overflow the listen backlog and cause SYN retries.
            let _permit = self.connect_permits.acquire().await;
            client.open().await?
        };
        self.counter.ready();
        // Load from connected clients would delay the connects of the others. An error means that the trial is
        // finished, which also ends this task.
        let _ = self.phase.wait_for(|phase| *phase != Phase::Connecting).await;
        client.run(connection, &self.counter).await
    }
}

/// Runs the clients of one thread. Client tasks that are pending when `driver` completes are dropped.
fn event_loop(driver: impl Future<Output = Result<Counts>>) -> Result<Counts> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, driver)
}

const MAX_CONCURRENT_CONNECTS: usize = 64;
const RETRY_DELAY: Duration = Duration::from_millis(20);
