//! Which certificates are obtained, for which names, and from whom.

use std::path::PathBuf;

use super::context::{AcmeRequest, CompileContext};
use super::defaults;
use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::document::{AcmeSection, HostSection, Setting, Spanned};
use crate::model::acme::{AcmeCertificate, AcmeChallengeType, AcmeServerTrust, AcmeSettings, CertificateKeyType};
use crate::model::host::{HostName, HostPattern};
use crate::model::{CertificateId, Listener, ListenerTransport, Model};

/// Notes that a host wants its certificate obtained, if it can be. What is said for all hosts is not meant for
/// those that cannot have it.
pub(super) fn request_certificate(
    section: &HostSection,
    wish: &Setting<bool>,
    certificates: &[CertificateId],
    context: &mut CompileContext<'_>,
) {
    let further =
        section.acme_names.as_set().map(|said| said.value.iter().map(|name| name.value.clone()).collect());
    let Some(said) = wish.as_set().filter(|said| said.value) else {
        if let Some(place) = section.acme_names.span() {
            let error = Diagnostic::warning(place, "`acme_names` has no effect: the certificate is not obtained");
            context.problems.push(error.help("remove it, or add `acme = true`"));
        }
        return;
    };
    let is_own_word = !section.settings.acme.is_unset();
    let names =
        section.name.as_set().into_iter().chain(section.aliases.as_set().into_iter().flat_map(|it| &it.value));
    let wildcard = names.map(|name| &name.value).find(|name| matches!(name, HostPattern::Wildcard(_)));
    match (wildcard, certificates) {
        (None, [only]) => {
            let further = further.unwrap_or_default();
            context.acme_requests.push(AcmeRequest { certificate: *only, span: said.span.clone(), further });
        }
        _ if !is_own_word => {}
        (Some(wildcard), _) => {
            let error = Diagnostic::error(&said.span, format!("no certificate can be obtained for {wildcard}"));
            let help = "authorities confirm wildcards by DNS alone; let another client do that, such as certbot";
            context.problems.push(error.help(help));
        }
        (None, _) => {
            let error = Diagnostic::error(&said.span, "of several certificates, none can be obtained");
            context.problems.push(error.help("name one as `certificate`, and one `certificate_key`"));
        }
    }
}

/// What is obtained, from all hosts' wishes.
pub(super) fn compile(section: &Setting<AcmeSection>, context: &mut CompileContext<'_>) -> Option<AcmeSettings> {
    let wishes = std::mem::take(&mut context.acme_requests);
    let Some(Spanned { value: section, span: place }) = section.as_set() else {
        if let Some(wish) = wishes.first().filter(|_| section.is_unset()) {
            let error = Diagnostic::error(&wish.span, "nothing says from whom certificates are obtained");
            context.problems.push(
                error
                    .help("add `[acme]` with `contact = \"ops@example.com\"`: that asks Let's Encrypt, and")
                    .help("you agree to its terms (https://letsencrypt.org/repository/)"),
            );
        }
        return None;
    };
    for wish in &wishes {
        report_shared_files(wish, context);
    }
    let mut certificates: Vec<AcmeCertificate> = Vec::new();
    for AcmeRequest { certificate, further, .. } in wishes {
        let known = certificates.iter().position(|it| it.certificate == certificate);
        let known = known.unwrap_or_else(|| {
            let names = context.model.hosts_with_certificate(certificate).into_iter().filter_map(exact).collect();
            certificates.push(AcmeCertificate { certificate, names });
            certificates.len() - 1
        });
        certificates[known].names.extend(further);
    }
    for obtained in &mut certificates {
        let mut seen: Vec<HostName> = Vec::new();
        obtained.names.retain(|name| {
            let is_new = !seen.contains(name);
            seen.extend(is_new.then(|| name.clone()));
            is_new
        });
    }
    if certificates.is_empty() {
        if !context.problems.has_errors() {
            let warning =
                Diagnostic::warning(place, "`[acme]` has no effect: no host wants a certificate obtained");
            context.problems.push(warning.help("add `acme = true` to hosts, or to `[defaults]`"));
        }
        return None;
    }
    let file = |setting: &Setting<PathBuf>| setting.as_set().map(|said| context.path(said.value.clone()));
    Some(AcmeSettings {
        directory: section.directory.as_set().map(|said| said.value.clone()).unwrap_or_default(),
        trust: file(&section.ca).map_or(AcmeServerTrust::System, AcmeServerTrust::File),
        contacts: section
            .contact
            .as_set()
            .into_iter()
            .flat_map(|said| &said.value)
            .map(|it| it.value.clone())
            .collect(),
        state_directory: file(&section.state_directory).unwrap_or_else(defaults::acme_state_directory),
        key: section.key.value_or(CertificateKeyType::EcdsaP256),
        challenge: section.challenge.value_or(AcmeChallengeType::Http01),
        certificates,
    })
}

/// A file that belongs to two pairs would be written for the one and no longer fit the other, which would then be
/// obtained anew: without end, until the authority has had enough.
fn report_shared_files(wish: &AcmeRequest, context: &mut CompileContext<'_>) {
    let own = context.model.certificate(wish.certificate);
    let mut others = context.model.certificates().filter(|(id, _)| *id != wish.certificate).map(|(_, files)| files);
    let shared =
        match [&own.chain, &own.key].into_iter().find(|file| others.any(|it| it.paths().any(|of| of == *file))) {
            Some(shared) => shared,
            None if own.chain == own.key => &own.chain,
            None => return,
        };
    let message = format!("no certificate can be obtained: {} is not the file of one pair alone", shared.display());
    let error = Diagnostic::error(&wish.span, message);
    context
        .problems
        .push(error.help("certificate and key take a file each; hosts share both and their pass phrases, or none"));
}

/// Warns where no plain HTTP is spoken, which is where an authority begins to ask.
pub(super) fn report_unreachable_challenge(
    section: &Setting<AcmeSection>,
    model: &Model,
    problems: &mut Diagnostics,
) {
    let (Some(acme), Some(place)) = (&model.acme, section.span()) else { return };
    let serves_status =
        |listener: &Listener| listener.hosts.entries().iter().all(|(_, id)| Some(**id) == model.status);
    let is_open = |listener: &Listener| listener.transport == ListenerTransport::Plain && !serves_status(listener);
    if acme.challenge == AcmeChallengeType::Http01 && !model.listeners.iter().any(is_open) {
        let warning =
            Diagnostic::warning(place, "the authority asks over plain HTTP on port 80, and nothing answers there");
        problems.push(
            warning
                .help("let a host redirect from port 80 (redirect_http_to_https in a gitlab.rb),")
                .help("or write `challenge = \"tls-alpn-01\"` in `[acme]`"),
        );
    }
}

fn exact(name: HostPattern) -> Option<HostName> {
    match name {
        HostPattern::Exact(name) => Some(name),
        HostPattern::Wildcard(_) => None,
    }
}
