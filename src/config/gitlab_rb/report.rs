//! Produces one report entry for each assigned setting.

use std::collections::HashMap;

use super::assignments::{AssignedSettings, Assignment, AssignmentTarget};
use super::lower::reader::{SettingRemarks, spelled};
use super::settings::{self, KeyLookup, SettingSpec, SettingSupport};
use super::value::{RubyData, RubyValue};
use crate::config::diagnostic::{Diagnostic, DiagnosticSeverity, Diagnostics};
use crate::config::span::SourceSpan;
use crate::model::setting_report::{SettingReport, SettingScope, SettingVerdict};

/// One setting, taken out of the hash it was assigned in.
struct AssignedSetting<'a> {
    path: Vec<String>,
    known: KeyLookup,
    value: &'a RubyValue,
    span: &'a SourceSpan,
    target: AssignmentTarget,
    /// Index in the assignment log; a later assignment overrides an earlier one.
    order: usize,
}

/// Finds later assignments of the same key.
struct AssignmentOrder<'a>(HashMap<&'a [String], Vec<(usize, &'a SourceSpan)>>);

impl<'a> AssignmentOrder<'a> {
    fn new(log: &'a [Assignment]) -> AssignmentOrder<'a> {
        let mut by_keys: HashMap<&[String], Vec<(usize, &SourceSpan)>> = HashMap::new();
        for (order, it) in log.iter().enumerate().filter(|(_, it)| it.target == AssignmentTarget::Setting) {
            by_keys.entry(&it.path).or_default().push((order, &it.span));
        }
        AssignmentOrder(by_keys)
    }

    /// Returns the span of the first later assignment of the setting or of a hash that contains it.
    fn overriding(&self, setting: &AssignedSetting<'_>) -> Option<&'a SourceSpan> {
        let hashes = (1..=setting.path.len()).filter_map(|length| self.0.get(&setting.path[..length]));
        let later = hashes.filter_map(|set| set.get(set.partition_point(|(order, _)| *order <= setting.order)));
        later.min_by_key(|(order, _)| *order).map(|(_, span)| *span)
    }
}

/// Returns a report entry for each assignment, and pushes warnings for mistakes and refused settings.
pub(super) fn report_settings(
    settings: &AssignedSettings,
    remarks: &SettingRemarks,
    problems: &mut Diagnostics,
) -> Vec<SettingReport> {
    let mut all = Vec::new();
    for (order, assignment) in settings.log.iter().enumerate() {
        flatten(assignment.path.clone(), &assignment.value, &assignment.span, (assignment.target, order), &mut all);
    }
    let later = AssignmentOrder::new(&settings.log);
    let reports: Vec<SettingReport> =
        all.iter().map(|setting| setting.report(setting.verdict(&later, remarks, problems))).collect();
    for (setting, report) in all.iter().zip(&reports) {
        setting.warn(report, problems);
    }
    reports
}

/// Splits a hash of settings into single settings.
fn flatten<'a>(
    path: Vec<String>,
    value: &'a RubyValue,
    span: &'a SourceSpan,
    (target, order): (AssignmentTarget, usize),
    all: &mut Vec<AssignedSetting<'a>>,
) {
    let known = settings::lookup(&path);
    match &value.data {
        RubyData::Hash(hash) if target == AssignmentTarget::Setting && matches!(known, KeyLookup::Group) => {
            for (key, value) in &hash.0 {
                let path = path.iter().cloned().chain(key.to_text()).collect();
                flatten(path, value, &key.span, (target, order), all);
            }
        }
        _ => all.push(AssignedSetting { path, known, value, span, target, order }),
    }
}

impl AssignedSetting<'_> {
    fn verdict(
        &self,
        later: &AssignmentOrder<'_>,
        remarks: &SettingRemarks,
        problems: &Diagnostics,
    ) -> (SettingVerdict, String) {
        if self.target == AssignmentTarget::Variable {
            return (SettingVerdict::NoEffect, self.local_variable_reason());
        }
        if let Some(span) = later.overriding(self) {
            return (SettingVerdict::NoEffect, self.overridden_reason(span));
        }
        if let (Some(error), false) = (self.error(problems), matches!(self.known, KeyLookup::Foreign)) {
            let verdict = if self.is_unknown() { SettingVerdict::Unreadable } else { SettingVerdict::Refused };
            return (verdict, error.message.clone());
        }
        let spec = match self.known {
            KeyLookup::Setting(spec) => spec,
            KeyLookup::Group => return (SettingVerdict::Applied, String::new()),
            KeyLookup::OtherHost => return (SettingVerdict::NoEffect, self.other_host_reason().to_owned()),
            KeyLookup::Unknown(_) => return (SettingVerdict::NoEffect, self.unknown_key_reason()),
            KeyLookup::Foreign => return (SettingVerdict::NoEffect, "does not concern the proxy".to_owned()),
        };
        if matches!(self.value.data, RubyData::Nil) {
            return (SettingVerdict::NoEffect, "nil keeps the default".to_owned());
        }
        match remarks.get(&self.path.join(".")) {
            Some((verdict, reason)) => (*verdict, reason.clone()),
            None => self.table_verdict(spec),
        }
    }

    fn table_verdict(&self, spec: &SettingSpec) -> (SettingVerdict, String) {
        match spec.support {
            SettingSupport::Applied => (SettingVerdict::Applied, String::new()),
            SettingSupport::NoEffect(reason) => (SettingVerdict::NoEffect, reason.to_owned()),
        }
    }

    /// Returns the reason for a setting of another host. The raw nginx text of Mattermost has a key of its own,
    /// so the reason names the right key.
    fn other_host_reason(&self) -> &'static str {
        match self.path.last().map(String::as_str) {
            Some("custom_gitlab_server_config") => {
                "the key for Mattermost is `custom_gitlab_mattermost_server_config`"
            }
            Some("custom_gitlab_mattermost_server_config") => "the key belongs to `mattermost_nginx`",
            _ => "the package has no such setting for this host",
        }
    }

    fn unknown_key_reason(&self) -> String {
        match self.known {
            KeyLookup::Unknown(Some(near)) => format!("unknown key; did you mean `{near}`?"),
            _ => "unknown key".to_owned(),
        }
    }

    /// Returns the reason for an assignment to a local variable, with the intended form.
    fn local_variable_reason(&self) -> String {
        let name = self.spelled();
        match self.known {
            KeyLookup::Group => format!("this assigns a local variable; write `{name}['…'] = …` for each key"),
            _ => "this assigns a local variable; remove the `=`".to_owned(),
        }
    }

    fn overridden_reason(&self, by: &SourceSpan) -> String {
        match by.line() {
            Some(line) if by.file_name() == self.span.file_name() => format!("overridden in line {line}"),
            _ => format!("overridden at {by}"),
        }
    }

    fn is_unknown(&self) -> bool {
        self.value.find_unknown().is_some()
    }

    /// Returns the first error at the setting, its value or a part of the value.
    ///
    /// An error about an unknown value is at the span of its cause; its message starts with the setting.
    fn error<'p>(&self, problems: &'p Diagnostics) -> Option<&'p Diagnostic> {
        let unknown = self.value.find_unknown().map(|unknown| unknown.span);
        let name = format!("`{}`", self.spelled());
        let mut errors = problems.iter().filter(|problem| problem.severity == DiagnosticSeverity::Error);
        errors.find(|error| {
            error.span == *self.span
                || self.value.span.contains(&error.span)
                || (Some(&error.span) == unknown.as_ref() && error.message.starts_with(&name))
        })
    }

    fn report(&self, (verdict, reason): (SettingVerdict, String)) -> SettingReport {
        let concern = match self.known {
            KeyLookup::Foreign if self.target == AssignmentTarget::Setting => SettingScope::OtherService,
            _ => SettingScope::Proxy,
        };
        SettingReport {
            key: self.path.join("."),
            value: (concern == SettingScope::Proxy).then(|| self.value.to_json()),
            file: self.span.file_name().to_owned(),
            line: self.span.line(),
            verdict,
            reason,
            scope: concern,
        }
    }

    fn warn(&self, report: &SettingReport, problems: &mut Diagnostics) {
        let name = self.spelled();
        let is_typo = matches!(self.known, KeyLookup::Unknown(_)) && self.target == AssignmentTarget::Setting;
        let warning = match report.verdict {
            _ if self.target == AssignmentTarget::Variable => {
                Diagnostic::warning(self.span, format!("`{name} =` sets nothing"))
            }
            SettingVerdict::NoEffect if is_typo => {
                Diagnostic::warning(self.span, format!("unknown setting `{name}`"))
            }
            SettingVerdict::NoEffect if matches!(self.known, KeyLookup::OtherHost) && name.contains("custom_") => {
                Diagnostic::warning(self.span, format!("`{name}` has no effect for this host"))
            }
            SettingVerdict::Refused if self.error(problems).is_none() => {
                let is_applied =
                    matches!(self.known, KeyLookup::Setting(SettingSpec { support: SettingSupport::Applied, .. }));
                let how = if is_applied { "is applied only in part" } else { "is not applied" };
                Diagnostic::warning(self.span, format!("`{name}` {how}"))
            }
            _ => return,
        };
        let reason = if is_typo { self.unknown_key_reason() } else { report.reason.clone() };
        problems.push(warning.help(reason));
    }

    fn spelled(&self) -> String {
        spelled(&self.path.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

impl RubyValue {
    /// Returns the value as JSON; unknown values and values without a JSON type are `null`.
    pub(super) fn to_json(&self) -> serde_json::Value {
        use serde_json::{Value as Json, json};
        match &self.data {
            RubyData::Flag(flag) => json!(flag),
            RubyData::Int(number) => json!(number),
            RubyData::Float(number) => json!(number),
            RubyData::Text(text) | RubyData::Symbol(text) => json!(text),
            RubyData::List(items) => items.iter().map(RubyValue::to_json).collect(),
            RubyData::Hash(hash) => {
                let pair = |(key, value): &(RubyValue, RubyValue)| Some((key.to_text()?, value.to_json()));
                Json::Object(hash.0.iter().filter_map(pair).collect())
            }
            RubyData::Section(_) => json!({}),
            RubyData::Nil
            | RubyData::Range(..)
            | RubyData::Pattern(_)
            | RubyData::Match(_)
            | RubyData::Constant(_)
            | RubyData::Unknown(_) => Json::Null,
        }
    }
}
