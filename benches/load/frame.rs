//! WebSocket frames (RFC 6455 section 5.2), as far as the harness needs them: whole messages,
//! control frames without content, and the sample handshake of section 1.3.

/// The sample key that every client sends.
pub(crate) const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// The right answer to [`KEY`].
pub(crate) const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opcode {
    Text,
    Close,
}

/// A frame from a client, found at the start of some bytes.
#[derive(Debug)]
pub(crate) struct ClientFrame<'a> {
    pub(crate) opcode: Opcode,
    /// Bytes of the whole frame.
    pub(crate) length: usize,
    mask: [u8; 4],
    masked: &'a [u8],
}

impl<'a> ClientFrame<'a> {
    /// The frame at the start of `bytes`; `None` while it is incomplete.
    ///
    /// # Errors
    /// The frame is not one that the generator sends.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Option<Self>, UnknownFrame> {
        let [first, second, rest @ ..] = bytes else { return Ok(None) };
        let opcode = Opcode::of_first_byte(*first).ok_or(UnknownFrame)?;
        if second & MASKED == 0 {
            return Err(UnknownFrame);
        }
        let (size, rest) = match (second & !MASKED, rest) {
            (LENGTH_OF_16_BITS, [high, low, rest @ ..]) => (usize::from(u16::from_be_bytes([*high, *low])), rest),
            (LENGTH_OF_16_BITS, _) => return Ok(None),
            (LENGTH_OF_64_BITS, _) => return Err(UnknownFrame),
            (short, rest) => (usize::from(short), rest),
        };
        let Some((mask, rest)) = rest.split_first_chunk::<4>() else { return Ok(None) };
        let Some(masked) = rest.get(..size) else { return Ok(None) };
        Ok(Some(Self { opcode, length: bytes.len() - rest.len() + size, mask: *mask, masked }))
    }

    /// Appends the same message as a server sends it.
    pub(crate) fn echo_to(&self, out: &mut Vec<u8>) {
        write_header(self.opcode, self.masked.len(), 0, out);
        let start = out.len();
        out.extend_from_slice(self.masked);
        apply_mask(&mut out[start..], self.mask);
    }
}

/// A frame that no part of the harness sends.
#[derive(Debug)]
pub(crate) struct UnknownFrame;

impl std::fmt::Display for UnknownFrame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a WebSocket frame that the load generator does not send")
    }
}

impl std::error::Error for UnknownFrame {}

impl Opcode {
    /// Only final frames: messages here are never fragmented.
    fn of_first_byte(byte: u8) -> Option<Self> {
        match byte {
            0x81 => Some(Self::Text),
            0x88 => Some(Self::Close),
            _ => None,
        }
    }

    fn first_byte(self) -> u8 {
        match self {
            Self::Text => 0x81,
            Self::Close => 0x88,
        }
    }
}

/// A masked frame.
pub(crate) fn frame_from_client(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(payload.len() + LONGEST_HEADER);
    write_header(opcode, payload.len(), MASKED, &mut frame);
    frame.extend_from_slice(&MASK);
    let start = frame.len();
    frame.extend_from_slice(payload);
    apply_mask(&mut frame[start..], MASK);
    frame
}

/// A frame without a mask.
pub(crate) fn frame_from_server(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(payload.len() + LONGEST_HEADER);
    write_header(opcode, payload.len(), 0, &mut frame);
    frame.extend_from_slice(payload);
    frame
}

/// Payloads of the harness stay below 64 KiB.
fn write_header(opcode: Opcode, length: usize, mask_bit: u8, out: &mut Vec<u8>) {
    out.push(opcode.first_byte());
    match u16::try_from(length).unwrap_or(u16::MAX) {
        short @ 0..126 => out.push(short as u8 | mask_bit),
        long => {
            out.push(LENGTH_OF_16_BITS | mask_bit);
            out.extend_from_slice(&long.to_be_bytes());
        }
    }
}

fn apply_mask(payload: &mut [u8], mask: [u8; 4]) {
    for group in payload.chunks_mut(4) {
        for (byte, key) in group.iter_mut().zip(mask) {
            *byte ^= key;
        }
    }
}

const MASKED: u8 = 0x80;
const LENGTH_OF_16_BITS: u8 = 126;
const LENGTH_OF_64_BITS: u8 = 127;
const LONGEST_HEADER: usize = 8;

/// A real client draws a fresh one for each frame (section 5.3); a load needs only a real cost.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
