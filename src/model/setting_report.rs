//! Report entry for one setting of a foreign configuration file.
//!
//! A `gitlab.rb` is written for the GitLab package. Each setting in it is reported as applied, without effect,
//! refused or unreadable, always with the reason.

use std::path::PathBuf;

/// One assigned setting with its verdict and the reason.
#[derive(Debug, Clone, PartialEq)]
pub struct SettingReport {
    /// The keys that lead to the setting, joined with dots.
    pub key: String,
    /// The assigned value. `None` for settings of other services, because some are secrets.
    pub value: Option<serde_json::Value>,
    pub file: PathBuf,
    /// Starts at 1; `None` if the line is unknown.
    pub line: Option<usize>,
    pub verdict: SettingVerdict,
    /// The reason; empty if the verdict is sufficient.
    pub reason: String,
    pub scope: SettingScope,
}

/// Verdict on a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingVerdict {
    Applied,
    NoEffect,
    Refused,
    /// The value is known only when the file is executed.
    Unreadable,
}

/// Whether a setting concerns the proxy or another service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingScope {
    Proxy,
    OtherService,
}

impl SettingVerdict {
    /// Returns the word used in reports and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            SettingVerdict::Applied => "applied",
            SettingVerdict::NoEffect => "no-effect",
            SettingVerdict::Refused => "refused",
            SettingVerdict::Unreadable => "unreadable",
        }
    }
}
