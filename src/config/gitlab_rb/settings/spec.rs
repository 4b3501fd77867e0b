//! Owner, type and support of one setting.

/// The service an `nginx` setting configures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config::gitlab_rb) enum SettingOwner {
    /// The bundled nginx as a whole.
    Daemon,
    Gitlab,
    Mattermost,
    Registry,
    Pages,
    Kas,
}

/// Key, owners, type and support of a setting.
#[derive(Debug)]
pub(in crate::config::gitlab_rb) struct SettingSpec {
    /// The path of keys joined with dots; without the hash for the `nginx` family.
    pub(in crate::config::gitlab_rb) key: &'static str,
    pub(in crate::config::gitlab_rb) owners: &'static [SettingOwner],
    pub(in crate::config::gitlab_rb) value_type: ValueType,
    pub(in crate::config::gitlab_rb) support: SettingSupport,
}

/// Expected type of a value.
///
/// The package does not check types: it fails later, or writes an invalid nginx configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config::gitlab_rb) enum ValueType {
    /// Any value; Ruby's truthiness decides.
    Flag,
    /// A string or symbol.
    Text,
    /// An integer, not as a string.
    Number,
    /// A port from 1 to 65535, also as a string.
    Port,
    /// A gzip level from 1 to 9, also as a string.
    Level,
    /// An array of strings.
    Texts,
    /// A number of bytes, or a string with nginx's units.
    Size,
    /// A number of seconds, or a string with nginx's units.
    Duration,
    Hash,
    /// A string, or `false`.
    TextOrOff,
    /// Not checked.
    Any,
}

/// Whether a setting is applied or has no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config::gitlab_rb) enum SettingSupport {
    Applied,
    /// Accepted without effect, for the given reason.
    NoEffect(&'static str),
}

impl SettingOwner {
    pub(super) const ALL: [SettingOwner; 6] = [
        SettingOwner::Daemon,
        SettingOwner::Gitlab,
        SettingOwner::Mattermost,
        SettingOwner::Registry,
        SettingOwner::Pages,
        SettingOwner::Kas,
    ];

    /// Returns the hashes of its settings, highest precedence first.
    pub(in crate::config::gitlab_rb) fn hashes(self) -> &'static [&'static [&'static str]] {
        match self {
            SettingOwner::Daemon => &[&["nginx"]],
            SettingOwner::Gitlab => &[&["gitlab_rails", "nginx"], &["nginx"]],
            SettingOwner::Mattermost => &[&["mattermost_nginx"]],
            SettingOwner::Registry => &[&["registry", "nginx"], &["registry_nginx"]],
            SettingOwner::Pages => &[&["gitlab_pages", "nginx"], &["pages_nginx"]],
            SettingOwner::Kas => &[&["gitlab_kas", "nginx"], &["gitlab_kas_nginx"]],
        }
    }
}

impl SettingSupport {
    /// Returns the verdict and the reason for the documentation.
    pub(super) fn verdict(self) -> (&'static str, &'static str) {
        match self {
            SettingSupport::Applied => ("applied", ""),
            SettingSupport::NoEffect(reason) => ("no effect", reason),
        }
    }
}
