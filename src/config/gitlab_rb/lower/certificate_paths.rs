//! Paths of a certificate and its key.

use std::path::PathBuf;

use crate::config::document::Said;

/// The certificate and its key.
pub(super) type Files = [Said<PathBuf>; 2];
