//! How certificates are obtained by the settings of the package's Let's Encrypt integration.

use std::path::Path;

use super::reader::SettingsReader;
use crate::config::diagnostic::{Diagnostic, ValueError};
use crate::config::document::{AcmeSection, Setting, Spanned};
use crate::config::span::SourceSpan;
use crate::config::values::acme;
use crate::model::acme::{AcmeContact, CertificateKeyType};
use crate::model::host::HostName;

/// From whom they are obtained, with which keys. `place` is where the integration is turned on.
pub(super) fn section(
    state_directory: &Path,
    place: &SourceSpan,
    reader: &mut SettingsReader<'_>,
) -> Setting<AcmeSection> {
    let directory = reader.text(&["letsencrypt", "acme_production_endpoint"]);
    let section = AcmeSection {
        contact: contacts(reader),
        directory: reader.parsed(directory, acme::directory),
        key: key(reader),
        state_directory: Setting::set_at(state_directory.to_owned(), place),
        ..AcmeSection::default()
    };
    Setting::set_at(section, place)
}

/// Names in the certificate that no host has.
pub(super) fn names(reader: &mut SettingsReader<'_>) -> Setting<Vec<Spanned<HostName>>> {
    let Some(said) = reader.texts_at(&["letsencrypt", "alt_names"]).filter(|said| !said.is_empty()) else {
        return Setting::Unset;
    };
    let place = said[0].span.clone();
    let mut names = Vec::new();
    for Spanned { value, span: place } in said {
        match HostName::parse(&value) {
            Ok(value) => names.push(Spanned { value, span: place }),
            Err(_) => {
                let error = Diagnostic::error(&place, format!("`{value}` is not a name of a host"));
                reader.problems.push(error.help("no wildcards either: authorities confirm them by DNS alone"));
            }
        }
    }
    Setting::set_at(names, &place)
}

/// Says of all settings that only obtaining needs that they have no effect.
pub(super) fn note_unused(reader: &mut SettingsReader<'_>) {
    for key in ["contact_emails", "acme_production_endpoint", "key_type", "key_size", "ec_curve", "alt_names"] {
        reader
            .no_effect_at(&["letsencrypt", key], "no certificates are obtained: letsencrypt['enable'] is not true");
    }
}

fn contacts(reader: &mut SettingsReader<'_>) -> Setting<Vec<Spanned<AcmeContact>>> {
    let Some(said) = reader.texts_at(&["letsencrypt", "contact_emails"]).filter(|said| !said.is_empty()) else {
        return Setting::Unset;
    };
    let place = said[0].span.clone();
    let mut contacts = Vec::new();
    for Spanned { value, span: place } in said {
        match acme::contact(&value) {
            Ok(value) => contacts.push(Spanned { value, span: place }),
            Err(mistake) => reader.problems.push(mistake.at(&place)),
        }
    }
    Setting::set_at(contacts, &place)
}

/// The package makes RSA keys unless told otherwise. Here that is said by naming a size or the type: an ECDSA key
/// costs a handshake a tenth.
fn key(reader: &mut SettingsReader<'_>) -> Setting<CertificateKeyType> {
    let [kind, size, curve] = ["key_type", "key_size", "ec_curve"].map(|key| reader.text(&["letsencrypt", key]));
    let is_rsa = match &kind {
        Some(kind) => kind.value == "rsa",
        None => size.is_some(),
    };
    if is_rsa {
        reader.no_effect_at(&["letsencrypt", "ec_curve"], "the key is an RSA key");
        let said = size.or(kind.map(|kind| Spanned { value: "2048".to_owned(), ..kind }));
        return reader.parsed(said, rsa);
    }
    reader.no_effect_at(&["letsencrypt", "key_size"], "the key is an ECDSA key");
    match curve {
        Some(_) => reader.parsed(curve, ecdsa),
        None => reader.parsed(kind, |_| Ok(CertificateKeyType::EcdsaP256)),
    }
}

fn rsa(size: &str) -> Result<CertificateKeyType, ValueError> {
    match size.trim() {
        "2048" => Ok(CertificateKeyType::Rsa2048),
        "3072" => Ok(CertificateKeyType::Rsa3072),
        "4096" => Ok(CertificateKeyType::Rsa4096),
        other => {
            Err(ValueError::new(format!("no RSA key of {other} bits can be made")).help("write 2048, 3072 or 4096"))
        }
    }
}

/// OpenSSL's names of the curves, and NIST's.
fn ecdsa(curve: &str) -> Result<CertificateKeyType, ValueError> {
    match curve {
        "prime256v1" | "secp256r1" | "P-256" => Ok(CertificateKeyType::EcdsaP256),
        "secp384r1" | "P-384" => Ok(CertificateKeyType::EcdsaP384),
        other => Err(ValueError::new(format!("no key on the curve {other} can be made"))
            .help("write 'prime256v1' or 'secp384r1'")),
    }
}
