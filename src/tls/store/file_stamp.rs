//! Detects file changes by metadata.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Device, inode, size, mtime and ctime of a file; two stamps differ when the file changed. Symbolic links are
/// followed, so a link with a new target is a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileStamp {
    Missing,
    Present {
        device: u64,
        inode: u64,
        /// Bytes.
        size: u64,
        /// mtime, the last change of the content: seconds, and nanoseconds of the second.
        modified: (i64, i64),
        /// ctime, the last change of content, owner or mode. No program can set it.
        changed: (i64, i64),
    },
}

impl FileStamp {
    /// Reads the metadata of a file; `None` if that fails, for example because a directory is not accessible.
    pub(super) fn read(file: &Path) -> Option<FileStamp> {
        match fs::metadata(file) {
            Ok(metadata) => Some(FileStamp::Present {
                device: metadata.dev(),
                inode: metadata.ino(),
                size: metadata.size(),
                modified: (metadata.mtime(), metadata.mtime_nsec()),
                changed: (metadata.ctime(), metadata.ctime_nsec()),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some(FileStamp::Missing),
            Err(_) => None,
        }
    }
}
