//! The PROXY protocol: a header in front of a connection, in which a balancer says for whom it connects.
//!
//! Both versions of the specification ("The PROXY protocol", versions 1 and 2, HAProxy) are read: the line of
//! text and the binary form. What follows the header is left in the socket, so nothing above needs to know
//! that there was one.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// Why a connection has no header that can be used.
#[derive(Debug)]
pub enum ProxyProtocolError {
    /// It begins with something else.
    Missing,
    /// It begins as a header does, but breaks the specification.
    Malformed,
    Timeout,
    Io(io::Error),
}

/// The first bytes of a connection, as far as they are there.
#[derive(Debug, PartialEq, Eq)]
enum HeaderParseState {
    /// More is needed to tell.
    Part,
    Header(ProxyProtocolHeader),
    Missing,
    Malformed,
}

/// A complete header.
#[derive(Debug, PartialEq, Eq)]
struct ProxyProtocolHeader {
    client: Option<SocketAddr>,
    length: usize,
}

/// Reads the header of a connection, and no byte more. `None` if the sender speaks for itself (as for its
/// health checks), or for a client that has no IP address.
pub async fn read(tcp: &mut TcpStream) -> Result<Option<SocketAddr>, ProxyProtocolError> {
    match tokio::time::timeout(DEADLINE, read_header(tcp)).await {
        Ok(read) => read,
        Err(_) => Err(ProxyProtocolError::Timeout),
    }
}

impl std::fmt::Display for ProxyProtocolError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ProxyProtocolError::Missing => f.write_str("it does not begin with a PROXY header"),
            ProxyProtocolError::Malformed => f.write_str("its PROXY header is malformed"),
            ProxyProtocolError::Timeout => f.write_str("its PROXY header did not arrive in time"),
            ProxyProtocolError::Io(error) => error.fmt(f),
        }
    }
}

impl From<io::Error> for ProxyProtocolError {
    fn from(error: io::Error) -> ProxyProtocolError {
        ProxyProtocolError::Io(error)
    }
}

/// Looks at what has come before taking it, because what follows the header belongs to others. What has been
/// looked at is taken at once if the header goes on, so that waiting for the rest really waits.
async fn read_header(tcp: &mut TcpStream) -> Result<Option<SocketAddr>, ProxyProtocolError> {
    let mut buffer = vec![0; MAX_LEN];
    let mut taken = 0;
    loop {
        let seen = taken + tcp.peek(&mut buffer[taken..]).await?;
        if seen == taken {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        match beginning(&buffer[..seen]) {
            HeaderParseState::Header(header) => {
                tcp.read_exact(&mut buffer[taken..header.length]).await?;
                return Ok(header.client);
            }
            HeaderParseState::Part => taken += tcp.read_exact(&mut buffer[taken..seen]).await?,
            HeaderParseState::Missing => return Err(ProxyProtocolError::Missing),
            HeaderParseState::Malformed => return Err(ProxyProtocolError::Malformed),
        }
    }
}

fn beginning(bytes: &[u8]) -> HeaderParseState {
    if bytes.starts_with(SIGNATURE) {
        return parse_v2(bytes).unwrap_or(HeaderParseState::Part);
    }
    if bytes.starts_with(WORD) {
        return parse_v1(bytes);
    }
    if SIGNATURE.starts_with(bytes) || WORD.starts_with(bytes) {
        HeaderParseState::Part
    } else {
        HeaderParseState::Missing
    }
}

/// Version 1: `PROXY TCP4 192.0.2.7 192.0.2.1 56324 443`, and an end of line.
fn parse_v1(bytes: &[u8]) -> HeaderParseState {
    let bytes = &bytes[..bytes.len().min(MAX_LINE)];
    let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") else {
        return if bytes.len() < MAX_LINE { HeaderParseState::Part } else { HeaderParseState::Malformed };
    };
    let client = std::str::from_utf8(&bytes[WORD.len()..end]).ok().and_then(v1_client);
    client.map_or(HeaderParseState::Malformed, |client| {
        HeaderParseState::Header(ProxyProtocolHeader { client, length: end + 2 })
    })
}

