//! Renders ACME settings.

use super::value::{KeyValue, OutputValue};
use crate::model::acme::{AcmeCertificate, AcmeServerTrust, AcmeSettings};
use crate::model::host::HostPattern;

/// Returns the keys of the section `[acme]`.
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

/// Returns the rows of the table about `[acme]`.
pub(super) fn rows(acme: &AcmeSettings) -> Vec<(&'static str, String)> {
    let mut rows = vec![("directory", acme.directory.to_string())];
    if let AcmeServerTrust::File(file) = &acme.trust {
        rows.push(("ca", file.display().to_string()));
    }
    let contacts: Vec<String> = acme.contacts.iter().map(ToString::to_string).collect();
    rows.push(("contact", if contacts.is_empty() { "none".to_owned() } else { contacts.join(", ") }));
    rows.push(("key type", format!("{}, a new key for each certificate", acme.key.name())));
    rows.push(("challenge", acme.challenge.name().to_owned()));
    rows.push(("state directory", acme.state_directory.display().to_string()));
    rows
}

/// Returns the ACME keys of a host. `host_names` are the names of all hosts with this certificate.
pub(super) fn host_entries(certificate: &AcmeCertificate, host_names: &[HostPattern]) -> Vec<KeyValue> {
    let mut entries = vec![("acme", OutputValue::Flag(true))];
    let names = additional_names(certificate, host_names);
    if !names.is_empty() {
        entries.push(("acme_names", OutputValue::List(names)));
    }
    entries
}

/// Describes the certificate in the table.
pub(super) fn sentence(certificate: &AcmeCertificate) -> String {
    let names: Vec<&str> = certificate.names.iter().map(|name| name.as_str()).collect();
    format!("issued by ACME for {}", names.join(", "))
}

/// Returns the names of the certificate that are not host names.
fn additional_names(certificate: &AcmeCertificate, host_names: &[HostPattern]) -> Vec<String> {
    let is_host_name = |name: &HostPattern| host_names.contains(name);
    certificate.patterns().iter().filter(|name| !is_host_name(name)).map(ToString::to_string).collect()
}
