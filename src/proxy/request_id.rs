//! `$request_id`: a unique number for each request, which relates its log lines.

use std::cell::{Cell, OnceCell};
use std::hash::{BuildHasher, RandomState};

/// `$request_id`, generated on first use.
#[derive(Default)]
pub struct RequestId(OnceCell<u128>);

impl RequestId {
    /// Returns the number; the same one for each call.
    pub fn get(&self) -> u128 {
        *self.0.get_or_init(next)
    }
}

/// Generates 128 unpredictable bits: a counter under two keyed hashes of the standard library. The number must be
/// unique; it is not a secret.
fn next() -> u128 {
    thread_local! {
        static COUNTER: Cell<u64> = const { Cell::new(0) };
        static KEYS: [RandomState; 2] = [RandomState::new(), RandomState::new()];
    }
    let count = COUNTER.replace(COUNTER.get().wrapping_add(1));
    KEYS.with(|keys| {
        let [high, low] = [&keys[0], &keys[1]].map(|keys| u128::from(keys.hash_one(count)));
        high << 64 | low
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_is_constant_and_unique() {
        let (one, other) = (RequestId::default(), RequestId::default());
        assert_eq!(one.get(), one.get());
        assert_ne!(one.get(), other.get());
    }
}
