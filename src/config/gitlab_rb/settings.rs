//! Table of known settings: owner, type and support.

mod nginx;
mod related;
mod spec;

use crate::config::suggestion::nearest;
use nginx::NGINX;
use related::RELATED;
pub(super) use spec::{SettingOwner, SettingSpec, SettingSupport, ValueType};

/// Result of looking up a key.
#[derive(Debug, Clone, Copy)]
pub(super) enum KeyLookup {
    Setting(&'static SettingSpec),
    /// A hash whose keys are settings.
    Group,
    /// A key of the package that does not exist for this host.
    OtherHost,
    /// An unknown key, with the most similar known key.
    Unknown(Option<&'static str>),
    /// A setting of another service.
    Foreign,
}

/// A row of the table in `docs/gitlab-rb.md`.
#[derive(Debug)]
pub struct DocumentedSetting {
    /// The hashes of the `nginx` family that have the key; empty for other settings.
    pub hashes: Vec<&'static str>,
    /// The key in these hashes, or the full path joined with dots.
    pub key: &'static str,
    /// `applied` or `no effect`.
    pub verdict: &'static str,
    /// Empty for an applied setting.
    pub reason: &'static str,
}

/// Looks up a path of keys.
pub(super) fn lookup(path: &[String]) -> KeyLookup {
    let (owners, rest) = owners_of(path);
    if owners.is_empty() {
        return lookup_related(path);
    }
    let key = rest.join(".");
    if rest.is_empty() || key == "status" || key == "status.options" {
        return KeyLookup::Group;
    }
    let has_key = |spec: &&SettingSpec| spec.key == key;
    if let Some(spec) = NGINX.iter().filter(has_key).find(|spec| has_owner(spec, &owners)) {
        return KeyLookup::Setting(spec);
    }
    if NGINX.iter().any(|spec| spec.key == key) {
        return KeyLookup::OtherHost;
    }
    let known = NGINX.iter().filter(|spec| has_owner(spec, &owners)).map(|spec| spec.key);
    KeyLookup::Unknown(nearest(&key, known))
}

/// Returns the setting of an owner by its key; `None` if the table lacks it.
///
/// A reader that requests a missing key sees an unset setting, which its tests detect.
pub(super) fn spec(owner: SettingOwner, key: &str) -> Option<&'static SettingSpec> {
    NGINX.iter().find(|spec| spec.key == key && spec.owners.contains(&owner))
}

/// Returns all settings in the order of the table in `docs/gitlab-rb.md`.
pub fn documented() -> Vec<DocumentedSetting> {
    let nginx_family = NGINX.iter().map(|spec| (legacy_hashes(spec.owners), spec));
    let rest = RELATED.iter().map(|spec| (Vec::new(), spec));
    let row = |(hashes, spec): (Vec<&'static str>, &SettingSpec)| {
        let (verdict, reason) = spec.support.verdict();
        DocumentedSetting { hashes, key: spec.key, verdict, reason }
    };
    nginx_family.chain(rest).map(row).collect()
}

/// Returns the owners whose hash the path leads into, and the rest of the path.
fn owners_of(path: &[String]) -> (Vec<SettingOwner>, &[String]) {
    let mut owners = Vec::new();
    let mut rest = path;
    for owner in SettingOwner::ALL {
        for hash in owner.hashes() {
            if path.len() >= hash.len() && path.iter().zip(*hash).all(|(key, wanted)| key == wanted) {
                owners.push(owner);
                rest = &path[hash.len()..];
            }
        }
    }
    (owners, rest)
}

/// Looks up a path outside the `nginx` family.
fn lookup_related(path: &[String]) -> KeyLookup {
    let key = path.join(".");
    match RELATED.iter().find(|spec| spec.key == key) {
        Some(spec) => KeyLookup::Setting(spec),
        None if RELATED.iter().any(|spec| spec.key.split('.').next() == Some(&*key)) => KeyLookup::Group,
        None => match path {
            [group, typo] if COMPLETE_HASHES.contains(&&**group) => {
                KeyLookup::Unknown(nearest(typo, keys_of(group)))
            }
            _ => KeyLookup::Foreign,
        },
    }
}

/// Returns the known keys of a hash outside the `nginx` family.
fn keys_of(group: &str) -> impl Iterator<Item = &'static str> {
    RELATED
        .iter()
        .filter_map(move |spec| spec.key.split_once('.').filter(|(of, _)| *of == group))
        .map(|(_, key)| key)
}

fn has_owner(spec: &SettingSpec, owners: &[SettingOwner]) -> bool {
    spec.owners.iter().any(|owner| owners.contains(owner))
}

/// Returns the hashes of the owners in the spelling that all versions of the package know.
fn legacy_hashes(owners: &[SettingOwner]) -> Vec<&'static str> {
    let mut names: Vec<_> = owners.iter().filter_map(|owner| owner.hashes().last()?.first().copied()).collect();
    names.dedup();
    names
}

/// The hashes outside the `nginx` family whose keys are all in the table; other keys are misspelled.
const COMPLETE_HASHES: [&str; 2] = ["letsencrypt", "web_server"];

#[cfg(test)]
mod tests {
    use super::*;

    fn known(path: &str) -> KeyLookup {
        lookup(&path.split('.').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn both_spellings_select_the_same_setting() {
        for path in ["nginx.listen_port", "gitlab_rails.nginx.listen_port", "registry.nginx.listen_port"] {
            assert!(matches!(known(path), KeyLookup::Setting(SettingSpec { key: "listen_port", .. })), "{path}");
        }
    }

    #[test]
    fn setting_of_another_host_differs_from_a_misspelled_key() {
        assert!(matches!(known("pages_nginx.client_max_body_size"), KeyLookup::OtherHost));
        assert!(matches!(known("nginx.listen_adresses"), KeyLookup::Unknown(Some("listen_addresses"))));
        assert!(matches!(known("gitlab_rails.smtp_enable"), KeyLookup::Foreign));
        assert!(matches!(known("nginx.status"), KeyLookup::Group));
    }

    #[test]
    fn each_setting_is_listed_once_for_each_owner() {
        for (nth, spec) in NGINX.iter().enumerate() {
            let doubled = NGINX[..nth].iter().any(|other| other.key == spec.key && has_owner(other, spec.owners));
            assert!(!doubled, "{}", spec.key);
        }
    }
}
