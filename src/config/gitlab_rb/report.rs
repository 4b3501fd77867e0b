//! Accounts for every line: what was said, and what came of it.

use std::collections::HashMap;

use super::assignments::{Assignment, Settings, Target};
use super::lower::reader::{Remarks, spelled};
use super::settings::{self, Fate, Known, Spec};
use super::value::{Data, Value};
use crate::config::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::config::span::Place;
use crate::model::setting_report::{Concern, Judgement, Verdict};

/// A setting that was said, taken out of the hash it may have been written in.
struct Said<'a> {
    path: Vec<String>,
    known: Known,
    value: &'a Value,
    place: &'a Place,
    target: Target,
    /// What was said later wins.
    order: usize,
}

/// What was set when, by its keys.
struct Later<'a>(HashMap<&'a [String], Vec<(usize, &'a Place)>>);

impl<'a> Later<'a> {
    fn of(log: &'a [Assignment]) -> Later<'a> {
        let mut by_keys: HashMap<&[String], Vec<(usize, &Place)>> = HashMap::new();
        for (order, it) in log.iter().enumerate().filter(|(_, it)| it.target == Target::Setting) {
            by_keys.entry(&it.path).or_default().push((order, &it.place));
        }
        Later(by_keys)
    }

    /// Where the setting, or a hash that it is in, is set for the first time afterwards.
    fn than(&self, said: &Said<'_>) -> Option<&'a Place> {
        let hashes = (1..=said.path.len()).filter_map(|length| self.0.get(&said.path[..length]));
        let later = hashes.filter_map(|set| set.get(set.partition_point(|(order, _)| *order <= said.order)));
        later.min_by_key(|(order, _)| *order).map(|(_, place)| *place)
    }
}

/// Judges everything that was said, and warns of what an administrator must know.
pub(super) fn judge(settings: &Settings, remarks: &Remarks, problems: &mut Diagnostics) -> Vec<Judgement> {
    let mut all = Vec::new();
    for (order, assignment) in settings.log.iter().enumerate() {
        take_apart(
            assignment.path.clone(),
            &assignment.value,
            &assignment.place,
            (assignment.target, order),
            &mut all,
        );
    }
    let later = Later::of(&settings.log);
    let judgements: Vec<Judgement> =
        all.iter().map(|said| said.judgement(said.verdict(&later, remarks, problems))).collect();
    for (said, judgement) in all.iter().zip(&judgements) {
        said.warn(judgement, problems);
    }
    judgements
}

/// Hashes whose keys are settings of their own become as many.
fn take_apart<'a>(
    path: Vec<String>,
    value: &'a Value,
    place: &'a Place,
    (target, order): (Target, usize),
    all: &mut Vec<Said<'a>>,
) {
    let known = settings::lookup(&path);
    match &value.data {
        Data::Hash(hash) if target == Target::Setting && matches!(known, Known::Group) => {
            for (key, value) in &hash.0 {
                let path = path.iter().cloned().chain(key.to_text()).collect();
                take_apart(path, value, &key.place, (target, order), all);
            }
        }
        _ => all.push(Said { path, known, value, place, target, order }),
    }
}

impl Said<'_> {
    fn verdict(&self, later: &Later<'_>, remarks: &Remarks, problems: &Diagnostics) -> (Verdict, String) {
        if self.target == Target::Variable {
            return (Verdict::NoEffect, self.meant());
        }
        if let Some(place) = later.than(self) {
            return (Verdict::NoEffect, self.overwritten(place));
        }
        if let (Some(error), false) = (self.error(problems), matches!(self.known, Known::Foreign)) {
            let verdict = if self.is_unknown() { Verdict::Unreadable } else { Verdict::Refused };
            return (verdict, error.message.clone());
        }
        let spec = match self.known {
            Known::Setting(spec) => spec,
            Known::Group => return (Verdict::Applied, String::new()),
            Known::OtherHost => return (Verdict::NoEffect, self.of_another_host().to_owned()),
            Known::Nobody(_) => return (Verdict::NoEffect, self.unknown()),
            Known::Foreign => return (Verdict::NoEffect, "does not concern the proxy".to_owned()),
        };
        if matches!(self.value.data, Data::Nil) {
            return (Verdict::NoEffect, "nil leaves the default".to_owned());
        }
        match remarks.get(&self.path.join(".")) {
            Some((verdict, reason)) => (*verdict, reason.clone()),
            None => self.fate(spec),
        }
    }

    fn fate(&self, spec: &Spec) -> (Verdict, String) {
        match spec.fate {
            Fate::Applied => (Verdict::Applied, String::new()),
            Fate::NoEffect(reason) => (Verdict::NoEffect, reason.to_owned()),
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
            Known::Nobody(Some(near)) => format!("no such key; {near} is near"),
            _ => "no such key".to_owned(),
        }
    }

    /// How to write what an assignment to a local variable was meant to be.
    fn meant(&self) -> String {
        let name = self.spelled();
        match self.known {
            Known::Group => format!("this assigns a local variable; write {name}['…'] = … for each key"),
            _ => "this assigns a local variable; leave the `=` out".to_owned(),
        }
    }

    fn overwritten(&self, by: &Place) -> String {
        match by.line() {
            Some(line) if by.file_name() == self.place.file_name() => format!("set again in line {line}"),
            _ => format!("set again at {by}"),
        }
    }

    fn is_unknown(&self) -> bool {
        self.value.find_unknown().is_some()
    }

    /// The error that was reported of the setting, its value or a part of that, if one was.
    fn error<'p>(&self, problems: &'p Diagnostics) -> Option<&'p Diagnostic> {
        let unknown = self.value.find_unknown().map(|unknown| unknown.place);
        let name = format!("`{}`", self.spelled());
        let mut errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
        errors.find(|error| {
            error.place == *self.place
                || self.value.place.contains(&error.place)
                || (Some(&error.place) == unknown.as_ref() && error.message.starts_with(&name))
        })
    }

    fn judgement(&self, (verdict, reason): (Verdict, String)) -> Judgement {
        let concern = match self.known {
            Known::Foreign if self.target == Target::Setting => Concern::OtherService,
            _ => Concern::Proxy,
        };
        Judgement {
            key: self.path.join("."),
            value: (concern == Concern::Proxy).then(|| self.value.to_json()),
            file: self.place.file_name().to_owned(),
            line: self.place.line(),
            verdict,
            reason,
            concern,
        }
    }

    fn warn(&self, judgement: &Judgement, problems: &mut Diagnostics) {
        let name = self.spelled();
        let is_slip = matches!(self.known, Known::Nobody(_)) && self.target == Target::Setting;
        let warning = match judgement.verdict {
            _ if self.target == Target::Variable => {
                Diagnostic::warning(self.place, format!("`{name} =` sets nothing"))
            }
            Verdict::NoEffect if is_slip => {
                Diagnostic::warning(self.place, format!("there is no setting `{name}`"))
            }
            Verdict::NoEffect if matches!(self.known, Known::OtherHost) && name.contains("custom_") => {
                Diagnostic::warning(self.place, format!("`{name}` sets nothing for this host"))
            }
            Verdict::Refused if self.error(problems).is_none() => {
                let is_applied = matches!(self.known, Known::Setting(Spec { fate: Fate::Applied, .. }));
                let how = if is_applied { "is obeyed in part only" } else { "is not obeyed" };
                Diagnostic::warning(self.place, format!("`{name}` {how}"))
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

impl Value {
    /// The value for programs; what is not known is null.
    pub(super) fn to_json(&self) -> serde_json::Value {
        use serde_json::{Value as Json, json};
        match &self.data {
            Data::Flag(flag) => json!(flag),
            Data::Int(number) => json!(number),
            Data::Float(number) => json!(number),
            Data::Text(text) | Data::Symbol(text) => json!(text),
            Data::List(items) => items.iter().map(Value::to_json).collect(),
            Data::Hash(hash) => {
                let pair = |(key, value): &(Value, Value)| Some((key.to_text()?, value.to_json()));
                Json::Object(hash.0.iter().filter_map(pair).collect())
            }
            Data::Section(_) => json!({}),
            Data::Nil
            | Data::Range(..)
            | Data::Pattern(_)
            | Data::Match(_)
            | Data::Constant(_)
            | Data::Unknown(_) => Json::Null,
        }
    }
}
