//! Where one trial happens: its directory, addresses, application and certificate.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::certificates::CertificateFiles;
use crate::key_group::KeyGroup;

/// The name that all proxies serve.
pub(crate) const HOST: &str = "gitlab.localhost";

/// What a proxy's configuration is written from. The directory and the claim on the ports go when the
/// site is dropped.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) https: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) upstream: Upstream,
    pub(crate) certificate: CertificateFiles,
    pub(crate) group: KeyGroup,
    pub(crate) workers: usize,
    /// The most client connections at one time.
    pub(crate) connections: usize,
    _claim: Claim,
    directory: TempDir,
}

/// Where the application listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Upstream {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// How the proxy reaches the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UpstreamKind {
    Tcp,
    Unix,
}

impl Site {
    /// A fresh directory and three free ports.
    ///
    /// # Errors
    /// There is no place for the directory, or no port is free.
    pub(crate) fn new(
        upstream: UpstreamKind,
        certificate: CertificateFiles,
        group: KeyGroup,
        size: Size,
    ) -> Result<Self> {
        let directory = TempDir::with_prefix("gatepost-load-").context("cannot make a temporary directory")?;
        // Proxies that give up root for their workers must still reach the socket inside.
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755))?;
        let claim = Claim::new()?;
        let [https, http, application] = claim.addresses;
        let upstream = match upstream {
            UpstreamKind::Tcp => Upstream::Tcp(application),
            UpstreamKind::Unix => Upstream::Unix(directory.path().join("application.socket")),
        };
        let Size { workers, connections } = size;
        Ok(Self { https, http, upstream, certificate, group, workers, connections, _claim: claim, directory })
    }

    /// A path inside the site's directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file into the site's directory and returns its path.
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

/// How large a proxy is set up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) workers: usize,
    pub(crate) connections: usize,
}

impl Upstream {
    /// Whether somebody accepts connections there.
    pub(crate) fn accepts(&self) -> bool {
        match self {
            Self::Tcp(address) => TcpStream::connect(address).is_ok(),
            Self::Unix(path) => UnixStream::connect(path).is_ok(),
        }
    }
}

impl fmt::Display for Upstream {
    /// `127.0.0.1:9000` or `unix:/path`, as Gatepost and nginx write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Three neighbouring ports on the loopback interface, claimed by listening on the one before them.
///
/// To find a port free is not enough: proxies that share ports among their workers could then share
/// them with those of another harness, and each would measure the other's proxy.
#[derive(Debug)]
struct Claim {
    _guard: TcpListener,
    addresses: [SocketAddr; 3],
}

impl Claim {
    fn new() -> Result<Self> {
        let claim = PORTS.step_by(4).find_map(|port| {
            let [guard, addresses @ ..] =
                [0, 1, 2, 3].map(|offset| SocketAddr::from((Ipv4Addr::LOCALHOST, port + offset)));
            let guard = TcpListener::bind(guard).ok()?;
            let free = addresses.iter().all(|address| TcpListener::bind(address).is_ok());
            free.then_some(Self { _guard: guard, addresses })
        });
        claim.with_context(|| format!("there are no three free ports side by side in {PORTS:?}"))
    }
}

/// Below the range that the system draws the source ports of connections from.
const PORTS: std::ops::Range<u16> = 24_100..24_900;
