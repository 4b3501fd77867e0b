//! Decides whether the Let's Encrypt integration is enabled.
//!
//! If it is, hosts without their own certificate use GitLab's, and GitLab's host redirects HTTP to HTTPS.

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

/// Whether the integration is enabled.
pub(super) enum LetsEncrypt {
    Off,
    /// Hosts without their own certificate file use GitLab's certificate.
    On {
        gitlab: Box<ExternalUrl>,
        certificate: Box<CertificatePaths>,
        /// Span of the setting that enables it.
        span: SourceSpan,
    },
}

impl LetsEncrypt {
    /// Decides whether the integration is enabled. `letsencrypt['enable']` decides if it is set. Otherwise the
    /// integration is enabled if it was enabled before, or if GitLab's certificate and key are both missing,
    /// because HTTPS is not possible without them. The package disables it together with its nginx; Gatepost
    /// does not, because a machine on which it replaces nginx is set up that way.
    pub(super) fn decide(
        gitlab: &ServiceHost,
        reader: &mut SettingsReader<'_>,
        environment: &dyn Environment,
    ) -> LetsEncrypt {
        let is_https = gitlab.url.scheme == ExternalScheme::Https
            && reader.flag(SettingOwner::Gitlab, "listen_https") != Some(false);
        let files = Self::certificate(gitlab, reader);
        let configured = reader.flag_at(&["letsencrypt", "enable"]);
        let was_enabled_before = is_https && was_enabled(&files, environment);
        let is_undecided = configured.is_none() && is_https && !was_enabled_before;
        let is_needed = is_undecided && is_needed(&files, reader, environment);
        if is_needed {
            warn_implicit_acme(&files, gitlab, reader);
        }
        let on = configured.unwrap_or(was_enabled_before || is_needed);
        if !on {
            acme::record_unused(reader);
            return LetsEncrypt::Off;
        }
        warn_bundled_nginx(reader);
        let span = reader.entry(&["letsencrypt", "enable"]).map_or(gitlab.span.clone(), |setting| setting.span);
        LetsEncrypt::On { gitlab: Box::new(gitlab.url.clone()), certificate: Box::new(files), span }
    }

    /// Returns the `[acme]` section, if certificates are obtained.
    pub(super) fn section(&self, reader: &mut SettingsReader<'_>) -> Setting<AcmeSection> {
        match self {
            LetsEncrypt::On { span, certificate, .. } => acme::section(&state_directory(certificate), span, reader),
            LetsEncrypt::Off => Setting::Unset,
        }
    }

    /// Returns whether a certificate is obtained through ACME. `chain` is its file.
    pub(super) fn manages(&self, chain: &Path) -> bool {
        matches!(self, LetsEncrypt::On { certificate, .. } if certificate[0].value == chain)
    }

    /// Returns the certificate and key files of GitLab's host.
    fn certificate(gitlab: &ServiceHost, reader: &mut SettingsReader<'_>) -> CertificatePaths {
        [("ssl_certificate", "crt"), ("ssl_certificate_key", "key")].map(|(key, ending)| {
            let default = || format!("/etc/gitlab/ssl/{}.{ending}", gitlab.url.host);
            let setting = reader.text_of(SettingOwner::Gitlab, key);
            let span = setting.as_ref().map_or(&gitlab.span, |setting| &setting.span).clone();
            Spanned { value: PathBuf::from(setting.map_or_else(default, |setting| setting.value)), span }
        })
    }

    /// Records that the settings have no effect without a host for GitLab.
    pub(super) fn record_without_gitlab(reader: &mut SettingsReader<'_>) {
        if reader.flag_at(&["letsencrypt", "enable"]) == Some(true) {
            reader.no_effect_at(
                &["letsencrypt", "enable"],
                "certificates are obtained only for GitLab's host, and GitLab has no host",
            );
        }
        acme::record_unused(reader);
    }

    /// Returns the URL of the registry that the package serves under GitLab's name if no registry is
    /// configured.
    pub(super) fn registry(&self) -> Option<ExternalUrl> {
        match self {
            LetsEncrypt::On { gitlab, .. } if gitlab.path.is_empty() => {
                Some(ExternalUrl { scheme: ExternalScheme::Https, port: REGISTRY_PORT, ..(**gitlab).clone() })
            }
            LetsEncrypt::On { .. } | LetsEncrypt::Off => None,
        }
    }

