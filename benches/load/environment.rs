//! Environment of one trial: directory, ports, upstream address, certificate.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::certificates::CertificateFiles;
use crate::key_group::KeyGroup;

/// The host name that all proxies serve.
pub(crate) const HOST: &str = "gitlab.localhost";

/// The values of a proxy's configuration. Drop removes the directory and releases the ports.
#[derive(Debug)]
pub(crate) struct Environment {
    pub(crate) https: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) upstream: UpstreamAddress,
    pub(crate) certificate: CertificateFiles,
    pub(crate) group: KeyGroup,
    pub(crate) workers: usize,
    /// Maximum number of concurrent client connections.
    pub(crate) connections: usize,
    _reservation: PortReservation,
    directory: TempDir,
}

/// The address of the upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum UpstreamAddress {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// Whether the upstream listens on TCP or on a Unix socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UpstreamTransport {
    Tcp,
    Unix,
}

impl Environment {
    /// Creates a temporary directory and reserves three ports.
    ///
    /// # Errors
    /// The directory cannot be created or no ports are free.
    pub(crate) fn new(
        transport: UpstreamTransport,
        certificate: CertificateFiles,
        group: KeyGroup,
        size: Size,
    ) -> Result<Self> {
        let directory = TempDir::with_prefix("gatepost-load-").context("cannot create a temporary directory")?;
        // Proxy workers that dropped root privileges connect to the socket in this directory.
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755))?;
        let reservation = PortReservation::new()?;
        let [https, http, tcp_upstream] = reservation.addresses;
        let upstream = match transport {
            UpstreamTransport::Tcp => UpstreamAddress::Tcp(tcp_upstream),
            UpstreamTransport::Unix => UpstreamAddress::Unix(directory.path().join("upstream.socket")),
        };
        let Size { workers, connections } = size;
        Ok(Self {
            https,
            http,
            upstream,
            certificate,
            group,
            workers,
            connections,
            _reservation: reservation,
            directory,
        })
    }

    /// Returns the path of a file in the directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file to the directory and returns its path.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }
}

/// Sizing parameters of a proxy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) workers: usize,
    pub(crate) connections: usize,
}

impl UpstreamAddress {
    /// Returns whether a server accepts connections at the address.
    pub(crate) fn accepts(&self) -> bool {
        match self {
            Self::Tcp(address) => TcpStream::connect(address).is_ok(),
            Self::Unix(path) => UnixStream::connect(path).is_ok(),
        }
    }
}

impl fmt::Display for UpstreamAddress {
    /// Formats `127.0.0.1:9000` or `unix:/path`, the notation of Gatepost and nginx.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Three consecutive loopback ports, reserved by listening on the port before them.
///
/// Checking that a port is free is not sufficient: workers bind with `SO_REUSEPORT`, so proxies of two harnesses
/// could share a port, and each harness would measure the other's proxy.
#[derive(Debug)]
struct PortReservation {
    _guard: TcpListener,
    addresses: [SocketAddr; 3],
}

impl PortReservation {
    fn new() -> Result<Self> {
        let reservation = PORTS.step_by(4).find_map(|port| {
            let [guard, addresses @ ..] =
                [0, 1, 2, 3].map(|offset| SocketAddr::from((Ipv4Addr::LOCALHOST, port + offset)));
            let guard = TcpListener::bind(guard).ok()?;
            let free = addresses.iter().all(|address| TcpListener::bind(address).is_ok());
            free.then_some(Self { _guard: guard, addresses })
        });
        reservation.with_context(|| format!("no three consecutive free ports in {PORTS:?}"))
    }
}

/// Below the range of ephemeral ports (`ip_local_port_range`).
const PORTS: std::ops::Range<u16> = 24_100..24_900;
