//! Lowers `letsencrypt` settings to `[acme]`.

use std::path::Path;

use super::reader::SettingsReader;
use crate::config::diagnostic::{Diagnostic, ValueError};
use crate::config::document::{AcmeSection, Setting, Spanned};
use crate::config::span::SourceSpan;
use crate::config::values::acme;
use crate::model::acme::{AcmeContact, CertificateKeyType};
use crate::model::host::HostName;

/// Returns the `[acme]` section. `span` is that of the setting that enables the integration.
pub(super) fn section(
    state_directory: &Path,
    span: &SourceSpan,
    reader: &mut SettingsReader<'_>,
) -> Setting<AcmeSection> {
    let directory = reader.text(&["letsencrypt", "acme_production_endpoint"]);
    let section = AcmeSection {
        contact: contacts(reader),
        directory: reader.parsed(directory, acme::directory),
        key: key(reader),
        state_directory: Setting::set_at(state_directory.to_owned(), span),
        ..AcmeSection::default()
    };
    Setting::set_at(section, span)
}

/// Returns `letsencrypt['alt_names']`: names in the certificate that no host has.
pub(super) fn names(reader: &mut SettingsReader<'_>) -> Setting<Vec<Spanned<HostName>>> {
    let Some(values) = reader.texts_at(&["letsencrypt", "alt_names"]).filter(|values| !values.is_empty()) else {
        return Setting::Unset;
    };
    let span = values[0].span.clone();
    let mut names = Vec::new();
    for Spanned { value, span } in values {
        match HostName::parse(&value) {
            Ok(value) => names.push(Spanned { value, span }),
            Err(_) => {
                let error =
                    Diagnostic::error(&span, format!("`{value}` in `letsencrypt['alt_names']` is not a host name"));
                reader.problems.push(error.help(
                    "write a full host name; wildcards are not supported, because a CA validates them only by DNS",
                ));
            }
        }
    }
    Setting::set_at(names, &span)
}

/// Records that the settings for ACME have no effect, because no certificate is obtained.
pub(super) fn record_unused(reader: &mut SettingsReader<'_>) {
    for key in ["contact_emails", "acme_production_endpoint", "key_type", "key_size", "ec_curve", "alt_names"] {
        reader.no_effect_at(
            &["letsencrypt", key],
            "no certificate is obtained: `letsencrypt['enable']` is not true, or GitLab has no host",
        );
    }
}

/// Returns `letsencrypt['contact_emails']`.
fn contacts(reader: &mut SettingsReader<'_>) -> Setting<Vec<Spanned<AcmeContact>>> {
    let Some(values) = reader.texts_at(&["letsencrypt", "contact_emails"]).filter(|values| !values.is_empty())
    else {
        return Setting::Unset;
    };
    let span = values[0].span.clone();
    let mut contacts = Vec::new();
    for Spanned { value, span } in values {
        match acme::contact(&value) {
            Ok(value) => contacts.push(Spanned { value, span }),
            Err(error) => reader.problems.push(error.at(&span)),
        }
    }
    Setting::set_at(contacts, &span)
}

/// Returns the key type. The package generates RSA keys by default; Gatepost only if `key_type` is `rsa`, or if
/// `key_size` is set without `key_type`. A handshake with an ECDSA key costs a tenth of one with RSA.
fn key(reader: &mut SettingsReader<'_>) -> Setting<CertificateKeyType> {
    let [kind, size, curve] = ["key_type", "key_size", "ec_curve"].map(|key| reader.text(&["letsencrypt", key]));
    let is_rsa = match &kind {
        Some(kind) => kind.value == "rsa",
        None => size.is_some(),
    };
    if is_rsa {
        reader.no_effect_at(&["letsencrypt", "ec_curve"], "the key type is RSA");
        let values = size.or(kind.map(|kind| Spanned { value: "2048".to_owned(), ..kind }));
        return reader.parsed(values, rsa);
    }
    reader.no_effect_at(&["letsencrypt", "key_size"], "the key type is ECDSA");
    match curve {
        Some(_) => reader.parsed(curve, ecdsa),
        None => reader.parsed(kind, |_| Ok(CertificateKeyType::EcdsaP256)),
    }
}

/// Parses an RSA key size in bits.
fn rsa(size: &str) -> Result<CertificateKeyType, ValueError> {
    match size.trim() {
        "2048" => Ok(CertificateKeyType::Rsa2048),
        "3072" => Ok(CertificateKeyType::Rsa3072),
        "4096" => Ok(CertificateKeyType::Rsa4096),
        other => {
            Err(ValueError::new(format!("unsupported RSA key size `{other}`")).help("write 2048, 3072 or 4096"))
        }
    }
}

/// Parses the name of a curve, as OpenSSL or NIST writes it.
fn ecdsa(curve: &str) -> Result<CertificateKeyType, ValueError> {
    match curve {
        "prime256v1" | "secp256r1" | "P-256" => Ok(CertificateKeyType::EcdsaP256),
        "secp384r1" | "P-384" => Ok(CertificateKeyType::EcdsaP384),
        other => {
            Err(ValueError::new(format!("unsupported curve `{other}`")).help("write 'prime256v1' or 'secp384r1'"))
        }
    }
}
