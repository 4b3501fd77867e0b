//! Runs the clients of one thread through the phases and returns their counts.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::sleep;

use super::client::Client;
use super::error::ClientError;
use crate::meter::{ClientCounter, Counts, Phase, Progress, ThreadCounters};

/// Runs the clients of one thread through the phases of a trial.
#[derive(Debug)]
pub(crate) struct ClientDriver {
    progress: Arc<Progress>,
    phase: watch::Receiver<Phase>,
}

impl ClientDriver {
    pub(crate) fn new(progress: Arc<Progress>, phase: watch::Receiver<Phase>) -> Self {
        Self { progress, phase }
    }

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

const MAX_CONCURRENT_CONNECTS: usize = 64;
const RETRY_DELAY: Duration = Duration::from_millis(20);
