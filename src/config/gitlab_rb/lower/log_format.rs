//! The format of the access logs. Mattermost has its own; all others have that of `nginx`.

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
    let said = reader.text_of(owner(service), "log_format");
    reader.parsed(said, parse)
}

pub(super) fn escape(service: Service, reader: &mut SettingsReader<'_>) -> Setting<LogEscape> {
    let said = reader.text_of(owner(service), "log_format_escape");
    reader.parsed(said, parse_escape)
}

fn owner(service: Service) -> SettingOwner {
    if service == Service::Mattermost { SettingOwner::Mattermost } else { SettingOwner::Daemon }
}

/// The package puts the format between single quotes.
fn parse(text: &str) -> Result<Template<LogVariable>, ValueError> {
    if nginx_string::find_unescaped(text, &['\'']).is_some() {
        return Err(ValueError::new("a `'` ends the format in nginx's configuration, which then does not start")
            .help("write \\' for the character itself"));
    }
    template::parse_log(&nginx_string::unescaped(text))
}

fn parse_escape(text: &str) -> Result<LogEscape, ValueError> {
    let known = LogEscape::ALL.into_iter().find(|escape| escape.as_str() == text);
    known.ok_or_else(|| {
        let mistake = ValueError::new(format!("nginx has no escaping `{text}`"));
        match nearest(text, LogEscape::ALL.map(LogEscape::as_str)) {
            Some(meant) => mistake.help(format!("did you mean '{meant}'?")),
            None => mistake.help("write 'default', 'json' or 'none'"),
        }
    })
}

#[cfg(test)]
mod tests;
