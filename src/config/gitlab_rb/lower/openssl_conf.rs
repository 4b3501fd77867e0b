//! `ssl_conf_command`: OpenSSL's own configuration, as far as it can be done without OpenSSL.

use super::reader::SettingsReader;
use super::units;
use crate::config::diagnostic::Diagnostic;
use crate::config::document::Spanned;
use crate::config::gitlab_rb::settings::SettingOwner;
use crate::config::span::SourceSpan;
use crate::model::setting_report::SettingVerdict;
use crate::model::tls::CipherSuite;

/// What the commands of a host ask for.
#[derive(Default)]
pub(super) struct OpensslConf {
    /// A cipher string, for TLS 1.2.
    pub(super) ciphers: Option<Spanned<String>>,
    /// The suites of TLS 1.3, at least one.
    pub(super) suites: Option<Spanned<Vec<CipherSuite>>>,
    pub(super) groups: Option<Spanned<String>>,
    /// Where older versions are ruled out.
    pub(super) only_tls13: Option<SourceSpan>,
    /// Where the server's order of suites is asked for.
    pub(super) server_order: Option<SourceSpan>,
    /// Where tickets are turned off.
    pub(super) no_tickets: Option<SourceSpan>,
}

/// Reads all commands. Those that cannot be obeyed are refused by name.
pub(super) fn read(owner: SettingOwner, reader: &mut SettingsReader<'_>) -> OpensslConf {
    let mut commands = OpensslConf::default();
    let one = reader.text_of(owner, KEY).map(|said| vec![said]);
    let Some(all) = one.or_else(|| reader.texts(owner, KEY)) else { return commands };
    let mut refused = Vec::new();
    for said in all {
        refused.extend(commands.add(&said, reader));
    }
    if !refused.is_empty() {
        let why = format!("there is no OpenSSL here, so this cannot be done: {}", refused.join(", "));
        reader.remark_on(owner, KEY, SettingVerdict::Refused, &why);
    }
    commands
}

impl OpensslConf {
    /// Takes one command up; gives back what cannot be done of it.
    fn add(&mut self, said: &Spanned<String>, reader: &mut SettingsReader<'_>) -> Vec<String> {
        let (name, value) = said.value.trim().split_once(char::is_whitespace).unwrap_or((&said.value, ""));
        let value = Spanned { value: value.trim().to_owned(), span: said.span.clone() };
        match name {
            "CipherString" => self.ciphers = Some(value),
            "Ciphersuites" => self.suites = suites(value, reader),
            "Groups" | "Curves" => self.groups = Some(value),
            "MinProtocol" if value.value == "TLSv1.3" => self.only_tls13 = Some(value.span),
            // TLS begins with 1.2 here in any case.
            "MinProtocol" if units::is_before_tls13(&value.value) => {}
            "MaxProtocol" if value.value == "TLSv1.3" => {}
            "Options" => return self.add_options(&value),
            _ => return vec![said.value.clone()],
        }
        Vec::new()
    }

    fn add_options(&mut self, said: &Spanned<String>) -> Vec<String> {
        let mut refused = Vec::new();
        for option in said.value.split(',').map(str::trim).filter(|option| !option.is_empty()) {
            match option {
                "ServerPreference" => self.server_order = Some(said.span.clone()),
                "-SessionTicket" => self.no_tickets = Some(said.span.clone()),
                // What is done anyway; the last one because the client's order counts.
                "SessionTicket" | "-ServerPreference" | "NoRenegotiation" | "-Compression" | "PrioritizeChaCha" => {
                }
                other => refused.push(format!("Options {other}")),
            }
        }
        refused
    }
}

fn suites(said: Spanned<String>, reader: &mut SettingsReader<'_>) -> Option<Spanned<Vec<CipherSuite>>> {
    let mut suites: Vec<CipherSuite> = Vec::new();
    for suite in said.value.split(':').filter_map(CipherSuite::from_name) {
        if suite.is_tls13() && !suites.contains(&suite) {
            suites.push(suite);
        }
    }
    if suites.is_empty() {
        let error = Diagnostic::error(&said.span, format!("none of the suites in `{}` exists here", said.value));
        reader.problems.push(error.help("write 'Ciphersuites TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256'"));
        return None;
    }
    Some(Spanned { value: suites, span: said.span })
}

const KEY: &str = "ssl_conf_command";
