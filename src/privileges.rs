//! Giving up root, and taking the descriptors that are allowed.

use std::ffi::CString;
use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{AccessFlags, Gid, Uid, User, access, getgrouplist, initgroups, setgid, setuid};

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

    /// By the permissions of the directory alone.
    fn may_change(&self, directory: &Path) -> bool {
        let Ok(found) = fs::metadata(directory) else { return false };
        let groups = getgrouplist(&self.name, self.group).unwrap_or_default();
        let is_member = groups.iter().any(|group| group.as_raw() == found.gid());
        let bits = match (self.user.as_raw() == found.uid(), is_member) {
            (true, _) => found.mode() >> 6,
            (false, true) => found.mode() >> 3,
            (false, false) => found.mode(),
        };
        self.user.is_root() || bits & 0o3 == 0o3
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

/// Whether an account could create and replace files in a directory. `None` is the one of this process.
pub(crate) fn may_change(directory: &Path, account: Option<&str>) -> bool {
    // Whoever is not root cannot become another one, so its own rights count.
    let other = account.filter(|_| is_root()).and_then(|name| Account::find(name).ok());
    match other {
        None => access(directory, AccessFlags::W_OK | AccessFlags::X_OK).is_ok(),
        Some(account) => account.may_change(directory),
    }
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
