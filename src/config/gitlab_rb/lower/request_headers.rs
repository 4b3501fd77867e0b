//! `proxy_set_headers`: the package's headers for the application, with those of the file laid over them.

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

/// What an entry says.
enum HeaderValueText {
    /// The package's own header is taken away.
    Default,
    /// No such header is sent, not even the client's.
    Nothing,
    Value(String),
}

/// What becomes of an entry.
enum HeaderEntryAction {
    Change(HeaderOp),
    /// It is what the proxy does anyway.
    Granted,
    /// It cannot be done; what happens instead.
    Impossible(String),
}

/// One entry of the hash.
struct HeaderEntry<'a> {
    name: String,
    value: &'a RubyValue,
}

pub(super) fn of(plan: &ServiceHost, tls: bool, reader: &mut SettingsReader<'_>) -> Vec<Spanned<HeaderOp>> {
    let mut ops = of_package(plan, tls);
    let Some(own) = reader.hash(plan.service.owner(), "proxy_set_headers") else { return ops };
    let told = client_address::real_ip(plan.service.owner(), reader);
    let mut impossible = Vec::new();
    for (name, value) in &own.value.0 {
        let entry = HeaderEntry { name: name.to_text().unwrap_or_default(), value };
        entry.warn(plan, reader);
        match entry.wish(plan, told) {
            Ok(HeaderEntryAction::Change(op)) => {
                ops.retain(|known| known.value.name() != op.name());
                ops.push(Spanned { value: op, span: value.span.clone() });
            }
            Ok(HeaderEntryAction::Granted) => {
                ops.retain(|known| !known.value.name().as_str().eq_ignore_ascii_case(&entry.name));
            }
            Ok(HeaderEntryAction::Impossible(instead)) => impossible.push(format!("{}: {instead}", entry.name)),
            Err(mistake) => reader.problems.push(mistake.at(&value.span)),
        }
    }
    if !impossible.is_empty() {
        refuse_in_part(plan, &own.span, &impossible.join("; "), reader);
    }
    ops
}

/// What the package says beside the address and the host, which the proxy tells in any case.
fn of_package(plan: &ServiceHost, tls: bool) -> Vec<Spanned<HeaderOp>> {
    // For the agent server the connection decides, not the URL.
    let scheme = if tls { "https" } else { "http" };
    let mut headers = match plan.service {
        Service::Kas => vec![("x-forwarded-proto", scheme), ("x-forwarded-scheme", scheme), ("x-scheme", scheme)],
        _ => vec![("x-forwarded-proto", plan.url.scheme.as_str())],
    };
    if plan.url.scheme == ExternalScheme::Https {
        headers.push(("x-forwarded-ssl", "on"));
    }
    if plan.service == Service::Mattermost {
        headers.push(("x-frame-options", "SAMEORIGIN"));
    }
    let op = |(name, value)| HeaderOp::Set(SettableHeader::from_static(name), HeaderValue::from_static(value));
    headers.into_iter().map(|header| plan.url_value(op(header))).collect()
}

fn refuse_in_part(plan: &ServiceHost, place: &SourceSpan, what: &str, reader: &mut SettingsReader<'_>) {
    let reason = format!("not all of it can be done by this version ({what})");
    for hash in plan.service.owner().hashes() {
        let path = [hash, &["proxy_set_headers"][..]].concat();
        if reader.entry(&path).is_some_and(|entry| entry.span == *place) {
            reader.remark(path.join("."), SettingVerdict::Refused, reason.clone());
        }
    }
}

