//! Settings of other services that the proxy reads, or that seem to concern it.

use super::spec::{SettingSpec, SettingSupport, ValueType};

/// All such settings, including the plain top-level settings.
pub(super) const RELATED: &[SettingSpec] = &[
    applied("external_url", ValueType::Text),
    applied("mattermost_external_url", ValueType::Text),
    applied("registry_external_url", ValueType::Text),
    applied("pages_external_url", ValueType::Text),
    applied("gitlab_kas_external_url", ValueType::Text),
    applied("gitlab_rails.enable", ValueType::Flag),
    applied("gitlab_rails.gitlab_relative_url", ValueType::Text),
    applied("gitlab_rails.registry_port", ValueType::Port),
    applied("gitlab_rails.pages_enabled", ValueType::Flag),
    applied("gitlab_rails.gitlab_host", ValueType::Text),
    applied("gitlab_rails.gitlab_port", ValueType::Port),
    applied("gitlab_rails.gitlab_https", ValueType::Flag),
    no_effect("gitlab_rails.trusted_proxies", ValueType::Any, "read by GitLab itself"),
    no_effect(
        "gitlab_rails.monitoring_whitelist",
        ValueType::Any,
        "GitLab checks the client address, which Gatepost sends",
    ),
    no_effect("gitlab_rails.allowed_hosts", ValueType::Any, "read by GitLab itself"),
    applied("gitlab_rails.smartcard_enabled", ValueType::Flag),
    applied("gitlab_rails.smartcard_ca_file", ValueType::Text),
    applied("gitlab_rails.smartcard_client_certificate_required_host", ValueType::Text),
    applied("gitlab_rails.smartcard_client_certificate_required_port", ValueType::Port),
    applied("gitlab_rails.gitlab_kas_external_url", ValueType::Text),
    applied("gitlab_rails.kerberos_enabled", ValueType::Flag),
    applied("gitlab_rails.kerberos_use_dedicated_port", ValueType::Flag),
    applied("gitlab_rails.kerberos_port", ValueType::Port),
    applied("gitlab_rails.kerberos_https", ValueType::Flag),
    applied("gitlab_workhorse.listen_network", ValueType::Text),
    applied("gitlab_workhorse.listen_addr", ValueType::Text),
    applied("gitlab_workhorse.sockets_directory", ValueType::Text),
    no_effect("gitlab_workhorse.enable", ValueType::Flag, "GitLab's host exists if gitlab_rails is enabled"),
    no_effect("gitlab_workhorse.listen_umask", ValueType::Any, "read by Workhorse itself"),
    no_effect("gitlab_workhorse.relative_url", ValueType::Any, "external_url sets the path"),
    no_effect("gitlab_workhorse.trusted_cidrs_for_x_forwarded_for", ValueType::Any, "read by Workhorse itself"),
    applied("mattermost.enable", ValueType::Flag),
    applied("mattermost.service_address", ValueType::Text),
    applied("mattermost.service_port", ValueType::Port),
    no_effect("mattermost.service_use_ssl", ValueType::Any, "mattermost_external_url sets it"),
    no_effect("mattermost.host", ValueType::Any, "mattermost_external_url sets it"),
    no_effect("mattermost.port", ValueType::Any, "mattermost_external_url sets it"),
    applied("registry.enable", ValueType::Flag),
    applied("registry.registry_http_addr", ValueType::Text),
    applied("gitlab_pages.listen_proxy", ValueType::Text),
    applied("gitlab_pages.namespace_in_path", ValueType::Flag),
    no_effect("gitlab_pages.enable", ValueType::Flag, "pages_external_url decides whether there is a host"),
    no_effect("gitlab_pages.external_http", ValueType::Any, "Pages itself listens on these addresses"),
    no_effect("gitlab_pages.external_https", ValueType::Any, "Pages itself listens on these addresses"),
    no_effect("gitlab_pages.external_https_proxyv2", ValueType::Any, "Pages itself listens on these addresses"),
    applied("gitlab_kas.enable", ValueType::Flag),
    applied("gitlab_kas.listen_address", ValueType::Text),
    applied("gitlab_kas.kubernetes_api_listen_address", ValueType::Text),
    applied("gitlab_kas.listen_websocket", ValueType::Flag),
    applied("gitlab_kas.certificate_file", ValueType::Text),
    applied("gitlab_kas.key_file", ValueType::Text),
    applied("letsencrypt.enable", ValueType::Flag),
    applied("letsencrypt.contact_emails", ValueType::Any),
    applied("letsencrypt.key_size", ValueType::Any),
    applied("letsencrypt.key_type", ValueType::Text),
    applied("letsencrypt.ec_curve", ValueType::Text),
    no_effect("letsencrypt.group", ValueType::Any, OWNER),
    no_effect("letsencrypt.owner", ValueType::Any, OWNER),
    no_effect(
        "letsencrypt.authorization_method",
        ValueType::Any,
        "names are validated with HTTP challenges, the default",
    ),
    no_effect("letsencrypt.chain", ValueType::Any, "the certificate file has the whole chain"),
    no_effect("letsencrypt.crt", ValueType::Any, "nginx['ssl_certificate'] names the file"),
    applied("letsencrypt.alt_names", ValueType::Any),
    no_effect(
        "letsencrypt.acme_staging_endpoint",
        ValueType::Any,
        "certificates are issued without a test against a staging server",
    ),
    applied("letsencrypt.acme_production_endpoint", ValueType::Text),
    no_effect("letsencrypt.auto_renew", ValueType::Any, RENEWAL),
    no_effect("letsencrypt.auto_renew_hour", ValueType::Any, RENEWAL),
    no_effect("letsencrypt.auto_renew_minute", ValueType::Any, RENEWAL),
    no_effect("letsencrypt.auto_renew_day_of_month", ValueType::Any, RENEWAL),
    no_effect("letsencrypt.auto_renew_log_directory", ValueType::Any, "renewals are logged in the program log"),
    applied("letsencrypt.wwwroot", ValueType::Text),
    applied("web_server.username", ValueType::Text),
    no_effect("web_server.group", ValueType::Any, "the groups of the account apply"),
    no_effect("web_server.uid", ValueType::Any, ACCOUNT),
    no_effect("web_server.gid", ValueType::Any, ACCOUNT),
    no_effect("web_server.shell", ValueType::Any, ACCOUNT),
    no_effect("web_server.home", ValueType::Any, ACCOUNT),
    no_effect(
        "web_server.external_users",
        ValueType::Any,
        "grants other accounts access to the socket of Workhorse",
    ),
    applied("roles", ValueType::Any),
    no_effect("oak.enable", ValueType::Flag, "OpenBao is not served"),
];

const fn applied(key: &'static str, value_type: ValueType) -> SettingSpec {
    SettingSpec { key, owners: &[], value_type, support: SettingSupport::Applied }
}

const fn no_effect(key: &'static str, value_type: ValueType, reason: &'static str) -> SettingSpec {
    SettingSpec { key, owners: &[], value_type, support: SettingSupport::NoEffect(reason) }
}

const OWNER: &str = "certificates that Gatepost obtains belong to the account of its process";
const RENEWAL: &str = "certificates are renewed when a third of their lifetime, or 30 days, remains";
const ACCOUNT: &str = "the package creates the account";
