//! Records the verdict for each directive.

use serde_json::json;

use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::gitlab_rb::nginx_text::{DirectiveBody, NginxDirective};
use crate::config::span::SourceSpan;
use crate::model::setting_report::{SettingReport, SettingScope, SettingVerdict};

/// Applied, no effect, refused, or dropped with its block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DirectiveOutcome {
    Applied,
    /// Accepted without effect; the reason.
    NoEffect(String),
    /// Not applied; the reason, and what to do instead.
    Refused(String),
    /// Not applied, and an error that is reported already; the reason.
    Invalid(String),
    /// Not applied, because the enclosing block is not; the reason.
    Dropped(String),
}

/// A directive with its verdict.
#[derive(Debug)]
pub(in crate::config::gitlab_rb) struct DirectiveVerdict {
    /// Key of the setting and names of the enclosing blocks, joined with dots.
    within: String,
    name: String,
    arguments: String,
    span: SourceSpan,
    outcome: DirectiveOutcome,
}

/// Verdicts for the directives of one setting, in source order.
#[derive(Debug)]
pub(super) struct SnippetReport {
    within: String,
    pub(super) verdicts: Vec<DirectiveVerdict>,
    /// Errors and warnings besides those of the verdicts.
    pub(super) problems: Vec<Diagnostic>,
}

impl DirectiveOutcome {
    pub(super) fn no_effect(why: &str) -> DirectiveOutcome {
        DirectiveOutcome::NoEffect(why.to_owned())
    }

    pub(super) fn refused(why: impl Into<String>) -> DirectiveOutcome {
        DirectiveOutcome::Refused(why.into())
    }

    /// Returns the outcome of an expanded `include`.
    pub(super) fn included(directive: &NginxDirective) -> DirectiveOutcome {
        match &directive.body {
            DirectiveBody::Included(Some(why)) => DirectiveOutcome::Invalid(why.clone()),
            _ => DirectiveOutcome::Applied,
        }
    }

    fn is_refused(&self) -> bool {
        !matches!(self, DirectiveOutcome::Applied | DirectiveOutcome::NoEffect(_))
    }

    fn verdict(&self) -> (SettingVerdict, &str) {
        match self {
            DirectiveOutcome::Applied => (SettingVerdict::Applied, ""),
            DirectiveOutcome::NoEffect(why) => (SettingVerdict::NoEffect, why),
            DirectiveOutcome::Refused(why) | DirectiveOutcome::Invalid(why) | DirectiveOutcome::Dropped(why) => {
                (SettingVerdict::Refused, why)
            }
        }
    }
}

impl SnippetReport {
    /// Returns an empty report for the setting with this key.
    pub(super) fn new(setting: String) -> SnippetReport {
        SnippetReport { within: setting, verdicts: Vec::new(), problems: Vec::new() }
    }

    /// Records the verdict of a directive without a block.
    pub(super) fn record(&mut self, directive: &NginxDirective, outcome: DirectiveOutcome) {
        let verdict = self.verdict(directive, outcome);
        self.verdicts.push(verdict);
    }

    /// Records the verdict of a block, followed by those that `work` records for its directives.
    pub(super) fn record_block(
        &mut self,
        directive: &NginxDirective,
        work: impl FnOnce(&mut SnippetReport) -> DirectiveOutcome,
    ) {
        let position = self.verdicts.len();
        let outer = self.within.clone();
        self.within = format!("{outer}.{}", directive.name);
        let outcome = work(self);
        self.within = outer;
        let verdict = self.verdict(directive, outcome);
        self.verdicts.insert(position, verdict);
    }

    /// Records that a directive is refused, with all directives in its block.
    pub(super) fn refuse_block(&mut self, directive: &NginxDirective, why: &str) {
        self.record_block(directive, |report| {
            let blocks = ["location", "if", "server", "limit_except"];
            // The entries of a `map` and similar blocks are not directives.
            for inner in directive.inner().iter().filter(|_| blocks.contains(&directive.name.as_str())) {
                report.drop_with_block(inner, &format!("the enclosing `{}` is not applied", directive.name));
            }
            DirectiveOutcome::refused(why)
        });
    }

