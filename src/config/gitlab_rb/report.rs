//! Accounts for every line: what was said, and what came of it.

use std::collections::HashMap;

use super::assignments::{AssignedSettings, Assignment, AssignmentTarget};
use super::lower::reader::{SettingRemarks, spelled};
use super::settings::{self, KeyLookup, SettingSpec, SettingSupport};
use super::value::{RubyData, RubyValue};
use crate::config::diagnostic::{Diagnostic, DiagnosticSeverity, Diagnostics};
use crate::config::span::SourceSpan;
use crate::model::setting_report::{SettingReport, SettingScope, SettingVerdict};

/// A setting that was said, taken out of the hash it may have been written in.
struct AssignedSetting<'a> {
    path: Vec<String>,
    known: KeyLookup,
    value: &'a RubyValue,
    span: &'a SourceSpan,
    target: AssignmentTarget,
    /// What was said later wins.
    order: usize,
}

/// What was set when, by its keys.
struct AssignmentOrder<'a>(HashMap<&'a [String], Vec<(usize, &'a SourceSpan)>>);

impl<'a> AssignmentOrder<'a> {
    fn of(log: &'a [Assignment]) -> AssignmentOrder<'a> {
        let mut by_keys: HashMap<&[String], Vec<(usize, &SourceSpan)>> = HashMap::new();
        for (order, it) in log.iter().enumerate().filter(|(_, it)| it.target == AssignmentTarget::Setting) {
            by_keys.entry(&it.path).or_default().push((order, &it.span));
        }
        AssignmentOrder(by_keys)
    }

    /// Where the setting, or a hash that it is in, is set for the first time afterwards.
    fn than(&self, said: &AssignedSetting<'_>) -> Option<&'a SourceSpan> {
        let hashes = (1..=said.path.len()).filter_map(|length| self.0.get(&said.path[..length]));
        let later = hashes.filter_map(|set| set.get(set.partition_point(|(order, _)| *order <= said.order)));
        later.min_by_key(|(order, _)| *order).map(|(_, place)| *place)
    }
}

/// Judges everything that was said, and warns of what an administrator must know.
pub(super) fn report_settings(
    settings: &AssignedSettings,
    remarks: &SettingRemarks,
    problems: &mut Diagnostics,
) -> Vec<SettingReport> {
    let mut all = Vec::new();
    for (order, assignment) in settings.log.iter().enumerate() {
        flatten(assignment.path.clone(), &assignment.value, &assignment.span, (assignment.target, order), &mut all);
    }
    let later = AssignmentOrder::of(&settings.log);
    let judgements: Vec<SettingReport> =
        all.iter().map(|said| said.judgement(said.verdict(&later, remarks, problems))).collect();
    for (said, judgement) in all.iter().zip(&judgements) {
        said.warn(judgement, problems);
    }
    judgements
}

/// Hashes whose keys are settings of their own become as many.
fn flatten<'a>(
    path: Vec<String>,
    value: &'a RubyValue,
    place: &'a SourceSpan,
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
        _ => all.push(AssignedSetting { path, known, value, span: place, target, order }),
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
            return (SettingVerdict::NoEffect, self.meant());
        }
        if let Some(place) = later.than(self) {
            return (SettingVerdict::NoEffect, self.overwritten(place));
        }
        if let (Some(error), false) = (self.error(problems), matches!(self.known, KeyLookup::Foreign)) {
            let verdict = if self.is_unknown() { SettingVerdict::Unreadable } else { SettingVerdict::Refused };
            return (verdict, error.message.clone());
        }
        let spec = match self.known {
            KeyLookup::Setting(spec) => spec,
            KeyLookup::Group => return (SettingVerdict::Applied, String::new()),
            KeyLookup::OtherHost => return (SettingVerdict::NoEffect, self.of_another_host().to_owned()),
            KeyLookup::Unknown(_) => return (SettingVerdict::NoEffect, self.unknown()),
            KeyLookup::Foreign => return (SettingVerdict::NoEffect, "does not concern the proxy".to_owned()),
        };
        if matches!(self.value.data, RubyData::Nil) {
            return (SettingVerdict::NoEffect, "nil leaves the default".to_owned());
        }
        match remarks.get(&self.path.join(".")) {
            Some((verdict, reason)) => (*verdict, reason.clone()),
            None => self.fate(spec),
        }
    }

    fn fate(&self, spec: &SettingSpec) -> (SettingVerdict, String) {
        match spec.support {
            SettingSupport::Applied => (SettingVerdict::Applied, String::new()),
            SettingSupport::NoEffect(reason) => (SettingVerdict::NoEffect, reason.to_owned()),
        }
    }

    /// The texts for nginx have other names for Mattermost, and who mixes these up believes that they hold.
    fn of_another_host(&self) -> &'static str {
        match self.path.last().map(String::as_str) {
            Some("custom_gitlab_server_config") => "for Mattermost it is custom_gitlab_mattermost_server_config",
            Some("custom_gitlab_mattermost_server_config") => "this one belongs into mattermost_nginx",
            _ => "the package has no such setting for this host",
        }
    }

    fn unknown(&self) -> String {
        match self.known {
            KeyLookup::Unknown(Some(near)) => format!("no such key; {near} is near"),
            _ => "no such key".to_owned(),
        }
    }

    /// How to write what an assignment to a local variable was meant to be.
    fn meant(&self) -> String {
        let name = self.spelled();
        match self.known {
            KeyLookup::Group => format!("this assigns a local variable; write {name}['…'] = … for each key"),
            _ => "this assigns a local variable; leave the `=` out".to_owned(),
        }
    }

    fn overwritten(&self, by: &SourceSpan) -> String {
        match by.line() {
            Some(line) if by.file_name() == self.span.file_name() => format!("set again in line {line}"),
            _ => format!("set again at {by}"),
        }
    }

    fn is_unknown(&self) -> bool {
        self.value.find_unknown().is_some()
    }

    /// The error that was reported of the setting, its value or a part of that, if one was.
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

    fn judgement(&self, (verdict, reason): (SettingVerdict, String)) -> SettingReport {
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

    fn warn(&self, judgement: &SettingReport, problems: &mut Diagnostics) {
        let name = self.spelled();
        let is_slip = matches!(self.known, KeyLookup::Unknown(_)) && self.target == AssignmentTarget::Setting;
        let warning = match judgement.verdict {
            _ if self.target == AssignmentTarget::Variable => {
                Diagnostic::warning(self.span, format!("`{name} =` sets nothing"))
            }
            SettingVerdict::NoEffect if is_slip => {
                Diagnostic::warning(self.span, format!("there is no setting `{name}`"))
            }
            SettingVerdict::NoEffect if matches!(self.known, KeyLookup::OtherHost) && name.contains("custom_") => {
                Diagnostic::warning(self.span, format!("`{name}` sets nothing for this host"))
            }
            SettingVerdict::Refused if self.error(problems).is_none() => {
                let is_applied =
                    matches!(self.known, KeyLookup::Setting(SettingSpec { support: SettingSupport::Applied, .. }));
                let how = if is_applied { "is obeyed in part only" } else { "is not obeyed" };
                Diagnostic::warning(self.span, format!("`{name}` {how}"))
            }
            _ => return,
        };
        let reason = if is_slip { self.unknown() } else { judgement.reason.clone() };
        problems.push(warning.help(reason));
    }

    fn spelled(&self) -> String {
        spelled(&self.path.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

impl RubyValue {
    /// The value for programs; what is not known is null.
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