/// The client that a line names, behind its first word; the outer `None` is a line that breaks the rules.
fn v1_client(text: &str) -> Option<Option<SocketAddr>> {
    let words: Vec<&str> = text.split(' ').collect();
    match words[..] {
        // Whatever else it says is to be ignored.
        ["UNKNOWN", ..] => Some(None),
        ["TCP4", client, server, from, to] => {
            server.parse::<Ipv4Addr>().ok().zip(port(to))?;
            Some(Some(SocketAddr::new(IpAddr::V4(client.parse().ok()?), port(from)?)))
        }
        ["TCP6", client, server, from, to] => {
            server.parse::<Ipv6Addr>().ok().zip(port(to))?;
            let client: Ipv6Addr = client.parse().ok()?;
            Some(Some(SocketAddr::new(client.to_canonical(), port(from)?)))
        }
        _ => None,
    }
}

fn port(text: &str) -> Option<u16> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Version 2: signature, version with command, family with protocol, length, addresses, and more that is
/// passed over. `None` if it is not complete.
fn parse_v2(bytes: &[u8]) -> Option<HeaderParseState> {
    let fixed = bytes.get(SIGNATURE.len()..FIXED)?;
    let [command, family, high, low] = *fixed else { return None };
    let length = FIXED + usize::from(u16::from_be_bytes([high, low]));
    if length > MAX_LEN {
        return Some(HeaderParseState::Malformed);
    }
    let client = match command {
        LOCAL => Some(None),
        PROXY => v2_client(family, bytes.get(FIXED..length)?),
        _ => None,
    };
    // The whole of a LOCAL header is to be skipped, too.
    bytes.get(..length)?;
    Some(client.map_or(HeaderParseState::Malformed, |client| {
        HeaderParseState::Header(ProxyProtocolHeader { client, length })
    }))
}

/// The client among the addresses; the outer `None` is a block that is too short for its family.
fn v2_client(family: u8, block: &[u8]) -> Option<Option<SocketAddr>> {
    let (client, ports) = match family {
        TCP4 => (IpAddr::from(*block.first_chunk::<4>()?), block.get(8..12)?),
        TCP6 => (IpAddr::from(*block.first_chunk::<16>()?).to_canonical(), block.get(32..36)?),
        // Unspecified, datagrams over IP, and unix sockets: no TCP client is named.
        0x00 | 0x12 | 0x22 | 0x31 | 0x32 => return Some(None),
        // The specification assigns no other combination, and has receivers reject them.
        _ => return None,
    };
    Some(Some(SocketAddr::new(client, u16::from_be_bytes(*ports.first_chunk::<2>()?))))
}

/// From the first byte of the connection to the last of the header.
const DEADLINE: Duration = Duration::from_secs(10);

const WORD: &[u8] = b"PROXY ";

/// The longest line that the specification allows, with its end.
const MAX_LINE: usize = 107;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// The part of a binary header that is always there.
const FIXED: usize = 16;

/// As in nginx. Addresses take 232 bytes at most; the rest is for what balancers add, certificates included.
const MAX_LEN: usize = 4096;

/// Version 2 with its commands.
const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;

/// Families with the protocol, which for a client of HTTP can only be TCP.
const TCP4: u8 = 0x11;
const TCP6: u8 = 0x21;

#[cfg(test)]
mod tests {
    use super::*;

    fn header(client: Option<&str>, length: usize) -> HeaderParseState {
        HeaderParseState::Header(ProxyProtocolHeader { client: client.map(|text| text.parse().unwrap()), length })
    }

    fn version_2(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
        let length = u16::try_from(block.len()).unwrap().to_be_bytes();
        [SIGNATURE, &[command, family], &length, block].concat()
    }

    const BLOCK_4: [u8; 12] = [192, 0, 2, 7, 192, 0, 2, 1, 0x12, 0x34, 1, 187];

    #[test]
    fn a_line_of_text_names_the_client() {
        let line = b"PROXY TCP4 192.0.2.7 192.0.2.1 56324 443\r\nGET /";
        assert_eq!(beginning(line), header(Some("192.0.2.7:56324"), 42));
        assert_eq!(beginning(b"PROXY TCP6 2001:db8::7 ::1 1 2\r\n"), header(Some("[2001:db8::7]:1"), 32));
        assert_eq!(beginning(b"PROXY UNKNOWN\r\n"), header(None, 15));
        assert_eq!(beginning(b"PROXY UNKNOWN ffff:: whatever 1\r\n"), header(None, 33));
    }

