//! A worker's buffers, lent for the moment in which bytes flow.
//!
//! Thousands of idle connections would otherwise each own one. A buffer lives on its thread and goes
//! back to it when the loan ends, which is at once; only an HTTP/2 connection whose client takes nothing keeps
//! its own until it does.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// A buffer of [`SIZE`] bytes, on loan from the current thread.
pub struct PooledBuffer(Box<[u8]>);

/// Four full TLS records: what one write of a large message carries.
pub const SIZE: usize = 64 * 1024;

/// Borrows a buffer. Its content is whatever the last borrower left.
pub fn acquire() -> PooledBuffer {
    let shelved = SHELF.with(|shelf| shelf.borrow_mut().pop());
    PooledBuffer(shelved.unwrap_or_else(|| vec![0; SIZE].into_boxed_slice()))
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
        // The thread may be ending; then the buffer is simply freed.
        let _ = SHELF.try_with(|shelf| {
            let mut shelf = shelf.borrow_mut();
            if shelf.len() < NESTED_LOANS {
                shelf.push(buffer);
            }
        });
    }
}

/// A tunnel that reads from its application while TLS below it reads ahead: two at a time.
const NESTED_LOANS: usize = 2;

thread_local! {
    static SHELF: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}
