//! Problems of loaded credentials: clients reject them, or they expire soon.

use std::fmt;
use std::time::SystemTime;

use crate::tls::files::expiry::{Expiry, ExpiryKind, ExpiryState, ExpiryThreshold};
use crate::tls::files::file_error::FileError;

/// A problem of a loaded credential.
#[derive(Debug)]
pub enum CredentialProblem {
    /// Clients reject the credential now.
    File(FileError),
    /// The credential is accepted, but needs attention before long.
    ExpiresSoon(Box<ExpiryNotice>),
}

/// A warning about an expiry that is near, or past in the case of an intermediate certificate.
#[derive(Debug)]
pub struct ExpiryNotice {
    pub(super) expiry: Expiry,
    pub(super) threshold: ExpiryThreshold,
    error: FileError,
}

impl CredentialProblem {
    /// Returns the problem of an expiry date at time `now`; `None` while it is far away.
    pub(super) fn from_expiry(expiry: &Expiry, now: SystemTime) -> Option<CredentialProblem> {
        let error = expiry.to_error(now);
        let threshold = match expiry.state(now)? {
            // A client may know another path from the leaf to a root, so an expired intermediate is only a warning.
            ExpiryState::Expired if expiry.kind == ExpiryKind::Intermediate => ExpiryThreshold::Day,
            ExpiryState::Expired => return Some(CredentialProblem::File(error)),
            ExpiryState::ExpiresSoon(threshold) => threshold,
        };
        Some(CredentialProblem::ExpiresSoon(Box::new(ExpiryNotice { expiry: expiry.clone(), threshold, error })))
    }

    /// Returns the expiry notice, if it is one.
    pub(super) fn as_expiry(&self) -> Option<&ExpiryNotice> {
        match self {
            CredentialProblem::ExpiresSoon(notice) => Some(notice),
            _ => None,
        }
    }
}

impl fmt::Display for CredentialProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CredentialProblem::File(error) => error.fmt(f),
            CredentialProblem::ExpiresSoon(notice) => notice.fmt(f),
        }
    }
}

impl fmt::Display for ExpiryNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}
