//! Task tracking and graceful shutdown.
//!
//! Every task of a worker is spawned here and counted until it ends. A graceful shutdown can therefore wait for
//! running tasks and report how many it aborted. `clippy.toml` forbids tokio's spawn functions elsewhere.

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

/// Spawns and counts the tasks of a worker.
#[derive(Clone)]
pub struct TaskTracker(Rc<TrackerState>);

/// Notifies a connection that the worker is draining.
pub struct DrainSignal {
    state: Rc<TrackerState>,
    notified: Pin<Box<dyn Future<Output = ()>>>,
    waker_state: WakerState,
}

/// The kind of a task, for the report of aborted tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskKind {
    Connection,
    Tunnel,
}

/// Number of connections and tunnels that are running or were aborted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TaskCounts {
    pub connections: usize,
    pub tunnels: usize,
}

/// Whether the task that polls a signal is registered to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WakerState {
    Unregistered,
    Registered,
}

/// Shared state of a tracker, its signals and its tasks.
struct TrackerState {
    draining: Cell<bool>,
    drain_started: Notify,
    connections: Cell<usize>,
    tunnels: Cell<usize>,
    task_ended: Notify,
}

/// Counts a task until dropped.
struct TaskGuard {
    state: Rc<TrackerState>,
    kind: TaskKind,
}

impl TaskTracker {
    /// Returns a tracker without tasks.
    pub fn new() -> TaskTracker {
        TaskTracker(Rc::new(TrackerState {
            draining: Cell::new(false),
            drain_started: Notify::new(),
            connections: Cell::new(0),
            tunnels: Cell::new(0),
            task_ended: Notify::new(),
        }))
    }

    /// Spawns a counted task on this worker.
    #[allow(clippy::disallowed_methods, reason = "the only module that spawns")]
    pub fn spawn(&self, kind: TaskKind, task: impl Future<Output = ()> + 'static) {
        let guard = TaskGuard::new(self.0.clone(), kind);
        // An `async` block would reserve space for the task twice: as the captured value and as the awaited
        // future. The size matters for idle tunnels.
        tokio::task::spawn_local(task.map(move |()| drop(guard)));
    }

    /// Spawns a task that is not counted: it belongs to a counted task, such as a stream of a connection, or it
    /// ends with the worker.
    #[allow(clippy::disallowed_methods, reason = "the only module that spawns")]
    pub fn spawn_detached(task: impl Future<Output = ()> + 'static) -> JoinHandle<()> {
        tokio::task::spawn_local(task)
    }

    /// Returns a signal that is ready when the worker drains.
    pub fn signal(&self) -> DrainSignal {
        let state = self.0.clone();
        DrainSignal {
            state: state.clone(),
            notified: Box::pin(async move { state.drain_started.notified().await }),
            waker_state: WakerState::Unregistered,
        }
    }

    /// Returns the number of running tasks.
    pub fn counts(&self) -> TaskCounts {
        TaskCounts { connections: self.0.connections.get(), tunnels: self.0.tunnels.get() }
    }

    /// Notifies all connections and waits until no counted task runs, for at most `timeout`. Returns the tasks
    /// still running; the caller aborts them by dropping the runtime.
    pub async fn drain(&self, timeout: Duration) -> TaskCounts {
        self.0.draining.set(true);
        self.0.drain_started.notify_waiters();
        let all_ended = async {
            while self.counts() != TaskCounts::default() {
                self.0.task_ended.notified().await;
            }
        };
        match tokio::time::timeout(timeout, all_ended).await {
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
    /// Returns ready when the worker drains. Only one task may poll a signal: the first call registers its
    /// waker, later calls only check a flag.
    pub fn poll_draining(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.waker_state == WakerState::Unregistered {
            self.waker_state = WakerState::Registered;
            let _ = self.notified.as_mut().poll(cx);
        }
        if self.state.draining.get() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl AddAssign for TaskCounts {
    fn add_assign(&mut self, other: TaskCounts) {
        self.connections += other.connections;
        self.tunnels += other.tunnels;
    }
}

impl TaskGuard {
    fn new(state: Rc<TrackerState>, kind: TaskKind) -> TaskGuard {
        let guard = TaskGuard { state, kind };
        let count = guard.count();
        count.set(count.get() + 1);
        guard
    }

    fn count(&self) -> &Cell<usize> {
        match self.kind {
            TaskKind::Connection => &self.state.connections,
            TaskKind::Tunnel => &self.state.tunnels,
        }
    }
}

impl Drop for TaskGuard {
    fn drop(&mut self) {
        let count = self.count();
        count.set(count.get() - 1);
        self.state.task_ended.notify_one();
    }
}
