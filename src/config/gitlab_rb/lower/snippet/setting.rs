//! Reads the directives of a setting, and reports what became of them.

use super::report::Account;
use crate::config::document::Said;
use crate::config::gitlab_rb::lower::context::Lowering;
use crate::config::gitlab_rb::lower::reader::Reader;
use crate::config::gitlab_rb::nginx_text::{self, Directive, Written};
use crate::config::gitlab_rb::settings::Owner;

/// The directives of a setting; `None` if there are none that could be read.
pub(super) fn read(owner: Owner, key: &str, lowering: &mut Lowering<'_, '_>) -> Option<Vec<Directive>> {
    let Said { value, place } = lowering.reader.text_of(owner, key)?;
    nginx_text::parse(&Written::value(&value, &place)).map_err(|error| lowering.reader.problems.push(error)).ok()
}

/// Hands the account over to those who judge the whole file.
pub(super) fn conclude(account: Account, reader: &mut Reader<'_>) {
    account.warn(reader.problems);
    if let Some((verdict, reason)) = account.summary() {
        reader.remark(account.setting(), verdict, reason);
    }
    reader.directives.extend(account.verdicts);
}
