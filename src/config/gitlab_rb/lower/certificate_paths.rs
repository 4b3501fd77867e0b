//! Type of a certificate path with its key path.

use std::path::PathBuf;

use crate::config::document::Spanned;

/// Certificate and key path.
pub(super) type CertificatePaths = [Spanned<PathBuf>; 2];
