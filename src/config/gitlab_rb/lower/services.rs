//! Decides which services have a host.

use super::context::LowerContext;
use super::external_url::ExternalUrl;
use super::reader::SettingsReader;
use super::service::{Service, ServiceHost};
use super::{fallback_url, kas, roles};
use crate::config::diagnostic::Diagnostic;
use crate::config::document::Spanned;
use crate::config::gitlab_rb::settings::{self, SettingOwner};
use crate::config::span::SourceSpan;
use crate::model::host::HostPattern;

impl Service {
    /// Returns the name of the setting with the URL of the service.
    pub(super) fn url_key(self) -> &'static str {
        match self {
            Service::Gitlab => "external_url",
            Service::Mattermost => "mattermost_external_url",
            Service::Pages => "pages_external_url",
            Service::Registry => "registry_external_url",
            Service::Kas => "gitlab_kas_external_url",
        }
    }

    /// Returns the host to serve for the service. `None` if it has no host, or if its settings have errors,
    /// which are reported.
    pub(super) fn host(self, context: &mut LowerContext<'_, '_>) -> Option<ServiceHost> {
        let no_kas_host = if self == Service::Kas { kas::no_host_reason(context) } else { None };
        let (reader, lets_encrypt) = (&mut *context.reader, &context.lets_encrypt);
        if let Some(why) = self.disabled_reason(reader).or(no_kas_host) {
            self.record_absence(reader, why);
            return None;
        }
        let url = match reader.text(&[self.url_key()]) {
            Some(setting) => self.parse_url(&setting, reader)?,
            None if self == Service::Gitlab => {
                let fqdn = context.environment.node("fqdn");
                fallback_url::read(fqdn, reader)?
            }
            None if self == Service::Registry && reader.entry(&["registry", "enable"]).is_none() => {
                match lets_encrypt.registry() {
                    Some(url) => url,
                    None => return self.without_url(reader),
                }
            }
            None => return self.without_url(reader),
        };
        let upstream = self.upstream(reader)?;
        let name = self.name(&url, reader);
        Some(ServiceHost { service: self, span: url.span.clone(), name, url, upstream })
    }

    /// Returns the name of the host of the service: that of its URL, for Pages every name below it.
    pub(super) fn name(self, url: &ExternalUrl, reader: &SettingsReader<'_>) -> HostPattern {
        match self {
            Service::Pages if reader.flag_at(&["gitlab_pages", "namespace_in_path"]) != Some(true) => {
                HostPattern::Wildcard(url.name.clone())
            }
            _ => HostPattern::Exact(url.name.clone()),
        }
    }

    /// Records that the service has no host, because its URL is not set.
    fn without_url<T>(self, reader: &mut SettingsReader<'_>) -> Option<T> {
        self.record_absence(reader, "the service has no host: its URL is not set");
        self.report_enabled_without_url(reader);
        None
    }

    /// Returns why the service is disabled, or `None` if it is enabled.
    fn disabled_reason(self, reader: &mut SettingsReader<'_>) -> Option<&'static str> {
        let switches: &[&[&str]] = match self {
            Service::Gitlab => &[&["gitlab_rails", "enable"]],
            Service::Mattermost => &[&["mattermost", "enable"]],
            Service::Pages => &[&["gitlab_rails", "pages_enabled"]],
            Service::Registry => &[&["registry", "enable"]],
            Service::Kas => &[&["gitlab_kas", "enable"]],
        };
        let switches: Vec<_> = switches.iter().filter_map(|path| reader.flag_at(path)).collect();
        if switches.contains(&false) {
            return Some("the service has no host: it is disabled");
        }
        if self == Service::Gitlab && switches.is_empty() && roles::exclude_gitlab(reader) {
            return Some("the service has no host: `roles` does not include GitLab");
        }
        // `nginx['enable']` controls the bundled nginx, not the host of GitLab.
        if self != Service::Gitlab && reader.flag(self.owner(), "enable") == Some(false) {
            return Some("the service has no host: `enable` in its nginx settings is false");
        }
        None
    }

    /// Records that the settings of a service without a host have no effect.
    fn record_absence(self, reader: &mut SettingsReader<'_>, why: &str) {
        // The URL of the agent server may name GitLab's host; its paths are served there then.
        if self != Service::Kas {
            reader.no_effect_at(&[self.url_key()], why);
        }
        for key in reader.keys_of(self.owner()) {
            let is_shared = match self {
                // Settings of `nginx` may apply to all hosts as well.
                Service::Gitlab => settings::spec(SettingOwner::Daemon, &key).is_some(),
                // The paths of the agent server on GitLab's host use these timeouts as well.
                Service::Kas => key.starts_with("k8s_proxy_") && !kas::is_off(reader),
                Service::Mattermost | Service::Pages | Service::Registry => false,
            };
            if key != "enable" && !is_shared {
                reader.no_effect(self.owner(), &key, why);
            }
        }
    }

    /// Reports an enabled service without a URL: an error for Mattermost, which cannot run without its URL; a
    /// warning for the registry, which clients may reach in another way.
    fn report_enabled_without_url(self, reader: &mut SettingsReader<'_>) {
        type Severity = fn(&SourceSpan, String) -> Diagnostic;
        let (word, severity): (_, Severity) = match self {
            Service::Mattermost => ("mattermost", Diagnostic::error),
            Service::Registry => ("registry", Diagnostic::warning),
            Service::Gitlab | Service::Pages | Service::Kas => return,
        };
        let Some(entry) = reader.entry(&[word, "enable"]) else { return };
        if entry.value.truth() == Some(true) {
            let message = format!("`{word}['enable']` is true, but `{}` is not set", self.url_key());
            let help = format!("write `{} 'https://…'` with the host name of the service", self.url_key());
            reader.problems.push(severity(&entry.span, message).help(help));
        }
    }

    fn parse_url(self, setting: &Spanned<String>, reader: &mut SettingsReader<'_>) -> Option<ExternalUrl> {
        let parsed = match self {
            Service::Gitlab => ExternalUrl::parse(setting, "GitLab"),
            Service::Mattermost => ExternalUrl::parse_root(setting, "Mattermost"),
            Service::Pages => ExternalUrl::parse_root(setting, "Pages"),
            Service::Registry => ExternalUrl::parse_root(setting, "the container registry"),
            Service::Kas => kas::url(setting, reader),
        };
        let mut url = parsed.map_err(|error| reader.problems.push(error)).ok()?;
        if self == Service::Gitlab {
            fallback_url::record_overridden(reader);
        }
        if self == Service::Gitlab
            && let Some(root) = reader.text(&["gitlab_rails", "gitlab_relative_url"])
        {
            url.path = format!("/{}", root.value.trim_matches('/')).trim_end_matches('/').to_owned();
        }
        Some(url)
    }
}
