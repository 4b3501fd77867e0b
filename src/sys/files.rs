//! Opens files without following what other accounts can change.
//!
//! A process that runs as root and opens a path through a directory of another account opens whatever that
//! account has put there: a link to `/etc/shadow`, a FIFO that blocks forever, a device without an end. So
//! root resolves a path component by component. A symbolic link is followed only if root alone can
//! replace it. Only regular files are read, at most up to a size limit, and without waiting for a FIFO's peer.
//!
//! A process that does not run as root opens with its own rights, and only the checks of type and size apply.
//!
//! Names of the process's own descriptors, such as `/dev/stdin`, are opened as they are: where they lead is decided
//! when the process is started. A log at `/dev/stdout` or `/dev/stderr` is the stream itself.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
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
    /// Root holds the file, but another account can exchange a directory of root on the way for another directory
    /// of root: `/var/log` of Ubuntu is writable for the group `syslog`.
    Renamable,
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
    let file = match path {
        path if is_descriptor(path) => File::open(path)?,
        path if account::is_root() => read_as_root(path)?,
        path => regular(File::from(open(path, READ, Mode::empty())?))?,
    };
    let mut content = Vec::new();
    (&file).take(limit + 1).read_to_end(&mut content)?;
    if content.len() as u64 > limit {
        return Err(io::Error::other(format!("the file is larger than {} KiB", limit >> 10)));
    }
    Ok(content)
}

/// Opens a log for appending, and creates it if it does not exist. `None` if this process runs as root and
/// another account can change where the path leads: the log is then to be opened with that account's rights.
///
/// # Errors
/// The log cannot be opened, or is neither a regular file nor a character device such as `/dev/null`.
pub(crate) fn append(path: &Path) -> io::Result<Option<File>> {
    if let Some(stream) = StandardStream::at(path) {
        return stream.duplicate().map(Some);
    }
    if !account::is_root() {
        return log(File::from(open(path, APPEND, LOG_MODE)?)).map(Some);
    }
    match resolve(path) {
        Ok(Resolved { control: Control::Others, .. }) => Ok(None),
        Ok(Resolved { directory, name, .. }) => {
            let file = openat(&directory, name.as_os_str(), APPEND.union(OFlag::O_NOFOLLOW), LOG_MODE)?;
            log(File::from(file)).map(Some)
        }
        Err(error) if is_untrusted(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns whether this process runs as root and another account can change where the path leads.
pub(crate) fn is_redirectable(path: &Path) -> bool {
    account::is_root()
        && StandardStream::at(path).is_none()
        && resolve(path).map_or_else(|error| is_untrusted(&error), |found| found.control == Control::Others)
}

/// Standard output or standard error, which a log can name as a file. Its duplicate has the rights with which
/// the stream was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StandardStream {
    Output,
    Error,
}

impl StandardStream {
    /// Returns the stream that a path, or the link at it, names.
    pub(crate) fn at(path: &Path) -> Option<StandardStream> {
        let named = |path: &Path| match path.to_str()? {
            "/dev/stdout" | "/dev/fd/1" | "/proc/self/fd/1" => Some(StandardStream::Output),
            "/dev/stderr" | "/dev/fd/2" | "/proc/self/fd/2" => Some(StandardStream::Error),
            _ => None,
        };
        named(path).or_else(|| named(&path.read_link().ok()?))
    }

    fn duplicate(self) -> io::Result<File> {
        let descriptor = match self {
            StandardStream::Output => io::stdout().as_fd().try_clone_to_owned(),
            StandardStream::Error => io::stderr().as_fd().try_clone_to_owned(),
        };
        descriptor.map(File::from)
    }
}

/// A file with two names may be another account's link to a file that it must not read.
fn read_as_root(path: &Path) -> io::Result<File> {
    let Resolved { directory, name, control } = resolve(path)?;
    let file = openat(&directory, name.as_os_str(), READ.union(OFlag::O_NOFOLLOW), Mode::empty())?;
    let file = regular(File::from(file))?;
    if control == Control::Others && file.metadata()?.nlink() > 1 {
        return Err(untrusted("the file has a second name, and another account can change its directory"));
    }
    Ok(file)
}

fn regular(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("this is not a regular file")) }
}

fn log(file: File) -> io::Result<File> {
    let kind = file.metadata()?.file_type();
    let is_log = kind.is_file() || kind.is_char_device();
    if is_log { Ok(file) } else { Err(io::Error::other("this is not a regular file")) }
}

