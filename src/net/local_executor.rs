//! Runs what hyper spawns for HTTP/2 as tasks of the same worker.

use std::future::Future;

use crate::drain::TaskTracker;

/// Hands the tasks of a connection to the worker it lives on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LocalExecutor;

impl<F> hyper::rt::Executor<F> for LocalExecutor
where
    F: Future<Output = ()> + 'static,
{
    fn execute(&self, task: F) {
        TaskTracker::spawn_detached(task);
    }
}
