//! Lowers `ssl_conf_command`.
//!
//! OpenSSL commands with an equivalent in Gatepost are applied; all others are refused.

use super::reader::SettingsReader;
use super::units;
use crate::config::diagnostic::Diagnostic;
use crate::config::document::Spanned;
use crate::config::gitlab_rb::settings::SettingOwner;
use crate::config::span::SourceSpan;
use crate::model::setting_report::SettingVerdict;
use crate::model::tls::CipherSuite;

/// Settings collected from the `ssl_conf_command` entries of a host.
#[derive(Default)]
pub(super) struct OpensslConf {
    /// `CipherString`: selects the TLS 1.2 suites.
    pub(super) ciphers: Option<Spanned<String>>,
    /// `Ciphersuites`: TLS 1.3 suites, at least one.
    pub(super) suites: Option<Spanned<Vec<CipherSuite>>>,
    /// `Groups` or `Curves`.
    pub(super) groups: Option<Spanned<String>>,
    /// Span of `MinProtocol TLSv1.3`.
    pub(super) only_tls13: Option<SourceSpan>,
    /// Span of `Options ServerPreference`.
    pub(super) server_order: Option<SourceSpan>,
    /// Span of `Options -SessionTicket`.
    pub(super) no_tickets: Option<SourceSpan>,
}

/// Reads all commands. Unsupported commands are refused by name.
pub(super) fn read(owner: SettingOwner, reader: &mut SettingsReader<'_>) -> OpensslConf {
    let mut commands = OpensslConf::default();
    let one = reader.text_of(owner, KEY).map(|setting| vec![setting]);
    let Some(all) = one.or_else(|| reader.texts(owner, KEY)) else { return commands };
    let mut refused = Vec::new();
    for setting in all {
        refused.extend(commands.add(&setting, reader));
    }
    if !refused.is_empty() {
        let why = format!("Gatepost does not use OpenSSL and does not support: {}", refused.join(", "));
        reader.record_for(owner, KEY, SettingVerdict::Refused, &why);
    }
    commands
}

impl OpensslConf {
    /// Applies one command. Returns its unsupported parts.
    fn add(&mut self, setting: &Spanned<String>, reader: &mut SettingsReader<'_>) -> Vec<String> {
        let (name, value) = setting.value.trim().split_once(char::is_whitespace).unwrap_or((&setting.value, ""));
        let value = Spanned { value: value.trim().to_owned(), span: setting.span.clone() };
        match name {
            "CipherString" => self.ciphers = Some(value),
            "Ciphersuites" => self.suites = suites(value, reader),
            "Groups" | "Curves" => self.groups = Some(value),
            "MinProtocol" if value.value == "TLSv1.3" => self.only_tls13 = Some(value.span),
            // The minimum version is TLS 1.2 in any case.
            "MinProtocol" if units::is_before_tls13(&value.value) => {}
            "MaxProtocol" if value.value == "TLSv1.3" => {}
            "Options" => return self.add_options(&value),
            _ => return vec![setting.value.clone()],
        }
        Vec::new()
    }

    /// Applies the value of `Options`. Returns the unsupported options.
    fn add_options(&mut self, setting: &Spanned<String>) -> Vec<String> {
        let mut refused = Vec::new();
        for option in setting.value.split(',').map(str::trim).filter(|option| !option.is_empty()) {
            match option {
                "ServerPreference" => self.server_order = Some(setting.span.clone()),
                "-SessionTicket" => self.no_tickets = Some(setting.span.clone()),
                // The default behaviour; the last one because the client's order is used.
                "SessionTicket" | "-ServerPreference" | "NoRenegotiation" | "-Compression" | "PrioritizeChaCha" => {
                }
                other => refused.push(format!("Options {other}")),
            }
        }
        refused
    }
}

/// Parses `Ciphersuites`. Unsupported suites are ignored, unless none is left, which is an error.
fn suites(setting: Spanned<String>, reader: &mut SettingsReader<'_>) -> Option<Spanned<Vec<CipherSuite>>> {
    let mut suites: Vec<CipherSuite> = Vec::new();
    for suite in setting.value.split(':').filter_map(CipherSuite::from_name) {
        if suite.is_tls13() && !suites.contains(&suite) {
            suites.push(suite);
        }
    }
    if suites.is_empty() {
        let error = Diagnostic::error(&setting.span, format!("no supported cipher suite in `{}`", setting.value));
        reader.problems.push(error.help("write 'Ciphersuites TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256'"));
        return None;
    }
    Some(Spanned { value: suites, span: setting.span })
}

const KEY: &str = "ssl_conf_command";
