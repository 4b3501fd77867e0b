//! Large deterministic bodies that need no memory.
//!
//! Each offset has a fixed byte, so that lost, duplicated and moved pieces are detected.

use std::sync::LazyLock;

/// The bytes of the pattern from offset 0, in pieces of any size.
#[derive(Debug, Default)]
pub struct Pattern {
    offset: u64,
}

/// Returns the first `count` bytes.
pub fn pattern(count: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(count + BLOCK_LENGTH);
    while bytes.len() < count {
        bytes.extend_from_slice(&BLOCK);
    }
    bytes.truncate(count);
    bytes
}

impl Pattern {
    /// Returns the next bytes: at least one, at most `max`.
    pub fn next(&mut self, max: u64) -> &'static [u8] {
        let rest = self.rest_of_block();
        let take = usize::try_from(max).unwrap_or(usize::MAX).min(rest.len());
        self.offset += take as u64;
        &rest[..take]
    }

    /// Fails unless `bytes` are the next bytes of the pattern.
    #[track_caller]
    pub fn check(&mut self, bytes: &[u8]) {
        let mut unchecked = bytes;
        while !unchecked.is_empty() {
            let offset = self.offset;
            let expected = self.next(unchecked.len() as u64);
            let (now, later) = unchecked.split_at(expected.len());
            assert!(now == expected, "the bytes from offset {offset} differ from those sent");
            unchecked = later;
        }
    }

    pub fn offset(&self) -> u64 {
        self.offset
    }

    fn rest_of_block(&self) -> &'static [u8] {
        let at = usize::try_from(self.offset % BLOCK_LENGTH as u64).unwrap();
        &BLOCK[at..]
    }
}

/// A prime, so that blocks do not align with any buffer.
const BLOCK_LENGTH: usize = 65_521;

static BLOCK: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut state = 0x9e37_79b9_u32;
    let step = |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[3]
    };
    (0..BLOCK_LENGTH).map(step).collect()
});
