//! Owner, type and support of one setting.

/// Who a setting of the `nginx` family is for.
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

/// One setting.
#[derive(Debug)]
pub(in crate::config::gitlab_rb) struct SettingSpec {
    /// The keys that lead to it, joined with dots; for the `nginx` family without the hash itself.
    pub(in crate::config::gitlab_rb) key: &'static str,
    pub(in crate::config::gitlab_rb) owners: &'static [SettingOwner],
    pub(in crate::config::gitlab_rb) value_type: ValueType,
    pub(in crate::config::gitlab_rb) support: SettingSupport,
}

/// What a value must look like. The package does not check types; it fails late or writes nonsense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config::gitlab_rb) enum ValueType {
    /// Anything; Ruby's truth counts.
    Flag,
    Text,
    /// A whole number, not as a text.
    Number,
    /// A number, also as a text.
    Port,
    /// A number from 1 to 9, also as a text.
    Level,
    /// A list of texts.
    Texts,
    /// A number of bytes, or a text with nginx's units.
    Size,
    /// A number of seconds, or a text with nginx's units.
    Duration,
    Hash,
    /// A text, or `false`.
    TextOrOff,
    /// Not looked at.
    Any,
}

/// What comes of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config::gitlab_rb) enum SettingSupport {
    Applied,
    /// Accepted; the reason why nothing follows.
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

    /// The hashes of its settings, the spelling that wins first.
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
    pub(super) fn verdict(self) -> (&'static str, &'static str) {
        match self {
            SettingSupport::Applied => ("applied", ""),
            SettingSupport::NoEffect(reason) => ("no effect", reason),
        }
    }
}
