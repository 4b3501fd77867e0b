//! Lowers error pages and health check responses.
//!
//! The package's nginx responds to health checks with short texts while GitLab is down.

use std::path::PathBuf;

use http::{HeaderValue, StatusCode};

use super::context::LowerContext;
use super::service::{Service, ServiceHost};
use crate::config::diagnostic::Diagnostic;
use crate::config::document::{Setting, Spanned};
use crate::config::gitlab_rb::value::{RubyData, RubyHash, RubyValue};
use crate::model::error_page::{ErrorPage, ErrorPageSource, ErrorPageText, InterceptErrors};

/// Error pages of a host, and whether they replace error responses of GitLab.
pub(super) struct HostErrorPages {
    pub(super) pages: Setting<Vec<Spanned<ErrorPage>>>,
    pub(super) intercept: Setting<InterceptErrors>,
}

/// Returns the error pages of a host; only GitLab's host has any. With `custom_error_pages` they also replace
/// error responses of GitLab (nginx `proxy_intercept_errors`).
pub(super) fn lower(service_host: &ServiceHost, context: &mut LowerContext<'_, '_>) -> HostErrorPages {
    if service_host.service != Service::Gitlab {
        return HostErrorPages { pages: Setting::Unset, intercept: Setting::Unset };
    }
    let custom = context.reader.hash(service_host.service.owner(), "custom_error_pages");
    let custom = custom.filter(|setting| !setting.value.0.is_empty());
    let mut pages = Vec::new();
    for (code, texts) in custom.iter().flat_map(|setting| &setting.value.0) {
        match custom_page(code, texts, context) {
            Ok(page) => pages.push(Spanned { value: page, span: code.span.clone() }),
            Err(error) => context.reader.problems.push(error),
        }
    }
    for status in PACKAGE_PAGES {
        if pages.iter().all(|page| page.value.status != status) {
            let content = ErrorPageSource::File(format!("{PUBLIC}/{}.html", status.as_str()).into());
            pages.push(service_host.url_value(ErrorPage { status, content }));
        }
    }
    pages.sort_by_key(|page| page.value.status);
    let intercept =
        custom.map_or(Setting::Unset, |setting| Setting::set_at(InterceptErrors::Replace, &setting.span));
    HostErrorPages { pages: service_host.url_setting(pages), intercept }
}

impl HostErrorPages {
    /// Returns whether the pages replace error responses of GitLab.
    pub(super) fn intercept(&self) -> bool {
        self.intercept.value_or(InterceptErrors::Pass) == InterceptErrors::Replace
    }

    /// Returns the error responses of the health check at `path`, for the statuses that the package defines.
    pub(super) fn health_pages(&self, service_host: &ServiceHost, path: &str) -> Setting<Vec<Spanned<ErrorPage>>> {
        let statuses = if self.intercept() { &PACKAGE_PAGES[..] } else { &[StatusCode::BAD_GATEWAY] };
        let is_json = ["/-/readiness", "/-/liveness"].contains(&path);
        let page = |status: &StatusCode| {
            let text = format!("nginx returned {} when communicating with gitlab-workhorse", status.as_u16());
            let (content_type, body) = match is_json {
                true => ("application/json", format!("{{\"error\":\"{text}\",\"status\":{}}}\n", status.as_u16())),
                false => ("text/plain", format!("{text}\n")),
            };
            let content = ErrorPageSource::Text { content_type: HeaderValue::from_static(content_type), body };
            service_host.url_value(ErrorPage { status: *status, content })
        };
        service_host.url_setting(statuses.iter().map(page).collect())
    }

    /// Returns a regex for the paths of the pages themselves, which clients may not request (nginx `internal`).
    pub(super) fn page_paths(&self) -> String {
        let statuses = self.pages.as_set().map(|setting| &setting.value[..]).unwrap_or_default();
        let codes: Vec<&str> = statuses.iter().map(|page| page.value.status.as_str()).collect();
        format!(r"^/({})(-custom)?\.html$", codes.join("|"))
    }
}

/// Returns a custom page: the file that the package generated or, without one, a page generated from the texts.
fn custom_page(
    code: &RubyValue,
    texts: &RubyValue,
    context: &LowerContext<'_, '_>,
) -> Result<ErrorPage, Diagnostic> {
    let text = code.to_text().unwrap_or_default();
    let status = text.parse().ok().and_then(|code: u16| StatusCode::from_u16(code).ok());
    let Some(status) = status.filter(|status| status.is_client_error() || status.is_server_error()) else {
        let error =
            Diagnostic::error(&code.span, format!("`{text}` in `custom_error_pages` is not an error status"));
        return Err(error.help("write a status from 400 to 599, such as '404'"));
    };
    let file = PathBuf::from(format!("{PUBLIC}/{}-custom.html", status.as_str()));
    if context.environment.exists(&file) {
        return Ok(ErrorPage { status, content: ErrorPageSource::File(file) });
    }
    let texts = match &texts.data {
        RubyData::Hash(hash) => hash.clone(),
        RubyData::Section(section) => section.borrow().to_hash(),
        _ => {
            let message = format!("the page for `{text}` takes a hash, not {}", texts.kind());
            let help = "write `{ 'title' => '…', 'header' => '…', 'message' => '…' }`";
            return Err(Diagnostic::error(&texts.span, message).help(help));
        }
    };
    let [title, header, message] = ["title", "header", "message"].map(|key| page_text(&texts, key));
    Ok(ErrorPage { status, content: ErrorPageSource::Message(ErrorPageText { title, header, message }) })
}

fn page_text(texts: &RubyHash, key: &str) -> String {
    let found = texts.0.iter().rev().find(|(known, _)| known.as_key() == Some(key));
    found.and_then(|(_, value)| value.to_text()).unwrap_or_default()
}

/// Directory of GitLab's error pages.
const PUBLIC: &str = "/opt/gitlab/embedded/service/gitlab-rails/public";

/// Statuses for which the package has error pages.
const PACKAGE_PAGES: [StatusCode; 3] =
    [StatusCode::NOT_FOUND, StatusCode::INTERNAL_SERVER_ERROR, StatusCode::BAD_GATEWAY];
