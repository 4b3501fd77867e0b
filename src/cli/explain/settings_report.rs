//! What became of each line of a `gitlab.rb`, beside the model it makes.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::outline::ModelOutline;
use super::text_page::{OutputStyle, TextPage, TextTone};
use super::{key_values, table};
use crate::model::Model;
use crate::model::setting_report::{SettingReport, SettingScope, SettingVerdict};

/// What was read from a `gitlab.rb`.
#[derive(Debug)]
pub struct GitlabRbReport<'a> {
    /// `None` if it has errors.
    pub model: Option<&'a Model>,
    pub reports: &'a [SettingReport],
    pub findings: Vec<JsonDiagnostic<'a>>,
}

/// A problem, for programs.
#[derive(Debug)]
pub struct JsonDiagnostic<'a> {
    pub severity: &'static str,
    pub message: &'a str,
    pub file: &'a Path,
    /// Line and column, both from 1; `None` is the whole file.
    pub at: Option<(usize, usize)>,
    pub help: &'a [String],
}

/// The model, then every setting with its line and what came of it.
pub(super) fn table(account: &GitlabRbReport<'_>, ink: OutputStyle) -> String {
    let mut page = match account.model {
        Some(model) => table::page(&ModelOutline::of(model), ink),
        None => TextPage::new(ink),
    };
    let (own, others): (Vec<_>, Vec<_>) = account.reports.iter().partition(|it| it.scope == SettingScope::Proxy);
    let mut file = None;
    for it in own {
        if file != Some(&it.file) {
            page.heading(&format!("settings in {}", it.file.display()));
            file = Some(&it.file);
        }
        let line = it.line.map_or(String::new(), |line| line.to_string());
        let value = it.value.as_ref().filter(|_| it.verdict != SettingVerdict::Unreadable);
        let said = value.map_or(it.key.clone(), |value| format!("{} = {}", it.key, shortened(value)));
        page.row_in(tone(it.verdict), &format!("{line:>5} {}", it.verdict.as_str()), &said);
        if !it.reason.is_empty() {
            page.row("", &format!("({})", it.reason));
        }
    }
    if !others.is_empty() {
        page.row("", &format!("and {} settings of other services", others.len()));
    }
    page.into_text()
}

fn tone(verdict: SettingVerdict) -> TextTone {
    match verdict {
        SettingVerdict::Applied => TextTone::Fine,
        SettingVerdict::NoEffect => TextTone::Idle,
        SettingVerdict::Refused => TextTone::Odd,
        SettingVerdict::Unreadable => TextTone::Wrong,
    }
}

/// The model's object with two more keys, `settings` and `problems`.
pub(super) fn json(account: &GitlabRbReport<'_>) -> String {
    let mut all = match account.model {
        Some(model) => super::json::object_of_all(&key_values::of(&ModelOutline::of(model))),
        None => Map::from_iter([("hosts".to_owned(), json!([]))]),
    };
    all.insert("settings".to_owned(), account.reports.iter().map(setting).collect());
    all.insert("problems".to_owned(), account.findings.iter().map(problem).collect());
    format!("{:#}\n", Value::Object(all))
}

fn setting(it: &SettingReport) -> Value {
    json!({
        "key": it.key,
        "value": it.value,
        "file": it.file,
        "line": it.line,
        "verdict": it.verdict.as_str(),
        "reason": it.reason,
    })
}

fn problem(it: &JsonDiagnostic<'_>) -> Value {
    json!({
        "severity": it.severity,
        "message": it.message,
        "file": it.file,
        "line": it.at.map(|at| at.0),
        "column": it.at.map(|at| at.1),
        "help": it.help,
    })
}

/// A value that does not fill the page.
fn shortened(value: &Value) -> String {
    let text = spaced(value);
    if text.chars().count() <= MAX_LEN {
        return text;
    }
    text.chars().take(MAX_LEN).chain(['…']).collect()
}

/// JSON with blanks, where a row may go on in the next line.
fn spaced(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(spaced).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => {
            let member = |(key, value): (&String, &Value)| format!("{}: {}", json!(key), spaced(value));
            format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(", "))
        }
        plain => plain.to_string(),
    }
}

const MAX_LEN: usize = 300;
