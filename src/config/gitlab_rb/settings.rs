//! What is known of each setting: who it is for, what it looks like, and what comes of it.

mod nginx;
mod related;
mod spec;

use crate::config::suggestion::nearest;
use nginx::NGINX;
use related::RELATED;
pub(super) use spec::{SettingOwner, SettingSpec, SettingSupport, ValueType};

/// What is known of the key of an assignment.
#[derive(Debug, Clone, Copy)]
pub(super) enum KeyLookup {
    Setting(&'static SettingSpec),
    /// A hash whose keys are settings of their own.
    Group,
    /// The package knows the key, but not for this host.
    OtherHost,
    /// Nobody knows the key; perhaps another one was meant.
    Unknown(Option<&'static str>),
    /// A setting of another service.
    Foreign,
}

/// A setting as `docs/gitlab-rb.md` lists it.
#[derive(Debug)]
pub struct DocumentedSetting {
    /// The hashes it may stand in, empty for a word of its own.
    pub hashes: Vec<&'static str>,
    pub key: &'static str,
    pub verdict: &'static str,
    /// Empty if it is applied.
    pub reason: &'static str,
}

/// What is known of a path of keys.
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

/// The setting of an owner, for who reads it. Asking for one that is not in the table is a mistake that
/// every test of the reader finds, and harmless: it is just not set.
pub(super) fn spec(owner: SettingOwner, key: &str) -> Option<&'static SettingSpec> {
    NGINX.iter().find(|spec| spec.key == key && spec.owners.contains(&owner))
}

/// All settings, as the documentation lists them.
pub fn documented() -> Vec<DocumentedSetting> {
    let owners_of = NGINX.iter().map(|spec| (legacy_hashes(spec.owners), spec));
    let rest = RELATED.iter().map(|spec| (Vec::new(), spec));
    let row = |(hashes, spec): (Vec<&'static str>, &SettingSpec)| {
        let (verdict, reason) = spec.support.verdict();
        DocumentedSetting { hashes, key: spec.key, verdict, reason }
    };
    owners_of.chain(rest).map(row).collect()
}

/// The owners whose hash a path leads into, and the rest of the path.
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

/// The keys of a hash beside the `nginx` family.
fn keys_of(group: &str) -> impl Iterator<Item = &'static str> {
    RELATED
        .iter()
        .filter_map(move |spec| spec.key.split_once('.').filter(|(of, _)| *of == group))
        .map(|(_, key)| key)
}

fn has_owner(spec: &SettingSpec, owners: &[SettingOwner]) -> bool {
    spec.owners.iter().any(|owner| owners.contains(owner))
}

fn legacy_hashes(owners: &[SettingOwner]) -> Vec<&'static str> {
    let mut names: Vec<_> = owners.iter().filter_map(|owner| owner.hashes().last()?.first().copied()).collect();
    names.dedup();
    names
}

/// The hashes beside the `nginx` family whose keys are all in the table, so that another one is a slip.
const COMPLETE_HASHES: [&str; 2] = ["letsencrypt", "web_server"];

#[cfg(test)]
mod tests {
    use super::*;

    fn known(path: &str) -> KeyLookup {
        lookup(&path.split('.').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn both_spellings_lead_to_the_same_setting() {
        for path in ["nginx.listen_port", "gitlab_rails.nginx.listen_port", "registry.nginx.listen_port"] {
            assert!(matches!(known(path), KeyLookup::Setting(SettingSpec { key: "listen_port", .. })), "{path}");
        }
    }

    #[test]
    fn a_setting_of_another_host_and_a_slip_are_told_apart() {
        assert!(matches!(known("pages_nginx.client_max_body_size"), KeyLookup::OtherHost));
        assert!(matches!(known("nginx.listen_adresses"), KeyLookup::Unknown(Some("listen_addresses"))));
        assert!(matches!(known("gitlab_rails.smtp_enable"), KeyLookup::Foreign));
        assert!(matches!(known("nginx.status"), KeyLookup::Group));
    }

    #[test]
    fn every_setting_is_in_the_table_once_for_each_owner() {
        for (nth, spec) in NGINX.iter().enumerate() {
            let doubled = NGINX[..nth].iter().any(|other| other.key == spec.key && has_owner(other, spec.owners));
            assert!(!doubled, "{}", spec.key);
        }
    }
}
