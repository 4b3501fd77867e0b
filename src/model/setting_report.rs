//! What a file said that another program defines, and what came of it.
//!
//! A `gitlab.rb` is written for the package. Each of its lines is accounted for: obeyed, without effect,
//! or refused, always with the reason.

use std::path::PathBuf;

/// One thing that was said.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// The keys that lead to it, joined with dots.
    pub key: String,
    /// What was said. Settings of other services show none, because secrets are among them.
    pub value: Option<serde_json::Value>,
    pub file: PathBuf,
    /// Counts from 1.
    pub line: Option<usize>,
    pub verdict: Verdict,
    /// Why; empty if nothing needs to be said.
    pub reason: String,
    pub concern: Concern,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Applied,
    NoEffect,
    Refused,
    /// Only executing the file would tell the value.
    Unreadable,
}

/// Whom it concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concern {
    Proxy,
    OtherService,
}

impl Verdict {
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Applied => "applied",
            Verdict::NoEffect => "no-effect",
            Verdict::Refused => "refused",
            Verdict::Unreadable => "unreadable",
        }
    }
}
