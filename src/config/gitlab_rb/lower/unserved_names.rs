//! Reports names of services without a host to which another host responds.

use super::external_url::ExternalUrl;
use super::reader::{SettingsReader, spelled};
use super::service::Service;
use crate::config::diagnostic::Diagnostic;
use crate::config::document::HostSection;
use crate::model::host::HostPattern;

/// Warns if `enable` in the nginx settings of a service is false and its URL is set: as in the package, the first
/// host on the port then responds to the name. The access rules of the service do not apply there.
pub(super) fn report(hosts: &[HostSection], reader: &mut SettingsReader<'_>) {
    for service in Service::ALL.into_iter().filter(|service| *service != Service::Gitlab) {
        report_service(service, hosts, reader);
    }
}

fn report_service(service: Service, hosts: &[HostSection], reader: &mut SettingsReader<'_>) -> Option<()> {
    let enable = reader.entry_of(service.owner(), "enable").filter(|it| it.value.truth() == Some(false))?;
    let hash = reader.spelling(service.owner(), "enable")?;
    let setting = reader.text(&[service.url_key()])?;
    let (url, port_key) = match service {
        Service::Kas => (ExternalUrl::parse_agent(&setting).ok()?, "port"),
        _ => (ExternalUrl::parse(&setting, "a service").ok()?, "listen_port"),
    };
    let default = if service == Service::Kas { url.scheme.port() } else { url.port };
    let port = reader.port(service.owner(), port_key).map_or(default, |setting| setting.value);
    let mut listening = hosts.iter().filter(|host| listens_on(host, port)).filter_map(|host| host.name.as_set());
    let first = listening.next()?;
    // The URL may name another host: the paths of the agent server are on GitLab's host.
    let own = HostPattern::Exact(url.name.clone());
    if first.value == own || listening.any(|name| name.value == own) {
        return None;
    }
    let pattern = service.name(&url, reader);
    let message = format!(
        "the host of `{}` responds to requests for `{pattern}`: `{}` is false",
        first.value,
        spelled(&hash.split('.').collect::<Vec<_>>())
    );
    let help = format!(
        "remove `{}`, or let the name lead to the machine that serves it; the package behaves in the same way",
        service.url_key()
    );
    reader.problems.push(Diagnostic::warning(&enable.span, message).help(help));
    Some(())
}

fn listens_on(host: &HostSection, port: u16) -> bool {
    host.settings.listen.as_set().is_some_and(|list| list.value.iter().any(|it| it.value.port() == port))
}
