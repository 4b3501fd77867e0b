//! Errors about certificate, key and CA files.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::sys::files;

/// Path, cause and advice about a file that is unusable, or whose certificate clients reject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileError {
    pub file: PathBuf,
    /// The cause.
    pub what: String,
    /// What to do.
    pub advice: String,
}

impl FileError {
    /// Creates an error about `file`.
    pub fn new(file: &Path, what: impl Into<String>, advice: impl Into<String>) -> FileError {
        FileError { file: file.into(), what: what.into(), advice: advice.into() }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.file.display(), self.what, self.advice)
    }
}

/// Reads a file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    files::read(path, files::MAX_CREDENTIAL).map_err(|error| {
        let advice = match error.kind() {
            io::ErrorKind::NotFound => "create the file, or set the right path in the configuration",
            io::ErrorKind::PermissionDenied => {
                "grant the account of the program read access, for instance through its group (chgrp, chmod g+r)"
            }
            _ => "check that it is a readable file",
        };
        FileError::new(path, format!("cannot read the file: {error}"), advice)
    })
}
