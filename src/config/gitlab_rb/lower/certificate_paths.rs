//! Paths of a certificate and its key.

use std::path::PathBuf;

use crate::config::document::Spanned;

/// The certificate and its key.
pub(super) type CertificatePaths = [Spanned<PathBuf>; 2];
