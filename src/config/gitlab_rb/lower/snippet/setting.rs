//! Parses the nginx text of a setting, and reports the verdicts of its directives.

use super::include::IncludeReader;
use super::report::SnippetReport;
use crate::config::document::Spanned;
use crate::config::gitlab_rb::lower::context::LowerContext;
use crate::config::gitlab_rb::lower::reader::SettingsReader;
use crate::config::gitlab_rb::nginx_text::{self, MappedText, NginxDirective};
use crate::config::gitlab_rb::settings::SettingOwner;

/// Returns the directives of a setting and of the files that it includes. `None` if it is unset or cannot be parsed, which is reported.
pub(super) fn read(
    owner: SettingOwner,
    key: &str,
    context: &mut LowerContext<'_, '_>,
) -> Option<Vec<NginxDirective>> {
    let Spanned { value, span } = context.reader.text_of(owner, key)?;
    let parsed = nginx_text::parse(&MappedText::value(&value, &span));
    let directives = parsed.map_err(|error| context.reader.problems.push(error)).ok()?;
    Some(IncludeReader::new(context.environment, context.reader.problems).expand(directives))
}

/// Adds the warnings and verdicts of a snippet to those of the file.
pub(super) fn conclude(report: SnippetReport, reader: &mut SettingsReader<'_>) {
    report.warn(reader.problems);
    if let Some((verdict, reason)) = report.summary() {
        reader.record(report.setting(), verdict, reason);
    }
    reader.directives.extend(report.verdicts);
}
