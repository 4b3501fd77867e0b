//! Reads a PROXY protocol header, version 1 or 2.
//!
//! A load balancer sends the header at the start of a connection to name the client it connects for. Both forms
//! of the specification ("The PROXY protocol", HAProxy) are supported: the text line of version 1 and the
//! binary form of version 2. The bytes after the header stay in the socket, so no other layer needs to know
//! about the header.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// Error returned when no PROXY protocol header could be read.
#[derive(Debug)]
pub enum ProxyProtocolError {
    /// The connection starts with other data.
    Missing,
    /// The connection starts with a header that violates the specification.
    Malformed,
    /// The header was not complete within 10 s.
    Timeout,
    Io(io::Error),
}

/// Result of [`parse`] on the first bytes of a connection.
#[derive(Debug, PartialEq, Eq)]
pub enum HeaderParseState {
    /// More bytes are needed.
    Incomplete,
    /// The header is complete.
    Complete(ProxyProtocolHeader),
    /// The bytes do not start a header.
    Missing,
    /// The header violates the specification.
    Malformed,
}

/// A complete PROXY protocol header.
#[derive(Debug, PartialEq, Eq)]
pub struct ProxyProtocolHeader {
    /// The client; `None` for a health check of the load balancer, or a client without an IP address.
    pub client: Option<SocketAddr>,
    /// Bytes.
    pub length: usize,
}

/// Reads the header of a connection, and no byte after it. Returns the client; `None` for a connection of the
/// sender itself, such as a health check, or for a client without an IP address.
///
/// # Errors
/// The header is missing, malformed or not complete within 10 s, or the connection fails.
pub async fn read(tcp: &mut TcpStream) -> Result<Option<SocketAddr>, ProxyProtocolError> {
    match tokio::time::timeout(DEADLINE, read_header(tcp)).await {
        Ok(read) => read,
        Err(_) => Err(ProxyProtocolError::Timeout),
    }
}

impl std::fmt::Display for ProxyProtocolError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ProxyProtocolError::Missing => f.write_str("missing PROXY header"),
            ProxyProtocolError::Malformed => f.write_str("malformed PROXY header"),
            ProxyProtocolError::Timeout => f.write_str("PROXY header incomplete after 10 s"),
            ProxyProtocolError::Io(error) => error.fmt(f),
        }
    }
}

impl From<io::Error> for ProxyProtocolError {
    fn from(error: io::Error) -> ProxyProtocolError {
        ProxyProtocolError::Io(error)
    }
}

/// Peeks before it consumes, because the bytes after the header belong to the next layer. Peeked bytes of an
/// incomplete header are consumed immediately; otherwise the next peek would return them again without waiting.
async fn read_header(tcp: &mut TcpStream) -> Result<Option<SocketAddr>, ProxyProtocolError> {
    let mut buffer = vec![0; MAX_LEN];
    let mut consumed = 0;
    loop {
        let available = consumed + tcp.peek(&mut buffer[consumed..]).await?;
        if available == consumed {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        match parse(&buffer[..available]) {
            HeaderParseState::Complete(header) => {
                tcp.read_exact(&mut buffer[consumed..header.length]).await?;
                return Ok(header.client);
            }
            HeaderParseState::Incomplete => consumed += tcp.read_exact(&mut buffer[consumed..available]).await?,
            HeaderParseState::Missing => return Err(ProxyProtocolError::Missing),
            HeaderParseState::Malformed => return Err(ProxyProtocolError::Malformed),
        }
    }
}

/// Parses the first bytes of a connection. Bytes after the header are ignored.
///
/// ```
/// use gatepost::net::proxy_protocol::{HeaderParseState, ProxyProtocolHeader, parse};
///
/// let line = b"PROXY TCP4 192.0.2.7 192.0.2.1 56324 443\r\n";
/// let client = Some(([192, 0, 2, 7], 56324).into());
/// let header = ProxyProtocolHeader { client, length: line.len() };
/// assert_eq!(parse(&[&line[..], b"GET / HTTP/1.1"].concat()), HeaderParseState::Complete(header));
///
/// assert_eq!(parse(&line[..20]), HeaderParseState::Incomplete);
/// assert_eq!(parse(b"GET / HTTP/1.1"), HeaderParseState::Missing);
/// assert_eq!(parse(b"PROXY UDP4 192.0.2.7 192.0.2.1 1 2\r\n"), HeaderParseState::Malformed);
/// ```
pub fn parse(bytes: &[u8]) -> HeaderParseState {
    if bytes.starts_with(V2_SIGNATURE) {
        return parse_v2(bytes).unwrap_or(HeaderParseState::Incomplete);
    }
    if bytes.starts_with(V1_PREFIX) {
        return parse_v1(bytes);
    }
    if V2_SIGNATURE.starts_with(bytes) || V1_PREFIX.starts_with(bytes) {
        HeaderParseState::Incomplete
    } else {
        HeaderParseState::Missing
    }
}

/// Parses version 1: `PROXY TCP4 192.0.2.7 192.0.2.1 56324 443`, and CR LF.
fn parse_v1(bytes: &[u8]) -> HeaderParseState {
    let bytes = &bytes[..bytes.len().min(MAX_V1_LEN)];
    let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") else {
        return if bytes.len() < MAX_V1_LEN { HeaderParseState::Incomplete } else { HeaderParseState::Malformed };
    };
    let client = std::str::from_utf8(&bytes[V1_PREFIX.len()..end]).ok().and_then(v1_client);
    client.map_or(HeaderParseState::Malformed, |client| {
        HeaderParseState::Complete(ProxyProtocolHeader { client, length: end + 2 })
    })
}

