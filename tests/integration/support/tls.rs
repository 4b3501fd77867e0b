//! TLS client over a socket that one thread can read while another writes.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{
    CipherSuite, ClientConfig, ClientConnection, HandshakeKind, NamedGroup, ProtocolVersion, RootCertStore,
    SupportedCipherSuite, SupportedProtocolVersion,
};

use super::certs::{self, clients::Identity};
use super::socket::{Duplex, connect};

/// Client settings for a handshake. By default the client trusts the test CA and verifies the server name.
#[derive(Clone)]
pub struct Tls {
    name: String,
    trust: Arc<RootCertStore>,
    sends_sni: bool,
    protocols: Vec<Vec<u8>>,
    versions: Vec<&'static SupportedProtocolVersion>,
    suites: Vec<SupportedCipherSuite>,
    groups: Vec<&'static dyn SupportedKxGroup>,
    identity: Option<Identity>,
}

/// An established TLS connection.
pub struct TlsStream {
    tcp: TcpStream,
    session: Mutex<ClientConnection>,
    early_data: EarlyData,
    /// Records read from the socket but not yet decrypted. Locked while reading.
    incoming: Mutex<Vec<u8>>,
    /// Locked while writing, so that records are sent in the order of encryption.
    outgoing: Mutex<()>,
}

/// Whether a client may send a request before the handshake is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EarlyData {
    Allowed,
    Forbidden,
}

impl Tls {
    /// Returns an HTTP/1.1 client with `name` as SNI.
    pub fn to(name: &str) -> Tls {
        Tls {
            name: name.to_owned(),
            trust: Arc::new(certs::trust()),
            sends_sni: true,
            protocols: vec![b"http/1.1".to_vec()],
            versions: rustls::ALL_VERSIONS.to_vec(),
            suites: aws_lc_rs::DEFAULT_CIPHER_SUITES.to_vec(),
            groups: aws_lc_rs::DEFAULT_KX_GROUPS.to_vec(),
            identity: None,
        }
    }

    /// Sends no SNI, but verifies the certificate for the name.
    pub fn without_sni(mut self) -> Tls {
        self.sends_sni = false;
        self
    }

    /// Trusts these CAs instead of the test CA.
    pub fn trusting(mut self, trust: &Arc<RootCertStore>) -> Tls {
        self.trust = Arc::clone(trust);
        self
    }

    pub fn with_alpn(mut self, protocols: &[&str]) -> Tls {
        self.protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        self
    }

    pub fn only(mut self, version: &'static SupportedProtocolVersion) -> Tls {
        self.versions = vec![version];
        self
    }

    /// Offers only these cipher suites, in this order.
    pub fn with_suites(mut self, suites: &[SupportedCipherSuite]) -> Tls {
        self.suites = suites.to_vec();
        self
    }

    /// Offers only these groups, in this order.
    pub fn with_groups(mut self, groups: &[&'static dyn SupportedKxGroup]) -> Tls {
        self.groups = groups.to_vec();
        self
    }

    /// Sends this client certificate when the server requests one.
    pub fn with_client_certificate(mut self, identity: &Identity) -> Tls {
        self.identity = Some(identity.clone());
        self
    }

    /// Connects and completes the handshake.
    pub fn connect(&self, address: SocketAddr) -> io::Result<TlsStream> {
        self.connect_with(&Arc::new(self.config()), address)
    }

    /// Connects with a `ClientConfig` that may hold sessions of earlier connections.
    pub fn connect_with(&self, config: &Arc<ClientConfig>, address: SocketAddr) -> io::Result<TlsStream> {
        self.handshake(config, connect(address)?)
    }

    /// Completes the handshake on an established TCP connection.
    pub fn over(&self, tcp: TcpStream) -> io::Result<TlsStream> {
        self.handshake(&Arc::new(self.config()), tcp)
    }

    fn handshake(&self, config: &Arc<ClientConfig>, mut tcp: TcpStream) -> io::Result<TlsStream> {
        let mut session =
            ClientConnection::new(Arc::clone(config), self.server_name()).map_err(io::Error::other)?;
        let early_data = if session.early_data().is_some() { EarlyData::Allowed } else { EarlyData::Forbidden };
        while session.is_handshaking() || session.wants_write() {
            session.complete_io(&mut tcp)?;
        }
        let (incoming, outgoing) = Default::default();
        Ok(TlsStream { tcp, session: Mutex::new(session), early_data, incoming, outgoing })
    }

    pub fn config(&self) -> ClientConfig {
        let provider = CryptoProvider {
            cipher_suites: self.suites.clone(),
            kx_groups: self.groups.clone(),
            ..aws_lc_rs::default_provider()
        };
        let config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&self.versions)
            .unwrap()
            .with_root_certificates(Arc::clone(&self.trust));
        let mut config = match &self.identity {
            Some(identity) => config.with_client_auth_cert(identity.chain(), identity.key()).unwrap(),
            None => config.with_no_client_auth(),
        };
        config.enable_sni = self.sends_sni;
        config.alpn_protocols.clone_from(&self.protocols);
        config
    }

