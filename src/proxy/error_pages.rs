//! The pages for errors, ready to be sent.
//!
//! They are read once, when the program starts: a page that says the application is down must be there
//! while the application, which brings the page, is being replaced.

use std::io;
use std::path::Path;

use bytes::Bytes;
use http::{HeaderValue, StatusCode};

use super::html;
use crate::model::error_page::{ErrorPage, ErrorPageSource, ErrorPages};
use crate::model::{ErrorPagesId, Model};

/// Reads the file of a page: regular files only, up to a size limit.
pub type ReadFile = fn(&Path) -> io::Result<Vec<u8>>;

/// All pages of a model. Those whose file cannot be read are missing.
#[derive(Default)]
pub struct LoadedErrorPages(Vec<Vec<LoadedErrorPage>>);

/// One page.
pub struct LoadedErrorPage {
    status: StatusCode,
    pub content_type: HeaderValue,
    pub body: Bytes,
}

impl LoadedErrorPages {
    /// Reads and lays out the pages. What cannot be read is told to the program's log.
    pub fn prepare(model: &Model, read: ReadFile) -> LoadedErrorPages {
        let ready = |pages: &ErrorPages| pages.iter().filter_map(|page| prepare(page, read)).collect();
        LoadedErrorPages(model.all_error_pages().iter().map(ready).collect())
    }

    /// The page for a status.
    pub fn find(&self, pages: Option<ErrorPagesId>, status: StatusCode) -> Option<&LoadedErrorPage> {
        self.0.get(pages?.index())?.iter().find(|page| page.status == status)
    }
}

fn prepare(page: &ErrorPage, read: ReadFile) -> Option<LoadedErrorPage> {
    let (content_type, body) = match &page.content {
        ErrorPageSource::File(path) => (html::CONTENT_TYPE, read_or_report(path, read)?),
        ErrorPageSource::Message(message) => (html::CONTENT_TYPE, html::message(page.status, message).into()),
        ErrorPageSource::Text { content_type, body } => (content_type.clone(), body.clone().into()),
    };
    Some(LoadedErrorPage { status: page.status, content_type, body })
}

fn read_or_report(path: &Path, read: ReadFile) -> Option<Bytes> {
    read(path)
        .map(Bytes::from)
        .map_err(|why| {
            tracing::warn!("the error page {} cannot be read, a plain one stands in: {why}", path.display())
        })
        .ok()
}
