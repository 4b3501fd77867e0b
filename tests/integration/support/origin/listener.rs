//! Listening socket of a scripted upstream: TCP or unix.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;

use crate::support::socket::{Duplex, prepare_tcp, prepare_unix};

/// The address of an upstream; its `Display` is the value of `upstream` in the configuration.
#[derive(Debug, Clone)]
pub enum Upstream {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

pub(super) enum OriginListener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Upstream {
    /// Connects and disconnects, so that a blocked `accept` returns.
    pub(super) fn unblock_accept(&self) {
        // A failure means that the listener is closed, so no `accept` is blocked.
        match self {
            Upstream::Tcp(address) => drop(TcpStream::connect(address)),
            Upstream::Unix(path) => drop(UnixStream::connect(path)),
        }
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Upstream::Tcp(address) => address.fmt(f),
            Upstream::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl OriginListener {
    pub(super) fn upstream(&self) -> Upstream {
        match self {
            OriginListener::Tcp(listener) => Upstream::Tcp(listener.local_addr().unwrap()),
            OriginListener::Unix(listener) => {
                Upstream::Unix(listener.local_addr().unwrap().as_pathname().unwrap().to_owned())
            }
        }
    }

    pub(super) fn accept(&self) -> io::Result<Arc<dyn Duplex>> {
        match self {
            OriginListener::Tcp(listener) => {
                let (stream, _) = listener.accept()?;
                prepare_tcp(&stream)?;
                Ok(Arc::new(stream))
            }
            OriginListener::Unix(listener) => {
                let (stream, _) = listener.accept()?;
                prepare_unix(&stream)?;
                Ok(Arc::new(stream))
            }
        }
    }
}
