//! `$request_id`: a number that tells a request from all others, for following it through logs.

use std::cell::{Cell, OnceCell};
use std::hash::{BuildHasher, RandomState};

/// The number of one request, made when it is first asked for.
#[derive(Default)]
pub struct RequestId(OnceCell<u128>);

impl RequestId {
    pub fn get(&self) -> u128 {
        *self.0.get_or_init(next)
    }
}

/// 128 bits that nobody can foresee: a counter under the keyed hash of the standard library. It is no secret;
/// two of them just must not be equal.
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
    fn a_request_has_one_number_and_no_two_have_the_same() {
        let (one, other) = (RequestId::default(), RequestId::default());
        assert_eq!(one.get(), one.get());
        assert_ne!(one.get(), other.get());
    }
}
