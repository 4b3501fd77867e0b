//! What runs on a worker, and how it ends.
//!
//! Every task is spawned here and counted while it lives, so a stop can wait for what is under way and
//! say what it had to cut. Bare spawning is refused by `clippy.toml`.

use std::cell::Cell;
use std::future::Future;
use std::ops::AddAssign;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;

/// One worker's register of running tasks.
#[derive(Clone)]
pub struct Drain(Rc<Register>);

/// Tells a connection that the worker wants to stop.
#[derive(Clone)]
pub struct Signal(watch::Receiver<Running>);

/// What kind of work a task is, for the count of what a stop cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Connection,
    Tunnel,
}

/// How much is running, or was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Census {
    pub connections: usize,
    pub tunnels: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Running {
    Serving,
    Draining,
}

struct Register {
    running: watch::Sender<Running>,
    connections: Cell<usize>,
    tunnels: Cell<usize>,
    ended: Notify,
}

/// Counts a task for as long as it lives.
struct Counted {
    register: Rc<Register>,
    kind: Kind,
}

impl Drain {
    pub fn new() -> Drain {
        Drain(Rc::new(Register {
            running: watch::Sender::new(Running::Serving),
            connections: Cell::new(0),
            tunnels: Cell::new(0),
            ended: Notify::new(),
        }))
    }

    /// Runs a task on this worker and counts it.
    #[allow(clippy::disallowed_methods, reason = "the one place that spawns")]
    pub fn spawn(&self, kind: Kind, task: impl Future<Output = ()> + 'static) {
        let counted = Counted::new(self.0.clone(), kind);
        tokio::task::spawn_local(async move {
            task.await;
            drop(counted);
        });
    }

    /// Runs a task that belongs to something counted already, such as a stream of a connection, or that
    /// ends with the worker.
    #[allow(clippy::disallowed_methods, reason = "the one place that spawns")]
    pub fn spawn_part(task: impl Future<Output = ()> + 'static) -> AbortHandle {
        tokio::task::spawn_local(task).abort_handle()
    }

    pub fn signal(&self) -> Signal {
        Signal(self.0.running.subscribe())
    }

    pub fn census(&self) -> Census {
        Census { connections: self.0.connections.get(), tunnels: self.0.tunnels.get() }
    }

    /// Asks all connections to end and waits until nothing runs, but no longer than `grace`. Returns
    /// what was still running then; the caller ends it by dropping the runtime.
    pub async fn finish(&self, grace: Duration) -> Census {
        self.0.running.send_replace(Running::Draining);
        let emptied = async {
            while self.census() != Census::default() {
                self.0.ended.notified().await;
            }
        };
        match tokio::time::timeout(grace, emptied).await {
            Ok(()) => Census::default(),
            Err(_) => self.census(),
        }
    }
}

impl Default for Drain {
    fn default() -> Drain {
        Drain::new()
    }
}

impl Signal {
    /// Completes when the worker starts to drain.
    pub async fn draining(&mut self) {
        // An error means that the worker is gone, which is as good a reason to end.
        let _ = self.0.wait_for(|running| *running == Running::Draining).await;
    }
}

impl AddAssign for Census {
    fn add_assign(&mut self, other: Census) {
        self.connections += other.connections;
        self.tunnels += other.tunnels;
    }
}

impl Counted {
    fn new(register: Rc<Register>, kind: Kind) -> Counted {
        let counted = Counted { register, kind };
        let count = counted.count();
        count.set(count.get() + 1);
        counted
    }

    fn count(&self) -> &Cell<usize> {
        match self.kind {
            Kind::Connection => &self.register.connections,
            Kind::Tunnel => &self.register.tunnels,
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let count = self.count();
        count.set(count.get() - 1);
        self.register.ended.notify_one();
    }
}
