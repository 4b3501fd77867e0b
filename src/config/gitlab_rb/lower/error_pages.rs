//! What the package's nginx says on GitLab's behalf: pages for errors, and short answers of the health
//! checks when GitLab is down.

use std::path::PathBuf;

use http::{HeaderValue, StatusCode};

use super::context::LowerContext;
use super::service::{Service, ServiceHost};
use crate::config::diagnostic::Diagnostic;
use crate::config::document::{Setting, Spanned};
use crate::config::gitlab_rb::value::{RubyData, RubyHash, RubyValue};
use crate::model::error_page::{ErrorPage, ErrorPageSource, ErrorPageText, InterceptErrors};

/// The pages of a host, and whether they stand in the place of GitLab's own answers.
pub(super) struct HostErrorPages {
    pub(super) pages: Setting<Vec<Spanned<ErrorPage>>>,
    pub(super) intercept: Setting<InterceptErrors>,
}

/// Only GitLab's host has pages. With `custom_error_pages` they also replace what GitLab answers.
pub(super) fn of(plan: &ServiceHost, lowering: &mut LowerContext<'_, '_>) -> HostErrorPages {
    if plan.service != Service::Gitlab {
        return HostErrorPages { pages: Setting::Unset, intercept: Setting::Unset };
    }
    let custom = lowering.reader.hash(plan.service.owner(), "custom_error_pages");
    let custom = custom.filter(|said| !said.value.0.is_empty());
    let mut pages = Vec::new();
    for (code, words) in custom.iter().flat_map(|said| &said.value.0) {
        match custom_page(code, words, lowering) {
            Ok(page) => pages.push(Spanned { value: page, span: code.span.clone() }),
            Err(error) => lowering.reader.problems.push(error),
        }
    }
    for status in OWN_PAGES {
        if pages.iter().all(|page| page.value.status != status) {
            let content = ErrorPageSource::File(format!("{PUBLIC}/{}.html", status.as_str()).into());
            pages.push(plan.url_value(ErrorPage { status, content }));
        }
    }
    pages.sort_by_key(|page| page.value.status);
    let intercept = custom.map_or(Setting::Unset, |said| Setting::set_at(InterceptErrors::Replace, &said.span));
    HostErrorPages { pages: plan.url_setting(pages), intercept }
}

impl HostErrorPages {
    /// Whether the pages replace what GitLab answers.
    pub(super) fn intercept(&self) -> bool {
        self.intercept.value_or(InterceptErrors::Pass) == InterceptErrors::Replace
    }

    /// The words of a health check, with the statuses that the package has words for.
    pub(super) fn of_health(&self, plan: &ServiceHost, path: &str) -> Setting<Vec<Spanned<ErrorPage>>> {
        let statuses = if self.intercept() { &OWN_PAGES[..] } else { &[StatusCode::BAD_GATEWAY] };
        let is_json = ["/-/readiness", "/-/liveness"].contains(&path);
        let page = |status: &StatusCode| {
            let text = format!("nginx returned {} when communicating with gitlab-workhorse", status.as_u16());
            let (content_type, body) = match is_json {
                true => ("application/json", format!("{{\"error\":\"{text}\",\"status\":{}}}\n", status.as_u16())),
                false => ("text/plain", format!("{text}\n")),
            };
            let content = ErrorPageSource::Text { content_type: HeaderValue::from_static(content_type), body };
            plan.url_value(ErrorPage { status: *status, content })
        };
        plan.url_setting(statuses.iter().map(page).collect())
    }

    /// The paths of the pages themselves, which are nothing for clients to ask for.
    pub(super) fn own_paths(&self) -> String {
        let statuses = self.pages.as_set().map(|said| &said.value[..]).unwrap_or_default();
        let codes: Vec<&str> = statuses.iter().map(|page| page.value.status.as_str()).collect();
        format!(r"^/({})(-custom)?\.html$", codes.join("|"))
    }
}

/// The page that the package has laid out counts; where there is none, the words are laid out here.
fn custom_page(
    code: &RubyValue,
    words: &RubyValue,
    lowering: &LowerContext<'_, '_>,
) -> Result<ErrorPage, Diagnostic> {
    let text = code.to_text().unwrap_or_default();
    let status = text.parse().ok().and_then(|code: u16| StatusCode::from_u16(code).ok());
    let Some(status) = status.filter(|status| status.is_client_error() || status.is_server_error()) else {
        let error = Diagnostic::error(&code.span, format!("`{text}` is not the code of an error"));
        return Err(error.help("write a number from 400 to 599, such as '404'"));
    };
    let file = PathBuf::from(format!("{PUBLIC}/{}-custom.html", status.as_str()));
    if lowering.surroundings.exists(&file) {
        return Ok(ErrorPage { status, content: ErrorPageSource::File(file) });
    }
    let words = match &words.data {
        RubyData::Hash(hash) => hash.clone(),
        RubyData::Section(section) => section.borrow().to_hash(),
        _ => {
            let message = format!("the page for {text} takes a hash, not {}", words.kind());
            let help = "write { 'title' => '…', 'header' => '…', 'message' => '…' }";
            return Err(Diagnostic::error(&words.span, message).help(help));
        }
    };
    let [title, header, message] = ["title", "header", "message"].map(|key| word(&words, key));
    Ok(ErrorPage { status, content: ErrorPageSource::Message(ErrorPageText { title, header, message }) })
}

fn word(words: &RubyHash, key: &str) -> String {
    let found = words.0.iter().rev().find(|(known, _)| known.as_key() == Some(key));
    found.and_then(|(_, value)| value.to_text()).unwrap_or_default()
}

/// Where GitLab keeps its pages.
const PUBLIC: &str = "/opt/gitlab/embedded/service/gitlab-rails/public";

/// What the package has pages for.
const OWN_PAGES: [StatusCode; 3] =
    [StatusCode::NOT_FOUND, StatusCode::INTERNAL_SERVER_ERROR, StatusCode::BAD_GATEWAY];
