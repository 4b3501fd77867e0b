//! By what a file that changes is noticed, without reading it.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What a file was like at some moment. Two that differ mean a change; links are followed, so a link that
/// leads elsewhere is one, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileStamp {
    Missing,
    Present {
        device: u64,
        inode: u64,
        /// In bytes.
        size: u64,
        /// When the content changed: seconds, and nanoseconds of the second.
        modified: (i64, i64),
        /// The same for the content or who may read it. No program can set this one.
        changed: (i64, i64),
    },
}

impl FileStamp {
    /// `None` if there is no telling: the way to the file is closed to this account.
    pub(super) fn of(file: &Path) -> Option<FileStamp> {
        match fs::metadata(file) {
            Ok(found) => Some(FileStamp::Present {
                device: found.dev(),
                inode: found.ino(),
                size: found.size(),
                modified: (found.mtime(), found.mtime_nsec()),
                changed: (found.ctime(), found.ctime_nsec()),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some(FileStamp::Missing),
            Err(_) => None,
        }
    }
}
