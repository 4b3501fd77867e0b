//! User accounts, file permissions, dropping root, descriptor limits.

use std::ffi::CString;
use std::fmt;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{AccessFlags, Gid, Uid, User, access, getgrouplist, initgroups, setgid, setuid};

/// Why the process could not change its user.
#[derive(Debug)]
pub(crate) enum AccountError {
    NoSuchUser,
    /// A system call failed.
    System(Errno),
}

impl fmt::Display for AccountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AccountError::NoSuchUser => f.write_str("no such user"),
            AccountError::System(errno) => write!(f, "{}", errno.desc()),
        }
    }
}

/// A user and its primary group.
pub(crate) struct UserAccount {
    name: CString,
    user: Uid,
    group: Gid,
}

/// A permission on a file or a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FilePermission {
    Read,
    Write,
    /// Create files in a directory.
    Create,
}

impl UserAccount {
    /// Looks up a user by name.
    ///
    /// # Errors
    /// The user does not exist, or the user database cannot be read.
    pub(crate) fn find(name: &str) -> Result<UserAccount, AccountError> {
        let user = User::from_name(name).map_err(AccountError::System)?.ok_or(AccountError::NoSuchUser)?;
        UserAccount::from_user(user).ok_or(AccountError::NoSuchUser)
    }

    /// Returns the effective user of the process; `None` if it has no name.
    pub(crate) fn current() -> Option<UserAccount> {
        UserAccount::from_user(User::from_uid(Uid::effective()).ok()??)
    }

    fn from_user(user: User) -> Option<UserAccount> {
        Some(UserAccount { name: CString::new(user.name).ok()?, user: user.uid, group: user.gid })
    }

    /// Returns whether the user has a permission, by the modes of the file and its parent directories. `None`
    /// if this process cannot read them.
    pub(crate) fn has_permission(&self, permission: FilePermission, path: &Path) -> Option<bool> {
        if self.user.is_root() {
            return Some(true);
        }
        let path = fs::canonicalize(path).ok()?;
        let groups = getgrouplist(&self.name, self.group).ok()?;
        for directory in path.ancestors().skip(1) {
            if !self.is_permitted(SEARCH, &fs::metadata(directory).ok()?, &groups) {
                return Some(false);
            }
        }
        let bits = match permission {
            FilePermission::Read => READ,
            FilePermission::Write => WRITE,
            FilePermission::Create => WRITE | SEARCH,
        };
        Some(self.is_permitted(bits, &fs::metadata(path).ok()?, &groups))
    }

    /// Checks the mode bits of the first class the user belongs to: owner, group or others
    /// (path_resolution(7)).
    fn is_permitted(&self, bits: u32, metadata: &Metadata, groups: &[Gid]) -> bool {
        let shift = if metadata.uid() == self.user.as_raw() {
            6
        } else if groups.contains(&Gid::from_raw(metadata.gid())) {
            3
        } else {
            0
        };
        (metadata.mode() >> shift) & bits == bits
    }

    /// Returns the user id and the group id.
    pub(crate) fn ids(&self) -> (u32, u32) {
        (self.user.as_raw(), self.group.as_raw())
    }

    /// Switches the process to this user. Must be called before any thread starts.
    ///
    /// # Errors
    /// A system call failed, usually because the process is not root.
    pub(crate) fn switch_to(&self) -> Result<(), AccountError> {
        // Groups first: a process without root cannot drop them.
        initgroups(&self.name, self.group).map_err(AccountError::System)?;
        setgid(self.group).map_err(AccountError::System)?;
        setuid(self.user).map_err(AccountError::System)
    }
}

impl fmt::Display for UserAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name.to_string_lossy())
    }
}

/// Returns whether every user can read or write a file. `None` if this process cannot read its mode.
pub(crate) fn is_world_accessible(path: &Path) -> Option<bool> {
    let path = fs::canonicalize(path).ok()?;
    let mode = fs::metadata(&path).ok()?.mode();
    let is_closed = |directory: &Path| fs::metadata(directory).is_ok_and(|it| it.mode() & SEARCH == 0);
    Some(mode & (READ | WRITE) != 0 && !path.ancestors().skip(1).any(is_closed))
}

/// Returns the hard limit on open descriptors, to which a program may raise its soft limit.
pub(crate) fn descriptor_limit() -> Option<u64> {
    getrlimit(Resource::RLIMIT_NOFILE).ok().map(|(_, hard)| hard)
}

/// Returns whether the process runs as root.
pub(crate) fn is_root() -> bool {
    Uid::effective().is_root()
}

/// Returns whether this process can open a file for reading.
pub(crate) fn can_read(file: &Path) -> bool {
    access(file, AccessFlags::R_OK).is_ok()
}

/// Returns whether this process can open a file for writing, or create it.
pub(crate) fn can_write(file: &Path) -> bool {
    let can_create = |directory: &Path| access(directory, AccessFlags::W_OK | AccessFlags::X_OK).is_ok();
    access(file, AccessFlags::W_OK).is_ok() || file.parent().is_some_and(can_create)
}

/// Returns whether a user can create and replace files in a directory. `None` is the user of this process.
pub(crate) fn can_create_in(directory: &Path, user: Option<&str>) -> bool {
    // A process without root cannot change its user, so its own permissions decide.
    let other = user.filter(|_| is_root()).and_then(|name| UserAccount::find(name).ok());
    match other {
        None => access(directory, AccessFlags::W_OK | AccessFlags::X_OK).is_ok(),
        Some(account) => account.has_permission(FilePermission::Create, directory) == Some(true),
    }
}

/// Raises the soft limit on open descriptors to the hard limit. Each tunnel needs two descriptors; the usual
/// soft limit of 1024 is meant for programs that use `select`.
pub(crate) fn raise_descriptor_limit() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map(|()| hard));
    match raised {
        Ok(limit) => tracing::debug!("limit on open descriptors raised to {limit}"),
        Err(error) => tracing::warn!("cannot raise the limit on open descriptors: {error}"),
    }
}

// Mode bits of one class.
const READ: u32 = 4;
const WRITE: u32 = 2;
const SEARCH: u32 = 1;
