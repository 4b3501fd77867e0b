//! What accounts may do: giving up root, taking the descriptors that are allowed, and who may open what.

use std::ffi::CString;
use std::fmt;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{AccessFlags, Gid, Uid, User, access, getgrouplist, initgroups, setgid, setuid};

/// Why the account could not be changed.
#[derive(Debug)]
pub(crate) enum AccountError {
    NoSuchUser,
    Refused(Errno),
}

impl fmt::Display for AccountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AccountError::NoSuchUser => f.write_str("there is no such account"),
            AccountError::Refused(errno) => write!(f, "{}", errno.desc()),
        }
    }
}

/// An account to serve as.
pub(crate) struct UserAccount {
    name: CString,
    user: Uid,
    group: Gid,
}

/// What an account may want to do with a file or a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FilePermission {
    Read,
    Write,
    /// To make a file in a directory.
    Create,
}

impl UserAccount {
    pub(crate) fn find(name: &str) -> Result<UserAccount, AccountError> {
        let user = User::from_name(name).map_err(AccountError::Refused)?.ok_or(AccountError::NoSuchUser)?;
        UserAccount::of(user).ok_or(AccountError::NoSuchUser)
    }

    /// The one that this process runs as, if it has a name.
    pub(crate) fn current() -> Option<UserAccount> {
        UserAccount::of(User::from_uid(Uid::effective()).ok()??)
    }

    fn of(user: User) -> Option<UserAccount> {
        Some(UserAccount { name: CString::new(user.name).ok()?, user: user.uid, group: user.gid })
    }

    /// Whether it has a right, by the modes of the file and the directories above it. `None` if there is no telling,
    /// because this process cannot see them.
    pub(crate) fn has(&self, right: FilePermission, path: &Path) -> Option<bool> {
        if self.user.is_root() {
            return Some(true);
        }
        let path = fs::canonicalize(path).ok()?;
        let groups = getgrouplist(&self.name, self.group).ok()?;
        for directory in path.ancestors().skip(1) {
            if !self.is_permitted(ENTER, &fs::metadata(directory).ok()?, &groups) {
                return Some(false);
            }
        }
        let bits = match right {
            FilePermission::Read => READ,
            FilePermission::Write => WRITE,
            FilePermission::Create => WRITE | ENTER,
        };
        Some(self.is_permitted(bits, &fs::metadata(path).ok()?, &groups))
    }

    /// The first class that the account belongs to decides (path_resolution(7)).
    fn is_permitted(&self, bits: u32, found: &Metadata, groups: &[Gid]) -> bool {
        let shift = if found.uid() == self.user.as_raw() {
            6
        } else if groups.contains(&Gid::from_raw(found.gid())) {
            3
        } else {
            0
        };
        (found.mode() >> shift) & bits == bits
    }

    /// The numbers of user and group.
    pub(crate) fn ids(&self) -> (u32, u32) {
        (self.user.as_raw(), self.group.as_raw())
    }

    /// Serves as this account from here on. Call it before any thread starts.
    pub(crate) fn switch_to(&self) -> Result<(), AccountError> {
        // Groups first: without root they could not be given up any more.
        initgroups(&self.name, self.group).map_err(AccountError::Refused)?;
        setgid(self.group).map_err(AccountError::Refused)?;
        setuid(self.user).map_err(AccountError::Refused)
    }
}

impl fmt::Display for UserAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name.to_string_lossy())
    }
}

/// Whether accounts that have nothing to do with a file may read or change it. `None` if it cannot be seen.
pub(crate) fn is_open_to_all(path: &Path) -> Option<bool> {
    let path = fs::canonicalize(path).ok()?;
    let mode = fs::metadata(&path).ok()?.mode();
    let is_closed = |directory: &Path| fs::metadata(directory).is_ok_and(|it| it.mode() & ENTER == 0);
    Some(mode & (READ | WRITE) != 0 && !path.ancestors().skip(1).any(is_closed))
}

/// How many descriptors a program may open that raises its limit as far as it is let.
pub(crate) fn descriptor_limit() -> Option<u64> {
    getrlimit(Resource::RLIMIT_NOFILE).ok().map(|(_, hard)| hard)
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
    let other = account.filter(|_| is_root()).and_then(|name| UserAccount::find(name).ok());
    match other {
        None => access(directory, AccessFlags::W_OK | AccessFlags::X_OK).is_ok(),
        Some(account) => account.has(FilePermission::Create, directory) == Some(true),
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

// Of a mode, for one class.
const READ: u32 = 4;
const WRITE: u32 = 2;
const ENTER: u32 = 1;
