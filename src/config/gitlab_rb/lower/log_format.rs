//! Lowers access log formats.
//!
//! Mattermost's host has its own format; all other hosts use that of `nginx`.

use super::nginx_string;
use super::reader::SettingsReader;
use super::service::Service;
use crate::config::diagnostic::ValueError;
use crate::config::document::Setting;
use crate::config::gitlab_rb::settings::SettingOwner;
use crate::config::suggestion::nearest;
use crate::config::values::template;
use crate::model::log_format::LogEscape;
use crate::model::template::Template;
use crate::model::variable::LogVariable;

pub(super) fn format(service: Service, reader: &mut SettingsReader<'_>) -> Setting<Template<LogVariable>> {
    let setting = reader.text_of(owner(service), "log_format");
    reader.parsed(setting, parse)
}

pub(super) fn escape(service: Service, reader: &mut SettingsReader<'_>) -> Setting<LogEscape> {
    let setting = reader.text_of(owner(service), "log_format_escape");
    reader.parsed(setting, parse_escape)
}

fn owner(service: Service) -> SettingOwner {
    if service == Service::Mattermost { SettingOwner::Mattermost } else { SettingOwner::Daemon }
}

/// Parses a format, which the package writes between single quotes.
fn parse(text: &str) -> Result<Template<LogVariable>, ValueError> {
    if nginx_string::find_unescaped(text, &['\'']).is_some() {
        return Err(ValueError::new("unescaped `'` in `log_format`: it ends the format in nginx's configuration")
            .help("write `\\'` for a literal quote"));
    }
    template::parse_log(&nginx_string::unescaped(text))
}

fn parse_escape(text: &str) -> Result<LogEscape, ValueError> {
    let known = LogEscape::ALL.into_iter().find(|escape| escape.as_str() == text);
    known.ok_or_else(|| {
        let error = ValueError::new(format!("unknown value `{text}` for `log_format_escape`"));
        match nearest(text, LogEscape::ALL.map(LogEscape::as_str)) {
            Some(nearest_value) => error.help(format!("did you mean '{nearest_value}'?")),
            None => error.help("write 'default', 'json' or 'none'"),
        }
    })
}

#[cfg(test)]
mod tests;
