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
pub struct Drain(Rc<Register>);

/// Tells a connection that the worker wants to stop.
pub struct Signal {
    register: Rc<Register>,
    changed: Pin<Box<dyn Future<Output = ()>>>,
    asked: Asked,
}

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

/// Whether a signal's task is registered to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Not,
    Registered,
}

struct Register {
    draining: Cell<bool>,
    begun: Notify,
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
            draining: Cell::new(false),
            begun: Notify::new(),
            connections: Cell::new(0),
            tunnels: Cell::new(0),
            ended: Notify::new(),
        }))
    }

    /// Runs a task on this worker and counts it.
    #[allow(clippy::disallowed_methods, reason = "the one place that spawns")]
    pub fn spawn(&self, kind: Kind, task: impl Future<Output = ()> + 'static) {
        let counted = Counted::new(self.0.clone(), kind);
        // An `async` block would have room for the task twice, as it was given and as it is awaited. For an
        // idle tunnel that counts.
        tokio::task::spawn_local(task.map(move |()| drop(counted)));
    }

    /// Runs a task that belongs to something counted already, such as a stream of a connection, or that
    /// ends with the worker.
    #[allow(clippy::disallowed_methods, reason = "the one place that spawns")]
    pub fn spawn_part(task: impl Future<Output = ()> + 'static) -> JoinHandle<()> {
        tokio::task::spawn_local(task)
    }

    pub fn signal(&self) -> Signal {
        let register = self.0.clone();
        Signal {
            register: register.clone(),
            changed: Box::pin(async move { register.begun.notified().await }),
            asked: Asked::Not,
        }
    }

    pub fn census(&self) -> Census {
        Census { connections: self.0.connections.get(), tunnels: self.0.tunnels.get() }
    }

    /// Asks all connections to end and waits until nothing runs, but no longer than `grace`. Returns
    /// what was still running then; the caller ends it by dropping the runtime.
    pub async fn finish(&self, grace: Duration) -> Census {
        self.0.draining.set(true);
        self.0.begun.notify_waiters();
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
    /// Ready when the worker drains. To be polled by one task only: it registers once, and then costs a
    /// look at a flag.
    pub fn poll_draining(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.asked == Asked::Not {
            self.asked = Asked::Registered;
            let _ = self.changed.as_mut().poll(cx);
        }
        if self.register.draining.get() { Poll::Ready(()) } else { Poll::Pending }
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
