//! Lowers the certificate, key and pass phrase files of a host.

use std::path::PathBuf;

use super::certificate_paths::CertificatePaths;
use super::context::LowerContext;
use super::external_url::ExternalScheme;
use super::listen::ListenSettings;
use super::service::ServiceHost;
use crate::config::document::{Setting, Spanned};
use crate::config::gitlab_rb::settings::SettingOwner;

impl ServiceHost {
    /// Returns the configured files, or the package's defaults, which are named after the host in the URL's
    /// case.
    pub(super) fn own_certificate(&self, context: &mut LowerContext<'_, '_>) -> CertificatePaths {
        let host = match self.url.scheme {
            ExternalScheme::Https => self.url.host.clone(),
            ExternalScheme::Http => context.environment.node("fqdn").unwrap_or(self.url.host.clone()),
        };
        KEYS.map(|(key, ending)| {
            let default = || Spanned { value: format!("/etc/gitlab/ssl/{host}.{ending}"), span: self.span.clone() };
            let file = context.reader.text_of(self.service.owner(), key).unwrap_or_else(default);
            Spanned { value: PathBuf::from(file.value), span: file.span }
        })
    }

    /// Returns the files to serve: GitLab's, if Let's Encrypt has added this host to GitLab's certificate.
    pub(super) fn certificate(
        &self,
        listening: &ListenSettings,
        context: &mut LowerContext<'_, '_>,
    ) -> [Setting<Vec<Spanned<PathBuf>>>; 2] {
        if !listening.tls {
            return [Setting::Unset, Setting::Unset];
        }
        let own = self.own_certificate(context);
        let shared = context.lets_encrypt.shared_certificate(self.service, &own, context.environment).cloned();
        if shared.is_some() {
            let why = "the file does not exist; as in the package, this host uses GitLab's certificate";
            for key in ["ssl_certificate", "ssl_certificate_key", "ssl_password_file"] {
                context.reader.no_effect(self.service.owner(), key, why);
            }
        }
        shared.unwrap_or(own).map(|file| Setting::Set(Spanned { span: file.span.clone(), value: vec![file] }))
    }

    /// Returns the file with the pass phrases of the key. A host that uses GitLab's certificate needs those of
    /// GitLab's key: hosts share a certificate, and it is obtained once, only if all of them have the same
    /// settings for it.
    pub(super) fn key_password_file(
        &self,
        listening: &ListenSettings,
        context: &mut LowerContext<'_, '_>,
    ) -> Setting<PathBuf> {
        if !listening.tls {
            return Setting::Unset;
        }
        let own = self.own_certificate(context);
        let shared = context.lets_encrypt.shared_certificate(self.service, &own, context.environment);
        let owner = shared.map_or(self.service.owner(), |_| SettingOwner::Gitlab);
        let setting = context.reader.text_of(owner, "ssl_password_file");
        setting.map_or(Setting::Unset, |setting| {
            Setting::Set(Spanned { value: PathBuf::from(setting.value), span: setting.span })
        })
    }
}

/// Settings and default file extensions.
const KEYS: [(&str, &str); 2] = [("ssl_certificate", "crt"), ("ssl_certificate_key", "key")];
