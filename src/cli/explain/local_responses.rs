//! Renders files, error pages and fixed responses.

use super::notation;
use super::value::{KeyValue, OutputValue};
use crate::model::access::AccessRules;
use crate::model::error_page::{ErrorPage, ErrorPageSource, ErrorPageText, ErrorPages, InterceptErrors};
use crate::model::files::{StaticFileRoot, StaticFiles};
use crate::model::route::ExpectContinue;

/// Returns the key `files` of a route.
pub(super) fn files(files: &StaticFiles) -> KeyValue {
    let (key, path) = match &files.location {
        StaticFileRoot::Root(directory) => ("root", directory),
        StaticFileRoot::Alias { directory, .. } => ("alias", directory),
        StaticFileRoot::Single(file) => ("alias", file),
    };
    let mut entries = vec![(key.to_owned(), OutputValue::text(path.display()))];
    entries.extend(files.index.as_ref().map(|index| ("index".to_owned(), OutputValue::text(index))));
    ("files", OutputValue::Table(entries))
}

/// Returns the key `access`.
pub(super) fn access(rules: &AccessRules) -> KeyValue {
    ("access", OutputValue::list(rules.iter()))
}

/// Returns the key `intercept_errors`.
pub(super) fn intercept_errors(errors: InterceptErrors) -> KeyValue {
    ("intercept_errors", OutputValue::Flag(errors == InterceptErrors::Replace))
}

/// Returns the key `expect_continue`.
pub(super) fn expect_continue(setting: ExpectContinue) -> KeyValue {
    let text = match setting {
        ExpectContinue::Respond => "respond",
        ExpectContinue::Forward => "forward",
    };
    ("expect_continue", OutputValue::text(text))
}

/// Returns the key `error_page`. An empty list disables the pages of the host.
pub(super) fn error_pages(pages: Option<&ErrorPages>) -> KeyValue {
    let pages = pages.into_iter().flat_map(ErrorPages::iter);
    ("error_page", OutputValue::Tables(pages.map(error_page).collect()))
}

/// Returns the statuses that have a page, such as `404, 502`.
pub(super) fn statuses(pages: &ErrorPages) -> String {
    pages.iter().map(|page| page.status.as_str().to_owned()).collect::<Vec<_>>().join(", ")
}

fn error_page(page: &ErrorPage) -> Vec<(String, OutputValue)> {
    let content = match &page.content {
        ErrorPageSource::File(path) => vec![("file", OutputValue::text(path.display()))],
        ErrorPageSource::Message(ErrorPageText { title, header, message }) => {
            vec![
                ("title", OutputValue::text(title)),
                ("header", OutputValue::text(header)),
                ("message", OutputValue::text(message)),
            ]
        }
        ErrorPageSource::Text { content_type, body } => {
            vec![
                ("content_type", OutputValue::Text(notation::header_value(content_type))),
                ("body", OutputValue::text(body)),
            ]
        }
    };
    let status = ("status", OutputValue::Number(page.status.as_u16().into()));
    [status].into_iter().chain(content).map(|(key, value)| (key.to_owned(), value)).collect()
}
