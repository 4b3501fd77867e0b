//! Reads the directives of a setting, and reports what became of them.

use super::report::SnippetReport;
use crate::config::document::Spanned;
use crate::config::gitlab_rb::lower::context::LowerContext;
use crate::config::gitlab_rb::lower::reader::SettingsReader;
use crate::config::gitlab_rb::nginx_text::{self, MappedText, NginxDirective};
use crate::config::gitlab_rb::settings::SettingOwner;

/// The directives of a setting; `None` if there are none that could be read.
pub(super) fn read(
    owner: SettingOwner,
    key: &str,
    lowering: &mut LowerContext<'_, '_>,
) -> Option<Vec<NginxDirective>> {
    let Spanned { value, span: place } = lowering.reader.text_of(owner, key)?;
    nginx_text::parse(&MappedText::value(&value, &place)).map_err(|error| lowering.reader.problems.push(error)).ok()
}

/// Hands the account over to those who judge the whole file.
pub(super) fn conclude(account: SnippetReport, reader: &mut SettingsReader<'_>) {
    account.warn(reader.problems);
    if let Some((verdict, reason)) = account.summary() {
        reader.remark(account.setting(), verdict, reason);
    }
    reader.directives.extend(account.verdicts);
}
