//! `gitlab.rb` front end: parses Ruby without executing it and lowers its settings.
//!
//! The stages, in order:
//! 1. `syntax` parses the text, and `evaluator` computes the settings without executing anything.
//!    `show_config` replaces both for the JSON output of `gitlab-ctl show-config`.
//! 2. `overrides` applies `gatepost-overrides.toml`.
//! 3. `type_check` reports values of the wrong type.
//! 4. `lower` converts the settings to a document by the rules of the GitLab package.
//! 5. `report` produces one entry with a verdict for each assigned setting.

mod access;
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

/// The result of reading a `gitlab.rb`: model, setting reports and diagnostics.
#[derive(Debug)]
pub struct GitlabRbConfig {
    /// `None` if `problems` contains an error.
    pub model: Option<Model>,
    /// One entry for each assigned setting, in evaluation order.
    pub reports: Vec<SettingReport>,
    /// Errors and warnings.
    pub problems: Diagnostics,
    /// Certificate and key files of the hosts, each with the span of the setting that requires it.
    certificates: Vec<Spanned<PathBuf>>,
}

impl GitlabRbConfig {
    /// Returns a diagnostic for each certificate or key file that does not exist.
    ///
    /// The model does not depend on these files, so `explain` works without them.
    pub fn missing_certificates(&self, environment: &dyn Environment) -> Diagnostics {
        let mut missing = Diagnostics::new();
        for Spanned { value: path, span } in &self.certificates {
            if !environment.exists(path) {
                let error = Diagnostic::error(span, format!("file `{}` does not exist", path.display()));
                missing.push(error.help(
                    "create the file, or set another path in `ssl_certificate` and `ssl_certificate_key` of this host",
                ));
            }
        }
        missing
    }

    /// Returns the refused and unreadable settings that restrict access.
    ///
    /// Without them clients would gain access, so a program that serves must not start.
    pub fn refused_access_settings(&self) -> impl Iterator<Item = &SettingReport> {
        self.reports.iter().filter(|report| {
            matches!(report.verdict, SettingVerdict::Refused | SettingVerdict::Unreadable)
                && self.restricts_access(report)
        })
    }

    /// Returns whether the package runs its bundled nginx, which is its default.
    pub fn runs_bundled_nginx(&self) -> bool {
        let mut switches = self.reports.iter().rev().filter(|it| BUNDLED_NGINX.contains(&&*it.key));
        let is_off = |value: &serde_json::Value| value.is_null() || value.as_bool() == Some(false);
        !switches.next().and_then(|it| it.value.as_ref()).is_some_and(is_off)
    }

    /// Returns whether a setting, or a directive of nginx text, restricts client access.
    fn restricts_access(&self, report: &SettingReport) -> bool {
        let (within, name) = report.key.rsplit_once('.').unwrap_or_default();
        let text = report.value.as_ref().and_then(|value| value.as_str()).unwrap_or_default();
        if name.starts_with("custom_") {
            // A text whose directives have reports of their own is covered by these.
            let mut words = text.split(|c: char| c.is_whitespace() || ";{}".contains(c));
            let is_whole = !self.reports.iter().any(|it| is_within(it, &report.key));
            return is_whole && words.any(access::is_access_directive);
        }
        access::restricts(within, name, text)
    }
}

fn is_within(report: &SettingReport, setting: &str) -> bool {
    report.key.strip_prefix(setting).is_some_and(|rest| rest.starts_with('.'))
}

/// Reads the file at `path`. Errors, also of reading the file, are in [`GitlabRbConfig::problems`].
///
/// The environment variable `GITLAB_OMNIBUS_CONFIG` is evaluated before the file, as in the container image.
pub fn load(path: &Path, environment: &dyn Environment) -> GitlabRbConfig {
    match environment.read(path) {
        Ok(text) => read(path, &text, environment),
        Err(error) => failed(super::diagnostic::unreadable(path, &error)),
    }
}

/// Reads a text as the content of the file at `path`.
///
/// A text that starts with `{` is read as the output of `gitlab-ctl show-config`.
///
/// ```
/// use std::path::Path;
/// use gatepost::config::gitlab_rb::{self, environment::SystemEnvironment};
///
/// let text = "external_url 'http://gitlab.example.com'\nnginx['listen_addresses'] = ['127.0.0.1']\n";
/// let config = gitlab_rb::read(Path::new("gitlab.rb"), text, &SystemEnvironment);
/// assert!(!config.problems.has_errors());
/// assert!(config.model.is_some());
/// assert_eq!(config.reports[1].key, "nginx.listen_addresses");
/// ```
pub fn read(path: &Path, text: &str, environment: &dyn Environment) -> GitlabRbConfig {
    match large_stack::run(|| evaluate(path, text, environment)) {
        Ok(Some(config)) => config,
        Ok(None) => {
            failed(Diagnostic::error(&whole_file(path), "cannot parse this file: the Ruby parser panicked"))
        }
        Err(error) => failed(Diagnostic::error(
            &whole_file(path),
            format!("cannot start a thread to parse this file: {error}"),
        )),
    }
}

fn evaluate(path: &Path, text: &str, environment: &dyn Environment) -> GitlabRbConfig {
    let mut problems = Diagnostics::new();
    let source = SourceFile::new(path, text);
    let mut settings = match show_config::is_show_config(text) {
        true => show_config::read(&source, &mut problems),
        false => evaluate_ruby(&source, environment, &mut problems),
    };
    let process = overrides::apply(path, &mut settings, environment, &mut problems);
    type_check::check(&settings, &mut problems);
    let mut reader = SettingsReader::new(&settings, &source, &mut problems);
    let document = lower::document(&source, process, &mut reader, environment);
    let (remarks, directives) = (reader.remarks, reader.directives);
    let model = compile::compile(&document, &mut problems);
    let mut reports = report::report_settings(&settings, &remarks, &mut problems);
    lower::snippet::report::insert(&mut reports, &directives);
    // A certificate managed by ACME may not exist yet.
    let with_files = document.hosts.iter().filter(|host| !host.settings.acme.value_or(false));
    let certificates = with_files.flat_map(|host| [host.certificate.as_set(), host.certificate_key.as_set()]);
    let certificates = certificates.flatten().flat_map(|paths| paths.value.iter().cloned()).collect();
    GitlabRbConfig { model: model.filter(|_| !problems.has_errors()), reports, problems, certificates }
}

fn evaluate_ruby(
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

/// The setting that enables the bundled nginx, in both spellings.
const BUNDLED_NGINX: [&str; 2] = ["nginx.enable", "gitlab_rails.nginx.enable"];

#[cfg(test)]
mod tests;
