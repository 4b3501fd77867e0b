//! Collects the certificates to obtain through ACME.

use std::path::PathBuf;

use super::context::{AcmeRequest, CompileContext};
use super::defaults;
use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::document::{AcmeSection, HostSection, Setting, Spanned};
use crate::model::acme::{AcmeCertificate, AcmeChallengeType, AcmeServerTrust, AcmeSettings, CertificateKeyType};
use crate::model::host::{HostName, HostPattern};
use crate::model::{CertificateId, Listener, ListenerTransport, Model};

/// Records that a host requests an ACME certificate. A host that cannot have one is an error only if the host itself
/// sets `acme`: `[defaults]` apply to the hosts that support ACME.
pub(super) fn request_certificate(
    section: &HostSection,
    request: &Setting<bool>,
    certificates: &[CertificateId],
    context: &mut CompileContext<'_>,
) {
    let extra_names =
        section.acme_names.as_set().map(|setting| setting.value.iter().map(|name| name.value.clone()).collect());
    let Some(setting) = request.as_set().filter(|setting| setting.value) else {
        if let Some(span) = section.acme_names.span() {
            let error =
                Diagnostic::warning(span, "`acme_names` has no effect: the certificate is not managed by ACME");
            context.problems.push(error.help("remove `acme_names`, or add `acme = true`"));
        }
        return;
    };
    let is_set_by_host = !section.settings.acme.is_unset();
    let names =
        section.name.as_set().into_iter().chain(section.aliases.as_set().into_iter().flat_map(|it| &it.value));
    let wildcard = names.map(|name| &name.value).find(|name| matches!(name, HostPattern::Wildcard(_)));
    match (wildcard, certificates) {
        (None, [only]) => {
            let extra_names = extra_names.unwrap_or_default();
            context.acme_requests.push(AcmeRequest { certificate: *only, span: setting.span.clone(), extra_names });
        }
        _ if !is_set_by_host => {}
        (Some(wildcard), _) => {
            let error = Diagnostic::error(
                &setting.span,
                format!("ACME is not supported for the wildcard name `{wildcard}`"),
            );
            let help = "use another ACME client, such as certbot: CAs validate wildcard names only through DNS";
            context.problems.push(error.help(help));
        }
        (None, _) => {
            let error = Diagnostic::error(&setting.span, "ACME requires exactly one certificate for a host");
            context.problems.push(error.help("set one file in `certificate` and one in `certificate_key`"));
        }
    }
}

/// Compiles `[acme]` and the requests of all hosts. Certificates that several hosts use are obtained once, with
/// all names.
pub(super) fn compile(section: &Setting<AcmeSection>, context: &mut CompileContext<'_>) -> Option<AcmeSettings> {
    let requests = std::mem::take(&mut context.acme_requests);
    let Some(Spanned { value: section, span }) = section.as_set() else {
        if let Some(request) = requests.first().filter(|_| section.is_unset()) {
            let error = Diagnostic::error(&request.span, "`acme = true` requires an `[acme]` section");
            context.problems.push(error.help(
                "add `[acme]` with `contact = \"ops@example.com\"` to use Let's Encrypt\n\
                 and accept its terms of service (https://letsencrypt.org/repository/)",
            ));
        }
        return None;
    };
    for request in &requests {
        report_shared_files(request, context);
    }
    let mut certificates: Vec<AcmeCertificate> = Vec::new();
    for AcmeRequest { certificate, extra_names, .. } in requests {
        let known = certificates.iter().position(|it| it.certificate == certificate);
        let known = known.unwrap_or_else(|| {
            let names = context.model.hosts_with_certificate(certificate).into_iter().filter_map(exact).collect();
            certificates.push(AcmeCertificate { certificate, names });
            certificates.len() - 1
        });
        certificates[known].names.extend(extra_names);
    }
    for certificate in &mut certificates {
        let mut seen: Vec<HostName> = Vec::new();
        certificate.names.retain(|name| {
            let is_new = !seen.contains(name);
            seen.extend(is_new.then(|| name.clone()));
            is_new
        });
    }
    if certificates.is_empty() {
        if !context.problems.has_errors() {
            let warning = Diagnostic::warning(span, "`[acme]` has no effect: no host uses ACME");
            context.problems.push(warning.help("add `acme = true` to a host or to `[defaults]`"));
        }
        return None;
    }
    let file = |setting: &Setting<PathBuf>| setting.as_set().map(|setting| context.path(setting.value.clone()));
    Some(AcmeSettings {
        directory: section.directory.as_set().map(|setting| setting.value.clone()).unwrap_or_default(),
        trust: file(&section.ca).map_or(AcmeServerTrust::System, AcmeServerTrust::File),
        contacts: section
            .contact
            .as_set()
            .into_iter()
            .flat_map(|setting| &setting.value)
            .map(|it| it.value.clone())
            .collect(),
        state_directory: file(&section.state_directory).unwrap_or_else(defaults::acme_state_directory),
        key: section.key.value_or(CertificateKeyType::EcdsaP256),
        challenge: section.challenge.value_or(AcmeChallengeType::Http01),
        certificates,
    })
}

/// Reports a file that belongs to two pairs of certificate and key. Writing it for one pair would invalidate the
/// other, which would then be renewed, and so on until the rate limit of the CA is reached.
fn report_shared_files(request: &AcmeRequest, context: &mut CompileContext<'_>) {
    let files = context.model.certificate(request.certificate);
    let mut others =
        context.model.certificates().filter(|(id, _)| *id != request.certificate).map(|(_, files)| files);
    let shared =
        match [&files.chain, &files.key].into_iter().find(|file| others.any(|it| it.paths().any(|of| of == *file)))
        {
            Some(shared) => shared,
            None if files.chain == files.key => &files.chain,
            None => return,
        };
    let message = format!("ACME cannot write `{}`: the file is used more than once", shared.display());
    let error = Diagnostic::error(&request.span, message);
    context.problems.push(error.help(
        "use one file for the certificate and one for its key; hosts share both and the pass phrases, or none",
    ));
}

/// Warns if no listener serves plain HTTP: CAs send the first `http-01` request to port 80 (RFC 8555 section 8.3).
pub(super) fn report_unreachable_challenge(
    section: &Setting<AcmeSection>,
    model: &Model,
    problems: &mut Diagnostics,
) {
    let (Some(acme), Some(span)) = (&model.acme, section.span()) else { return };
    let serves_status =
        |listener: &Listener| listener.hosts.entries().iter().all(|(_, id)| Some(**id) == model.status);
    let serves_plain_http =
        |listener: &Listener| listener.transport == ListenerTransport::Plain && !serves_status(listener);
    if acme.challenge == AcmeChallengeType::Http01 && !model.listeners.iter().any(serves_plain_http) {
        let warning = Diagnostic::warning(
            span,
            "no listener serves plain HTTP, but CAs request `http-01` challenges on port 80",
        );
        problems.push(warning.help(
            "let a host redirect from port 80 (`redirect_http_to_https` in gitlab.rb),\n\
                       or set `challenge = \"tls-alpn-01\"` in `[acme]`",
        ));
    }
}

fn exact(name: HostPattern) -> Option<HostName> {
    match name {
        HostPattern::Exact(name) => Some(name),
        HostPattern::Wildcard(_) => None,
    }
}
