//! Maximum size of a request body.

use std::num::NonZeroU64;

/// Maximum size of a request body (nginx `client_max_body_size`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyLimit {
    Unlimited,
    Bytes(NonZeroU64),
}

impl BodyLimit {
    /// Returns whether a body of `length` bytes is within the limit.
    pub fn allows(self, length: u64) -> bool {
        match self {
            BodyLimit::Unlimited => true,
            BodyLimit::Bytes(limit) => length <= limit.get(),
        }
    }
}
