//! hyper executor that spawns on the current worker.

use std::future::Future;

use crate::drain::TaskTracker;

/// Spawns the tasks of hyper's HTTP/2 connections on the worker that owns the connection.
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
