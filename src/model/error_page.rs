//! Custom error pages.

use std::path::PathBuf;

use http::{HeaderValue, StatusCode};

/// Error pages of a host or route, at most one for each status.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ErrorPages(Vec<ErrorPage>);

/// The error page for one status. The response keeps its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorPage {
    pub status: StatusCode,
    pub content: ErrorPageSource,
}

/// Where the content of an error page comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorPageSource {
    /// An HTML file, loaded at startup. If loading fails, the built-in page is used.
    File(PathBuf),
    /// A page generated from a title, a header and a message.
    Message(ErrorPageText),
    /// A fixed body.
    Text { content_type: HeaderValue, body: String },
}

/// Title, header and message of a generated error page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorPageText {
    /// Plain text.
    pub title: String,
    /// Plain text.
    pub header: String,
    /// HTML, such as a paragraph with a link.
    pub message: String,
}

/// Whether upstream error responses are replaced by error pages (nginx `proxy_intercept_errors`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InterceptErrors {
    /// The client receives the upstream's response.
    #[default]
    Pass,
    /// The client receives the error page for the status, if there is one.
    Replace,
}

impl ErrorPages {
    /// Builds a set. The first page for a status is kept, later ones are dropped.
    pub fn new(pages: Vec<ErrorPage>) -> ErrorPages {
        let mut kept: Vec<ErrorPage> = Vec::new();
        for page in pages {
            if kept.iter().all(|known| known.status != page.status) {
                kept.push(page);
            }
        }
        ErrorPages(kept)
    }

    /// Iterates over the pages in configured order.
    pub fn iter(&self) -> impl Iterator<Item = &ErrorPage> {
        self.0.iter()
    }

    /// Returns whether there are no pages.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
