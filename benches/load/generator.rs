//! The load: clients on threads of their own, each thread with one event loop.

pub(crate) mod broadcast;
pub(crate) mod connection;
pub(crate) mod fault;
pub(crate) mod handshake;
pub(crate) mod http1;
pub(crate) mod http2;
pub(crate) mod transfer;
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

use self::fault::Fault;
pub(crate) use self::plan::Target;
pub(crate) use self::probe::Probe;
use crate::cores::CoreSet;
use crate::meter::{Lane, Phase, Progress, Seat, Tally};
use crate::scenario::Load;

/// One of many clients that do the same: it opens a connection and works on it until it ends.
pub(crate) trait Client {
    type Connection;

    /// # Errors
    /// The proxy cannot be reached, or answers wrongly.
    async fn open(&self) -> Result<Self::Connection, Fault>;

    /// Returns when the connection has ended as it should; a new one follows.
    ///
    /// # Errors
    /// The connection broke or an answer was wrong.
    async fn run(&self, connection: Self::Connection, seat: &Rc<Seat>) -> Result<(), Fault>;
}

/// A load that runs until it is finished or dropped.
#[derive(Debug)]
pub(crate) struct Running {
    phase: watch::Sender<Phase>,
    progress: Arc<Progress>,
    threads: Vec<JoinHandle<Result<Tally>>>,
}

impl Running {
    /// Starts the clients of `load`, spread over one thread for each core.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub(crate) fn start(load: Load, target: &Target, cores: &CoreSet) -> Result<Self> {
        let (phase, _) = watch::channel(Phase::Opening);
        let progress = Arc::new(Progress::default());
        let count = if load.needs_one_thread() { 1 } else { cores.len().min(load.clients()) };
        let mut running = Self { phase, progress, threads: Vec::new() };
        for (index, core) in cores.each().take(count).enumerate() {
            let clients = load.clients() / count + usize::from(index < load.clients() % count);
            let (lane, target) = (Arc::clone(&running.progress), *target);
            let phase = running.phase.subscribe();
            let thread = std::thread::Builder::new().name(format!("generator-{index}")).spawn(move || {
                core.pin_this_thread()?;
                event_loop(plan::drive(load, clients, target, Conductor { lane, phase }))
            });
            running.threads.push(thread.context("cannot start a thread of the generator")?);
        }
        Ok(running)
    }

    /// What the clients have reached so far.
    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Lets all clients go on to `phase`.
    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    /// Ends the load and returns what all clients have counted.
    ///
    /// # Errors
    /// A thread could not set up its clients.
    pub(crate) fn finish(mut self) -> Result<Tally> {
        self.phase.send_replace(Phase::Finished);
        let mut sum = Tally::new();
        for thread in self.threads.drain(..) {
            sum.merge(&thread.join().map_err(|_| anyhow!("a thread of the generator panicked"))??);
        }
        Ok(sum)
    }
}

impl Drop for Running {
    /// Nothing outlives a run that was given up.
    fn drop(&mut self) {
        self.phase.send_replace(Phase::Finished);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// What a thread of clients is led by.
#[derive(Debug)]
pub(crate) struct Conductor {
    lane: Arc<Progress>,
    phase: watch::Receiver<Phase>,
}

impl Conductor {
    /// Runs `count` copies of `client` until the load is finished, then returns what they counted.
    pub(crate) async fn lead<C: Client + 'static>(mut self, client: C, count: usize, silence: Silence) -> Tally {
        let lane = Rc::new(Lane::new(self.lane));
        let client = Rc::new(client);
        let gate = Rc::new(Semaphore::new(OPENING_AT_ONCE));
        let seats: Vec<Rc<Seat>> = (0..count).map(|_| Rc::new(Seat::on(&lane))).collect();
        for seat in &seats {
            let life = Life { seat: Rc::clone(seat), gate: Rc::clone(&gate), phase: self.phase.clone() };
            tokio::task::spawn_local(life.live(Rc::clone(&client)));
        }
        while self.phase.changed().await.is_ok() {
            let phase = *self.phase.borrow_and_update();
            lane.enter(phase);
            if phase == Phase::Finished {
                break;
            }
        }
        if silence == Silence::MeansStuck {
            seats.iter().for_each(|seat| seat.check_productive());
        }
        lane.take()
    }
}

/// What it means when a client completes nothing while it is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Silence {
    MeansStuck,
    IsIntended,
}

/// One client's life: connect, wait for the others, work, and again.
struct Life {
    seat: Rc<Seat>,
    gate: Rc<Semaphore>,
    phase: watch::Receiver<Phase>,
}

impl Life {
    /// A failure is counted and followed by a short rest.
    async fn live<C: Client>(mut self, client: Rc<C>) {
        loop {
            if let Err(fault) = self.connect_and_run(&*client).await {
                self.seat.failed(&fault);
                sleep(REST).await;
            }
        }
    }

    async fn connect_and_run<C: Client>(&mut self, client: &C) -> Result<(), Fault> {
        let connection = {
            // Thousands at once would overflow the queue of a listener and measure its retries.
            let _turn = self.gate.acquire().await;
            client.open().await?
        };
        self.seat.ready();
        // Those that are open must not keep the proxy from letting the others in. An error means
        // that the run is over, which ends this task as well.
        let _ = self.phase.wait_for(|phase| *phase != Phase::Opening).await;
        client.run(connection, &self.seat).await
    }
}

/// Runs one thread's clients; whatever is still at work when `lead` is done is dropped.
fn event_loop(lead: impl Future<Output = Result<Tally>>) -> Result<Tally> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, lead)
}

const OPENING_AT_ONCE: usize = 64;
const REST: Duration = Duration::from_millis(20);
