//! What the proxy answers by itself, and whom, as keys and values of the TOML language.

use super::notation;
use super::value::{Entry, Value};
use crate::model::access::AccessRules;
use crate::model::error_page::{ApplicationErrors, ErrorPage, ErrorPages, Message, PageContent};
use crate::model::files::{FileLocation, Files};

/// `files` of a route.
pub(super) fn files(files: &Files) -> Entry {
    let (key, path) = match &files.location {
        FileLocation::Root(directory) => ("root", directory),
        FileLocation::Alias { directory, .. } => ("alias", directory),
        FileLocation::Single(file) => ("alias", file),
    };
    let mut entries = vec![(key.to_owned(), Value::text(path.display()))];
    entries.extend(files.index.as_ref().map(|index| ("index".to_owned(), Value::text(index))));
    ("files", Value::Table(entries))
}

pub(super) fn access(rules: &AccessRules) -> Entry {
    ("access", Value::list(rules.iter()))
}

pub(super) fn intercept_errors(errors: ApplicationErrors) -> Entry {
    ("intercept_errors", Value::Flag(errors == ApplicationErrors::Replace))
}

/// `error_page`; a list without pages takes those of the host away.
pub(super) fn error_pages(pages: Option<&ErrorPages>) -> Entry {
    let pages = pages.into_iter().flat_map(ErrorPages::iter);
    ("error_page", Value::Tables(pages.map(error_page).collect()))
}

/// Which statuses have a page: `404, 502`.
pub(super) fn statuses(pages: &ErrorPages) -> String {
    pages.iter().map(|page| page.status.as_str().to_owned()).collect::<Vec<_>>().join(", ")
}

fn error_page(page: &ErrorPage) -> Vec<(String, Value)> {
    let content = match &page.content {
        PageContent::File(path) => vec![("file", Value::text(path.display()))],
        PageContent::Message(Message { title, header, message }) => {
            vec![("title", Value::text(title)), ("header", Value::text(header)), ("message", Value::text(message))]
        }
        PageContent::Text { content_type, body } => {
            vec![("content_type", Value::Text(notation::header_value(content_type))), ("body", Value::text(body))]
        }
    };
    let status = ("status", Value::Number(page.status.as_u16().into()));
    [status].into_iter().chain(content).map(|(key, value)| (key.to_owned(), value)).collect()
}
