//! WebSocket frames (RFC 6455 section 5.2).
//!
//! Supports unfragmented messages, close frames without a payload, and the sample handshake of section 1.3.

/// `Sec-WebSocket-Key` of every client.
pub(crate) const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// `Sec-WebSocket-Accept` for [`KEY`].
pub(crate) const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// The frame types of the harness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opcode {
    Text,
    Close,
}

/// A masked frame, parsed from the start of a buffer.
#[derive(Debug)]
pub(crate) struct ClientFrame<'a> {
    pub(crate) opcode: Opcode,
    /// Length of the whole frame in bytes.
    pub(crate) length: usize,
    mask: [u8; 4],
    masked: &'a [u8],
}

impl<'a> ClientFrame<'a> {
    /// Parses the frame at the start of `bytes`. Returns `None` if it is incomplete.
    ///
    /// # Errors
    /// The generator does not send such frames.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Option<Self>, UnsupportedFrame> {
        let [first, second, rest @ ..] = bytes else { return Ok(None) };
        let opcode = Opcode::from_first_byte(*first).ok_or(UnsupportedFrame)?;
        if second & MASKED == 0 {
            return Err(UnsupportedFrame);
        }
        let (size, rest) = match (second & !MASKED, rest) {
            (LENGTH_16_BIT, [high, low, rest @ ..]) => (usize::from(u16::from_be_bytes([*high, *low])), rest),
            (LENGTH_16_BIT, _) => return Ok(None),
            (LENGTH_64_BIT, _) => return Err(UnsupportedFrame),
            (short, rest) => (usize::from(short), rest),
        };
        let Some((mask, rest)) = rest.split_first_chunk::<4>() else { return Ok(None) };
        let Some(masked) = rest.get(..size) else { return Ok(None) };
        Ok(Some(Self { opcode, length: bytes.len() - rest.len() + size, mask: *mask, masked }))
    }

    /// Appends the unmasked frame with the same message to `out`.
    pub(crate) fn echo_to(&self, out: &mut Vec<u8>) {
        write_header(self.opcode, self.masked.len(), 0, out);
        let start = out.len();
        out.extend_from_slice(self.masked);
        apply_mask(&mut out[start..], self.mask);
    }
}

/// Error returned for a frame that the harness does not send.
#[derive(Debug)]
pub(crate) struct UnsupportedFrame;

impl std::fmt::Display for UnsupportedFrame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("unsupported WebSocket frame")
    }
}

impl std::error::Error for UnsupportedFrame {}

impl Opcode {
    /// Accepts final frames only, because messages of the harness are not fragmented.
    fn from_first_byte(byte: u8) -> Option<Self> {
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

/// Returns a masked frame.
pub(crate) fn client_frame(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(payload.len() + MAX_FRAME_HEADER);
    write_header(opcode, payload.len(), MASKED, &mut frame);
    frame.extend_from_slice(&MASK);
    let start = frame.len();
    frame.extend_from_slice(payload);
    apply_mask(&mut frame[start..], MASK);
    frame
}

/// Returns an unmasked frame.
pub(crate) fn server_frame(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(payload.len() + MAX_FRAME_HEADER);
    write_header(opcode, payload.len(), 0, &mut frame);
    frame.extend_from_slice(payload);
    frame
}

/// Appends a frame header. Payloads are shorter than 64 KiB.
fn write_header(opcode: Opcode, length: usize, mask_bit: u8, out: &mut Vec<u8>) {
    out.push(opcode.first_byte());
    match u16::try_from(length).unwrap_or(u16::MAX) {
        short @ 0..126 => out.push(short as u8 | mask_bit),
        long => {
            out.push(LENGTH_16_BIT | mask_bit);
            out.extend_from_slice(&long.to_be_bytes());
        }
    }
}

/// Applies the mask in words, which the compiler vectorizes. A loop over bytes would load the core that the
/// generator and the upstream may share.
fn apply_mask(payload: &mut [u8], mask: [u8; 4]) {
    let (words, rest) = payload.as_chunks_mut::<4>();
    for word in words {
        *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(mask)).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(mask) {
        *byte ^= key;
    }
}

const MASKED: u8 = 0x80;
const LENGTH_16_BIT: u8 = 126;
const LENGTH_64_BIT: u8 = 127;
const MAX_FRAME_HEADER: usize = 8;

/// Real clients choose a random mask for each frame (section 5.3); a constant one costs the proxy the same.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