    pub fn server_name(&self) -> ServerName<'static> {
        ServerName::try_from(self.name.clone()).unwrap()
    }
}

impl TlsStream {
    pub fn version(&self) -> Option<ProtocolVersion> {
        self.session.lock().unwrap().protocol_version()
    }

    /// Returns the protocol that the server selected by ALPN.
    pub fn protocol(&self) -> Option<String> {
        let session = self.session.lock().unwrap();
        session.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned())
    }

    pub fn suite(&self) -> Option<CipherSuite> {
        self.session.lock().unwrap().negotiated_cipher_suite().map(|suite| suite.suite())
    }

    pub fn group(&self) -> Option<NamedGroup> {
        self.session.lock().unwrap().negotiated_key_exchange_group().map(|group| group.name())
    }

    /// Returns whether an earlier session was resumed.
    pub fn is_resumed(&self) -> bool {
        self.session.lock().unwrap().handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// Returns the number of TLS 1.3 tickets received.
    pub fn tickets(&self) -> u32 {
        self.session.lock().unwrap().tls13_tickets_received()
    }

    /// Returns whether the server of the resumed session allowed early data; always `Forbidden` if the client
    /// does not offer it.
    pub fn early_data(&self) -> EarlyData {
        self.early_data
    }

    /// Returns the chain of the server, leaf first.
    pub fn certificates(&self) -> Vec<CertificateDer<'static>> {
        let session = self.session.lock().unwrap();
        session.peer_certificates().unwrap_or_default().iter().map(|it| it.clone().into_owned()).collect()
    }

    /// Returns decrypted bytes; `None` if another record is required first.
    fn decrypted(&self, incoming: &mut Vec<u8>, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let mut session = self.session.lock().unwrap();
        loop {
            match session.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done.map(Some),
            }
            if incoming.is_empty() {
                return Ok(None);
            }
            let used = session.read_tls(&mut incoming.as_slice())?;
            incoming.drain(..used);
            session.process_new_packets().map_err(io::Error::other)?;
        }
    }

    fn send_records(&self, fill: impl FnOnce(&mut ClientConnection) -> io::Result<()>) -> io::Result<()> {
        let mut records = Vec::new();
        {
            let mut session = self.session.lock().unwrap();
            fill(&mut session)?;
            while session.wants_write() {
                session.write_tls(&mut records)?;
            }
        }
        (&self.tcp).write_all(&records)
    }
}

impl Duplex for TlsStream {
    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut incoming = self.incoming.lock().unwrap();
        loop {
            if let Some(count) = self.decrypted(&mut incoming, buffer)? {
                return Ok(count);
            }
            let mut records = [0; 16 * 1024];
            match (&self.tcp).read(&mut records)? {
                0 => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "closed without close_notify")),
                count => incoming.extend_from_slice(&records[..count]),
            }
        }
    }

    fn send(&self, bytes: &[u8]) -> io::Result<()> {
        let _write_lock = self.outgoing.lock().unwrap();
        for piece in bytes.chunks(16 * 1024) {
            self.send_records(|session| session.writer().write_all(piece))?;
        }
        Ok(())
    }

    fn finish(&self) -> io::Result<()> {
        let _write_lock = self.outgoing.lock().unwrap();
        self.send_records(|session| {
            session.send_close_notify();
            Ok(())
        })?;
        self.tcp.finish()
    }

    fn set_receive_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.tcp.set_receive_timeout(timeout)
    }

    fn set_reset_on_close(&self) -> io::Result<()> {
        self.tcp.set_reset_on_close()
    }

    fn shut_down(&self) {
        self.tcp.shut_down();
    }
}
