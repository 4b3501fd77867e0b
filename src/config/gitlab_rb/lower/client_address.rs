//! Who the client is: PROXY protocol, and `real_ip_*`.

use super::reader::SettingsReader;
use crate::config::diagnostic::{Diagnostic, ValueError};
use crate::config::document::{ClientAddressSection, Setting, Spanned};
use crate::config::gitlab_rb::settings::SettingOwner;
use crate::config::values::client_address;
use crate::model::network::Cidr;

/// Whether connections begin with a PROXY header, those to the redirect too.
pub(super) fn is_proxied(owner: SettingOwner, reader: &mut SettingsReader<'_>) -> bool {
    reader.flag(owner, "proxy_protocol") == Some(true)
}

/// nginx's variable for the address that applications are told without being asked.
pub(super) fn real_ip(owner: SettingOwner, reader: &mut SettingsReader<'_>) -> &'static str {
    if is_proxied(owner, reader) { "$proxy_protocol_addr" } else { "$remote_addr" }
}

/// Whose word counts. Where a header is not named, the default of nginx holds; with `proxy_protocol` the
/// package names that.
pub(super) fn of(owner: SettingOwner, reader: &mut SettingsReader<'_>) -> Setting<ClientAddressSection> {
    let header = reader.text_of(owner, "real_ip_header");
    let is_recursive = reader.text_of(owner, "real_ip_recursive");
    let section = ClientAddressSection {
        from: reader.parsed(header, client_address::source),
        recursive: reader.parsed(is_recursive, recursive),
        trusted: trusted(owner, reader),
    };
    match section.trusted.span().cloned() {
        Some(place) => Setting::Set(Spanned { value: section, span: place }),
        None => {
            for key in ["real_ip_header", "real_ip_recursive"] {
                reader.no_effect(owner, key, "real_ip_trusted_addresses names nobody, so nobody is asked");
            }
            Setting::Unset
        }
    }
}

/// nginx's own two words.
fn recursive(text: &str) -> Result<bool, ValueError> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(ValueError::new(format!("nginx does not know `{text}` here")).help("write 'on' or 'off'")),
    }
}

/// The trusted peers; unsaid if there are none. Nobody connects over a unix socket here.
fn trusted(owner: SettingOwner, reader: &mut SettingsReader<'_>) -> Setting<Vec<Spanned<Cidr>>> {
    let mut networks = Vec::new();
    for written in reader.texts(owner, "real_ip_trusted_addresses").unwrap_or_default() {
        if written.value == "unix:" {
            let warning = Diagnostic::warning(&written.span, "no client connects over a unix socket");
            reader.problems.push(warning.help("remove it"));
            continue;
        }
        match client_address::trusted(written.value.trim()) {
            Ok(value) => networks.push(Spanned { value, span: written.span }),
            Err(mistake) => reader.problems.push(mistake.at(&written.span)),
        }
    }
    match networks.first().map(|first| first.span.clone()) {
        Some(place) => Setting::Set(Spanned { value: networks, span: place }),
        None => Setting::Unset,
    }
}