impl HeaderEntry<'_> {
    /// `told` is the variable for the address that the application is told anyway.
    fn wish(&self, plan: &ServiceHost, told: &str) -> Result<HeaderEntryAction, ValueError> {
        let text = self.text(plan)?;
        let mut done = DONE_ANYWAY.into_iter().chain([("X-Real-IP", told), ("X-Forwarded-For", told)]);
        if let HeaderValueText::Value(text) = &text
            && done.any(|(name, done)| name.eq_ignore_ascii_case(&self.name) && done == text)
        {
            return Ok(HeaderEntryAction::Granted);
        }
        let name = match SettableHeader::parse(&self.name) {
            Err(InvalidSettableHeader::HopByHop) => {
                return Ok(HeaderEntryAction::Impossible("the proxy writes this header itself".to_owned()));
            }
            Ok(_) | Err(InvalidSettableHeader::Invalid) => header::name(&self.name)?,
        };
        Ok(match text {
            HeaderValueText::Value(text) => HeaderEntryAction::Change(header::set(name, header::template(&text)?)),
            // A request must have one; nginx then sends the name that it has for the application.
            HeaderValueText::Default if name.as_str() == "host" => {
                HeaderEntryAction::Change(HeaderOp::Set(name, nginx_name(plan)?))
            }
            HeaderValueText::Default if self.default(plan).is_none() => HeaderEntryAction::Granted,
            HeaderValueText::Nothing | HeaderValueText::Default => HeaderEntryAction::Change(header::remove(name)?),
        })
    }

    fn text(&self, plan: &ServiceHost) -> Result<HeaderValueText, ValueError> {
        let of_gitlab = plan.service == Service::Gitlab;
        let text = match &self.value.data {
            // What is not known has been reported.
            RubyData::Nil | RubyData::Unknown(_) => return Ok(HeaderValueText::Default),
            RubyData::Text(text) | RubyData::Symbol(text) => text.clone(),
            // The package asks GitLab's values whether they are empty, which only texts can be.
            _ if of_gitlab => return Err(no_text(self.value)),
            _ => self.value.to_text().ok_or_else(|| no_text(self.value))?,
        };
        if text.is_empty() {
            return Ok(if of_gitlab { HeaderValueText::Default } else { HeaderValueText::Nothing });
        }
        let word = nginx_string::word(&text).map_err(|why| no_word(&text, why))?;
        Ok(if word.is_empty() { HeaderValueText::Nothing } else { HeaderValueText::Value(word) })
    }

    /// Says what is odd about it.
    fn warn(&self, plan: &ServiceHost, reader: &mut SettingsReader<'_>) {
        let odd = |message: String| Diagnostic::warning(&self.value.span, message);
        if let Some(default) = self.default(plan).filter(|default| *default != self.name) {
            let message = format!("the package would send both its `{default}` and this `{}`", self.name);
            reader.problems.push(odd(message).help(format!("only this one is sent; write '{default}'")));
        }
        let is_default = matches!(self.text(plan), Ok(HeaderValueText::Default));
        if is_default && self.default(plan).is_none() {
            let message = format!("`{}` has no value of the package that could be taken away", self.name);
            reader.problems.push(odd(message).help("write '\"\"' to keep the client's own from the application"));
        }
        if let Some(text) = self.value.to_text().filter(|text| text.trim().contains(' '))
            && !text.trim_start().starts_with(['"', '\''])
        {
            let message = "nginx wants quotes of its own around a value with blanks".to_owned();
            reader.problems.push(odd(message).help("write '\"…\"'; here it is read as if it had them"));
        }
    }

    /// The name of a header of the package that this one is, as the package writes it.
    fn default(&self, plan: &ServiceHost) -> Option<&'static str> {
        let of_mattermost = plan.service == Service::Mattermost;
        let mut defaults = DEFAULTS.iter().filter(|(_, only)| !*only || of_mattermost);
        defaults.find(|(name, _)| name.eq_ignore_ascii_case(&self.name)).map(|(name, _)| *name)
    }
}

/// The name of the application in nginx's configuration, which it sends where `Host` is taken away.
fn nginx_name(plan: &ServiceHost) -> Result<HeaderValue, ValueError> {
    match plan.service {
        Service::Gitlab => header::value("gitlab-workhorse"),
        Service::Mattermost => header::value("gitlab_mattermost"),
        Service::Pages | Service::Registry | Service::Kas => {
            header::value(&plan.upstream.value.address.to_string())
        }
    }
}

fn no_text(value: &RubyValue) -> ValueError {
    ValueError::new(format!("a header needs a text, and this is {}", value.kind())).help("put it in 'quotes'")
}

fn no_word(text: &str, why: InvalidNginxWord) -> ValueError {
    match why {
        InvalidNginxWord::Quotes => ValueError::new(format!("nginx cannot read `{text}`: its quotes do not match"))
            .help("write '\"…\"', with \\\" for a quote within"),
        InvalidNginxWord::Ends(end) => {
            ValueError::new(format!("a `{end}` ends the header in nginx's configuration"))
                .help("put the value in quotes of its own: '\"…\"'; each header is an entry of its own")
        }
    }
}

/// The headers of the package, and whether only Mattermost is sent them.
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

/// What nginx's variables say that the proxy says without being told.
const DONE_ANYWAY: [(&str, &str); 6] = [
    ("Host", "$http_host"),
    ("Host", "$http_host_with_default"),
    ("Upgrade", "$http_upgrade"),
    ("Connection", "$connection_upgrade"),
    ("Connection", "upgrade"),
    ("Connection", "Upgrade"),
];

#[cfg(test)]
mod tests;
