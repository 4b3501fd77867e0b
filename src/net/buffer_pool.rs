//! Per-thread pool of 64 KiB read buffers.
//!
//! Without a pool each of thousands of idle connections would own a buffer. A buffer is borrowed for one read
//! and returns to the pool of its thread when dropped. One case holds a buffer longer: an HTTP/2 connection
//! whose client does not read, until the client reads.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// A buffer of [`SIZE`] bytes borrowed from the thread-local pool; returned when dropped.
pub struct PooledBuffer(Box<[u8]>);

/// Bytes of a buffer: four full TLS records, the size of one write of a large message.
pub const SIZE: usize = 64 * 1024;

/// Borrows a buffer. Its content is unspecified.
pub fn acquire() -> PooledBuffer {
    let pooled = POOL.with(|pool| pool.borrow_mut().pop());
    PooledBuffer(pooled.unwrap_or_else(|| vec![0; SIZE].into_boxed_slice()))
}

impl Deref for PooledBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for PooledBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl Drop for PooledBuffer {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.0);
        // The pool is gone if the thread is ending; the buffer is then freed.
        let _ = POOL.try_with(|pool| {
            let mut pool = pool.borrow_mut();
            if pool.len() < MAX_POOLED {
                pool.push(buffer);
            }
        });
    }
}

/// Maximum number of pooled buffers. Two are in use at a time: a tunnel reads from its upstream while TLS reads
/// ahead.
const MAX_POOLED: usize = 2;

thread_local! {
    static POOL: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}
