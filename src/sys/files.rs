//! Opens files without following what other accounts can change.
//!
//! A process that runs as root and opens a path through a directory of another account opens whatever that
//! account has put there: a link to `/etc/shadow`, a FIFO that blocks forever, a device without an end. So
//! root resolves a path component by component. A symbolic link is followed only if root alone can
//! replace it. Only regular files are opened, at most up to a size limit, and without waiting for a FIFO's peer.
//!
//! A process that does not run as root opens with its own rights, and only the checks of type and size apply.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};

use super::account;

/// Largest configuration file, in bytes.
pub(crate) const MAX_CONFIGURATION: u64 = 16 << 20;

/// Largest certificate, key, revocation list or ticket key file, in bytes.
pub(crate) const MAX_CREDENTIAL: u64 = 1 << 20;

/// Largest custom error page, in bytes. Pages are held in memory.
pub(crate) const MAX_ERROR_PAGE: u64 = 1 << 20;

/// Who can change where a path leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Control {
    /// Only root.
    Root,
    /// An account other than root can replace a directory, a link or the file.
    Others,
}

/// A path without links: the directory that holds the file, and the name of the file in it.
struct Resolved {
    directory: OwnedFd,
    name: OsString,
    control: Control,
}

/// Reads a regular file of at most `limit` bytes.
///
/// # Errors
/// The file cannot be read, is not a regular file, is larger than `limit`, or is reached through a symbolic
/// link that an account other than root can replace while this process runs as root.
pub(crate) fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = if account::is_root() { read_as_root(path)? } else { open_nonblocking(path, OFlag::O_RDONLY)? };
    let file = regular(file)?;
    let mut content = Vec::new();
    (&file).take(limit + 1).read_to_end(&mut content)?;
    if content.len() as u64 > limit {
        return Err(io::Error::other(format!("the file is larger than {} KiB", limit >> 10)));
    }
    Ok(content)
}

/// Opens a regular file for appending, and creates it if it does not exist. `None` if this process runs as
/// root and another account can change where the path leads: the file is then to be opened with that
/// account's rights.
///
/// # Errors
/// The file cannot be opened or is not a regular file.
pub(crate) fn append(path: &Path) -> io::Result<Option<File>> {
    let flags = OFlag::O_WRONLY | OFlag::O_APPEND | OFlag::O_CREAT;
    if !account::is_root() {
        return open_nonblocking(path, flags).and_then(regular).map(Some);
    }
    let Resolved { directory, name, control } = match resolve(path) {
        Ok(resolved) => resolved,
        Err(error) if error.get_ref().is_some_and(|cause| cause.is::<UntrustedPath>()) => return Ok(None),
        Err(error) => return Err(error),
    };
    if control == Control::Others {
        return Ok(None);
    }
    let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let file = openat(&directory, name.as_os_str(), flags, Mode::from_bits_truncate(0o640))?;
    regular(File::from(file)).map(Some)
}

/// A file with two names may be another account's link to a file that it must not read.
fn read_as_root(path: &Path) -> io::Result<File> {
    let Resolved { directory, name, control } = resolve(path)?;
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let file = File::from(openat(&directory, name.as_os_str(), flags, Mode::empty())?);
    if control == Control::Others && file.metadata()?.nlink() > 1 {
        return Err(untrusted("the file has a second name, and another account can change its directory"));
    }
    Ok(file)
}

fn open_nonblocking(path: &Path, flags: OFlag) -> io::Result<File> {
    let flags = flags | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    Ok(File::from(open(path, flags, Mode::from_bits_truncate(0o640))?))
}

fn regular(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("this is not a regular file")) }
}

/// Follows a path from the root directory, component by component.
fn resolve(path: &Path) -> io::Result<Resolved> {
    let path = std::path::absolute(path)?;
    let mut rest: VecDeque<OsString> = components(&path);
    let root = || open(Path::new("/"), DIRECTORY, Mode::empty());
    // The directories from the root directory down to the present one, for `..` in the target of a link.
    let mut directories = vec![(root()?, Control::Root)];
    let mut links = 0;
    loop {
        let name = rest.pop_front().ok_or_else(|| io::Error::from(io::ErrorKind::IsADirectory))?;
        let Some((directory, above)) = directories.last() else { return Err(Errno::ENOENT.into()) };
        if name == ".." {
            if directories.len() > 1 {
                directories.pop();
            }
            continue;
        }
        let (entry, control) = look_up(directory, &name, *above)?;
        match entry.map(|it| SFlag::from_bits_truncate(it.st_mode & SFlag::S_IFMT.bits())) {
            Some(SFlag::S_IFLNK) => {
                if control == Control::Others {
                    return Err(untrusted("another account can replace a symbolic link on the way to the file"));
                }
                links += 1;
                if links > MAX_LINKS {
                    return Err(Errno::ELOOP.into());
                }
                let target = PathBuf::from(readlinkat(directory, name.as_os_str())?);
                if target.is_absolute() {
                    directories = vec![(root()?, Control::Root)];
                }
                components(&target).into_iter().rev().for_each(|component| rest.push_front(component));
            }
            _ if rest.is_empty() => {
                let (directory, _) = directories.pop().ok_or_else(|| io::Error::from(Errno::ENOENT))?;
                return Ok(Resolved { directory, name, control });
            }
            _ => {
                let below = openat(directory, name.as_os_str(), DIRECTORY, Mode::empty())?;
                directories.push((below, control));
            }
        }
    }
}