/// Parses the part of a version 1 line after `PROXY`. The outer `None` means that it is malformed.
fn v1_client(text: &str) -> Option<Option<SocketAddr>> {
    let fields: Vec<&str> = text.split(' ').collect();
    match fields[..] {
        // The specification requires the receiver to ignore the rest of the line.
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

/// Parses version 2: signature, version and command, family and protocol, length, addresses, and extensions
/// (TLVs), which are skipped. Returns `None` if the header is incomplete.
fn parse_v2(bytes: &[u8]) -> Option<HeaderParseState> {
    let fixed = bytes.get(V2_SIGNATURE.len()..V2_FIXED_LEN)?;
    let [command, family, high, low] = *fixed else { return None };
    let length = V2_FIXED_LEN + usize::from(u16::from_be_bytes([high, low]));
    if length > MAX_LEN {
        return Some(HeaderParseState::Malformed);
    }
    let client = match command {
        LOCAL => Some(None),
        PROXY => v2_client(family, bytes.get(V2_FIXED_LEN..length)?),
        _ => None,
    };
    // A LOCAL header is skipped as a whole.
    bytes.get(..length)?;
    Some(client.map_or(HeaderParseState::Malformed, |client| {
        HeaderParseState::Complete(ProxyProtocolHeader { client, length })
    }))
}

/// Parses the client from the address block. The outer `None` means that the block is too short for its family.
fn v2_client(family: u8, block: &[u8]) -> Option<Option<SocketAddr>> {
    let (client, ports) = match family {
        TCP4 => (IpAddr::from(*block.first_chunk::<4>()?), block.get(8..12)?),
        TCP6 => (IpAddr::from(*block.first_chunk::<16>()?).to_canonical(), block.get(32..36)?),
        // An unspecified family, UDP, and unix sockets name no TCP client.
        0x00 | 0x12 | 0x22 | 0x31 | 0x32 => return Some(None),
        // The specification assigns no other value, and requires receivers to reject the header.
        _ => return None,
    };
    Some(Some(SocketAddr::new(client, u16::from_be_bytes(*ports.first_chunk::<2>()?))))
}

/// Maximum time from the accepted connection to the complete header.
const DEADLINE: Duration = Duration::from_secs(10);

/// Start of a version 1 line.
const V1_PREFIX: &[u8] = b"PROXY ";

/// Maximum bytes of a version 1 line, CR LF included (section 2.1 of the specification).
const MAX_V1_LEN: usize = 107;

/// Start of a version 2 header.
const V2_SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Bytes of the fixed part of a version 2 header.
const V2_FIXED_LEN: usize = 16;

/// Maximum bytes of a header, as in nginx. Addresses take at most 232 bytes; the rest is for extensions, which
/// can contain certificates.
const MAX_LEN: usize = 4096;

/// Byte 13 of a version 2 header: the version, and the command.
const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;

/// Byte 14 of a version 2 header: the address family, and TCP, the only transport of an HTTP client.
const TCP4: u8 = 0x11;
const TCP6: u8 = 0x21;

#[cfg(test)]
mod tests {
    use super::*;

    fn header(client: Option<&str>, length: usize) -> HeaderParseState {
        HeaderParseState::Complete(ProxyProtocolHeader { client: client.map(|text| text.parse().unwrap()), length })
    }

    fn version_2(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
        let length = u16::try_from(block.len()).unwrap().to_be_bytes();
        [V2_SIGNATURE, &[command, family], &length, block].concat()
    }

    const BLOCK_4: [u8; 12] = [192, 0, 2, 7, 192, 0, 2, 1, 0x12, 0x34, 1, 187];

    #[test]
    fn a_version_1_line_names_the_client() {
        let line = b"PROXY TCP4 192.0.2.7 192.0.2.1 56324 443\r\nGET /";
        assert_eq!(parse(line), header(Some("192.0.2.7:56324"), 42));
        assert_eq!(parse(b"PROXY TCP6 2001:db8::7 ::1 1 2\r\n"), header(Some("[2001:db8::7]:1"), 32));
        assert_eq!(parse(b"PROXY UNKNOWN\r\n"), header(None, 15));
        assert_eq!(parse(b"PROXY UNKNOWN ffff:: whatever 1\r\n"), header(None, 33));
    }

    #[test]
    fn a_version_2_header_names_the_client_and_extensions_are_skipped() {
        assert_eq!(parse(&version_2(0x21, 0x11, &BLOCK_4)), header(Some("192.0.2.7:4660"), 28));
        let with_extension = [&BLOCK_4[..], &[0x04, 0, 2, 1, 2]].concat();
        assert_eq!(parse(&version_2(0x21, 0x11, &with_extension)), header(Some("192.0.2.7:4660"), 33));
        let mut block_6 = [0; 36];
        (block_6[0], block_6[15], block_6[33]) = (0x20, 7, 80);
        assert_eq!(parse(&version_2(0x21, 0x21, &block_6)), header(Some("[2000::7]:80"), 52));
    }

    #[test]
    fn local_and_non_ip_headers_name_no_client() {
        assert_eq!(parse(&version_2(0x20, 0x00, &[])), header(None, 16));
        assert_eq!(parse(&version_2(0x20, 0x11, &BLOCK_4)), header(None, 28));
        assert_eq!(parse(&version_2(0x21, 0x31, &[b'x'; 216])), header(None, 232));
        assert_eq!(parse(&version_2(0x21, 0x12, &BLOCK_4)), header(None, 28));
        assert_eq!(parse(&version_2(0x21, 0x00, &[1, 2, 3])), header(None, 19));
    }

    #[test]
    fn every_prefix_of_a_header_is_incomplete() {
        let line = b"PROXY TCP4 192.0.2.7 192.0.2.1 56324 443\r\n".to_vec();
        for whole in [line, version_2(0x21, 0x11, &BLOCK_4), version_2(0x20, 0x11, &BLOCK_4)] {
            for length in 1..whole.len() {
                assert_eq!(parse(&whole[..length]), HeaderParseState::Incomplete, "{length} of {whole:?}");
            }
        }
    }

    #[test]
    fn other_data_is_rejected_at_its_first_different_byte() {
        for bytes in [&b"\x16\x03\x01"[..], b"G", b"PROP", b"proxy", b"\r\n\r\nG", b"PROXY\r\n"] {
            assert_eq!(parse(bytes), HeaderParseState::Missing, "{bytes:?}");
        }
    }

    #[test]
    fn malformed_headers_are_rejected() {
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
            assert_eq!(parse(text.as_bytes()), HeaderParseState::Malformed, "{text}");
        }
        for family in [0x01, 0x02, 0x10, 0x13, 0x20, 0x23, 0x30, 0x33, 0x41, 0xff] {
            assert_eq!(parse(&version_2(0x21, family, &[1; 216])), HeaderParseState::Malformed, "{family:#x}");
        }
        assert_eq!(parse(&version_2(0x22, 0x11, &BLOCK_4)), HeaderParseState::Malformed);
        assert_eq!(parse(&version_2(0x11, 0x11, &BLOCK_4)), HeaderParseState::Malformed);
        assert_eq!(parse(&version_2(0x21, 0x11, &BLOCK_4[..11])), HeaderParseState::Malformed);
        assert_eq!(parse(&version_2(0x21, 0x21, &BLOCK_4)), HeaderParseState::Malformed);
        assert_eq!(parse(&version_2(0x21, 0x11, &[0; 4081])[..16]), HeaderParseState::Malformed);
    }

    #[tokio::test(start_paused = true)]
    async fn an_incomplete_header_times_out() {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let mut sender = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut receiver, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut sender, b"PROXY TCP4 192").await.unwrap();
        let start = tokio::time::Instant::now();
        assert!(matches!(read(&mut receiver).await, Err(ProxyProtocolError::Timeout)));
        assert_eq!(start.elapsed().as_secs(), DEADLINE.as_secs());
    }
}
