//! Private keys that are encrypted with a pass phrase, as PKCS#8 has them (RFC 5958 section 3).

use std::path::Path;

use rustls::pki_types::PrivateKeyDer;

use super::file_problem::FileProblem;

/// The key of a file, for the first pass phrase that fits.
pub(super) fn read(
    path: &Path,
    _text: &[u8],
    _passwords: Option<&Path>,
) -> Result<PrivateKeyDer<'static>, FileProblem> {
    let advice = "write it without a pass phrase: `openssl pkey -in FILE -out NEW`, readable by root only";
    Err(FileProblem::new(path, "the key is encrypted", advice))
}