    /// Returns whether a host without a setting for it redirects HTTP to HTTPS. `own` is its certificate.
    pub(super) fn redirects(
        &self,
        service_host: &ServiceHost,
        own: &CertificatePaths,
        environment: &dyn Environment,
    ) -> bool {
        match self {
            LetsEncrypt::Off => false,
            LetsEncrypt::On { .. } if service_host.service == Service::Gitlab => true,
            // The host shares GitLab's name, which redirects to GitLab.
            LetsEncrypt::On { gitlab, .. } if service_host.url.name == gitlab.name => false,
            LetsEncrypt::On { .. } => self.shared_certificate(service_host.service, own, environment).is_some(),
        }
    }

    /// Returns GitLab's certificate, if it includes the host because the host's own file does not exist.
    pub(super) fn shared_certificate(
        &self,
        service: Service,
        own: &CertificatePaths,
        environment: &dyn Environment,
    ) -> Option<&CertificatePaths> {
        let can_share = matches!(service, Service::Mattermost | Service::Registry | Service::Kas);
        match self {
            LetsEncrypt::On { certificate, .. } if can_share && !environment.exists(&own[0].value) => {
                Some(certificate)
            }
            LetsEncrypt::On { .. } | LetsEncrypt::Off => None,
        }
    }
}

/// Port of the registry that the package serves under GitLab's name.
const REGISTRY_PORT: u16 = 5050;

/// Returns the directory of the ACME account. It is next to the certificate, because that directory must be
/// writable anyway.
fn state_directory(files: &CertificatePaths) -> PathBuf {
    files[0].value.with_file_name("acme")
}

/// Warns that the package starts its own nginx to obtain certificates, which uses the same ports as Gatepost.
fn warn_bundled_nginx(reader: &mut SettingsReader<'_>) {
    let nginx_is_off = reader.flag_at(&["nginx", "enable"]) == Some(false);
    // The package does not read the overrides file.
    let is_read = |enabled: &HashEntry| !enabled.span.file_name().ends_with(overrides::FILE_NAME);
    let enabled = reader.entry(&["letsencrypt", "enable"]).filter(|enabled| nginx_is_off && is_read(enabled));
    let Some(enabled) = enabled else { return };
    let message = "with `letsencrypt['enable'] = true`, `gitlab-ctl reconfigure` starts the bundled nginx again";
    let warning = Diagnostic::warning(&enabled.span, message);
    reader.problems.push(
        warning
            .help("remove this line, so that the package does not start nginx, and write")
            .help("`letsencrypt.enable = true` in gatepost-overrides.toml, so that Gatepost obtains certificates"),
    );
}

/// Returns whether certificate and key are both missing; the package then enables the integration by itself, if
/// it may record that (`generate_secrets_json_file`).
fn is_needed(files: &CertificatePaths, reader: &SettingsReader<'_>, environment: &dyn Environment) -> bool {
    let remembers = reader.flag_at(&["package", "generate_secrets_json_file"]) != Some(false);
    remembers && !files.iter().any(|file| environment.exists(&file.value))
}

/// Warns that certificates are obtained without an explicit setting.
fn warn_implicit_acme(files: &CertificatePaths, gitlab: &ServiceHost, reader: &mut SettingsReader<'_>) {
    let message =
        format!("`{}` and its key do not exist; Gatepost obtains them through ACME", files[0].value.display());
    let warning = Diagnostic::warning(&gitlab.span, message);
    reader.problems.push(
        warning
            .help("as the package does, by default from Let's Encrypt; set `letsencrypt['enable'] = true`")
            .help("to confirm this, or set `letsencrypt['enable'] = false` and create the files"),
    );
}

/// Returns whether the integration was enabled before: the package records this in its secrets file, Gatepost
/// by the directory of its ACME account.
fn was_enabled(files: &CertificatePaths, environment: &dyn Environment) -> bool {
    if environment.exists(&state_directory(files)) {
        return true;
    }
    let text = environment.read(Path::new("/etc/gitlab/gitlab-secrets.json")).unwrap_or_default();
    let secrets: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    secrets["letsencrypt"]["auto_enabled"] == true
}
