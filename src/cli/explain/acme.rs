//! What is obtained, as keys and values of the TOML language and in words.

use super::value::{Entry, Value};
use crate::model::acme::{Acme, DirectoryTrust, Obtained};
use crate::model::host::HostPattern;

/// The section about the authority.
pub(super) fn section(acme: &Acme) -> Vec<Entry> {
    let mut entries = vec![("contact", Value::list(&acme.contacts)), ("directory", Value::text(&acme.directory))];
    if let DirectoryTrust::File(file) = &acme.trust {
        entries.push(("ca", Value::text(file.display())));
    }
    entries.push(("state_directory", Value::text(acme.state_directory.display())));
    entries.push(("key", Value::text(acme.key.name())));
    entries.push(("challenge", Value::text(acme.challenge.name())));
    entries
}

/// The authority in words.
pub(super) fn rows(acme: &Acme) -> Vec<(&'static str, String)> {
    let mut rows = vec![("authority", acme.directory.to_string())];
    if let DirectoryTrust::File(file) = &acme.trust {
        rows.push(("vouched for by", file.display().to_string()));
    }
    let contacts: Vec<String> = acme.contacts.iter().map(ToString::to_string).collect();
    rows.push(("writes to", if contacts.is_empty() { "nobody".to_owned() } else { contacts.join(", ") }));
    rows.push(("keys", format!("{}, a new one each time", acme.key.name())));
    rows.push(("challenge", acme.challenge.name().to_owned()));
    rows.push(("keeps", format!("its account in {}", acme.state_directory.display())));
    rows
}

/// What a host says about its certificate, which `shown` hosts show.
pub(super) fn of_host(obtained: &Obtained, shown: &[HostPattern]) -> Vec<Entry> {
    let mut entries = vec![("acme", Value::Flag(true))];
    let further = further(obtained, shown);
    if !further.is_empty() {
        entries.push(("acme_names", Value::List(further)));
    }
    entries
}

/// The certificate in words.
pub(super) fn sentence(obtained: &Obtained) -> String {
    let names: Vec<&str> = obtained.names.iter().map(|name| name.as_str()).collect();
    format!("obtained and renewed, for {}", names.join(", "))
}

/// Names in the certificate that no host has.
fn further(obtained: &Obtained, shown: &[HostPattern]) -> Vec<String> {
    let is_shown = |name: &HostPattern| shown.contains(name);
    obtained.patterns().iter().filter(|name| !is_shown(name)).map(ToString::to_string).collect()
}
