//! The settings beside the `nginx` family that the proxy depends on, or seems to.

use super::spec::{SettingSpec, SettingSupport, ValueType};

/// All of them, with the words that stand alone.
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
    no_effect("gitlab_rails.trusted_proxies", ValueType::Any, "this is for GitLab itself"),
    no_effect(
        "gitlab_rails.monitoring_whitelist",
        ValueType::Any,
        "GitLab decides by the client's address, which it is told",
    ),
    no_effect("gitlab_rails.allowed_hosts", ValueType::Any, "this is for GitLab itself"),
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
    no_effect(
        "gitlab_workhorse.enable",
        ValueType::Flag,
        "GitLab's host exists as long as gitlab_rails is enabled",
    ),
    no_effect("gitlab_workhorse.listen_umask", ValueType::Any, "this is for Workhorse itself"),
    no_effect("gitlab_workhorse.relative_url", ValueType::Any, "external_url says it"),
    no_effect("gitlab_workhorse.trusted_cidrs_for_x_forwarded_for", ValueType::Any, "this is for Workhorse itself"),
    applied("mattermost.enable", ValueType::Flag),
    applied("mattermost.service_address", ValueType::Text),
    applied("mattermost.service_port", ValueType::Port),
    no_effect("mattermost.service_use_ssl", ValueType::Any, "mattermost_external_url says it"),
    no_effect("mattermost.host", ValueType::Any, "mattermost_external_url says it"),
    no_effect("mattermost.port", ValueType::Any, "mattermost_external_url says it"),
    applied("registry.enable", ValueType::Flag),
    applied("registry.registry_http_addr", ValueType::Text),
    applied("gitlab_pages.listen_proxy", ValueType::Text),
    applied("gitlab_pages.namespace_in_path", ValueType::Flag),
    no_effect("gitlab_pages.enable", ValueType::Flag, "pages_external_url decides whether there is a host"),
    no_effect("gitlab_pages.external_http", ValueType::Any, "Pages listens there by itself"),
    no_effect("gitlab_pages.external_https", ValueType::Any, "Pages listens there by itself"),
    no_effect("gitlab_pages.external_https_proxyv2", ValueType::Any, "Pages listens there by itself"),
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
    no_effect("letsencrypt.authorization_method", ValueType::Any, "names are confirmed over HTTP, as by default"),
    no_effect("letsencrypt.chain", ValueType::Any, "the certificate file has the whole chain"),
    no_effect("letsencrypt.crt", ValueType::Any, "nginx['ssl_certificate'] names the file"),
    applied("letsencrypt.alt_names", ValueType::Any),
    no_effect(
        "letsencrypt.acme_staging_endpoint",
        ValueType::Any,
        "there is no rehearsal before a certificate is obtained",
    ),
    applied("letsencrypt.acme_production_endpoint", ValueType::Text),
    no_effect("letsencrypt.auto_renew", ValueType::Any, RENEWAL),
    no_effect("letsencrypt.auto_renew_hour", ValueType::Any, RENEWAL),
    no_effect("letsencrypt.auto_renew_minute", ValueType::Any, RENEWAL),
    no_effect("letsencrypt.auto_renew_day_of_month", ValueType::Any, RENEWAL),
    no_effect("letsencrypt.auto_renew_log_directory", ValueType::Any, "renewals are told in the program's own log"),
    applied("letsencrypt.wwwroot", ValueType::Text),
    applied("web_server.username", ValueType::Text),
    no_effect("web_server.group", ValueType::Any, "the groups of the account count"),
    no_effect("web_server.uid", ValueType::Any, ACCOUNT),
    no_effect("web_server.gid", ValueType::Any, ACCOUNT),
    no_effect("web_server.shell", ValueType::Any, ACCOUNT),
    no_effect("web_server.home", ValueType::Any, ACCOUNT),
    no_effect(
        "web_server.external_users",
        ValueType::Any,
        "this gives other accounts access to Workhorse's socket",
    ),
    applied("roles", ValueType::Any),
    no_effect("oak.enable", ValueType::Flag, "the host of OpenBao is not served"),
];

const fn applied(key: &'static str, value_type: ValueType) -> SettingSpec {
    SettingSpec { key, owners: &[], value_type, support: SettingSupport::Applied }
}

const fn no_effect(key: &'static str, value_type: ValueType, reason: &'static str) -> SettingSpec {
    SettingSpec { key, owners: &[], value_type, support: SettingSupport::NoEffect(reason) }
}

const OWNER: &str = "what is obtained belongs to the account of the proxy";
const RENEWAL: &str = "certificates are renewed when a third of their life, or 30 days, is left";
const ACCOUNT: &str = "the package creates the account";
