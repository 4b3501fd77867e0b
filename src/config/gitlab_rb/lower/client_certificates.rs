//! Lowers `ssl_verify_client` and related settings.

use std::path::PathBuf;

use super::reader::SettingsReader;
use crate::config::diagnostic::Diagnostic;
use crate::config::document::{Setting, Spanned};
use crate::config::gitlab_rb::settings::SettingOwner;
use crate::model::tls::{ClientAuth, ClientAuthMode, ClientAuthPolicy};

/// Returns the client certificate mode. An unsupported value is an error, because without verification every
/// client would gain access.
pub(super) fn read(owner: SettingOwner, reader: &mut SettingsReader<'_>) -> Setting<ClientAuth> {
    let Some(Spanned { value, span }) = reader.text_of(owner, "ssl_verify_client") else {
        return record_verification_off(owner, reader);
    };
    let mode = match value.as_str() {
        "on" => ClientAuthMode::Required,
        "optional" => ClientAuthMode::Optional,
        "off" => return record_verification_off(owner, reader),
        "optional_no_ca" => {
            let message = "`optional_no_ca` is not supported for `ssl_verify_client`";
            let error = Diagnostic::error(&span, message);
            reader.problems.push(
                error.help("write 'optional', and set `ssl_client_certificate` to a file with the CA certificates"),
            );
            return Setting::Invalid;
        }
        other => {
            let error = Diagnostic::error(&span, format!("invalid value `{other}` for `ssl_verify_client`"));
            reader.problems.push(error.help("write 'on', 'optional' or 'off'"));
            return Setting::Invalid;
        }
    };
    let Some(ca) = reader.text_of(owner, "ssl_client_certificate") else {
        let error = Diagnostic::error(&span, "`ssl_verify_client` requires `ssl_client_certificate`");
        reader
            .problems
            .push(error.help("set `ssl_client_certificate` to a file with the CA certificates for clients"));
        return Setting::Invalid;
    };
    let Some(depth) = depth(owner, reader) else { return Setting::Invalid };
    let policy = ClientAuthPolicy { mode, ca: PathBuf::from(ca.value), depth, crl: None };
    Setting::Set(Spanned { value: ClientAuth::Verify(policy), span })
}

/// Records that the related settings have no effect without verification.
fn record_verification_off(owner: SettingOwner, reader: &mut SettingsReader<'_>) -> Setting<ClientAuth> {
    for key in ["ssl_client_certificate", "ssl_verify_depth"] {
        reader.no_effect(owner, key, "client certificates are not verified: `ssl_verify_client` is unset or 'off'");
    }
    Setting::Unset
}

/// Returns the maximum number of intermediate certificates, as OpenSSL counts them. rustls accepts at most six,
/// so greater values are lowered to six.
fn depth(owner: SettingOwner, reader: &mut SettingsReader<'_>) -> Option<u8> {
    let Some(Spanned { value, span }) = reader.text_of(owner, "ssl_verify_depth") else {
        return Some(ClientAuthPolicy::DEPTH);
    };
    match value.trim().parse::<u8>() {
        Ok(depth) => Some(depth.min(MAX_DEPTH)),
        Err(_) => {
            let error = Diagnostic::error(&span, format!("invalid value `{value}` for `ssl_verify_depth`"));
            reader.problems.push(error.help("write a number of intermediate certificates, such as '2'"));
            None
        }
    }
}

/// Maximum of rustls.
const MAX_DEPTH: u8 = 6;
