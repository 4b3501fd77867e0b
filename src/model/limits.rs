//! Request body limits.

use std::num::NonZeroU64;

/// The largest request body a route accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyLimit {
    Unlimited,
    Bytes(NonZeroU64),
}

impl BodyLimit {
    /// Whether a body of `length` bytes may pass.
    pub fn allows(self, length: u64) -> bool {
        match self {
            BodyLimit::Unlimited => true,
            BodyLimit::Bytes(limit) => length <= limit.get(),
        }
    }
}
