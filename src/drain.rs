//! What runs on a worker, and how it ends.
//!
//! Every task is spawned here and counted while it lives, so a stop can wait for what is under way and
//! say what it had to cut. Bare spawning is refused by `clippy.toml`.

use std::cell::Cell;
use std::future::Future;
use std::ops::AddAssign;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// One worker's register of running tasks.
#[derive(Clone)]
pub struct TaskTracker(Rc<TrackerState>);

/// Tells a connection that the worker wants to stop.
pub struct DrainSignal {
    register: Rc<TrackerState>,
    changed: Pin<Box<dyn Future<Output = ()>>>,
    asked: WakerState,
}

/// What kind of work a task is, for the count of what a stop cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskKind {
    Connection,
    Tunnel,
}

/// How much is running, or was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TaskCounts {
    pub connections: usize,
    pub tunnels: usize,
}

/// Whether a signal's task is registered to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WakerState {
    Not,
    Registered,
}

struct TrackerState {
    draining: Cell<bool>,
    begun: Notify,
    connections: Cell<usize>,
    tunnels: Cell<usize>,
    ended: Notify,
}

/// Counts a task for as long as it lives.
struct TaskGuard {
    register: Rc<TrackerState>,
    kind: TaskKind,
}

impl TaskTracker {
    pub fn new() -> TaskTracker {
        TaskTracker(Rc::new(TrackerState {
            draining: Cell::new(false),
            begun: Notify::new(),
            connections: Cell::new(0),
            tunnels: Cell::new(0),
            ended: Notify::new(),
        }))
    }

    /// Runs a task on this worker and counts it.
    #[allow(clippy::disallowed_methods, reason = "the one place that spawns")]
    pub fn spawn(&self, kind: TaskKind, task: impl Future<Output = ()> + 'static) {
        let counted = TaskGuard::new(self.0.clone(), kind);
        // An `async` block would have room for the task twice, as it was given and as it is awaited. For an
        // idle tunnel that counts.
        tokio::task::spawn_local(task.map(move |()| drop(counted)));
    }

    /// Runs a task that belongs to something counted already, such as a stream of a connection, or that
    /// ends with the worker.
    #[allow(clippy::disallowed_methods, reason = "the one place that spawns")]
    pub fn spawn_detached(task: impl Future<Output = ()> + 'static) -> JoinHandle<()> {
        tokio::task::spawn_local(task)
    }

    pub fn signal(&self) -> DrainSignal {
        let register = self.0.clone();
        DrainSignal {
            register: register.clone(),
            changed: Box::pin(async move { register.begun.notified().await }),
            asked: WakerState::Not,
        }
    }

    pub fn counts(&self) -> TaskCounts {
        TaskCounts { connections: self.0.connections.get(), tunnels: self.0.tunnels.get() }
    }

    /// Asks all connections to end and waits until nothing runs, but no longer than `grace`. Returns
    /// what was still running then; the caller ends it by dropping the runtime.
    pub async fn drain(&self, grace: Duration) -> TaskCounts {
        self.0.draining.set(true);
        self.0.begun.notify_waiters();
        let emptied = async {
            while self.counts() != TaskCounts::default() {
                self.0.ended.notified().await;
            }
        };
        match tokio::time::timeout(grace, emptied).await {
            Ok(()) => TaskCounts::default(),
            Err(_) => self.counts(),
        }
    }
}

impl Default for TaskTracker {
    fn default() -> TaskTracker {
        TaskTracker::new()
    }
}

impl DrainSignal {
    /// Ready when the worker drains. To be polled by one task only: it registers once, and then costs a
    /// look at a flag.
    pub fn poll_draining(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.asked == WakerState::Not {
            self.asked = WakerState::Registered;
            let _ = self.changed.as_mut().poll(cx);
        }
        if self.register.draining.get() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl AddAssign for TaskCounts {
    fn add_assign(&mut self, other: TaskCounts) {
        self.connections += other.connections;
        self.tunnels += other.tunnels;
    }
}

impl TaskGuard {
    fn new(register: Rc<TrackerState>, kind: TaskKind) -> TaskGuard {
        let counted = TaskGuard { register, kind };
        let count = counted.count();
        count.set(count.get() + 1);
        counted
    }

    fn count(&self) -> &Cell<usize> {
        match self.kind {
            TaskKind::Connection => &self.register.connections,
            TaskKind::Tunnel => &self.register.tunnels,
        }
    }
}

impl Drop for TaskGuard {
    fn drop(&mut self) {
        let count = self.count();
        count.set(count.get() - 1);
        self.register.ended.notify_one();
    }
}
