//! Handwritten TLS 1.2 records within a connection established by rustls.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rustls::crypto::aws_lc_rs::cipher_suite::{
    TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
};
use rustls::version::TLS12;
use rustls::{ClientConnection, ConnectionTrafficSecrets};

use super::client_hello::HANDSHAKE;
use super::socket::connect;
use super::tls::Tls;

/// A connection after its handshake.
pub struct TlsRecords {
    tcp: TcpStream,
    outgoing: Direction,
    incoming: Direction,
    last_finished: Vec<u8>,
}

/// A received record.
#[derive(Debug)]
pub struct TlsRecord {
    pub kind: u8,
    pub content: Vec<u8>,
}

/// Keys of one direction: AES-128-GCM of TLS 1.2 (RFC 5288).
struct Direction {
    key: LessSafeKey,
    salt: [u8; 4],
    sequence: u64,
}

impl TlsRecords {
    /// Connects over TLS 1.2 with AES-128-GCM.
    pub fn connect(tls: &Tls, address: SocketAddr) -> io::Result<TlsRecords> {
        let suites = [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256];
        let tls = tls.clone().only(&TLS12).with_suites(&suites);
        let mut config = tls.config();
        config.enable_secret_extraction = true;
        let mut session = ClientConnection::new(Arc::new(config), tls.server_name()).map_err(io::Error::other)?;
        let mut tcp = connect(address)?;
        let sent = complete_handshake(&mut session, &mut tcp)?;
        let secrets = session.dangerous_extract_secrets().map_err(io::Error::other)?;
        let [outgoing, incoming] = [secrets.tx, secrets.rx].map(|(sequence, it)| Direction::new(&it, sequence));
        // The first record under the new keys is the client's Finished: a header of four bytes, then
        // `verify_data`.
        let last_finished = outgoing.open(0, HANDSHAKE, last_record(&sent))?[4..].to_vec();
        Ok(TlsRecords { tcp, outgoing, incoming, last_finished })
    }

    /// Returns `verify_data` of the client's Finished message.
    pub fn last_finished(&self) -> &[u8] {
        &self.last_finished
    }

    pub fn send(&mut self, kind: u8, content: &[u8]) -> io::Result<()> {
        let sealed = self.outgoing.seal(kind, content);
        let length = u16::try_from(sealed.len()).unwrap().to_be_bytes();
        self.tcp.write_all(&[&[kind, 3, 3][..], &length, &sealed].concat())
    }

    /// Reads a record, including alerts; returns `None` if the connection is closed or reset.
    pub fn receive(&mut self) -> io::Result<Option<TlsRecord>> {
        let mut head = [0; HEADER_LEN];
        match self.tcp.read_exact(&mut head) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
            Err(_) => return Ok(None),
        }
        let mut sealed = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
        self.tcp.read_exact(&mut sealed)?;
        let content = self.incoming.open(self.incoming.sequence, head[0], &sealed)?;
        self.incoming.sequence += 1;
        Ok(Some(TlsRecord { kind: head[0], content }))
    }
}

impl Direction {
    fn new(secrets: &ConnectionTrafficSecrets, sequence: u64) -> Direction {
        let ConnectionTrafficSecrets::Aes128Gcm { key, iv } = secrets else {
            panic!("the negotiated cipher suite was not offered")
        };
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, key.as_ref()).unwrap());
        Direction { key, salt: *iv.as_ref().first_chunk().unwrap(), sequence }
    }

    fn seal(&mut self, kind: u8, content: &[u8]) -> Vec<u8> {
        let explicit = self.sequence.to_be_bytes();
        let mut sealed = content.to_vec();
        let associated = associated(self.sequence, kind, content.len());
        self.key.seal_in_place_append_tag(self.nonce(explicit), associated, &mut sealed).unwrap();
        self.sequence += 1;
        [&explicit[..], &sealed].concat()
    }

    fn open(&self, sequence: u64, kind: u8, sealed: &[u8]) -> io::Result<Vec<u8>> {
        let (explicit, rest) = sealed.split_first_chunk().ok_or(io::ErrorKind::InvalidData)?;
        let length = rest.len().checked_sub(AES_128_GCM.tag_len()).ok_or(io::ErrorKind::InvalidData)?;
        let mut content = rest.to_vec();
        let associated = associated(sequence, kind, length);
        let opened = self.key.open_in_place(self.nonce(*explicit), associated, &mut content);
        Ok(opened.map_err(io::Error::other)?.to_vec())
    }

    fn nonce(&self, explicit: [u8; 8]) -> Nonce {
        let [a, b, c, d] = self.salt;
        let [e, f, g, h, i, j, k, l] = explicit;
        Nonce::assume_unique_for_key([a, b, c, d, e, f, g, h, i, j, k, l])
    }
}

/// Returns the additional data of a record (RFC 5246 section 6.2.3.3).
fn associated(sequence: u64, kind: u8, length: usize) -> Aad<Vec<u8>> {
    let length = u16::try_from(length).unwrap().to_be_bytes();
    Aad::from([&sequence.to_be_bytes()[..], &[kind, 3, 3], &length].concat())
}

/// Completes the handshake. Returns all bytes sent by the client.
fn complete_handshake(session: &mut ClientConnection, tcp: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut sent = Vec::new();
    while session.is_handshaking() || session.wants_write() {
        let before = sent.len();
        while session.wants_write() {
            session.write_tls(&mut sent)?;
        }
        tcp.write_all(&sent[before..])?;
        if session.is_handshaking() {
            if session.read_tls(tcp)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            session.process_new_packets().map_err(io::Error::other)?;
        }
    }
    Ok(sent)
}

/// Returns the content of the last of several complete records.
fn last_record(mut records: &[u8]) -> &[u8] {
    loop {
        let length = usize::from(u16::from_be_bytes([records[3], records[4]]));
        let (record, rest) = records[HEADER_LEN..].split_at(length);
        if rest.is_empty() {
            return record;
        }
        records = rest;
    }
}

/// Bytes of a record header: type, version, length.
const HEADER_LEN: usize = 5;

/// Record types.
pub const ALERT: u8 = 21;
pub const APPLICATION_DATA: u8 = 23;
