//! Handwritten ClientHello for TLS versions that no library implements any more.

/// ClientHello handshake message (RFC 5246 section 7.4.1.2, RFC 8422).
#[derive(Debug, Clone, Copy)]
pub struct ClientHello<'a> {
    /// Highest version that the client supports, such as `0x0301` for TLS 1.0.
    pub version: u16,
    /// Host name for SNI; omitted if it is an IP address.
    pub name: &'a str,
    /// `verify_data` of the client's last Finished message, for renegotiation (RFC 5746).
    pub last_finished: &'a [u8],
}

impl ClientHello<'_> {
    /// Encodes the message without a record header.
    pub fn message(&self) -> Vec<u8> {
        let body = [
            &self.version.to_be_bytes()[..],
            // The random value may be constant: the handshake is never completed.
            &[0x5a; 32],
            &[0],
            &with_length::<2>(&numbers(&SUITES)),
            // Compression methods: null only.
            &[1, 0],
            &with_length::<2>(&self.extensions()),
        ]
        .concat();
        [&[CLIENT_HELLO][..], &with_length::<3>(&body)].concat()
    }

    /// Encodes the message in its own record, for the start of a connection.
    pub fn record(&self) -> Vec<u8> {
        // The record version is 3.1, because servers older than the message version accept it.
        [&[HANDSHAKE, 3, 1][..], &with_length::<2>(&self.message())].concat()
    }

    fn extensions(&self) -> Vec<u8> {
        let server_name = [&[0][..], &with_length::<2>(self.name.as_bytes())].concat();
        let is_name = self.name.parse::<std::net::IpAddr>().is_err();
        let named = if is_name { extension(0, &with_length::<2>(&server_name)) } else { Vec::new() };
        let others = [
            extension(10, &with_length::<2>(&numbers(&GROUPS))),
            // Point formats: uncompressed only.
            extension(11, &[1, 0]),
            extension(13, &with_length::<2>(&numbers(&SIGNATURES))),
            // Extended master secret: required in a renegotiation if the first handshake used it (RFC 7627).
            extension(23, &[]),
            extension(0xff01, &with_length::<1>(self.last_finished)),
        ];
        [named, others.concat()].concat()
    }
}

fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &with_length::<2>(content)].concat()
}

/// Prefixes the content with its length in `BYTES` bytes.
fn with_length<const BYTES: usize>(content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    [&length[length.len() - BYTES..], content].concat()
}

fn numbers(numbers: &[u16]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// Record and message types.
pub const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;

/// Cipher suites of TLS 1.2, then those that older versions have: ECDHE and plain RSA, with AES and 3DES.
const SUITES: [u16; 11] = [0xc02b, 0xc02f, 0xc02c, 0xc030, 0xc009, 0xc013, 0xc00a, 0xc014, 0x002f, 0x0035, 0x000a];

/// X25519, P-256, P-384.
const GROUPS: [u16; 3] = [29, 23, 24];

/// ECDSA and RSA with SHA-256, and with SHA-1 for versions before TLS 1.2.
const SIGNATURES: [u16; 5] = [0x0403, 0x0804, 0x0401, 0x0203, 0x0201];
