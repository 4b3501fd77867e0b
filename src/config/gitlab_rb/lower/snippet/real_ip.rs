//! Lowers `set_real_ip_from`, `real_ip_header` and `real_ip_recursive`.

use super::report::{DirectiveOutcome, SnippetReport};
use crate::config::diagnostic::{Diagnostic, ValueError};
use crate::config::document::{ClientAddressSection, Setting, Spanned};
use crate::config::gitlab_rb::lower::client_address;
use crate::config::gitlab_rb::nginx_text::NginxDirective;
use crate::config::span::SourceSpan;
use crate::config::values::client_address::{source, trusted};
use crate::model::network::Cidr;

/// Returns whether [`lower`] lowers a directive.
pub(super) fn is_real_ip(name: &str) -> bool {
    ["set_real_ip_from", "real_ip_header", "real_ip_recursive"].contains(&name)
}

/// Applies a directive to the settings of its block. `proxy_protocol` is the span of that setting of the host, with
/// which the package sets `real_ip_header` itself.
///
/// An invalid directive is an error: the access rules beside it would apply to the address of the balancer.
pub(super) fn lower(
    section: &mut ClientAddressSection,
    proxy_protocol: Option<&SourceSpan>,
    directive: &NginxDirective,
    report: &mut SnippetReport,
) -> DirectiveOutcome {
    let span = &directive.span;
    let result = match (directive.name.as_str(), &directive.words()[..]) {
        ("set_real_ip_from", ["unix:"]) => {
            let why = "clients connect only over TCP";
            let message = format!("`unix:` in `set_real_ip_from` has no effect: {why}");
            report.problems.push(Diagnostic::warning(span, message).help("remove it"));
            return DirectiveOutcome::no_effect(why);
        }
        ("set_real_ip_from", [network]) => trusted(network).map(|network| add(section, network, span)),
        ("real_ip_header", [header]) => match section.from.span().or(proxy_protocol) {
            Some(first) => Err(duplicate("real_ip_header", first)),
            None => set(&mut section.from, source(header), span),
        },
        ("real_ip_recursive", [flag]) => match section.recursive.span() {
            Some(first) => Err(duplicate("real_ip_recursive", first)),
            None => set(&mut section.recursive, client_address::recursive(flag), span),
        },
        (name, _) => Err(ValueError::new(format!("`{name}` requires one argument"))),
    };
    match result {
        Ok(()) => DirectiveOutcome::Applied,
        Err(error) => {
            let why = error.message.clone();
            report.problems.push(error.at(span));
            DirectiveOutcome::Invalid(why)
        }
    }
}

fn add(section: &mut ClientAddressSection, value: Cidr, span: &SourceSpan) {
    let network = Spanned { value, span: span.clone() };
    match &mut section.trusted {
        Setting::Set(networks) => networks.value.push(network),
        _ => section.trusted = Setting::Set(Spanned { value: vec![network], span: span.clone() }),
    }
}

fn set<T>(setting: &mut Setting<T>, value: Result<T, ValueError>, span: &SourceSpan) -> Result<(), ValueError> {
    *setting = Setting::Set(Spanned { value: value?, span: span.clone() });
    Ok(())
}

fn duplicate(name: &str, first: &SourceSpan) -> ValueError {
    ValueError::new(format!("duplicate `{name}`; nginx does not start with two"))
        .help(format!("remove this one or the first, at {first}"))
}
