//! Large bodies that need no memory: each offset has its byte, so that a lost, doubled or moved piece
//! is noticed.

use std::sync::LazyLock;

/// The bytes of the pattern, from its beginning on, in pieces of any size.
#[derive(Debug, Default)]
pub struct Pattern {
    offset: u64,
}

/// The first `count` bytes.
pub fn pattern(count: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(count + BLOCK_LENGTH);
    while bytes.len() < count {
        bytes.extend_from_slice(&BLOCK);
    }
    bytes.truncate(count);
    bytes
}

impl Pattern {
    /// The next bytes, at most `most` of them and at least one.
    pub fn next(&mut self, max: u64) -> &'static [u8] {
        let rest = self.rest_of_block();
        let take = usize::try_from(max).unwrap_or(usize::MAX).min(rest.len());
        self.offset += take as u64;
        &rest[..take]
    }

    /// Fails unless `bytes` are the next ones.
    #[track_caller]
    pub fn check(&mut self, bytes: &[u8]) {
        let mut unchecked = bytes;
        while !unchecked.is_empty() {
            let offset = self.offset;
            let expected = self.next(unchecked.len() as u64);
            let (now, later) = unchecked.split_at(expected.len());
            assert!(now == expected, "the bytes from offset {offset} on are not those that were sent");
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

/// A prime, so that the pattern does not line up with any buffer.
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
