//! What the package's Let's Encrypt integration changes about hosts. Certificates themselves are still
//! obtained by the package.

use std::path::{Path, PathBuf};

use super::certificate::Files;
use super::plan::{Plan, Service};
use super::reader::Reader;
use super::url::{ExternalUrl, Scheme};
use crate::config::diagnostic::Diagnostic;
use crate::config::document::Said;
use crate::config::gitlab_rb::settings::Owner;
use crate::config::gitlab_rb::surroundings::Surroundings;

/// Whether the integration is on.
pub(super) enum LetsEncrypt {
    Off,
    /// Hosts without a certificate file of their own are in GitLab's certificate.
    On {
        gitlab: Box<ExternalUrl>,
        certificate: Box<Files>,
    },
}

impl LetsEncrypt {
    /// It is on if the file says so, or if it says nothing and the package has turned it on before.
    pub(super) fn decide(gitlab: &Plan, reader: &mut Reader<'_>, surroundings: &dyn Surroundings) -> LetsEncrypt {
        let is_https =
            gitlab.url.scheme == Scheme::Https && reader.flag(Owner::Gitlab, "listen_https") != Some(false);
        let on = match reader.flag_at(&["letsencrypt", "enable"]) {
            Some(said) => said,
            None => is_https && was_turned_on(surroundings),
        };
        if !on {
            return LetsEncrypt::Off;
        }
        warn_of_nginx(reader);
        let certificate = [("ssl_certificate", "crt"), ("ssl_certificate_key", "key")].map(|(key, ending)| {
            let default = || format!("/etc/gitlab/ssl/{}.{ending}", gitlab.url.host);
            let said = reader.text_of(Owner::Gitlab, key);
            let place = said.as_ref().map_or(&gitlab.place, |said| &said.place).clone();
            Said { value: PathBuf::from(said.map_or_else(default, |said| said.value)), place }
        });
        LetsEncrypt::On { gitlab: Box::new(gitlab.url.clone()), certificate: Box::new(certificate) }
    }

    /// Without a host of GitLab's nothing is obtained, whatever the file says.
    pub(super) fn is_idle(reader: &mut Reader<'_>) {
        if reader.flag_at(&["letsencrypt", "enable"]) == Some(true) {
            reader.no_effect_at(
                &["letsencrypt", "enable"],
                "the package obtains certificates for GitLab's host, and there is none",
            );
        }
    }

    /// The registry that the package opens on GitLab's own host if nothing is said about one.
    pub(super) fn registry(&self) -> Option<ExternalUrl> {
        match self {
            LetsEncrypt::On { gitlab, .. } if gitlab.path.is_empty() => {
                Some(ExternalUrl { scheme: Scheme::Https, port: REGISTRY_PORT, ..(**gitlab).clone() })
            }
            LetsEncrypt::On { .. } | LetsEncrypt::Off => None,
        }
    }

    /// Whether a host redirects that is not told about it. `own` is its certificate.
    pub(super) fn redirects(&self, plan: &Plan, own: &Files, surroundings: &dyn Surroundings) -> bool {
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
        own: &Files,
        surroundings: &dyn Surroundings,
    ) -> Option<&Files> {
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

/// Obtaining certificates needs the package's nginx, which wants the ports of this proxy.
fn warn_of_nginx(reader: &mut Reader<'_>) {
    let nginx_is_off = reader.flag_at(&["nginx", "enable"]) == Some(false);
    let Some(enabled) = reader.entry(&["letsencrypt", "enable"]).filter(|_| nginx_is_off) else { return };
    let message = "with letsencrypt['enable'] = true, `gitlab-ctl reconfigure` starts the bundled nginx again";
    let warning = Diagnostic::warning(&enabled.place, message);
    reader
        .problems
        .push(warning.help("set it to false, and let another client renew certificates, such as certbot"));
}

/// The package remembers it beside its secrets.
fn was_turned_on(surroundings: &dyn Surroundings) -> bool {
    let text = surroundings.read(Path::new("/etc/gitlab/gitlab-secrets.json")).unwrap_or_default();
    let secrets: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    secrets["letsencrypt"]["auto_enabled"] == true
}
