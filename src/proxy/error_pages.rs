//! Custom error pages loaded at start.
//!
//! The files are read once: the page for an unavailable upstream must be available while a package that contains
//! the page is being replaced.

use std::io;
use std::path::Path;

use bytes::Bytes;
use http::{HeaderValue, StatusCode};

use super::html;
use crate::model::error_page::{ErrorPage, ErrorPageSource, ErrorPages};
use crate::model::{ErrorPagesId, Model};

/// Reads the file of a page: regular files only, up to a size limit.
pub type ReadFile = fn(&Path) -> io::Result<Vec<u8>>;

/// All error pages of a model, loaded into memory. Pages whose file cannot be read are missing.
#[derive(Default)]
pub struct LoadedErrorPages(Vec<Vec<LoadedErrorPage>>);

/// One error page.
pub struct LoadedErrorPage {
    status: StatusCode,
    pub content_type: HeaderValue,
    pub body: Bytes,
}

impl LoadedErrorPages {
    /// Reads and renders the error pages; `read` reads the files. Logs a warning for each file that cannot be read.
    pub fn load(model: &Model, read: ReadFile) -> LoadedErrorPages {
        let load_all = |pages: &ErrorPages| pages.iter().filter_map(|page| load(page, read)).collect();
        LoadedErrorPages(model.all_error_pages().iter().map(load_all).collect())
    }

    /// Returns the page for a status, if there is one.
    pub fn find(&self, pages: Option<ErrorPagesId>, status: StatusCode) -> Option<&LoadedErrorPage> {
        self.0.get(pages?.index())?.iter().find(|page| page.status == status)
    }
}

fn load(page: &ErrorPage, read: ReadFile) -> Option<LoadedErrorPage> {
    let (content_type, body) = match &page.content {
        ErrorPageSource::File(path) => (html::CONTENT_TYPE, read_or_warn(path, read)?),
        ErrorPageSource::Message(message) => (html::CONTENT_TYPE, html::message(page.status, message).into()),
        ErrorPageSource::Text { content_type, body } => (content_type.clone(), body.clone().into()),
    };
    Some(LoadedErrorPage { status: page.status, content_type, body })
}

fn read_or_warn(path: &Path, read: ReadFile) -> Option<Bytes> {
    read(path)
        .map(Bytes::from)
        .map_err(|error| {
            tracing::warn!(%error, "error page {}: cannot be read, using the built-in page", path.display())
        })
        .ok()
}