    fn drop_with_block(&mut self, directive: &NginxDirective, why: &str) {
        self.record_block(directive, |report| {
            for inner in directive.inner() {
                report.drop_with_block(inner, why);
            }
            DirectiveOutcome::Dropped(why.to_owned())
        });
    }

    /// Returns the key of the setting, outside any block.
    pub(super) fn setting(&self) -> String {
        self.within.clone()
    }

    /// Records that a block has no effect after all, because no request reaches it.
    pub(super) fn overrule(&mut self, directive: &NginxDirective, why: &str) {
        let found = self.verdicts.iter().rposition(|it| it.span == directive.span && it.name == directive.name);
        for it in found.map(|at| &mut self.verdicts[at..]).unwrap_or_default() {
            it.outcome = DirectiveOutcome::NoEffect(format!("the enclosing `{}` is never reached", directive.name));
        }
        if let Some(at) = found {
            self.verdicts[at].outcome = DirectiveOutcome::NoEffect(why.to_owned());
        }
    }

    /// Returns whether a directive since the given position is refused.
    pub(super) fn refuses_since(&self, position: usize) -> bool {
        self.verdicts[position..].iter().any(|it| it.outcome.is_refused())
    }

    /// Returns the verdict of the setting as a whole; `None` if no directive is refused and one is applied.
    pub(super) fn summary(&self) -> Option<(SettingVerdict, String)> {
        let refused: Vec<_> = self.verdicts.iter().filter(|it| it.outcome.is_refused()).collect();
        if !refused.is_empty() {
            let mut names: Vec<&str> = refused.iter().map(|it| it.name.as_str()).collect();
            names.dedup();
            let rest = if refused.len() == self.verdicts.len() {
                "no directive is applied"
            } else {
                "directives not applied"
            };
            return Some((SettingVerdict::Refused, format!("{rest}: {}", names.join(", "))));
        }
        let has_effect = self.verdicts.iter().any(|it| it.outcome == DirectiveOutcome::Applied);
        (!has_effect).then(|| (SettingVerdict::NoEffect, "no directive has an effect".to_owned()))
    }

    /// Adds a warning at the line of each refused directive, and of each location without effect.
    pub(super) fn warn(&self, problems: &mut Diagnostics) {
        self.problems.iter().for_each(|problem| problems.push(problem.clone()));
        for it in &self.verdicts {
            let (message, why) = match &it.outcome {
                DirectiveOutcome::Refused(why) => (format!("nginx directive `{}` is not applied", it.name), why),
                DirectiveOutcome::NoEffect(why) if it.name == "location" => {
                    (format!("`location {}` has no effect", it.arguments), why)
                }
                _ => continue,
            };
            problems.push(Diagnostic::warning(&it.span, message).help(why.clone()));
        }
    }

    fn verdict(&self, directive: &NginxDirective, outcome: DirectiveOutcome) -> DirectiveVerdict {
        DirectiveVerdict {
            within: self.within.clone(),
            name: directive.name.clone(),
            arguments: directive.arguments.join(" "),
            span: directive.span.clone(),
            outcome,
        }
    }
}

impl DirectiveVerdict {
    fn setting_report(&self) -> SettingReport {
        let (verdict, reason) = self.outcome.verdict();
        SettingReport {
            key: format!("{}.{}", self.within, self.name),
            value: Some(json!(self.arguments)),
            file: self.span.file_name().to_owned(),
            line: self.span.excerpt().map(|at| at.line),
            verdict,
            reason: reason.to_owned(),
            scope: SettingScope::Proxy,
        }
    }
}

/// Inserts the directives after the settings that contain them.
pub(in crate::config::gitlab_rb) fn insert(reports: &mut Vec<SettingReport>, directives: &[DirectiveVerdict]) {
    for it in directives.iter().rev() {
        let of_setting = |report: &SettingReport| {
            it.within.strip_prefix(&report.key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        // The last assignment is the effective one.
        let settings = reports.iter().rposition(|report| of_setting(report) && is_setting(report));
        let at = settings.map_or(reports.len(), |at| at + 1);
        reports.insert(at, it.setting_report());
    }
}

/// Returns whether the report is about the setting itself, not about a directive in it.
fn is_setting(report: &SettingReport) -> bool {
    report.key.rsplit('.').next().is_some_and(|key| key.starts_with("custom_"))
}
