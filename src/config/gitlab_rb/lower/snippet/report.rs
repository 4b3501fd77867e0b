//! What came of each directive of a snippet.

use serde_json::json;

use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::gitlab_rb::nginx_text::NginxDirective;
use crate::config::span::SourceSpan;
use crate::model::setting_report::{SettingReport, SettingScope, SettingVerdict};

/// What came of one directive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DirectiveOutcome {
    Applied,
    /// Accepted; the reason why nothing follows.
    NoEffect(String),
    /// Not obeyed; the reason, and what to do instead.
    Refused(String),
    /// Not obeyed, because the block around it is not.
    Lost(String),
}

/// One directive with what came of it.
#[derive(Debug)]
pub(in crate::config::gitlab_rb) struct DirectiveVerdict {
    /// The key of its setting, and the names of the blocks around it, joined with dots.
    within: String,
    name: String,
    arguments: String,
    place: SourceSpan,
    outcome: DirectiveOutcome,
}

/// The directives of one setting, in the order in which they are written.
#[derive(Debug)]
pub(super) struct SnippetReport {
    within: String,
    pub(super) verdicts: Vec<DirectiveVerdict>,
}

impl DirectiveOutcome {
    pub(super) fn no_effect(why: &str) -> DirectiveOutcome {
        DirectiveOutcome::NoEffect(why.to_owned())
    }

    pub(super) fn refused(why: impl Into<String>) -> DirectiveOutcome {
        DirectiveOutcome::Refused(why.into())
    }

    fn verdict(&self) -> (SettingVerdict, &str) {
        match self {
            DirectiveOutcome::Applied => (SettingVerdict::Applied, ""),
            DirectiveOutcome::NoEffect(why) => (SettingVerdict::NoEffect, why),
            DirectiveOutcome::Refused(why) | DirectiveOutcome::Lost(why) => (SettingVerdict::Refused, why),
        }
    }
}

impl SnippetReport {
    /// An empty account of the setting with this key.
    pub(super) fn new(setting: String) -> SnippetReport {
        SnippetReport { within: setting, verdicts: Vec::new() }
    }

    /// Notes what came of a directive without a block.
    pub(super) fn note(&mut self, directive: &NginxDirective, outcome: DirectiveOutcome) {
        let verdict = self.verdict(directive, outcome);
        self.verdicts.push(verdict);
    }

    /// Notes what came of a directive and of those in its block.
    pub(super) fn note_block(
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

    /// Notes that a directive is not obeyed, and nothing in its block either.
    pub(super) fn refuse_all(&mut self, directive: &NginxDirective, why: &str) {
        self.note_block(directive, |account| {
            let blocks = ["location", "if", "server", "limit_except"];
            // What stands in a `map` and its like are no directives.
            for inner in directive.inner().iter().filter(|_| blocks.contains(&directive.name.as_str())) {
                account.lose(inner, &format!("the `{}` around it is not obeyed", directive.name));
            }
            DirectiveOutcome::refused(why)
        });
    }

    fn lose(&mut self, directive: &NginxDirective, why: &str) {
        self.note_block(directive, |account| {
            for inner in directive.inner() {
                account.lose(inner, why);
            }
            DirectiveOutcome::Lost(why.to_owned())
        });
    }

    /// The key of the setting, outside of any block.
    pub(super) fn setting(&self) -> String {
        self.within.clone()
    }

    /// Notes that something else decides in the place of a block that was read.
    pub(super) fn overrule(&mut self, directive: &NginxDirective, why: &str) {
        let found = self.verdicts.iter().rposition(|it| it.place == directive.span && it.name == directive.name);
        for it in found.map(|at| &mut self.verdicts[at..]).unwrap_or_default() {
            it.outcome = DirectiveOutcome::NoEffect(format!("the `{}` around it is never reached", directive.name));
        }
        if let Some(at) = found {
            self.verdicts[at].outcome = DirectiveOutcome::NoEffect(why.to_owned());
        }
    }

    /// Whether any directive since the given position is refused.
    pub(super) fn refuses_since(&self, position: usize) -> bool {
        self.verdicts[position..]
            .iter()
            .any(|it| matches!(it.outcome, DirectiveOutcome::Refused(_) | DirectiveOutcome::Lost(_)))
    }

    /// What came of the setting as a whole; `None` if all of it is obeyed.
    pub(super) fn summary(&self) -> Option<(SettingVerdict, String)> {
        let refused: Vec<_> = self
            .verdicts
            .iter()
            .filter(|it| matches!(it.outcome, DirectiveOutcome::Refused(_) | DirectiveOutcome::Lost(_)))
            .collect();
        if !refused.is_empty() {
            let mut names: Vec<&str> = refused.iter().map(|it| it.name.as_str()).collect();
            names.dedup();
            let rest = if refused.len() == self.verdicts.len() { "all of it" } else { "not obeyed in it" };
            return Some((SettingVerdict::Refused, format!("{rest}: {}", names.join(", "))));
        }
        let does_something = self.verdicts.iter().any(|it| it.outcome == DirectiveOutcome::Applied);
        (!does_something).then(|| (SettingVerdict::NoEffect, "nothing in it has an effect".to_owned()))
    }

    /// Warns of each directive that is not obeyed, at its own line.
    pub(super) fn warn(&self, problems: &mut Diagnostics) {
        for it in &self.verdicts {
            let (message, why) = match &it.outcome {
                DirectiveOutcome::Refused(why) => (format!("nginx's `{}` is not obeyed", it.name), why),
                DirectiveOutcome::NoEffect(why) if it.name == "location" => {
                    ("this location has no effect".to_owned(), why)
                }
                _ => continue,
            };
            problems.push(Diagnostic::warning(&it.place, message).help(why.clone()));
        }
    }

    fn verdict(&self, directive: &NginxDirective, outcome: DirectiveOutcome) -> DirectiveVerdict {
        DirectiveVerdict {
            within: self.within.clone(),
            name: directive.name.clone(),
            arguments: directive.arguments.join(" "),
            place: directive.span.clone(),
            outcome,
        }
    }
}

impl DirectiveVerdict {
    fn judgement(&self) -> SettingReport {
        let (verdict, reason) = self.outcome.verdict();
        SettingReport {
            key: format!("{}.{}", self.within, self.name),
            value: Some(json!(self.arguments)),
            file: self.place.file_name().to_owned(),
            line: self.place.excerpt().map(|at| at.line),
            verdict,
            reason: reason.to_owned(),
            scope: SettingScope::Proxy,
        }
    }
}

/// Puts the directives behind the settings that they were written in.
pub(in crate::config::gitlab_rb) fn insert(judgements: &mut Vec<SettingReport>, directives: &[DirectiveVerdict]) {
    for it in directives.iter().rev() {
        let of_setting = |judgement: &SettingReport| {
            it.within.strip_prefix(&judgement.key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        // What was said last is what counts.
        let settings = judgements.iter().rposition(|judgement| of_setting(judgement) && is_setting(judgement));
        let at = settings.map_or(judgements.len(), |at| at + 1);
        judgements.insert(at, it.judgement());
    }
}

/// Whether it is the setting itself and no directive in it.
fn is_setting(judgement: &SettingReport) -> bool {
    judgement.key.rsplit('.').next().is_some_and(|key| key.starts_with("custom_"))
}
