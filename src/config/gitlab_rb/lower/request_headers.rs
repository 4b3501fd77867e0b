//! Lowers `proxy_set_headers`.
//!
//! The setting overrides the request headers that the package sends to an upstream.

use http::HeaderValue;

use super::client_address;
use super::external_url::ExternalScheme;
use super::nginx_string::{self, InvalidNginxWord};
use super::reader::SettingsReader;
use super::service::{Service, ServiceHost};
use crate::config::diagnostic::{Diagnostic, ValueError};
use crate::config::document::Spanned;
use crate::config::gitlab_rb::value::{RubyData, RubyValue};
use crate::config::span::SourceSpan;
use crate::config::values::header;
use crate::model::headers::ops::{HeaderOp, InvalidSettableHeader, SettableHeader};
use crate::model::setting_report::SettingVerdict;

/// Value of an entry: package default, no header, or a text.
enum HeaderValueText {
    /// Removes the package's own header.
    Default,
    /// Sends no such header, not even the client's.
    Nothing,
    Value(String),
}

/// What an entry lowers to: a header operation, nothing, or unsupported.
enum HeaderEntryAction {
    Change(HeaderOp),
    /// The proxy sends the header by default.
    BuiltIn,
    /// Not supported; what the proxy does instead.
    Unsupported(String),
}

/// One entry of `proxy_set_headers`.
struct HeaderEntry<'a> {
    name: String,
    value: &'a RubyValue,
}

/// Returns the request header operations of a host: those of the package, overridden by `proxy_set_headers`.
pub(super) fn lower(
    service_host: &ServiceHost,
    tls: bool,
    reader: &mut SettingsReader<'_>,
) -> Vec<Spanned<HeaderOp>> {
    let mut ops = package_headers(service_host, tls);
    let Some(own) = reader.hash(service_host.service.owner(), "proxy_set_headers") else { return ops };
    let address_variable = client_address::client_address_variable(service_host.service.owner(), reader);
    let mut unsupported = Vec::new();
    for (name, value) in &own.value.0 {
        let entry = HeaderEntry { name: name.to_text().unwrap_or_default(), value };
        entry.warn(service_host, reader);
        match entry.action(service_host, address_variable) {
            Ok(HeaderEntryAction::Change(op)) => {
                ops.retain(|known| known.value.name() != op.name());
                ops.push(Spanned { value: op, span: value.span.clone() });
            }
            Ok(HeaderEntryAction::BuiltIn) => {
                ops.retain(|known| !known.value.name().as_str().eq_ignore_ascii_case(&entry.name));
            }
            Ok(HeaderEntryAction::Unsupported(instead)) => unsupported.push(format!("{}: {instead}", entry.name)),
            Err(error) => reader.problems.push(error.at(&value.span)),
        }
    }
    if !unsupported.is_empty() {
        record_unsupported(service_host, &own.span, &unsupported.join("; "), reader);
    }
    ops
}

/// Returns the package's headers, except `Host` and those of the client address, which the proxy sends by
/// default.
fn package_headers(service_host: &ServiceHost, tls: bool) -> Vec<Spanned<HeaderOp>> {
    // For the agent server, the scheme is that of the connection, not that of the URL.
    let scheme = if tls { "https" } else { "http" };
    let mut headers = match service_host.service {
        Service::Kas => vec![("x-forwarded-proto", scheme), ("x-forwarded-scheme", scheme), ("x-scheme", scheme)],
        _ => vec![("x-forwarded-proto", service_host.url.scheme.as_str())],
    };
    if service_host.url.scheme == ExternalScheme::Https {
        headers.push(("x-forwarded-ssl", "on"));
    }
    if service_host.service == Service::Mattermost {
        headers.push(("x-frame-options", "SAMEORIGIN"));
    }
    let op = |(name, value)| HeaderOp::Set(SettableHeader::from_static(name), HeaderValue::from_static(value));
    headers.into_iter().map(|header| service_host.url_value(op(header))).collect()
}

/// Records that parts of `proxy_set_headers` are refused.
fn record_unsupported(service_host: &ServiceHost, span: &SourceSpan, what: &str, reader: &mut SettingsReader<'_>) {
    let reason = format!("not supported in part: {what}");
    for hash in service_host.service.owner().hashes() {
        let path = [hash, &["proxy_set_headers"][..]].concat();
        if reader.entry(&path).is_some_and(|entry| entry.span == *span) {
            reader.record(path.join("."), SettingVerdict::Refused, reason.clone());
        }
    }
}

