//! Owner, type and support of one setting.

/// Who a setting of the `nginx` family is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config::gitlab_rb) enum Owner {
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
pub(in crate::config::gitlab_rb) struct Spec {
    /// The keys that lead to it, joined with dots; for the `nginx` family without the hash itself.
    pub(in crate::config::gitlab_rb) key: &'static str,
    pub(in crate::config::gitlab_rb) owners: &'static [Owner],
    pub(in crate::config::gitlab_rb) form: Form,
    pub(in crate::config::gitlab_rb) fate: Fate,
}

/// What a value must look like. The package does not check types; it fails late or writes nonsense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config::gitlab_rb) enum Form {
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
    Span,
    Hash,
    /// A text, or `false`.
    TextOrOff,
    /// Not looked at.
    Any,
}

/// What comes of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config::gitlab_rb) enum Fate {
    Applied,
    /// Accepted; the reason why nothing follows.
    NoEffect(&'static str),
}

impl Owner {
    pub(super) const ALL: [Owner; 6] =
        [Owner::Daemon, Owner::Gitlab, Owner::Mattermost, Owner::Registry, Owner::Pages, Owner::Kas];

    /// The hashes of its settings, the spelling that wins first.
    pub(in crate::config::gitlab_rb) fn hashes(self) -> &'static [&'static [&'static str]] {
        match self {
            Owner::Daemon => &[&["nginx"]],
            Owner::Gitlab => &[&["gitlab_rails", "nginx"], &["nginx"]],
            Owner::Mattermost => &[&["mattermost_nginx"]],
            Owner::Registry => &[&["registry", "nginx"], &["registry_nginx"]],
            Owner::Pages => &[&["gitlab_pages", "nginx"], &["pages_nginx"]],
            Owner::Kas => &[&["gitlab_kas", "nginx"], &["gitlab_kas_nginx"]],
        }
    }
}

impl Fate {
    pub(super) fn verdict(self) -> (&'static str, &'static str) {
        match self {
            Fate::Applied => ("applied", ""),
            Fate::NoEffect(reason) => ("no effect", reason),
        }
    }
}
