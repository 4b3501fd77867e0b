//! Answers that the proxy makes itself out of what it holds: pages for errors, pages about itself.

use http::header::{self, HeaderValue};
use http::{Response, request};

use super::reply::{self, Refusal, Reply};
use super::{Errand, Proxy};
use crate::model::ErrorPagesId;
use crate::model::error_page::ApplicationErrors;
use crate::model::route::StatusPage;
use crate::telemetry::status_pages;

impl Proxy {
    /// A page in the place of an application's error, if that is wanted and there is one.
    pub(super) fn page_instead<B>(&self, answer: &Response<B>, errand: &Errand<'_>) -> Option<Reply> {
        if errand.forward.application_errors == ApplicationErrors::Pass {
            return None;
        }
        let page = self.pages.find(errand.route.error_pages, answer.status())?;
        let mut reply = reply::error_page(answer.status(), page);
        // A 401 is nothing without it (RFC 9110 section 15.5.2).
        for challenge in answer.headers().get_all(header::WWW_AUTHENTICATE) {
            reply.headers_mut().append(header::WWW_AUTHENTICATE, challenge.clone());
        }
        errand.response_ops.apply(reply.headers_mut());
        Some(reply)
    }

    /// What a client is told that is not let through.
    pub(super) fn refuse(
        &self,
        refusal: &Refusal,
        pages: Option<ErrorPagesId>,
        accept: Option<&HeaderValue>,
    ) -> Reply {
        reply::refuse(refusal, self.pages.find(pages, refusal.status()), accept)
    }

    /// What an authority is told that asks whether a host is ours. It may ask for names that no host has, and before
    /// any redirect.
    pub(super) fn challenge(&self, head: &request::Parts) -> Option<Reply> {
        let content = self.challenges.as_ref()?.file(head.uri.path())?;
        Some(reply::text("application/octet-stream", content))
    }

    /// A page about the proxy itself.
    pub(super) fn status_page(&self, page: StatusPage) -> Result<Reply, Refusal> {
        // Whoever has such a page counts.
        let sums = self.tallies.as_ref().ok_or(Refusal::NoRoute)?.sums();
        Ok(match page {
            StatusPage::Connections => reply::text("text/plain", status_pages::connections(&sums)),
            StatusPage::Metrics => {
                let page = status_pages::metrics(&sums, &self.model, &self.expiries.borrow());
                reply::text("text/plain; version=0.0.4", page)
            }
        })
    }
}
