//! What is wrong with a file of certificates or keys, where, and what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::sys::files;

/// A file that cannot be used, or that clients will object to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileError {
    pub file: PathBuf,
    pub what: String,
    pub advice: String,
}

impl FileError {
    pub fn new(file: &Path, what: impl Into<String>, advice: impl Into<String>) -> FileError {
        FileError { file: file.into(), what: what.into(), advice: advice.into() }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.file.display(), self.what, self.advice)
    }
}

/// The content of a file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    files::read(path, files::MAX_CREDENTIAL).map_err(|error| {
        let advice = match error.kind() {
            io::ErrorKind::NotFound => "put the file there, or name the right one in the configuration",
            io::ErrorKind::PermissionDenied => {
                "let the account of the program read it, for instance through its group (chgrp, chmod g+r)"
            }
            _ => "see that it is a readable file",
        };
        FileError::new(path, format!("cannot read it: {error}"), advice)
    })
}
