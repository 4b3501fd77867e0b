//! Renders the verdict for each `gitlab.rb` setting next to the model.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::outline::ModelOutline;
use super::text_page::{OutputStyle, TextPage, TextTone};
use super::{key_values, table};
use crate::model::Model;
use crate::model::setting_report::{SettingReport, SettingScope, SettingVerdict};

/// Model, setting reports and diagnostics of a `gitlab.rb`.
#[derive(Debug)]
pub struct GitlabRbReport<'a> {
    /// `None` if the file has errors.
    pub model: Option<&'a Model>,
    pub reports: &'a [SettingReport],
    pub diagnostics: Vec<JsonDiagnostic<'a>>,
}

/// A diagnostic in JSON output.
#[derive(Debug)]
pub struct JsonDiagnostic<'a> {
    pub severity: &'static str,
    pub message: &'a str,
    pub file: &'a Path,
    /// Line and column, both from 1; `None` for a diagnostic of the whole file.
    pub position: Option<(usize, usize)>,
    pub help: &'a [String],
}

/// Renders the model, then each setting with its line and verdict.
pub(super) fn table(report: &GitlabRbReport<'_>, style: OutputStyle) -> String {
    let mut page = match report.model {
        Some(model) => table::page(&ModelOutline::from_model(model), style),
        None => TextPage::new(style),
    };
    let (own, others): (Vec<_>, Vec<_>) = report.reports.iter().partition(|it| it.scope == SettingScope::Proxy);
    let mut file = None;
    for it in own {
        if file != Some(&it.file) {
            page.heading(&format!("settings in {}", it.file.display()));
            file = Some(&it.file);
        }
        let line = it.line.map_or(String::new(), |line| line.to_string());
        let value = it.value.as_ref().filter(|_| it.verdict != SettingVerdict::Unreadable);
        let setting = value.map_or(it.key.clone(), |value| format!("{} = {}", it.key, shortened(value)));
        page.row_with_tone(tone(it.verdict), &format!("{line:>5} {}", it.verdict.as_str()), &setting);
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
        SettingVerdict::Applied => TextTone::Good,
        SettingVerdict::NoEffect => TextTone::Dimmed,
        SettingVerdict::Refused => TextTone::Warning,
        SettingVerdict::Unreadable => TextTone::Error,
    }
}

/// Renders the object of the model with two more keys, `settings` and `problems`.
pub(super) fn json(report: &GitlabRbReport<'_>) -> String {
    let mut root = match report.model {
        Some(model) => super::json::root_object(&key_values::from_outline(&ModelOutline::from_model(model))),
        None => Map::from_iter([("hosts".to_owned(), json!([]))]),
    };
    root.insert("settings".to_owned(), report.reports.iter().map(setting).collect());
    root.insert("problems".to_owned(), report.diagnostics.iter().map(problem).collect());
    format!("{:#}\n", Value::Object(root))
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
        "line": it.position.map(|position| position.0),
        "column": it.position.map(|position| position.1),
        "help": it.help,
    })
}

/// Returns a value as text, shortened to [`MAX_LEN`] characters.
fn shortened(value: &Value) -> String {
    let text = spaced(value);
    if text.chars().count() <= MAX_LEN {
        return text;
    }
    text.chars().take(MAX_LEN).chain(['…']).collect()
}

/// Formats JSON with spaces, at which a row can wrap.
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

/// Characters of a value in the table.
const MAX_LEN: usize = 300;
