//! The files of a host's certificate and key.

use std::path::PathBuf;

use super::certificate_paths::CertificatePaths;
use super::context::LowerContext;
use super::external_url::ExternalScheme;
use super::listen::ListenSettings;
use super::service::ServiceHost;
use crate::config::document::{Setting, Spanned};
use crate::config::gitlab_rb::settings::SettingOwner;

impl ServiceHost {
    /// What the file says, or what the package would look for: by default files are named after the host, in
    /// the URL's case.
    pub(super) fn own_certificate(&self, lowering: &mut LowerContext<'_, '_>) -> CertificatePaths {
        let host = match self.url.scheme {
            ExternalScheme::Https => self.url.host.clone(),
            ExternalScheme::Http => lowering.surroundings.node("fqdn").unwrap_or(self.url.host.clone()),
        };
        KEYS.map(|(key, ending)| {
            let default = || Spanned { value: format!("/etc/gitlab/ssl/{host}.{ending}"), span: self.span.clone() };
            let said = lowering.reader.text_of(self.service.owner(), key).unwrap_or_else(default);
            Spanned { value: PathBuf::from(said.value), span: said.span }
        })
    }

    /// What is served: GitLab's where Let's Encrypt has put this host into it.
    pub(super) fn certificate(
        &self,
        listening: &ListenSettings,
        lowering: &mut LowerContext<'_, '_>,
    ) -> [Setting<Vec<Spanned<PathBuf>>>; 2] {
        if !listening.tls {
            return [Setting::Unset, Setting::Unset];
        }
        let own = self.own_certificate(lowering);
        let shared = lowering.lets_encrypt.in_place_of(self.service, &own, lowering.surroundings).cloned();
        if shared.is_some() {
            let why = "its file is not there; the package puts this host into GitLab's certificate then";
            for key in ["ssl_certificate", "ssl_certificate_key", "ssl_password_file"] {
                lowering.reader.no_effect(self.service.owner(), key, why);
            }
        }
        shared.unwrap_or(own).map(|file| Setting::Set(Spanned { span: file.span.clone(), value: vec![file] }))
    }

    /// The pass phrases of its key. Whoever is in GitLab's certificate needs those of GitLab's key: a pair is one, and
    /// is obtained once, only if all say the same of it.
    pub(super) fn key_password_file(
        &self,
        listening: &ListenSettings,
        lowering: &mut LowerContext<'_, '_>,
    ) -> Setting<PathBuf> {
        if !listening.tls {
            return Setting::Unset;
        }
        let own = self.own_certificate(lowering);
        let shared = lowering.lets_encrypt.in_place_of(self.service, &own, lowering.surroundings);
        let owner = shared.map_or(self.service.owner(), |_| SettingOwner::Gitlab);
        let said = lowering.reader.text_of(owner, "ssl_password_file");
        said.map_or(Setting::Unset, |said| {
            Setting::Set(Spanned { value: PathBuf::from(said.value), span: said.span })
        })
    }
}

/// The settings, and what the files end in.
const KEYS: [(&str, &str); 2] = [("ssl_certificate", "crt"), ("ssl_certificate_key", "key")];
