//! Errors and warnings found while preparing the server.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use nix::errno::Errno;

use crate::model::LogTarget;
use crate::tls::files::file_error::FileError;
use crate::tls::store::credential_problem::{CredentialProblem, ExpiryNotice};

/// An error or warning that concerns the environment of the server.
#[derive(Debug)]
pub enum StartupProblem {
    /// A certificate, key or CA file is unusable.
    File(FileError),
    /// A credential expires soon. A warning.
    ExpiresSoon(Box<ExpiryNotice>),
    /// ACME cannot issue certificates. Existing certificates stay in use.
    AcmePrecondition(FileError),
    Tls(rustls::Error),
    Bind {
        address: SocketAddr,
        error: io::Error,
    },
    Log {
        target: LogTarget,
        error: io::Error,
    },
    LogDirectory(PathBuf),
    User {
        name: String,
        why: String,
    },
    Start(io::Error),
}

impl From<CredentialProblem> for StartupProblem {
    fn from(problem: CredentialProblem) -> StartupProblem {
        match problem {
            CredentialProblem::File(error) => StartupProblem::File(error),
            CredentialProblem::ExpiresSoon(notice) => StartupProblem::ExpiresSoon(notice),
        }
    }
}

impl fmt::Display for StartupProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartupProblem::File(error) | StartupProblem::AcmePrecondition(error) => error.fmt(f),
            StartupProblem::ExpiresSoon(notice) => notice.fmt(f),
            StartupProblem::Tls(error) => write!(f, "cannot build the TLS configuration: {error}"),
            StartupProblem::Bind { address, error } => {
                write!(f, "cannot bind {address}: {error}; {}", bind_advice(*address, error))
            }
            StartupProblem::Log { target: LogTarget::File(path), error } => {
                write!(f, "cannot open the access log {}: {error}; ", path.display())?;
                f.write_str(log_advice(error))?;
                f.write_str("set another file in `access_log` (gitlab.rb: `log_directory`)")
            }
            StartupProblem::Log { error, .. } => write!(f, "cannot open the access log: {error}"),
            StartupProblem::LogDirectory(path) => {
                write!(f, "the access log directory {} does not exist; create it, ", path.display())?;
                f.write_str("or set another path in `access_log` (gitlab.rb: `log_directory`)")
            }
            StartupProblem::User { name, why } => {
                write!(f, "cannot switch to user `{name}`: {why}; set an existing account in `process.user` ")?;
                f.write_str("(gitlab.rb: `web_server['username']`)")
            }
            StartupProblem::Start(error) => write!(f, "cannot start: {error}"),
        }
    }
}

impl std::error::Error for StartupProblem {}

/// Returns what to do about a log that cannot be opened, beside setting another file.
fn log_advice(error: &io::Error) -> &'static str {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOENT) => "create its directory, or ",
        Some(Errno::EACCES) => {
            "let the account in `process.user` (gitlab.rb: `web_server['username']`) write the file and its \
             directory, or "
        }
        _ => "",
    }
}

/// Returns what an operator can do about a failed bind.
fn bind_advice(address: SocketAddr, error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program uses the address, perhaps another `gatepost serve`. \
             For the bundled nginx, set nginx['enable'] = false in gitlab.rb and run `gitlab-ctl reconfigure`"
        }
        io::ErrorKind::PermissionDenied if address.port() < 1024 => {
            "ports below 1024 need root, or the capability CAP_NET_BIND_SERVICE"
        }
        io::ErrorKind::AddrNotAvailable => "the address is not assigned to this machine",
        _ => "check that the address is assigned to this machine",
    }
}
