//! The settings beside the `nginx` family that the proxy depends on, or seems to.

use super::spec::{Fate, Form, Spec};

/// All of them, with the words that stand alone.
pub(super) const NEIGHBOURS: &[Spec] = &[
    applied("external_url", Form::Text),
    applied("mattermost_external_url", Form::Text),
    applied("registry_external_url", Form::Text),
    applied("pages_external_url", Form::Text),
    applied("gitlab_kas_external_url", Form::Text),
    applied("gitlab_rails.enable", Form::Flag),
    applied("gitlab_rails.gitlab_relative_url", Form::Text),
    applied("gitlab_rails.registry_port", Form::Port),
    applied("gitlab_rails.pages_enabled", Form::Flag),
    applied("gitlab_rails.gitlab_host", Form::Text),
    applied("gitlab_rails.gitlab_port", Form::Port),
    applied("gitlab_rails.gitlab_https", Form::Flag),
    no_effect("gitlab_rails.trusted_proxies", Form::Any, "this is for GitLab itself"),
    no_effect(
        "gitlab_rails.monitoring_whitelist",
        Form::Any,
        "GitLab decides by the client's address, which it is told",
    ),
    no_effect("gitlab_rails.allowed_hosts", Form::Any, "this is for GitLab itself"),
    applied("gitlab_rails.smartcard_enabled", Form::Flag),
    applied("gitlab_rails.smartcard_ca_file", Form::Text),
    applied("gitlab_rails.smartcard_client_certificate_required_host", Form::Text),
    applied("gitlab_rails.smartcard_client_certificate_required_port", Form::Port),
    applied("gitlab_rails.gitlab_kas_external_url", Form::Text),
    applied("gitlab_rails.kerberos_enabled", Form::Flag),
    applied("gitlab_rails.kerberos_use_dedicated_port", Form::Flag),
    applied("gitlab_rails.kerberos_port", Form::Port),
    applied("gitlab_rails.kerberos_https", Form::Flag),
    applied("gitlab_workhorse.listen_network", Form::Text),
    applied("gitlab_workhorse.listen_addr", Form::Text),
    applied("gitlab_workhorse.sockets_directory", Form::Text),
    no_effect("gitlab_workhorse.enable", Form::Flag, "GitLab's host exists as long as gitlab_rails is enabled"),
    no_effect("gitlab_workhorse.listen_umask", Form::Any, "this is for Workhorse itself"),
    no_effect("gitlab_workhorse.relative_url", Form::Any, "external_url says it"),
    no_effect("gitlab_workhorse.trusted_cidrs_for_x_forwarded_for", Form::Any, "this is for Workhorse itself"),
    applied("mattermost.enable", Form::Flag),
    applied("mattermost.service_address", Form::Text),
    applied("mattermost.service_port", Form::Port),
    no_effect("mattermost.service_use_ssl", Form::Any, "mattermost_external_url says it"),
    no_effect("mattermost.host", Form::Any, "mattermost_external_url says it"),
    no_effect("mattermost.port", Form::Any, "mattermost_external_url says it"),
    applied("registry.enable", Form::Flag),
    applied("registry.registry_http_addr", Form::Text),
    applied("gitlab_pages.listen_proxy", Form::Text),
    applied("gitlab_pages.namespace_in_path", Form::Flag),
    no_effect("gitlab_pages.enable", Form::Flag, "pages_external_url decides whether there is a host"),
    no_effect("gitlab_pages.external_http", Form::Any, "Pages listens there by itself"),
    no_effect("gitlab_pages.external_https", Form::Any, "Pages listens there by itself"),
    no_effect("gitlab_pages.external_https_proxyv2", Form::Any, "Pages listens there by itself"),
    applied("gitlab_kas.enable", Form::Flag),
    applied("gitlab_kas.listen_address", Form::Text),
    applied("gitlab_kas.kubernetes_api_listen_address", Form::Text),
    applied("gitlab_kas.listen_websocket", Form::Flag),
    applied("gitlab_kas.certificate_file", Form::Text),
    applied("gitlab_kas.key_file", Form::Text),
    applied("letsencrypt.enable", Form::Flag),
    applied("letsencrypt.contact_emails", Form::Any),
    applied("letsencrypt.key_size", Form::Any),
    applied("letsencrypt.key_type", Form::Text),
    applied("letsencrypt.ec_curve", Form::Text),
    no_effect("letsencrypt.group", Form::Any, OWNER),
    no_effect("letsencrypt.owner", Form::Any, OWNER),
    no_effect("letsencrypt.authorization_method", Form::Any, "names are confirmed over HTTP, as by default"),
    no_effect("letsencrypt.chain", Form::Any, "the certificate file has the whole chain"),
    no_effect("letsencrypt.crt", Form::Any, "nginx['ssl_certificate'] names the file"),
    applied("letsencrypt.alt_names", Form::Any),
    no_effect(
        "letsencrypt.acme_staging_endpoint",
        Form::Any,
        "there is no rehearsal before a certificate is obtained",
    ),
    applied("letsencrypt.acme_production_endpoint", Form::Text),
    no_effect("letsencrypt.auto_renew", Form::Any, RENEWAL),
    no_effect("letsencrypt.auto_renew_hour", Form::Any, RENEWAL),
    no_effect("letsencrypt.auto_renew_minute", Form::Any, RENEWAL),
    no_effect("letsencrypt.auto_renew_day_of_month", Form::Any, RENEWAL),
    no_effect("letsencrypt.auto_renew_log_directory", Form::Any, "renewals are told in the program's own log"),
    applied("letsencrypt.wwwroot", Form::Text),
    applied("web_server.username", Form::Text),
    no_effect("web_server.group", Form::Any, "the groups of the account count"),
    no_effect("web_server.uid", Form::Any, ACCOUNT),
    no_effect("web_server.gid", Form::Any, ACCOUNT),
    no_effect("web_server.shell", Form::Any, ACCOUNT),
    no_effect("web_server.home", Form::Any, ACCOUNT),
    no_effect("web_server.external_users", Form::Any, "this gives other accounts access to Workhorse's socket"),
    applied("roles", Form::Any),
    no_effect("oak.enable", Form::Flag, "the host of OpenBao is not served"),
];

const fn applied(key: &'static str, form: Form) -> Spec {
    Spec { key, owners: &[], form, fate: Fate::Applied }
}

const fn no_effect(key: &'static str, form: Form, why: &'static str) -> Spec {
    Spec { key, owners: &[], form, fate: Fate::NoEffect(why) }
}

const OWNER: &str = "what is obtained belongs to the account of the proxy";
const RENEWAL: &str = "certificates are renewed when a third of their life, or 30 days, is left";
const ACCOUNT: &str = "the package creates the account";
