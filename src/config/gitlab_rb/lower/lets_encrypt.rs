//! Whether the package's Let's Encrypt integration is on, and what it changes about hosts.

use std::path::{Path, PathBuf};

use super::acme;
use super::certificate_paths::CertificatePaths;
use super::external_url::{ExternalScheme, ExternalUrl};
use super::reader::SettingsReader;
use super::service::{Service, ServiceHost};
use crate::config::diagnostic::Diagnostic;
use crate::config::document::{AcmeSection, Setting, Spanned};
use crate::config::gitlab_rb::environment::Environment;
use crate::config::gitlab_rb::overrides;
use crate::config::gitlab_rb::settings::SettingOwner;
use crate::config::gitlab_rb::value::HashEntry;
use crate::config::span::SourceSpan;

/// Whether the integration is on.
pub(super) enum LetsEncrypt {
    Off,
    /// Hosts without a certificate file of their own are in GitLab's certificate.
    On {
        gitlab: Box<ExternalUrl>,
        certificate: Box<CertificatePaths>,
        /// Where it is turned on.
        place: SourceSpan,
    },
}

impl LetsEncrypt {
    /// It is on if the file says so. If it says nothing, it is on where it has been turned on before, and where
    /// GitLab's certificate and key are both missing: nothing else could be meant. The package leaves it off if its
    /// nginx is off; but that is how a machine is set up whose nginx has been replaced by this program.
    pub(super) fn decide(
        gitlab: &ServiceHost,
        reader: &mut SettingsReader<'_>,
        surroundings: &dyn Environment,
    ) -> LetsEncrypt {
        let is_https = gitlab.url.scheme == ExternalScheme::Https
            && reader.flag(SettingOwner::Gitlab, "listen_https") != Some(false);
        let files = Self::certificate(gitlab, reader);
        let said = reader.flag_at(&["letsencrypt", "enable"]);
        let is_remembered = is_https && was_turned_on(&files, surroundings);
        let is_undecided = said.is_none() && is_https && !is_remembered;
        let is_needed = is_undecided && is_needed(&files, reader, surroundings);
        if is_needed {
            warn_implicit_acme(&files, gitlab, reader);
        }
        let on = said.unwrap_or(is_remembered || is_needed);
        if !on {
            acme::note_unused(reader);
            return LetsEncrypt::Off;
        }
        warn_of_nginx(reader);
        let place = reader.entry(&["letsencrypt", "enable"]).map_or(gitlab.span.clone(), |said| said.span);
        LetsEncrypt::On { gitlab: Box::new(gitlab.url.clone()), certificate: Box::new(files), place }
    }

    /// What is obtained from whom, if anything is.
    pub(super) fn section(&self, reader: &mut SettingsReader<'_>) -> Setting<AcmeSection> {
        match self {
            LetsEncrypt::On { place, certificate, .. } => {
                acme::section(&state_directory(certificate), place, reader)
            }
            LetsEncrypt::Off => Setting::Unset,
        }
    }

    /// Whether a certificate is the one that is obtained. `shown` is its chain.
    pub(super) fn obtains(&self, shown: &Path) -> bool {
        matches!(self, LetsEncrypt::On { certificate, .. } if certificate[0].value == shown)
    }

    fn certificate(gitlab: &ServiceHost, reader: &mut SettingsReader<'_>) -> CertificatePaths {
        [("ssl_certificate", "crt"), ("ssl_certificate_key", "key")].map(|(key, ending)| {
            let default = || format!("/etc/gitlab/ssl/{}.{ending}", gitlab.url.host);
            let said = reader.text_of(SettingOwner::Gitlab, key);
            let place = said.as_ref().map_or(&gitlab.span, |said| &said.span).clone();
            Spanned { value: PathBuf::from(said.map_or_else(default, |said| said.value)), span: place }
        })
    }

    /// Without a host of GitLab's nothing is obtained, whatever the file says.
    pub(super) fn is_idle(reader: &mut SettingsReader<'_>) {
        if reader.flag_at(&["letsencrypt", "enable"]) == Some(true) {
            reader.no_effect_at(
                &["letsencrypt", "enable"],
                "certificates are obtained for GitLab's host, and there is none",
            );
        }
        acme::note_unused(reader);
    }

