//! What the proxy answers by itself: files, and the pages for errors.

use super::context::CompileContext;
use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::document::{
    FileMapping, FilesSection, ForwardSettings, HostSection, RouteActionSection, RouteSection, Setting, Spanned,
};
use crate::model::ErrorPagesId;
use crate::model::error_page::{ErrorPage, ErrorPageSource, ErrorPages};
use crate::model::files::{StaticFileRoot, StaticFiles};
use crate::model::route::PathMatch;

/// Adds the pages to the model, if there are any.
pub(super) fn add(
    said: &Setting<Vec<Spanned<ErrorPage>>>,
    context: &mut CompileContext<'_>,
) -> Option<ErrorPagesId> {
    let pages = said.as_set()?.value.iter().map(|page| match &page.value {
        ErrorPage { status, content: ErrorPageSource::File(path) } => {
            ErrorPage { status: *status, content: ErrorPageSource::File(context.path(path.clone())) }
        }
        other => other.clone(),
    });
    let pages = ErrorPages::new(pages.collect());
    (!pages.is_empty()).then(|| context.model.add_error_pages(pages))
}

/// Reports second pages for one status.
pub(super) fn report_doubles(said: &Setting<Vec<Spanned<ErrorPage>>>, problems: &mut Diagnostics) {
    let pages = said.as_set().map(|said| &said.value[..]).unwrap_or_default();
    for (nth, page) in pages.iter().enumerate() {
        if let Some(first) = pages[..nth].iter().find(|first| first.value.status == page.value.status) {
            let message = format!("a second page for status {}", page.value.status.as_u16());
            let help = format!("the first is at {}; only one of them could ever be used", first.span);
            problems.push(Diagnostic::error(&page.span, message).help(help));
        }
    }
}

/// The files of a route.
pub(super) fn files(
    section: &FilesSection,
    path: &PathMatch,
    context: &mut CompileContext<'_>,
) -> Option<StaticFiles> {
    let index = match &section.index {
        Setting::Set(said) => Some(said.value.clone()),
        Setting::Unset => None,
        Setting::Invalid => return None,
    };
    let location = match (&section.mapping, path) {
        (FileMapping::Root(directory), _) => StaticFileRoot::Root(context.path(directory.value.clone())),
        (FileMapping::Alias(file), PathMatch::Exact(_)) => StaticFileRoot::Single(context.path(file.value.clone())),
        (FileMapping::Alias(directory), PathMatch::Prefix(prefix) | PathMatch::PreferredPrefix(prefix)) => {
            StaticFileRoot::Alias { prefix: prefix.clone(), directory: context.path(directory.value.clone()) }
        }
        (FileMapping::Alias(said), PathMatch::Regex(_)) => {
            let error = Diagnostic::error(&said.span, "a pattern has no beginning that `alias` could replace");
            context.problems.push(error.help("use `root`, or a route with `prefix`"));
            return None;
        }
    };
    Some(StaticFiles { location, index })
}

/// The route to the files of certificate validation. Those who validate begin on port 80.
pub(super) fn challenges(section: &HostSection) -> Option<RouteSection> {
    let Spanned { value, span: place } = section.acme_challenge_directory.as_set()?;
    let directory = Spanned { value: value.clone(), span: place.clone() };
    let files = FilesSection { mapping: FileMapping::Root(directory), index: Setting::Unset };
    Some(RouteSection {
        place: place.clone(),
        path: Setting::set_at(PathMatch::PreferredPrefix(CHALLENGES.to_owned()), place),
        action: Setting::set_at(RouteActionSection::Files(files), place),
        replace_with: Setting::Unset,
        before_redirect: Setting::set_at(true, place),
        settings: ForwardSettings::default(),
    })
}

/// RFC 8555 section 8.3.
const CHALLENGES: &str = "/.well-known/acme-challenge/";
