//! Giving up root, and taking the descriptors that are allowed.

use std::ffi::CString;
use std::fmt;

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{Uid, User, initgroups, setgid, setuid};

/// Why the account could not be changed.
#[derive(Debug)]
pub(crate) enum Failure {
    NoSuchUser,
    Refused(Errno),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::NoSuchUser => f.write_str("there is no such account"),
            Failure::Refused(errno) => write!(f, "{}", errno.desc()),
        }
    }
}

/// Serves as `name` from here on. Call it before any thread starts. Without root there is nothing to give
/// up: then the program goes on as who it is.
pub(crate) fn become_user(name: &str) -> Result<(), Failure> {
    if !Uid::effective().is_root() {
        return Ok(());
    }
    let user = User::from_name(name).map_err(Failure::Refused)?.ok_or(Failure::NoSuchUser)?;
    let c_name = CString::new(name).map_err(|_| Failure::NoSuchUser)?;
    initgroups(&c_name, user.gid).map_err(Failure::Refused)?;
    setgid(user.gid).map_err(Failure::Refused)?;
    setuid(user.uid).map_err(Failure::Refused)
}

/// Every tunnel takes two descriptors; the usual soft limit of 1024 is for programs that use `select`.
pub(crate) fn raise_descriptor_limit() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map(|()| hard));
    match raised {
        Ok(limit) => tracing::debug!("may open {limit} descriptors"),
        Err(error) => tracing::warn!("cannot raise the limit on open descriptors: {error}"),
    }
}