    /// The registry that the package opens on GitLab's own host if nothing is said about one.
    pub(super) fn registry(&self) -> Option<ExternalUrl> {
        match self {
            LetsEncrypt::On { gitlab, .. } if gitlab.path.is_empty() => {
                Some(ExternalUrl { scheme: ExternalScheme::Https, port: REGISTRY_PORT, ..(**gitlab).clone() })
            }
            LetsEncrypt::On { .. } | LetsEncrypt::Off => None,
        }
    }

    /// Whether a host redirects that is not told about it. `own` is its certificate.
    pub(super) fn redirects(
        &self,
        plan: &ServiceHost,
        own: &CertificatePaths,
        surroundings: &dyn Environment,
    ) -> bool {
        match self {
            LetsEncrypt::Off => false,
            LetsEncrypt::On { .. } if plan.service == Service::Gitlab => true,
            // It shares GitLab's name, and that redirects to GitLab.
            LetsEncrypt::On { gitlab, .. } if plan.url.name == gitlab.name => false,
            LetsEncrypt::On { .. } => self.in_place_of(plan.service, own, surroundings).is_some(),
        }
    }

    /// GitLab's certificate, if it has taken a host in because the file of its own is not there.
    pub(super) fn in_place_of(
        &self,
        service: Service,
        own: &CertificatePaths,
        surroundings: &dyn Environment,
    ) -> Option<&CertificatePaths> {
        let takes_in = matches!(service, Service::Mattermost | Service::Registry | Service::Kas);
        match self {
            LetsEncrypt::On { certificate, .. } if takes_in && !surroundings.exists(&own[0].value) => {
                Some(certificate)
            }
            LetsEncrypt::On { .. } | LetsEncrypt::Off => None,
        }
    }
}

const REGISTRY_PORT: u16 = 5050;

/// Where the proxy keeps its account: whoever may store the certificate may store that beside it.
fn state_directory(files: &CertificatePaths) -> PathBuf {
    files[0].value.with_file_name("acme")
}

/// For the package, obtaining certificates needs its own nginx, which wants the ports of this proxy.
fn warn_of_nginx(reader: &mut SettingsReader<'_>) {
    let nginx_is_off = reader.flag_at(&["nginx", "enable"]) == Some(false);
    // The package does not read the overrides.
    let is_read = |enabled: &HashEntry| !enabled.span.file_name().ends_with(overrides::FILE_NAME);
    let enabled = reader.entry(&["letsencrypt", "enable"]).filter(|enabled| nginx_is_off && is_read(enabled));
    let Some(enabled) = enabled else { return };
    let message = "with letsencrypt['enable'] = true, `gitlab-ctl reconfigure` starts the bundled nginx again";
    let warning = Diagnostic::warning(&enabled.span, message);
    reader.problems.push(
        warning
            .help("remove the line here, so that the package leaves it alone, and write it as")
            .help("`letsencrypt.enable = true` in gatepost-overrides.toml: the proxy obtains certificates then"),
    );
}

/// Neither file is there: the package turns the integration on by itself then.
fn is_needed(files: &CertificatePaths, reader: &SettingsReader<'_>, surroundings: &dyn Environment) -> bool {
    let remembers = reader.flag_at(&["package", "generate_secrets_json_file"]) != Some(false);
    remembers && !files.iter().any(|file| surroundings.exists(&file.value))
}

/// Nobody has asked for it in so many words.
fn warn_implicit_acme(files: &CertificatePaths, gitlab: &ServiceHost, reader: &mut SettingsReader<'_>) {
    let message = format!("there is neither {} nor its key, so they are obtained", files[0].value.display());
    let warning = Diagnostic::warning(&gitlab.span, message);
    reader.problems.push(
        warning
            .help("as the package does, from Let's Encrypt; letsencrypt['enable'] = true says that it is meant,")
            .help("and with letsencrypt['enable'] = false the files must be there"),
    );
}

/// The package remembers it beside its secrets, the proxy by its account.
fn was_turned_on(files: &CertificatePaths, surroundings: &dyn Environment) -> bool {
    if surroundings.exists(&state_directory(files)) {
        return true;
    }
    let text = surroundings.read(Path::new("/etc/gitlab/gitlab-secrets.json")).unwrap_or_default();
    let secrets: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    secrets["letsencrypt"]["auto_enabled"] == true
}
