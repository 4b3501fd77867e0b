//! The services of the package, and whether each has a host.

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
    fn url_word(self) -> &'static str {
        match self {
            Service::Gitlab => "external_url",
            Service::Mattermost => "mattermost_external_url",
            Service::Pages => "pages_external_url",
            Service::Registry => "registry_external_url",
            Service::Kas => "gitlab_kas_external_url",
        }
    }

    /// What is to be served for it; `None` if nothing is, or if it cannot be told.
    pub(super) fn plan(self, lowering: &mut LowerContext<'_, '_>) -> Option<ServiceHost> {
        let without = if self == Service::Kas { kas::without_host(lowering) } else { None };
        let (reader, lets_encrypt) = (&mut *lowering.reader, &lowering.lets_encrypt);
        if let Some(why) = self.switched_off(reader).or(without) {
            self.explain_absence(reader, why);
            return None;
        }
        let url = match reader.text(&[self.url_word()]) {
            Some(said) => self.parse_url(&said, reader)?,
            None if self == Service::Gitlab => {
                let fqdn = lowering.surroundings.node("fqdn");
                fallback_url::read(fqdn, reader)?
            }
            None if self == Service::Registry && reader.entry(&["registry", "enable"]).is_none() => {
                match lets_encrypt.registry() {
                    Some(url) => url,
                    None => return self.absent(reader),
                }
            }
            None => return self.absent(reader),
        };
        let upstream = self.upstream(reader)?;
        let name = match self {
            Service::Pages if reader.flag_at(&["gitlab_pages", "namespace_in_path"]) != Some(true) => {
                HostPattern::Wildcard(url.name.clone())
            }
            _ => HostPattern::Exact(url.name.clone()),
        };
        Some(ServiceHost { service: self, span: url.span.clone(), name, url, upstream })
    }

    /// Nothing says where it is.
    fn absent<T>(self, reader: &mut SettingsReader<'_>) -> Option<T> {
        self.explain_absence(reader, "there is no host for it, because its URL is not set");
        self.report_enabled_without_url(reader);
        None
    }

    /// Why it is switched off, if it is.
    fn switched_off(self, reader: &mut SettingsReader<'_>) -> Option<&'static str> {
        let own: &[&[&str]] = match self {
            Service::Gitlab => &[&["gitlab_rails", "enable"]],
            Service::Mattermost => &[&["mattermost", "enable"]],
            Service::Pages => &[&["gitlab_rails", "pages_enabled"]],
            Service::Registry => &[&["registry", "enable"]],
            Service::Kas => &[&["gitlab_kas", "enable"]],
        };
        let own: Vec<_> = own.iter().filter_map(|path| reader.flag_at(path)).collect();
        if own.contains(&false) {
            return Some("there is no host for it, because the service is switched off");
        }
        if self == Service::Gitlab && own.is_empty() && roles::leave_gitlab_out(reader) {
            return Some("there is no host for it, because the roles of this machine leave GitLab out");
        }
        // GitLab's is about the bundled nginx.
        if self != Service::Gitlab && reader.flag(self.owner(), "enable") == Some(false) {
            return Some("there is no host for it, because the host is switched off");
        }
        None
    }

    /// Remarks on everything that is set for a host that is not there.
    fn explain_absence(self, reader: &mut SettingsReader<'_>, why: &str) {
        // The agents' URL may lead to GitLab's host, and then it is obeyed there.
        if self != Service::Kas {
            reader.no_effect_at(&[self.url_word()], why);
        }
        for key in reader.keys_of(self.owner()) {
            let is_shared = match self {
                // What `nginx` says about GitLab's host it may say about the bundled nginx too.
                Service::Gitlab => settings::spec(SettingOwner::Daemon, &key).is_some(),
                // The agents' paths on GitLab's host have these timeouts as well.
                Service::Kas => key.starts_with("k8s_proxy_") && !kas::is_off(reader),
                Service::Mattermost | Service::Pages | Service::Registry => false,
            };
            if key != "enable" && !is_shared {
                reader.no_effect(self.owner(), &key, why);
            }
        }
    }

    /// A registry may be reached in other ways. Mattermost cannot do without its URL.
    fn report_enabled_without_url(self, reader: &mut SettingsReader<'_>) {
        type Severity = fn(&SourceSpan, String) -> Diagnostic;
        let (word, severity): (_, Severity) = match self {
            Service::Mattermost => ("mattermost", Diagnostic::error),
            Service::Registry => ("registry", Diagnostic::warning),
            Service::Gitlab | Service::Pages | Service::Kas => return,
        };
        let Some(entry) = reader.entry(&[word, "enable"]) else { return };
        if entry.value.truth() == Some(true) {
            let message = format!("without {} no host is served for it", self.url_word());
            let help = format!("write {} 'https://…' with its name", self.url_word());
            reader.problems.push(severity(&entry.span, message).help(help));
        }
    }

    fn parse_url(self, said: &Spanned<String>, reader: &mut SettingsReader<'_>) -> Option<ExternalUrl> {
        let parsed = match self {
            Service::Gitlab => ExternalUrl::parse(said, "GitLab"),
            Service::Mattermost => ExternalUrl::parse_root(said, "Mattermost"),
            Service::Pages => ExternalUrl::parse_root(said, "Pages"),
            Service::Registry => ExternalUrl::parse_root(said, "the container registry"),
            Service::Kas => kas::url(said, reader),
        };
        let mut url = parsed.map_err(|error| reader.problems.push(error)).ok()?;
        if self == Service::Gitlab {
            fallback_url::is_overridden(reader);
        }
        if self == Service::Gitlab
            && let Some(root) = reader.text(&["gitlab_rails", "gitlab_relative_url"])
        {
            url.path = format!("/{}", root.value.trim_matches('/')).trim_end_matches('/').to_owned();
        }
        Some(url)
    }
}