    #[test]
    fn a_binary_header_names_the_client_and_the_rest_is_passed_over() {
        assert_eq!(beginning(&version_2(0x21, 0x11, &BLOCK_4)), header(Some("192.0.2.7:4660"), 28));
        let with_more = [&BLOCK_4[..], &[0x04, 0, 2, 1, 2]].concat();
        assert_eq!(beginning(&version_2(0x21, 0x11, &with_more)), header(Some("192.0.2.7:4660"), 33));
        let mut block_6 = [0; 36];
        (block_6[0], block_6[15], block_6[33]) = (0x20, 7, 80);
        assert_eq!(beginning(&version_2(0x21, 0x21, &block_6)), header(Some("[2000::7]:80"), 52));
    }

    #[test]
    fn a_sender_for_itself_or_without_ip_addresses_names_nobody() {
        assert_eq!(beginning(&version_2(0x20, 0x00, &[])), header(None, 16));
        assert_eq!(beginning(&version_2(0x20, 0x11, &BLOCK_4)), header(None, 28));
        assert_eq!(beginning(&version_2(0x21, 0x31, &[b'x'; 216])), header(None, 232));
        assert_eq!(beginning(&version_2(0x21, 0x12, &BLOCK_4)), header(None, 28));
        assert_eq!(beginning(&version_2(0x21, 0x00, &[1, 2, 3])), header(None, 19));
    }

    #[test]
    fn every_part_of_a_header_waits_for_the_rest() {
        let line = b"PROXY TCP4 192.0.2.7 192.0.2.1 56324 443\r\n".to_vec();
        for whole in [line, version_2(0x21, 0x11, &BLOCK_4), version_2(0x20, 0x11, &BLOCK_4)] {
            for length in 1..whole.len() {
                assert_eq!(beginning(&whole[..length]), HeaderParseState::Part, "{length} of {whole:?}");
            }
        }
    }

    #[test]
    fn what_begins_otherwise_is_no_header_from_its_first_byte_on() {
        for bytes in [&b"\x16\x03\x01"[..], b"G", b"PROP", b"proxy", b"\r\n\r\nG", b"PROXY\r\n"] {
            assert_eq!(beginning(bytes), HeaderParseState::Missing, "{bytes:?}");
        }
    }

    #[test]
    fn headers_that_break_the_rules_are_refused() {
        for text in [
            "PROXY TCP4 192.0.2.7 192.0.2.1 56324\r\n",
            "PROXY TCP4 2001:db8::7 ::1 1 2\r\n",
            "PROXY TCP6 192.0.2.7 192.0.2.1 1 2\r\n",
            "PROXY TCP4 192.0.2.7 192.0.2.1 +1 2\r\n",
            "PROXY TCP4 192.0.2.7 192.0.2.1 65536 2\r\n",
            "PROXY TCP4  192.0.2.7 192.0.2.1 1 2\r\n",
            "PROXY UDP4 192.0.2.7 192.0.2.1 1 2\r\n",
            &format!("PROXY UNKNOWN {}\r\n", "x".repeat(100)),
        ] {
            assert_eq!(beginning(text.as_bytes()), HeaderParseState::Malformed, "{text}");
        }
        assert_eq!(beginning(&version_2(0x22, 0x11, &BLOCK_4)), HeaderParseState::Malformed);
        assert_eq!(beginning(&version_2(0x11, 0x11, &BLOCK_4)), HeaderParseState::Malformed);
        assert_eq!(beginning(&version_2(0x21, 0x11, &BLOCK_4[..11])), HeaderParseState::Malformed);
        assert_eq!(beginning(&version_2(0x21, 0x21, &BLOCK_4)), HeaderParseState::Malformed);
        assert_eq!(beginning(&version_2(0x21, 0x11, &[0; 4081])[..16]), HeaderParseState::Malformed);
    }

    #[tokio::test(start_paused = true)]
    async fn a_header_that_does_not_end_is_given_up() {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let mut sender = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut receiver, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut sender, b"PROXY TCP4 192").await.unwrap();
        let start = tokio::time::Instant::now();
        assert!(matches!(read(&mut receiver).await, Err(ProxyProtocolError::Timeout)));
        assert_eq!(start.elapsed().as_secs(), DEADLINE.as_secs());
    }
}
