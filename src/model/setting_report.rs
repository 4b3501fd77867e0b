//! What a file said that another program defines, and what came of it.
//!
//! A `gitlab.rb` is written for the package. Each of its lines is accounted for: obeyed, without effect,
//! or refused, always with the reason.

use std::path::PathBuf;

/// One thing that was said.
#[derive(Debug, Clone, PartialEq)]
pub struct SettingReport {
    /// The keys that lead to it, joined with dots.
    pub key: String,
    /// What was said. Settings of other services show none, because secrets are among them.
    pub value: Option<serde_json::Value>,
    pub file: PathBuf,
    /// Counts from 1.
    pub line: Option<usize>,
    pub verdict: SettingVerdict,
    /// Why; empty if nothing needs to be said.
    pub reason: String,
    pub concern: SettingScope,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingVerdict {
    Applied,
    NoEffect,
    Refused,
    /// Only executing the file would tell the value.
    Unreadable,
}

/// Whom it concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingScope {
    Proxy,
    OtherService,
}

impl SettingVerdict {
    pub fn as_str(self) -> &'static str {
        match self {
            SettingVerdict::Applied => "applied",
            SettingVerdict::NoEffect => "no-effect",
            SettingVerdict::Refused => "refused",
            SettingVerdict::Unreadable => "unreadable",
        }
    }
}
