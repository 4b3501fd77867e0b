//! What clients are shown instead of a bare error.

use std::path::PathBuf;

use http::{HeaderValue, StatusCode};

/// The pages of a host or a route, at most one for each status.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ErrorPages(Vec<ErrorPage>);

/// The page for one status. The status itself stays what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorPage {
    pub status: StatusCode,
    pub content: ErrorPageSource,
}

/// Where a page comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorPageSource {
    /// An HTML file, read when the program starts. If that fails, the proxy's own page stands in.
    File(PathBuf),
    /// A page that the proxy lays out.
    Message(ErrorPageText),
    /// Sent as it is.
    Text { content_type: HeaderValue, body: String },
}

/// The words on a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorPageText {
    /// Plain text.
    pub title: String,
    /// Plain text.
    pub header: String,
    /// HTML, such as a paragraph with a link.
    pub message: String,
}

/// What becomes of an error that an application answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InterceptErrors {
    /// The client gets the application's answer.
    #[default]
    Pass,
    /// If there is a page for its status, the client gets that page (nginx's `proxy_intercept_errors`).
    Replace,
}

impl ErrorPages {
    /// Of several pages for one status the first counts.
    pub fn new(pages: Vec<ErrorPage>) -> ErrorPages {
        let mut kept: Vec<ErrorPage> = Vec::new();
        for page in pages {
            if kept.iter().all(|known| known.status != page.status) {
                kept.push(page);
            }
        }
        ErrorPages(kept)
    }

    pub fn iter(&self) -> impl Iterator<Item = &ErrorPage> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
