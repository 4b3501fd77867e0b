//! Lowers `gzip_*`.

use super::reader::SettingsReader;
use super::service::Service;
use crate::config::diagnostic::ValueError;
use crate::config::document::{Setting, Spanned};
use crate::config::gitlab_rb::settings::SettingOwner;
use crate::config::span::SourceSpan;
use crate::config::values::compression;
use crate::model::compression::{
    CompressibleTypes, CompressionPolicy, GzipLevel, GzipPolicy, GzipProxied, GzipVary,
};

/// Returns the compression policy of a service's host. Its span is `span`, because it combines several
/// settings.
pub(super) fn lower(
    service: Service,
    tls: bool,
    span: &SourceSpan,
    reader: &mut SettingsReader<'_>,
) -> Setting<CompressionPolicy> {
    // Hosts other than GitLab's use what the package sets in the `http` block of its nginx.
    let owner = if service == Service::Gitlab { SettingOwner::Gitlab } else { SettingOwner::Daemon };
    // A compressed response over TLS reveals a secret that is next to attacker-chosen text (BREACH). The
    // package
    // switches compression off for Mattermost over TLS.
    let is_vulnerable = service == Service::Mattermost && tls;
    if is_vulnerable || reader.flag(owner, "gzip_enabled") == Some(false) {
        return Setting::set_at(CompressionPolicy::Off, span);
    }
    match rules(owner, service, reader) {
        Some(rules) => Setting::set_at(CompressionPolicy::Gzip(Box::new(rules)), span),
        None => Setting::Invalid,
    }
}

fn rules(owner: SettingOwner, service: Service, reader: &mut SettingsReader<'_>) -> Option<GzipPolicy> {
    let default = compression::package_defaults();
    let (min_length, vary) = match service {
        Service::Gitlab => (default.min_length, default.vary),
        _ => (NGINX_MIN_LENGTH, GzipVary::Off),
    };
    let level = reader
        .text_of(owner, "gzip_comp_level")
        .and_then(|setting| GzipLevel::new(setting.value.trim().parse().ok()?));
    // The version may be a number or a string.
    let oldest_http = reader.entry_of(owner, "gzip_http_version");
    let oldest_http = oldest_http.and_then(|it| Some(Spanned { value: it.value.to_text()?, span: it.value.span }));
    let proxied = reader.text_of(owner, "gzip_proxied");
    Some(GzipPolicy {
        types: types(owner, default.types, reader)?,
        level: level.unwrap_or(default.level),
        min_length,
        oldest_http: read(oldest_http, compression::oldest_http, default.oldest_http, reader)?,
        proxied: read(proxied, self::proxied, default.proxied, reader)?,
        vary,
    })
}

/// Returns the media types to compress; `None` if one is invalid, which is reported. nginx always adds
/// `text/html`.
fn types(
    owner: SettingOwner,
    default: CompressibleTypes,
    reader: &mut SettingsReader<'_>,
) -> Option<CompressibleTypes> {
    let Some(written) = reader.texts(owner, "gzip_types") else { return Some(default) };
    for setting in &written {
        if let Err(error) = compression::types([setting.value.as_str()]) {
            reader.problems.push(error.at(&setting.span));
            return None;
        }
    }
    let all = ["text/html"].into_iter().chain(written.iter().map(|setting| setting.value.as_str()));
    compression::types(all).ok()
}

/// Returns the parsed value or the default; `None` if the value is invalid, which is reported.
fn read<T>(
    setting: Option<Spanned<String>>,
    parse: fn(&str) -> Result<T, ValueError>,
    default: T,
    reader: &mut SettingsReader<'_>,
) -> Option<T> {
    let Some(Spanned { value, span }) = setting else { return Some(default) };
    parse(&value).map_err(|error| reader.problems.push(error.at(&span))).ok()
}

fn proxied(text: &str) -> Result<GzipProxied, ValueError> {
    compression::proxied(text.split_whitespace())
}

/// nginx's default of `gzip_min_length`, in bytes.
const NGINX_MIN_LENGTH: u64 = 20;
