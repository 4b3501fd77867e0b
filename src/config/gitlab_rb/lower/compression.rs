//! Compression, as the package's nginx has it for each host.

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

/// Whether and how the answers of a service's host are compressed. What is not said stands at `place`.
pub(super) fn of(
    service: Service,
    tls: bool,
    place: &SourceSpan,
    reader: &mut SettingsReader<'_>,
) -> Setting<CompressionPolicy> {
    // All hosts but GitLab's have what the package sets for its nginx as a whole.
    let owner = if service == Service::Gitlab { SettingOwner::Gitlab } else { SettingOwner::Daemon };
    // Pages that hold a secret beside what somebody else may choose must not be compressed under encryption
    // (BREACH); the package takes care of that for Mattermost.
    let is_exposed = service == Service::Mattermost && tls;
    if is_exposed || reader.flag(owner, "gzip_enabled") == Some(false) {
        return Setting::set_at(CompressionPolicy::Off, place);
    }
    match rules(owner, service, reader) {
        Some(rules) => Setting::set_at(CompressionPolicy::Gzip(Box::new(rules)), place),
        None => Setting::Invalid,
    }
}

fn rules(owner: SettingOwner, service: Service, reader: &mut SettingsReader<'_>) -> Option<GzipPolicy> {
    let usual = compression::package_defaults();
    let (min_length, vary) = match service {
        Service::Gitlab => (usual.min_length, usual.vary),
        _ => (NGINX_MIN_LENGTH, GzipVary::Off),
    };
    let level =
        reader.text_of(owner, "gzip_comp_level").and_then(|said| GzipLevel::new(said.value.trim().parse().ok()?));
    // A number is as good as a text.
    let oldest_http = reader.of(owner, "gzip_http_version");
    let oldest_http = oldest_http.and_then(|it| Some(Spanned { value: it.value.to_text()?, span: it.value.span }));
    let proxied = reader.text_of(owner, "gzip_proxied");
    Some(GzipPolicy {
        types: types(owner, usual.types, reader)?,
        level: level.unwrap_or(usual.level),
        min_length,
        oldest_http: read(oldest_http, compression::oldest_http, usual.oldest_http, reader)?,
        proxied: read(proxied, self::proxied, usual.proxied, reader)?,
        vary,
    })
}

/// nginx always adds `text/html`.
fn types(
    owner: SettingOwner,
    usual: CompressibleTypes,
    reader: &mut SettingsReader<'_>,
) -> Option<CompressibleTypes> {
    let Some(written) = reader.texts(owner, "gzip_types") else { return Some(usual) };
    for said in &written {
        if let Err(mistake) = compression::types([said.value.as_str()]) {
            reader.problems.push(mistake.at(&said.span));
            return None;
        }
    }
    let all = ["text/html"].into_iter().chain(written.iter().map(|said| said.value.as_str()));
    compression::types(all).ok()
}

/// The value, or the usual one; `None` if it is wrong, which is reported.
fn read<T>(
    said: Option<Spanned<String>>,
    parse: fn(&str) -> Result<T, ValueError>,
    usual: T,
    reader: &mut SettingsReader<'_>,
) -> Option<T> {
    let Some(Spanned { value, span: place }) = said else { return Some(usual) };
    parse(&value).map_err(|mistake| reader.problems.push(mistake.at(&place))).ok()
}

fn proxied(text: &str) -> Result<GzipProxied, ValueError> {
    compression::proxied(text.split_whitespace())
}

/// What nginx has where nothing is said.
const NGINX_MIN_LENGTH: u64 = 20;
