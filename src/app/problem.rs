//! What can keep a configuration from being served, in words for whoever has to mend it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::SystemTime;

use crate::model::LogTarget;
use crate::net::expiry::{Expiry, Kind, Lapse, Step};
use crate::net::file_problem::FileProblem;

/// Something that keeps a configuration from being served, or its clients from being content.
#[derive(Debug)]
pub enum Problem {
    File(FileProblem),
    /// Nothing is wrong yet, but will be.
    Soon(Box<Ending>),
    /// What keeps certificates from being obtained. Those that are there serve on.
    Obstacle(FileProblem),
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

/// Something that will end, or that has ended and is no problem yet.
#[derive(Debug)]
pub struct Ending {
    pub(super) expiry: Expiry,
    pub(super) step: Step,
    problem: FileProblem,
}

impl Problem {
    /// What there is to say at time `now` of something that ends.
    pub(super) fn of_end(expiry: &Expiry, now: SystemTime) -> Option<Problem> {
        let problem = expiry.problem(now);
        let step = match expiry.lapse(now)? {
            // Clients may know another way from the leaf to an authority, so this alone keeps nobody out.
            Lapse::Over if expiry.kind == Kind::Intermediate => Step::Day,
            Lapse::Over => return Some(Problem::File(problem)),
            Lapse::Soon(step) => step,
        };
        Some(Problem::Soon(Box::new(Ending { expiry: expiry.clone(), step, problem })))
    }

    /// What will end, if it is that.
    pub(super) fn ending(&self) -> Option<&Ending> {
        match self {
            Problem::Soon(ending) => Some(ending),
            _ => None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::File(problem) | Problem::Obstacle(problem) => problem.fmt(f),
            Problem::Soon(ending) => ending.problem.fmt(f),
            Problem::Tls(error) => write!(f, "TLS cannot be set up: {error}"),
            Problem::Bind { address, error } => {
                write!(f, "cannot listen on {address}: {error}; {}", bind_advice(*address, error))
            }
            Problem::Log { target: LogTarget::File(path), error } => {
                write!(f, "{}: cannot write the access log: {error}; create its directory, ", path.display())?;
                f.write_str("or name another file as access_log, in a gitlab.rb another log_directory")
            }
            Problem::Log { error, .. } => write!(f, "cannot write the access log: {error}"),
            Problem::LogDirectory(path) => {
                write!(f, "{}: this directory for access logs does not exist; create it, ", path.display())?;
                f.write_str("or name another place as access_log, in a gitlab.rb as log_directory")
            }
            Problem::User { name, why } => {
                write!(f, "cannot serve as user `{name}`: {why}; name an existing account as process.user, ")?;
                f.write_str("in a gitlab.rb as web_server['username']")
            }
            Problem::Start(error) => write!(f, "cannot start: {error}"),
        }
    }
}

impl std::error::Error for Problem {}

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