/// What a directory holds under a name, if anything, and who can change it. In a directory with the sticky bit,
/// only the owner of an entry replaces it.
fn look_up(directory: &OwnedFd, name: &OsStr, above: Control) -> io::Result<(Option<FileStat>, Control)> {
    let holder = fstat(directory.as_fd())?;
    let entry = match fstatat(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(entry) => Some(entry),
        Err(Errno::ENOENT) => None,
        Err(error) => return Err(error.into()),
    };
    let mode = Mode::from_bits_truncate(holder.st_mode);
    let is_shared = mode.contains(Mode::S_IWOTH) || (mode.contains(Mode::S_IWGRP) && holder.st_gid != 0);
    let is_protected = mode.contains(Mode::S_ISVTX) && entry.as_ref().is_some_and(|entry| entry.st_uid == 0);
    let control = if above == Control::Root && holder.st_uid == 0 && (!is_shared || is_protected) {
        Control::Root
    } else {
        Control::Others
    };
    Ok((entry, control))
}

/// The components of a path, without the root directory and `.`.
fn components(path: &Path) -> VecDeque<OsString> {
    let named = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    let mut named: VecDeque<OsString> = named.collect();
    // `Path` drops a trailing slash, which only a directory may have.
    if path.as_os_str().as_bytes().ends_with(b"/") {
        named.push_back(OsString::from("."));
    }
    named
}

fn untrusted(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, UntrustedPath(what))
}

/// Root does not open a path that another account can redirect.
#[derive(Debug)]
struct UntrustedPath(&'static str);

impl fmt::Display for UntrustedPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for UntrustedPath {}

/// Directories are opened for look-ups alone, and never through a link.
const DIRECTORY: OFlag = OFlag::O_PATH.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// As many as Linux follows in one path.
const MAX_LINKS: usize = 40;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use nix::unistd::mkfifo;
    use tempfile::TempDir;

    use super::*;

    /// An account that is not root, and owns nothing else here.
    const OTHER: u32 = 65534;

    #[test]
    fn a_file_over_the_limit_is_refused() {
        let directory = TempDir::new().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, [b'x'; 2048]).unwrap();
        assert_eq!(read(&file, 2048).unwrap().len(), 2048);
        let error = read(&file, 2047).unwrap_err().to_string();
        assert!(error.contains("larger than"), "{error}");
    }

    #[test]
    fn only_regular_files_are_opened() {
        let directory = TempDir::new().unwrap();
        let fifo = directory.path().join("fifo");
        mkfifo(&fifo, Mode::S_IRWXU).unwrap();
        assert!(read(&fifo, 10).is_err());
        assert!(append(&fifo).is_err());
        assert!(read(Path::new("/dev/zero"), 10).is_err());
        assert!(append(Path::new("/dev/null")).is_err());
        assert!(read(directory.path(), 10).is_err());
    }

    #[test]
    fn links_of_root_are_followed() {
        let directory = TempDir::new().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::create_dir(at("real")).unwrap();
        fs::write(at("real/file"), "text").unwrap();
        symlink("real", at("relative")).unwrap();
        symlink(at("relative/../real/file"), at("absolute")).unwrap();
        symlink("loop", at("loop")).unwrap();
        assert_eq!(read(&at("relative/file"), 10).unwrap(), b"text");
        assert_eq!(read(&at("absolute"), 10).unwrap(), b"text");
        assert!(read(&at("loop"), 10).is_err());
        assert_eq!(read(&at("missing"), 10).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn root_follows_no_link_of_another_account() {
        if !account::is_root() {
            return;
        }
        let directory = TempDir::new().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("secret"), "secret").unwrap();
        fs::create_dir(at("theirs")).unwrap();
        symlink(at("secret"), at("theirs/link")).unwrap();
        fs::hard_link(at("secret"), at("theirs/hard")).unwrap();
        fs::write(at("theirs/own"), "own").unwrap();
        chown(at("theirs"), Some(OTHER), Some(OTHER)).unwrap();

        for name in ["theirs/link", "theirs/hard"] {
            assert_eq!(read(&at(name), 10).unwrap_err().kind(), io::ErrorKind::PermissionDenied, "{name}");
        }
        assert_eq!(read(&at("theirs/own"), 10).unwrap(), b"own");
        for name in ["theirs/own", "theirs/new"] {
            assert!(append(&at(name)).unwrap().is_none(), "{name}");
        }
        assert!(append(&at("theirs/link")).unwrap().is_none());
        assert!(!at("theirs/new").exists(), "nothing is created with root's rights");
        assert!(append(&at("secret")).unwrap().is_some());
    }

    #[test]
    fn a_directory_that_a_group_may_write_belongs_to_others() {
        if !account::is_root() {
            return;
        }
        let directory = TempDir::new().unwrap();
        let shared = directory.path().join("shared");
        fs::create_dir(&shared).unwrap();
        chown(&shared, Some(0), Some(OTHER)).unwrap();
        fs::set_permissions(&shared, fs::Permissions::from_mode(0o770)).unwrap();
        assert!(append(&shared.join("access.log")).unwrap().is_none());
        fs::set_permissions(&shared, fs::Permissions::from_mode(0o750)).unwrap();
        assert!(append(&shared.join("access.log")).unwrap().is_some());
    }
}
