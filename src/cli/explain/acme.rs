//! What is obtained, as keys and values of the TOML language and in words.

use super::value::{KeyValue, OutputValue};
use crate::model::acme::{AcmeCertificate, AcmeServerTrust, AcmeSettings};
use crate::model::host::HostPattern;

/// The section about the authority.
pub(super) fn section(acme: &AcmeSettings) -> Vec<KeyValue> {
    let mut entries =
        vec![("contact", OutputValue::list(&acme.contacts)), ("directory", OutputValue::text(&acme.directory))];
    if let AcmeServerTrust::File(file) = &acme.trust {
        entries.push(("ca", OutputValue::text(file.display())));
    }
    entries.push(("state_directory", OutputValue::text(acme.state_directory.display())));
    entries.push(("key", OutputValue::text(acme.key.name())));
    entries.push(("challenge", OutputValue::text(acme.challenge.name())));
    entries
}

/// The authority in words.
pub(super) fn rows(acme: &AcmeSettings) -> Vec<(&'static str, String)> {
    let mut rows = vec![("authority", acme.directory.to_string())];
    if let AcmeServerTrust::File(file) = &acme.trust {
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
pub(super) fn of_host(obtained: &AcmeCertificate, shown: &[HostPattern]) -> Vec<KeyValue> {
    let mut entries = vec![("acme", OutputValue::Flag(true))];
    let further = further(obtained, shown);
    if !further.is_empty() {
        entries.push(("acme_names", OutputValue::List(further)));
    }
    entries
}

/// The certificate in words.
pub(super) fn sentence(obtained: &AcmeCertificate) -> String {
    let names: Vec<&str> = obtained.names.iter().map(|name| name.as_str()).collect();
    format!("obtained and renewed, for {}", names.join(", "))
}

/// Names in the certificate that no host has.
fn further(obtained: &AcmeCertificate, shown: &[HostPattern]) -> Vec<String> {
    let is_shown = |name: &HostPattern| shown.contains(name);
    obtained.patterns().iter().filter(|name| !is_shown(name)).map(ToString::to_string).collect()
}
