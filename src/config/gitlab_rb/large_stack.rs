//! A stack that is deep enough for the worst text that is accepted.
//!
//! The Ruby parser and the tree it builds are recursive, so a text of nothing but nested operators needs
//! a stack in proportion to its length. The memory is reserved, not used, until somebody writes such a text.

use std::io;
use std::thread;

/// Runs `work` on a thread of its own and gives back what it returns; `None` if the parser gives up with
/// a panic, which no text is known to cause.
///
/// # Errors
/// The system has no room for the thread.
pub(super) fn run<T: Send>(work: impl FnOnce() -> T + Send) -> io::Result<Option<T>> {
    thread::scope(|scope| {
        let worker =
            thread::Builder::new().name("gitlab.rb".to_owned()).stack_size(STACK).spawn_scoped(scope, work)?;
        Ok(worker.join().ok())
    })
}

/// The worst text of the longest length that `syntax` accepts took 230 MiB.
const STACK: usize = 512 << 20;
