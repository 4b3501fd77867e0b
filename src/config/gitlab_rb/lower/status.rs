//! Lowers the nginx status listener.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::listen;
use super::reader::SettingsReader;
use crate::config::document::{Setting, Spanned, StatusSection, UpstreamRef};
use crate::config::values::access;
use crate::model::access::AccessRule;

/// Returns the status section. It exists unless it is disabled, independent of the hosts.
pub(super) fn section(
    workhorse: Option<Spanned<UpstreamRef>>,
    reader: &mut SettingsReader<'_>,
) -> Setting<StatusSection> {
    if reader.flag_at(&["nginx", "status", "enable"]) == Some(false) {
        return Setting::Unset;
    }
    let file = reader.file.clone();
    let section = StatusSection {
        listen: Setting::set_at(addresses(reader), &file),
        access: Setting::set_at(rules(reader), &file),
        metrics: Setting::set_at(reader.flag_at(&["nginx", "status", "vts_enable"]).unwrap_or(true), &file),
        upstream_metrics: workhorse.map_or(Setting::Unset, Setting::Set),
    };
    Setting::set_at(section, &file)
}

/// Returns the listen addresses; by default every IPv4 address with port 8060.
fn addresses(reader: &mut SettingsReader<'_>) -> Vec<Spanned<SocketAddr>> {
    let port = reader.text(&["nginx", "status", "port"]).and_then(|setting| setting.value.trim().parse().ok());
    let port = port.unwrap_or(8060);
    let Some(written) = reader.texts_at(&["nginx", "status", "listen_addresses"]) else {
        return vec![Spanned { value: (Ipv4Addr::UNSPECIFIED, port).into(), span: reader.file.clone() }];
    };
    let addresses: Vec<Spanned<IpAddr>> = listen::read(written, reader.problems);
    addresses.into_iter().map(|it| Spanned { value: SocketAddr::new(it.value, port), span: it.span }).collect()
}

/// Returns the access rules. The package writes `allow` before `deny`, each with its own default.
fn rules(reader: &mut SettingsReader<'_>) -> Vec<Spanned<AccessRule>> {
    let mut rules = Vec::new();
    for (word, default) in [("allow", "127.0.0.1"), ("deny", "all")] {
        let written = reader.texts_at(&["nginx", "status", "options", word]);
        let default = || vec![Spanned { value: default.to_owned(), span: reader.file.clone() }];
        for setting in written.unwrap_or_else(default) {
            match access::rule(&format!("{word} {}", setting.value)) {
                Ok(value) => rules.push(Spanned { value, span: setting.span }),
                Err(error) => reader.problems.push(error.at(&setting.span)),
            }
        }
    }
    rules
}
