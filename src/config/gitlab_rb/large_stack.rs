//! Runs the recursive Ruby parser on a thread with a large stack.
//!
//! The Ruby parser and its syntax tree are recursive, so nested operators need a stack in proportion to the
//! length of the text. The operating system commits the reserved memory only when it is used.

use std::io;
use std::thread;

/// Runs `work` on a separate thread and returns its result; `None` if `work` panics.
///
/// No text is known to make the parser panic.
///
/// # Errors
/// The system cannot start the thread.
pub(super) fn run<T: Send>(work: impl FnOnce() -> T + Send) -> io::Result<Option<T>> {
    thread::scope(|scope| {
        let worker =
            thread::Builder::new().name("gitlab.rb".to_owned()).stack_size(STACK).spawn_scoped(scope, work)?;
        Ok(worker.join().ok())
    })
}

/// Stack size in bytes. The worst text of the maximum length that `syntax` accepts used 230 MiB.
const STACK: usize = 512 << 20;
