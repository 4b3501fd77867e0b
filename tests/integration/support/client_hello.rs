//! A ClientHello made by hand, of versions that no library speaks any more.

/// What a client says first, as a handshake message (RFC 5246 section 7.4.1.2, RFC 8422).
#[derive(Debug, Clone, Copy)]
pub struct ClientHello<'a> {
    /// The highest version that the client knows, such as `0x0301` for TLS 1.0.
    pub version: u16,
    /// The host; left out if it is an address.
    pub name: &'a str,
    /// What the client's last Finished said, if this is for a handshake within a connection (RFC 5746).
    pub last_finished: &'a [u8],
}

impl ClientHello<'_> {
    /// The message, without the header of a record.
    pub fn message(&self) -> Vec<u8> {
        let body = [
            &self.version.to_be_bytes()[..],
            // Random by name only; no secret is ever made from it.
            &[0x5a; 32],
            &[0],
            &with_length::<2>(&numbers(&SUITES)),
            // No compression.
            &[1, 0],
            &with_length::<2>(&self.extensions()),
        ]
        .concat();
        [&[CLIENT_HELLO][..], &with_length::<3>(&body)].concat()
    }

    /// The message in a record of its own, for the beginning of a connection.
    pub fn record(&self) -> Vec<u8> {
        // The record's version is the oldest, for servers that are older than the message.
        [&[HANDSHAKE, 3, 1][..], &with_length::<2>(&self.message())].concat()
    }

    fn extensions(&self) -> Vec<u8> {
        let server_name = [&[0][..], &with_length::<2>(self.name.as_bytes())].concat();
        let is_name = self.name.parse::<std::net::IpAddr>().is_err();
        let named = if is_name { extension(0, &with_length::<2>(&server_name)) } else { Vec::new() };
        let others = [
            extension(10, &with_length::<2>(&numbers(&GROUPS))),
            // Points are not compressed.
            extension(11, &[1, 0]),
            extension(13, &with_length::<2>(&numbers(&SIGNATURES))),
            // The extended master secret, which must not be missing when it was there before (RFC 7627).
            extension(23, &[]),
            extension(0xff01, &with_length::<1>(self.last_finished)),
        ];
        [named, others.concat()].concat()
    }
}

fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &with_length::<2>(content)].concat()
}

/// The content behind its length, which has so many bytes.
fn with_length<const BYTES: usize>(content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    [&length[length.len() - BYTES..], content].concat()
}

fn numbers(numbers: &[u16]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// Types of records and of messages.
pub const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;

/// Of TLS 1.2, then those that older versions have: ECDHE and plain RSA, with AES and with 3DES.
const SUITES: [u16; 11] = [0xc02b, 0xc02f, 0xc02c, 0xc030, 0xc009, 0xc013, 0xc00a, 0xc014, 0x002f, 0x0035, 0x000a];

/// X25519, P-256, P-384.
const GROUPS: [u16; 3] = [29, 23, 24];

/// ECDSA and RSA, with SHA-256 and, as before TLS 1.2, SHA-1.
const SIGNATURES: [u16; 5] = [0x0403, 0x0804, 0x0401, 0x0203, 0x0201];
