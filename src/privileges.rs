//! Giving up root, and taking the descriptors that are allowed.

use std::ffi::CString;
use std::fmt;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{AccessFlags, Gid, Uid, User, access, initgroups, setgid, setuid};

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

/// An account to serve as.
pub(crate) struct Account {
    name: CString,
    user: Uid,
    group: Gid,
}

impl Account {
    pub(crate) fn find(name: &str) -> Result<Account, Failure> {
        let user = User::from_name(name).map_err(Failure::Refused)?.ok_or(Failure::NoSuchUser)?;
        let name = CString::new(name).map_err(|_| Failure::NoSuchUser)?;
        Ok(Account { name, user: user.uid, group: user.gid })
    }

    /// The numbers of user and group.
    pub(crate) fn ids(&self) -> (u32, u32) {
        (self.user.as_raw(), self.group.as_raw())
    }

    /// Serves as this account from here on. Call it before any thread starts.
    pub(crate) fn assume(&self) -> Result<(), Failure> {
        // Groups first: without root they could not be given up any more.
        initgroups(&self.name, self.group).map_err(Failure::Refused)?;
        setgid(self.group).map_err(Failure::Refused)?;
        setuid(self.user).map_err(Failure::Refused)
    }
}

/// Whether there is something to give up.
pub(crate) fn is_root() -> bool {
    Uid::effective().is_root()
}

/// Whether this process could open a file for reading.
pub(crate) fn may_read(file: &Path) -> bool {
    access(file, AccessFlags::R_OK).is_ok()
}

/// Whether this process could open a file for writing, or create it.
pub(crate) fn may_write(file: &Path) -> bool {
    let may_create = |directory: &Path| access(directory, AccessFlags::W_OK | AccessFlags::X_OK).is_ok();
    access(file, AccessFlags::W_OK).is_ok() || file.parent().is_some_and(may_create)
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
