//! What is wrong, or will be, with files that can be used.

use std::fmt;
use std::time::SystemTime;

use crate::tls::files::expiry::{Expiry, ExpiryKind, ExpiryState, ExpiryThreshold};
use crate::tls::files::file_error::FileError;

/// What clients will object to, now or before long.
#[derive(Debug)]
pub enum Objection {
    File(FileError),
    /// Nothing is wrong yet, but will be.
    ExpiresSoon(Box<ExpiryNotice>),
}

/// Something that will end, or that has ended and is no problem yet.
#[derive(Debug)]
pub struct ExpiryNotice {
    pub(super) expiry: Expiry,
    pub(super) step: ExpiryThreshold,
    problem: FileError,
}

impl Objection {
    /// What there is to say at time `now` of something that ends.
    pub(super) fn from_expiry(expiry: &Expiry, now: SystemTime) -> Option<Objection> {
        let problem = expiry.to_error(now);
        let step = match expiry.state(now)? {
            // Clients may know another way from the leaf to an authority, so this alone keeps nobody out.
            ExpiryState::Over if expiry.kind == ExpiryKind::Intermediate => ExpiryThreshold::Day,
            ExpiryState::Over => return Some(Objection::File(problem)),
            ExpiryState::Soon(step) => step,
        };
        Some(Objection::ExpiresSoon(Box::new(ExpiryNotice { expiry: expiry.clone(), step, problem })))
    }

    /// What will end, if it is that.
    pub(super) fn as_expiry(&self) -> Option<&ExpiryNotice> {
        match self {
            Objection::ExpiresSoon(ending) => Some(ending),
            _ => None,
        }
    }
}

impl fmt::Display for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Objection::File(problem) => problem.fmt(f),
            Objection::ExpiresSoon(ending) => ending.fmt(f),
        }
    }
}

impl fmt::Display for ExpiryNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
}
