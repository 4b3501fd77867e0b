//! What can keep a configuration from being served, in words for whoever has to mend it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::model::LogTarget;
use crate::tls::files::file_error::FileError;
use crate::tls::store::credential_problem::{CredentialProblem, ExpiryNotice};

/// Something that keeps a configuration from being served, or its clients from being content.
#[derive(Debug)]
pub enum StartupProblem {
    File(FileError),
    /// Nothing is wrong yet, but will be.
    ExpiresSoon(Box<ExpiryNotice>),
    /// What keeps certificates from being obtained. Those that are there serve on.
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
            CredentialProblem::File(problem) => StartupProblem::File(problem),
            CredentialProblem::ExpiresSoon(notice) => StartupProblem::ExpiresSoon(notice),
        }
    }
}

impl fmt::Display for StartupProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartupProblem::File(problem) | StartupProblem::AcmePrecondition(problem) => problem.fmt(f),
            StartupProblem::ExpiresSoon(ending) => ending.fmt(f),
            StartupProblem::Tls(error) => write!(f, "TLS cannot be set up: {error}"),
            StartupProblem::Bind { address, error } => {
                write!(f, "cannot listen on {address}: {error}; {}", bind_advice(*address, error))
            }
            StartupProblem::Log { target: LogTarget::File(path), error } => {
                write!(f, "{}: cannot write the access log: {error}; create its directory, ", path.display())?;
                f.write_str("or name another file as access_log, in a gitlab.rb another log_directory")
            }
            StartupProblem::Log { error, .. } => write!(f, "cannot write the access log: {error}"),
            StartupProblem::LogDirectory(path) => {
                write!(f, "{}: this directory for access logs does not exist; create it, ", path.display())?;
                f.write_str("or name another place as access_log, in a gitlab.rb as log_directory")
            }
            StartupProblem::User { name, why } => {
                write!(f, "cannot serve as user `{name}`: {why}; name an existing account as process.user, ")?;
                f.write_str("in a gitlab.rb as web_server['username']")
            }
            StartupProblem::Start(error) => write!(f, "cannot start: {error}"),
        }
    }
}

impl std::error::Error for StartupProblem {}

fn bind_advice(address: SocketAddr, error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program listens there, perhaps another `gatepost serve`. If it is the bundled nginx, set nginx['enable'] = false in \
             gitlab.rb and run `gitlab-ctl reconfigure`"
        }
        io::ErrorKind::PermissionDenied if address.port() < 1024 => {
            "ports below 1024 need root, or the capability CAP_NET_BIND_SERVICE"
        }
        io::ErrorKind::AddrNotAvailable => "this machine does not have that address",
        _ => "see that the address is one of this machine's",
    }
}