impl HeaderEntry<'_> {
    /// Returns the action of the entry. `address_variable` is that of the client address that the upstream receives
    /// by default.
    fn action(&self, service_host: &ServiceHost, address_variable: &str) -> Result<HeaderEntryAction, ValueError> {
        let text = self.text(service_host)?;
        let mut done =
            BUILT_IN.into_iter().chain([("X-Real-IP", address_variable), ("X-Forwarded-For", address_variable)]);
        if let HeaderValueText::Value(text) = &text
            && done.any(|(name, done)| name.eq_ignore_ascii_case(&self.name) && done == text)
        {
            return Ok(HeaderEntryAction::BuiltIn);
        }
        let name = match SettableHeader::parse(&self.name) {
            Err(InvalidSettableHeader::HopByHop) => {
                return Ok(HeaderEntryAction::Unsupported("the proxy sets this header itself".to_owned()));
            }
            Ok(_) | Err(InvalidSettableHeader::Invalid) => header::name(&self.name)?,
        };
        Ok(match text {
            HeaderValueText::Value(text) => HeaderEntryAction::Change(header::set(name, header::template(&text)?)),
            // A request must have a `Host`; nginx then sends the name of its upstream.
            HeaderValueText::Default if name.as_str() == "host" => {
                HeaderEntryAction::Change(HeaderOp::Set(name, nginx_name(service_host)?))
            }
            HeaderValueText::Default if self.default(service_host).is_none() => HeaderEntryAction::BuiltIn,
            HeaderValueText::Nothing | HeaderValueText::Default => HeaderEntryAction::Change(header::remove(name)?),
        })
    }

    /// Parses the value.
    fn text(&self, service_host: &ServiceHost) -> Result<HeaderValueText, ValueError> {
        let of_gitlab = service_host.service == Service::Gitlab;
        let text = match &self.value.data {
            // An unknown value has been reported already.
            RubyData::Nil | RubyData::Unknown(_) => return Ok(HeaderValueText::Default),
            RubyData::Text(text) | RubyData::Symbol(text) => text.clone(),
            // The package calls `empty?` on the values of GitLab's host, so they must be strings.
            _ if of_gitlab => return Err(not_a_string(self.value)),
            _ => self.value.to_text().ok_or_else(|| not_a_string(self.value))?,
        };
        if text.is_empty() {
            return Ok(if of_gitlab { HeaderValueText::Default } else { HeaderValueText::Nothing });
        }
        let word = nginx_string::word(&text).map_err(|why| invalid_word(&text, why))?;
        Ok(if word.is_empty() { HeaderValueText::Nothing } else { HeaderValueText::Value(word) })
    }

    /// Warns about an entry that nginx would send twice, that removes nothing, or that lacks quotes.
    fn warn(&self, service_host: &ServiceHost, reader: &mut SettingsReader<'_>) {
        let warning = |message: String| Diagnostic::warning(&self.value.span, message);
        if let Some(default) = self.default(service_host).filter(|default| *default != self.name) {
            let message = format!("the package's nginx would send both `{default}` and `{}`", self.name);
            reader.problems.push(warning(message).help(format!("Gatepost sends only this one; write '{default}'")));
        }
        let is_default = matches!(self.text(service_host), Ok(HeaderValueText::Default));
        if is_default && self.default(service_host).is_none() {
            let message = format!("removing `{}` has no effect: the package does not set this header", self.name);
            reader.problems.push(
                warning(message).help("write '\"\"' to remove the client's header from requests to the upstream"),
            );
        }
        if let Some(text) = self.value.to_text().filter(|text| text.trim().contains(' '))
            && !text.trim_start().starts_with(['"', '\''])
        {
            let message = format!("`{}` contains blanks, which nginx accepts only in quotes", text.trim());
            reader
                .problems
                .push(warning(message).help("write '\"…\"'; Gatepost reads the value as if it were quoted"));
        }
    }

    /// Returns the package's spelling of this header, if the package sends it.
    fn default(&self, service_host: &ServiceHost) -> Option<&'static str> {
        let of_mattermost = service_host.service == Service::Mattermost;
        let mut defaults = DEFAULTS.iter().filter(|(_, only)| !*only || of_mattermost);
        defaults.find(|(name, _)| name.eq_ignore_ascii_case(&self.name)).map(|(name, _)| *name)
    }
}

/// Returns the name of the upstream in nginx's configuration, which nginx sends if `Host` is removed.
fn nginx_name(service_host: &ServiceHost) -> Result<HeaderValue, ValueError> {
    match service_host.service {
        Service::Gitlab => header::value("gitlab-workhorse"),
        Service::Mattermost => header::value("gitlab_mattermost"),
        Service::Pages | Service::Registry | Service::Kas => {
            header::value(&service_host.upstream.value.address.to_string())
        }
    }
}

fn not_a_string(value: &RubyValue) -> ValueError {
    ValueError::new(format!("a header value must be a string, not {}", value.kind())).help("write it in 'quotes'")
}

fn invalid_word(text: &str, why: InvalidNginxWord) -> ValueError {
    match why {
        InvalidNginxWord::Quotes => ValueError::new(format!("unbalanced quotes in the header value `{text}`"))
            .help("write '\"…\"', with \\\" for a quote within"),
        InvalidNginxWord::Ends(end) => ValueError::new(format!(
            "unquoted `{end}` in the header value `{text}`: it ends the directive in nginx's configuration"
        ))
        .help("write the value in quotes, '\"…\"', and each header as a separate entry"),
    }
}

/// Headers of the package, and whether only Mattermost receives them.
const DEFAULTS: [(&str, bool); 8] = [
    ("Host", false),
    ("X-Real-IP", false),
    ("X-Forwarded-For", false),
    ("X-Forwarded-Proto", false),
    ("X-Forwarded-Ssl", false),
    ("Upgrade", false),
    ("Connection", false),
    ("X-Frame-Options", true),
];

/// Headers that the proxy sends by default, with the nginx variables of their values.
const BUILT_IN: [(&str, &str); 6] = [
    ("Host", "$http_host"),
    ("Host", "$http_host_with_default"),
    ("Upgrade", "$http_upgrade"),
    ("Connection", "$connection_upgrade"),
    ("Connection", "upgrade"),
    ("Connection", "Upgrade"),
];

#[cfg(test)]
mod tests;