/// Returns whether a path is a name that Linux gives to a descriptor of the process that opens it, as shells do for
/// a pipe to read from.
fn is_descriptor(path: &Path) -> bool {
    let directories = ["/dev/fd", "/proc/self/fd"];
    path == Path::new("/dev/stdin")
        || path.parent().is_some_and(|parent| directories.iter().any(|name| parent == Path::new(name)))
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
        // A trailing slash ends the name of a directory, which is open already.
        if name == "." {
            continue;
        }
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
                if control != Control::Root {
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

/// What a directory holds under a name, if anything, and who can change it.
///
/// A group that may write counts as another account, root's group too: with an access control list, the bit of the
/// group is set if any account may write. In a directory with the sticky bit, a file of root proves nothing, because
/// another account can move or link it from elsewhere. Moving a directory requires the right to write in it.
fn look_up(directory: &OwnedFd, name: &OsStr, above: Control) -> io::Result<(Option<FileStat>, Control)> {
    let holder = fstat(directory.as_fd())?;
    let entry = match fstatat(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(entry) => Some(entry),
        Err(Errno::ENOENT) => None,
        Err(error) => return Err(error.into()),
    };
    let mode = Mode::from_bits_truncate(holder.st_mode);
    let root_directory = entry.as_ref().filter(|entry| entry.st_uid == 0 && is_directory(entry));
    let is_sticky = mode.contains(Mode::S_ISVTX);
    let control = match root_directory {
        _ if holder.st_uid != 0 || above == Control::Others => Control::Others,
        _ if !is_shared(&holder) => above,
        Some(entry) if is_sticky && !is_shared(entry) => above,
        Some(_) if is_sticky || !mode.contains(Mode::S_IWOTH) => Control::Renamable,
        _ => Control::Others,
    };
    Ok((entry, control))
}

fn is_directory(entry: &FileStat) -> bool {
    SFlag::from_bits_truncate(entry.st_mode & SFlag::S_IFMT.bits()) == SFlag::S_IFDIR
}

fn is_shared(directory: &FileStat) -> bool {
    Mode::from_bits_truncate(directory.st_mode).intersects(Mode::S_IWGRP.union(Mode::S_IWOTH))
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

fn is_untrusted(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|cause| cause.is::<UntrustedPath>())
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

const READ: OFlag = OFlag::O_RDONLY.union(OFlag::O_NONBLOCK).union(OFlag::O_CLOEXEC);

const APPEND: OFlag =
    OFlag::O_WRONLY.union(OFlag::O_APPEND).union(OFlag::O_CREAT).union(OFlag::O_NONBLOCK).union(OFlag::O_CLOEXEC);

/// The mode of nginx's logs.
const LOG_MODE: Mode = Mode::S_IRUSR.union(Mode::S_IWUSR).union(Mode::S_IRGRP).union(Mode::S_IROTH);

/// As many as Linux follows in one path.
const MAX_LINKS: usize = 40;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::os::fd::AsRawFd;
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
        assert!(read(directory.path(), 10).is_err());
        assert!(append(Path::new("/dev/null")).unwrap().is_some(), "discards a log");
    }

    #[test]
    fn descriptors_of_the_process_are_opened_whatever_they_are() {
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"text").unwrap();
        drop(writer);
        let name = format!("/dev/fd/{}", reader.as_raw_fd());
        assert_eq!(read(Path::new(&name), 10).unwrap(), b"text");
    }

    #[test]
    fn a_log_names_a_standard_stream_itself_or_by_a_link() {
        let directory = TempDir::new().unwrap();
        let link = directory.path().join("access.log");
        symlink("/dev/stdout", &link).unwrap();
        assert_eq!(StandardStream::at(&link), Some(StandardStream::Output));
        assert_eq!(StandardStream::at(Path::new("/proc/self/fd/2")), Some(StandardStream::Error));
        assert_eq!(StandardStream::at(Path::new("/dev/stdin")), None);
        assert!(append(&link).unwrap().is_some());
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
        symlink("real/", at("slash")).unwrap();
        assert_eq!(read(&at("slash/../real/file"), 10).unwrap(), b"text");
        assert!(read(&at("real/file/"), 10).is_err());
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
    fn a_log_in_a_shared_directory_is_left_to_the_account() {
        if !account::is_root() {
            return;
        }
        let directory = TempDir::new().unwrap();
        let shared = directory.path().join("shared");
        fs::create_dir_all(shared.join("of-root")).unwrap();
        fs::write(shared.join("moved.log"), "").unwrap();
        // With an access control list, the bit of root's group is the mask of the list.
        for (group, mode, name, is_opened) in [
            (OTHER, 0o770, "access.log", false),
            (0, 0o775, "access.log", false),
            (OTHER, 0o775, "of-root/access.log", true),
            (0, 0o1777, "access.log", false),
            (0, 0o1777, "moved.log", false),
            (0, 0o1777, "of-root/access.log", true),
            (0, 0o777, "of-root/access.log", false),
            (OTHER, 0o750, "access.log", true),
        ] {
            chown(&shared, Some(0), Some(group)).unwrap();
            fs::set_permissions(&shared, fs::Permissions::from_mode(mode)).unwrap();
            let opened = append(&shared.join(name)).unwrap();
            assert_eq!(opened.is_some(), is_opened, "{mode:o} {name}");
            assert_eq!(is_redirectable(&shared.join(name)), !is_opened, "{mode:o} {name}");
        }
    }
}
