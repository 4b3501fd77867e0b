//! `ssl_verify_client` and what belongs to it.

use std::path::PathBuf;

use super::reader::SettingsReader;
use crate::config::diagnostic::Diagnostic;
use crate::config::document::{Setting, Spanned};
use crate::config::gitlab_rb::settings::SettingOwner;
use crate::model::tls::{ClientAuth, ClientAuthMode, ClientAuthPolicy};

/// What is asked of clients. Whatever cannot be obeyed is an error: serving without it would let everybody in.
pub(super) fn read(owner: SettingOwner, reader: &mut SettingsReader<'_>) -> Setting<ClientAuth> {
    let Some(Spanned { value, span: place }) = reader.text_of(owner, "ssl_verify_client") else {
        return nobody_is_asked(owner, reader);
    };
    let demand = match value.as_str() {
        "on" => ClientAuthMode::Required,
        "optional" => ClientAuthMode::Optional,
        "off" => return nobody_is_asked(owner, reader),
        "optional_no_ca" => {
            let message = "certificates of unknown authorities cannot be let through";
            let error = Diagnostic::error(&place, message);
            reader
                .problems
                .push(error.help("write 'optional', and name the authorities in ssl_client_certificate"));
            return Setting::Invalid;
        }
        other => {
            let error = Diagnostic::error(&place, format!("`{other}` does not say whether clients are verified"));
            reader.problems.push(error.help("write 'on', 'optional' or 'off'"));
            return Setting::Invalid;
        }
    };
    let Some(ca) = reader.text_of(owner, "ssl_client_certificate") else {
        let error = Diagnostic::error(&place, "nobody is named who could vouch for clients");
        reader
            .problems
            .push(error.help("name the file of the authorities' certificates in ssl_client_certificate"));
        return Setting::Invalid;
    };
    let Some(depth) = depth(owner, reader) else { return Setting::Invalid };
    let authority = ClientAuthPolicy { mode: demand, ca: PathBuf::from(ca.value), depth, crl: None };
    Setting::Set(Spanned { value: ClientAuth::Verify(authority), span: place })
}

fn nobody_is_asked(owner: SettingOwner, reader: &mut SettingsReader<'_>) -> Setting<ClientAuth> {
    for key in ["ssl_client_certificate", "ssl_verify_depth"] {
        reader.no_effect(owner, key, "ssl_verify_client does not ask for certificates");
    }
    Setting::Unset
}

/// OpenSSL counts the intermediate certificates. rustls follows at most six.
fn depth(owner: SettingOwner, reader: &mut SettingsReader<'_>) -> Option<u8> {
    let Some(Spanned { value, span: place }) = reader.text_of(owner, "ssl_verify_depth") else {
        return Some(ClientAuthPolicy::DEPTH);
    };
    match value.trim().parse::<u8>() {
        Ok(depth) => Some(depth.min(MAX_DEPTH)),
        Err(_) => {
            let error = Diagnostic::error(&place, format!("`{value}` is not a number of certificates"));
            reader.problems.push(error.help("write a number, such as '2'"));
            None
        }
    }
}

const MAX_DEPTH: u8 = 6;
