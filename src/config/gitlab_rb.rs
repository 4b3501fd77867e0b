//! Reads `/etc/gitlab/gitlab.rb`, the configuration of the GitLab package.
//!
//! `syntax` parses the text, `evaluator` computes the settings without executing anything (or `show_config`
//! takes them from the package), `overrides` has the last word, `check` finds values that cannot be used, `lower` turns settings into a document by the package's rules, and
//! `verdicts` accounts for every line.

mod assignments;
pub mod environment;
mod evaluator;
mod large_stack;
mod lower;
mod nginx_text;
mod overrides;
mod report;
mod settings;
mod show_config;
mod syntax;
mod top_level;
mod type_check;
mod value;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use settings::{DocumentedSetting, documented};

use super::compile;
use super::diagnostic::{Diagnostic, Diagnostics};
use super::document::Spanned;
use super::span::{SourceFile, SourceSpan};
use crate::model::Model;
use crate::model::setting_report::{SettingReport, SettingVerdict};
use assignments::AssignedSettings;
use environment::Environment;
use evaluator::Evaluator;
use lower::reader::SettingsReader;

/// What a file means.
#[derive(Debug)]
pub struct GitlabRbConfig {
    /// `None` if there are errors among the problems.
    pub model: Option<Model>,
    /// Everything that was said, in the order in which it was evaluated.
    pub reports: Vec<SettingReport>,
    pub problems: Diagnostics,
    /// The files of certificates and keys, each where it was asked for.
    certificates: Vec<Spanned<PathBuf>>,
}

impl GitlabRbConfig {
    /// Certificates and keys that are not there. What a file means does not depend on them, so who only
    /// wants to know that need not ask.
    pub fn missing_certificates(&self, environment: &dyn Environment) -> Diagnostics {
        let mut missing = Diagnostics::new();
        for Spanned { value: path, span } in &self.certificates {
            if !environment.exists(path) {
                let error = Diagnostic::error(span, format!("there is no file {}", path.display()));
                missing.push(error.help(
                    "put it there, or name another one with ssl_certificate and ssl_certificate_key of this host",
                ));
            }
        }
        missing
    }

    /// Refused settings that keep clients out. Serving without them would open what they close, so a program
    /// that serves must not go on.
    pub fn refused_access_settings(&self) -> impl Iterator<Item = &SettingReport> {
        self.reports.iter().filter(|report| {
            matches!(report.verdict, SettingVerdict::Refused | SettingVerdict::Unreadable)
                && self.restricts_access(report)
        })
    }

    /// Whether the package is told to run its own nginx, as it does unless told otherwise.
    pub fn runs_bundled_nginx(&self) -> bool {
        let mut settings = self.reports.iter().rev().filter(|it| BUNDLED_NGINX.contains(&&*it.key));
        let is_off = |value: &serde_json::Value| value.is_null() || value.as_bool() == Some(false);
        !settings.next().and_then(|it| it.value.as_ref()).is_some_and(is_off)
    }

    /// Client certificates, a snippet with one of nginx's directives for access, or such a directive.
    fn restricts_access(&self, report: &SettingReport) -> bool {
        let (within, name) = report.key.rsplit_once('.').unwrap_or_default();
        let text = report.value.as_ref().and_then(|value| value.as_str()).unwrap_or_default();
        if name.starts_with("custom_") {
            // Where its directives are judged one by one, each answers for itself.
            let mut words = text.split(|c: char| c.is_whitespace() || ";{}".contains(c));
            let is_whole = !self.reports.iter().any(|it| is_within(it, &report.key));
            return is_whole && words.any(|word| ACCESS_DIRECTIVES.contains(&word));
        }
        // A host that does not exist lets nobody in.
        let is_directive = within.contains(".custom_") && !within.contains(".server");
        let closes = ACCESS_DIRECTIVES.contains(&name) || (name == "return" && text.starts_with(['4', '5']));
        name == "ssl_verify_client" || (is_directive && closes)
    }
}

fn is_within(report: &SettingReport, setting: &str) -> bool {
    report.key.strip_prefix(setting).is_some_and(|rest| rest.starts_with('.'))
}

/// Reads a file as it stands in its surroundings. As in the container image, the environment variable
/// `GITLAB_OMNIBUS_CONFIG` is read before it.
pub fn load(path: &Path, environment: &dyn Environment) -> GitlabRbConfig {
    match environment.read(path) {
        Ok(text) => read(path, &text, environment),
        Err(why) => failed(super::diagnostic::unreadable(path, &why)),
    }
}

/// Reads a text as if it stood in the file at `path`.
pub fn read(path: &Path, text: &str, environment: &dyn Environment) -> GitlabRbConfig {
    match large_stack::run(|| evaluate(path, text, environment)) {
        Ok(Some(config)) => config,
        Ok(None) => failed(Diagnostic::error(&whole_file(path), "the Ruby parser cannot cope with this file")),
        Err(why) => {
            failed(Diagnostic::error(&whole_file(path), format!("there is no memory to read this file: {why}")))
        }
    }
}

fn evaluate(path: &Path, text: &str, environment: &dyn Environment) -> GitlabRbConfig {
    let mut problems = Diagnostics::new();
    let source = SourceFile::new(path, text);
    let mut settings = match show_config::is_show_config(text) {
        true => show_config::read(&source, &mut problems),
        false => evaluated(&source, environment, &mut problems),
    };
    let process = overrides::apply(path, &mut settings, environment, &mut problems);
    type_check::check(&settings, &mut problems);
    let mut reader = SettingsReader::new(&settings, &source, &mut problems);
    let document = lower::document(&source, process, &mut reader, environment);
    let (remarks, directives) = (reader.remarks, reader.directives);
    let model = compile::compile(&document, &mut problems);
    let mut reports = report::report_settings(&settings, &remarks, &mut problems);
    lower::snippet::report::insert(&mut reports, &directives);
    // One that is obtained may be missing still.
    let brought = document.hosts.iter().filter(|host| !host.settings.acme.value_or(false));
    let certificates = brought.flat_map(|host| [host.certificate.as_set(), host.certificate_key.as_set()]);
    let certificates = certificates.flatten().flat_map(|settings| settings.value.iter().cloned()).collect();
    GitlabRbConfig { model: model.filter(|_| !problems.has_errors()), reports: reports, problems, certificates }
}

fn evaluated(
    source: &Arc<SourceFile>,
    environment: &dyn Environment,
    problems: &mut Diagnostics,
) -> AssignedSettings {
    let mut evaluator = Evaluator::new(environment, problems);
    if let Some(text) = environment.variable(OMNIBUS_CONFIG) {
        evaluator.file(&SourceFile::new(Path::new(OMNIBUS_CONFIG), text));
    }
    evaluator.file(source);
    evaluator.into_settings()
}

fn failed(error: Diagnostic) -> GitlabRbConfig {
    GitlabRbConfig { model: None, reports: Vec::new(), problems: error.into(), certificates: Vec::new() }
}

fn whole_file(path: &Path) -> SourceSpan {
    SourceSpan::file(&SourceFile::new(path, ""))
}

const OMNIBUS_CONFIG: &str = "GITLAB_OMNIBUS_CONFIG";

#[cfg(test)]
mod tests;

/// The switch of the bundled nginx, in both spellings.
const BUNDLED_NGINX: [&str; 2] = ["nginx.enable", "gitlab_rails.nginx.enable"];

/// What nginx restricts access with.
const ACCESS_DIRECTIVES: [&str; 6] = ["allow", "deny", "auth_basic", "auth_request", "satisfy", "limit_except"];
