//! Compiles files and error pages.

use super::context::CompileContext;
use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::document::{
    FileMapping, FilesSection, ForwardSettings, HostSection, RouteActionSection, RouteSection, Setting, Spanned,
};
use crate::model::ErrorPagesId;
use crate::model::error_page::{ErrorPage, ErrorPageSource, ErrorPages};
use crate::model::files::{StaticFileRoot, StaticFiles};
use crate::model::route::PathMatch;

/// Adds error pages to the model. Returns `None` if there are none.
pub(super) fn add_error_pages(
    setting: &Setting<Vec<Spanned<ErrorPage>>>,
    context: &mut CompileContext<'_>,
) -> Option<ErrorPagesId> {
    let pages = setting.as_set()?.value.iter().map(|page| match &page.value {
        ErrorPage { status, content: ErrorPageSource::File(path) } => {
            ErrorPage { status: *status, content: ErrorPageSource::File(context.path(path.clone())) }
        }
        other => other.clone(),
    });
    let pages = ErrorPages::new(pages.collect());
    (!pages.is_empty()).then(|| context.model.add_error_pages(pages))
}

/// Reports several error pages for one status.
pub(super) fn report_duplicates(setting: &Setting<Vec<Spanned<ErrorPage>>>, problems: &mut Diagnostics) {
    let pages = setting.as_set().map(|setting| &setting.value[..]).unwrap_or_default();
    for (nth, page) in pages.iter().enumerate() {
        if let Some(first) = pages[..nth].iter().find(|first| first.value.status == page.value.status) {
            let message = format!("duplicate error page for status {}", page.value.status.as_u16());
            let help = format!("remove one of them: the first is at {}, and only one can be used", first.span);
            problems.push(Diagnostic::error(&page.span, message).help(help));
        }
    }
}

/// Compiles `files` of a route. Returns `None` after an error.
pub(super) fn files(
    section: &FilesSection,
    path: &PathMatch,
    context: &mut CompileContext<'_>,
) -> Option<StaticFiles> {
    let index = match &section.index {
        Setting::Set(setting) => Some(setting.value.clone()),
        Setting::Unset => None,
        Setting::Invalid => return None,
    };
    let location = match (&section.mapping, path) {
        (FileMapping::Root(directory), _) => StaticFileRoot::Root(context.path(directory.value.clone())),
        (FileMapping::Alias(file), PathMatch::Exact(_)) => StaticFileRoot::Single(context.path(file.value.clone())),
        (FileMapping::Alias(directory), PathMatch::Prefix(prefix) | PathMatch::PreferredPrefix(prefix)) => {
            StaticFileRoot::Alias { prefix: prefix.clone(), directory: context.path(directory.value.clone()) }
        }
        (FileMapping::Alias(alias), PathMatch::Regex(_)) => {
            let error = Diagnostic::error(
                &alias.span,
                "`alias` requires a fixed path, but the route matches a regular expression",
            );
            context.problems.push(error.help("use `root`, or a route with `prefix`"));
            return None;
        }
    };
    Some(StaticFiles { location, index })
}

/// Returns the route to the `http-01` challenge files. It precedes the redirect, because CAs connect to port 80.
pub(super) fn challenge_route(section: &HostSection) -> Option<RouteSection> {
    let Spanned { value, span } = section.acme_challenge_directory.as_set()?;
    let directory = Spanned { value: value.clone(), span: span.clone() };
    let files = FilesSection { mapping: FileMapping::Root(directory), index: Setting::Unset };
    Some(RouteSection {
        span: span.clone(),
        path: Setting::set_at(PathMatch::PreferredPrefix(CHALLENGE_PREFIX.to_owned()), span),
        action: Setting::set_at(RouteActionSection::Files(files), span),
        replace_with: Setting::Unset,
        before_redirect: Setting::set_at(true, span),
        settings: ForwardSettings::default(),
    })
}

/// Path prefix of `http-01` challenges (RFC 8555 section 8.3).
const CHALLENGE_PREFIX: &str = "/.well-known/acme-challenge/";
