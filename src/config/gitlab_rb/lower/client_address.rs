//! Lowers `proxy_protocol` and `real_ip_*`.

use super::reader::SettingsReader;
use crate::config::diagnostic::{Diagnostic, ValueError};
use crate::config::document::{ClientAddressSection, HostSettings, Setting, Spanned};
use crate::config::gitlab_rb::settings::SettingOwner;
use crate::config::values::client_address;
use crate::model::network::Cidr;

/// Returns whether connections start with a PROXY protocol header, those to the HTTP redirect included.
pub(super) fn is_proxied(owner: SettingOwner, reader: &mut SettingsReader<'_>) -> bool {
    reader.flag(owner, "proxy_protocol") == Some(true)
}

/// Returns the nginx variable of the client address that upstreams receive by default.
pub(super) fn client_address_variable(owner: SettingOwner, reader: &mut SettingsReader<'_>) -> &'static str {
    if is_proxied(owner, reader) { "$proxy_protocol_addr" } else { "$remote_addr" }
}

/// Returns the trusted peers and the header that names the client, as the settings of a host set them. Without
/// `real_ip_header`, the default of nginx applies; with `proxy_protocol`, the package's default is the PROXY
/// protocol.
pub(super) fn lower(owner: SettingOwner, reader: &mut SettingsReader<'_>) -> ClientAddressSection {
    let header = reader.text_of(owner, "real_ip_header");
    let is_recursive = reader.text_of(owner, "real_ip_recursive");
    ClientAddressSection {
        from: reader.parsed(header, client_address::source),
        recursive: reader.parsed(is_recursive, recursive),
        trusted: trusted(owner, reader),
    }
}

/// Completes the settings of a host with those of the `http` block, of which nginx inherits what the host does
/// not set itself. Without trusted peers, the peer of the connection is the client.
pub(super) fn inherit(
    owner: SettingOwner,
    host: &mut HostSettings,
    http: &ClientAddressSection,
    reader: &mut SettingsReader<'_>,
) {
    let own = host.client_address.as_set().map(|setting| setting.value.clone()).unwrap_or_default();
    // The package sets `real_ip_header proxy_protocol` for a host with `proxy_protocol`.
    let has_header = host.proxy_protocol.value_or(false);
    let section = ClientAddressSection {
        trusted: own.trusted.or(&http.trusted),
        from: if has_header { own.from } else { own.from.or(&http.from) },
        recursive: own.recursive.or(&http.recursive),
    };
    host.client_address = match section.trusted.span().cloned() {
        Some(span) => Setting::Set(Spanned { value: section, span }),
        None => {
            for key in ["real_ip_header", "real_ip_recursive"] {
                reader.no_effect(owner, key, "no peer is trusted: `real_ip_trusted_addresses` is empty");
            }
            Setting::Unset
        }
    };
}

/// Parses `real_ip_recursive`.
pub(super) fn recursive(text: &str) -> Result<bool, ValueError> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => {
            Err(ValueError::new(format!("invalid value `{text}` for `real_ip_recursive`"))
                .help("write 'on' or 'off'"))
        }
    }
}

/// Returns the trusted peers; unset if there are none. `unix:` is reported and ignored, because clients connect
/// only over TCP.
fn trusted(owner: SettingOwner, reader: &mut SettingsReader<'_>) -> Setting<Vec<Spanned<Cidr>>> {
    let mut networks = Vec::new();
    for written in reader.texts(owner, "real_ip_trusted_addresses").unwrap_or_default() {
        if written.value == "unix:" {
            let warning = Diagnostic::warning(
                &written.span,
                "`unix:` in `real_ip_trusted_addresses` has no effect: clients connect only over TCP",
            );
            reader.problems.push(warning.help("remove it"));
            continue;
        }
        match client_address::trusted(written.value.trim()) {
            Ok(value) => networks.push(Spanned { value, span: written.span }),
            Err(error) => reader.problems.push(error.at(&written.span)),
        }
    }
    match networks.first().map(|first| first.span.clone()) {
        Some(span) => Setting::Set(Spanned { value: networks, span }),
        None => Setting::Unset,
    }
}
