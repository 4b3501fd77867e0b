//! Settings of the `nginx` family.

use super::spec::SettingOwner::{self, Daemon, Gitlab, Kas, Mattermost, Pages, Registry};
use super::spec::{SettingSpec, SettingSupport, ValueType};

/// All settings of the family. A setting whose support differs between hosts has several rows.
pub(super) const NGINX: &[SettingSpec] = &[
    // Hosts and listen addresses.
    applied("enable", &[Mattermost, Registry, Pages, Kas], ValueType::Flag),
    no_effect(
        "enable",
        &[Daemon],
        ValueType::Flag,
        "controls the bundled nginx; set it to false, because Gatepost listens on the same ports",
    ),
    no_effect(
        "enable",
        &[Gitlab],
        ValueType::Flag,
        "controls the bundled nginx; Gatepost serves GitLab's host in either case",
    ),
    applied("listen_addresses", SERVED, ValueType::Texts),
    applied("listen_port", &[Gitlab, Mattermost, Registry, Pages], ValueType::Port),
    applied("port", &[Kas], ValueType::Port),
    no_effect("listen_port", &[Kas], ValueType::Port, "gitlab_kas_nginx['port'] sets the port, as in the package"),
    applied("host", &[Kas], ValueType::Text),
    applied("https", &[Registry, Kas], ValueType::Flag),
    applied("listen_https", SERVED, ValueType::Flag),
    applied("redirect_http_to_https", SERVED, ValueType::Flag),
    applied("redirect_http_to_https_port", SERVED, ValueType::Port),
    no_effect("fqdn", &[Registry, Pages], ValueType::Any, "the external URL sets the name"),
    no_effect("fqdn_regex", &[Pages], ValueType::Any, "the external URL sets the name"),
    no_effect("namespace_in_path", &[Pages], ValueType::Any, "gitlab_pages['namespace_in_path'] sets it"),
    no_effect(
        "default_server_enabled",
        &[Gitlab],
        ValueType::Flag,
        "GitLab's host is the default host for unknown names",
    ),
    // TLS.
    applied("ssl_certificate", SERVED, ValueType::Text),
    applied("ssl_certificate_key", SERVED, ValueType::Text),
    applied("ssl_protocols", SERVED, ValueType::Text),
    applied("http2_enabled", SERVED, ValueType::Flag),
    applied("ssl_ciphers", SERVED, ValueType::Text),
    applied("ssl_prefer_server_ciphers", SERVED, ValueType::Text),
    applied("ssl_session_cache", SERVED, ValueType::Text),
    applied("ssl_session_tickets", SERVED, ValueType::Text),
    no_effect(
        "ssl_session_timeout",
        EVERY,
        ValueType::Any,
        "a ticket is accepted for up to twelve hours, or while its key is in ticket_keys; a cached session until newer ones evict it",
    ),
    no_effect("ssl_dhparam", EVERY, ValueType::Text, "finite-field key exchange (DHE) is not supported"),
    applied("ssl_ecdh_curve", SERVED, ValueType::Text),
    applied("ssl_conf_command", SERVED, ValueType::Any),
    applied("ssl_password_file", SERVED, ValueType::Text),
    applied("ssl_client_certificate", SERVED, ValueType::Text),
    applied("ssl_verify_client", SERVED, ValueType::Text),
    applied("ssl_verify_depth", SERVED, ValueType::Any),
    // Headers.
    applied("hsts_max_age", SERVED, ValueType::Number),
    applied("hsts_include_subdomains", SERVED, ValueType::Flag),
    applied("referrer_policy", &[Gitlab, Mattermost], ValueType::TextOrOff),
    applied("proxy_set_headers", SERVED, ValueType::Hash),
    no_effect("hide_server_tokens", &[Daemon], ValueType::Text, "responses never name the server software"),
    // Limits and timeouts.
    applied("client_max_body_size", &[Gitlab, Mattermost], ValueType::Size),
    applied("proxy_read_timeout", &[Gitlab, Mattermost], ValueType::Duration),
    applied("proxy_connect_timeout", &[Gitlab, Mattermost], ValueType::Duration),
    no_effect("keepalive_timeout", &[Daemon], ValueType::Any, "the idle timeout of client connections is fixed"),
    no_effect("keepalive_time", &[Daemon], ValueType::Any, "the idle timeout of client connections is fixed"),
    no_effect("proxy_custom_buffer_size", EVERY, ValueType::Any, "long response headers are forwarded unchanged"),
    no_effect(
        "request_buffering_off_path_regex",
        &[Gitlab],
        ValueType::Text,
        "request bodies are always streamed, not buffered",
    ),
    applied("k8s_proxy_connect_timeout", &[Kas], ValueType::Duration),
    applied("k8s_proxy_read_timeout", &[Kas], ValueType::Duration),
    no_effect(
        "k8s_proxy_send_timeout",
        &[Kas],
        ValueType::Any,
        "k8s_proxy_read_timeout also limits sending a request",
    ),
    no_effect("k8s_proxy_max_temp_file_size", &[Kas], ValueType::Any, "nothing is written to temporary files"),
    // Client address.
    applied("proxy_protocol", EVERY, ValueType::Flag),
    applied("real_ip_trusted_addresses", EVERY, ValueType::Texts),
    applied("real_ip_header", EVERY, ValueType::TextOrOff),
    applied("real_ip_recursive", EVERY, ValueType::TextOrOff),
    // Raw nginx configuration.
    applied("custom_gitlab_server_config", &[Gitlab, Registry, Pages, Kas], ValueType::TextOrOff),
    applied("custom_gitlab_mattermost_server_config", &[Mattermost], ValueType::TextOrOff),
    applied("custom_nginx_config", &[Daemon], ValueType::TextOrOff),
    applied("custom_error_pages", &[Gitlab], ValueType::Hash),
    // Logs.
    applied("log_directory", ALL, ValueType::Text),
    applied("log_format", &[Daemon, Mattermost], ValueType::Text),
    applied("log_format_escape", &[Daemon, Mattermost], ValueType::Text),
    no_effect("error_log_level", ALL, ValueType::Text, "log_level in [process] sets the level of the program log"),
    no_effect("log_group", &[Daemon], ValueType::Text, "log files belong to the account of the Gatepost process"),
    // Compression and caching.
    applied("gzip_enabled", HTTP, ValueType::Flag),
    applied("gzip_http_version", HTTP, ValueType::Any),
    applied("gzip_comp_level", HTTP, ValueType::Level),
    applied("gzip_proxied", HTTP, ValueType::Text),
    applied("gzip_types", HTTP, ValueType::Texts),
    no_effect("proxy_cache", HTTP, ValueType::Any, "nothing is cached"),
    no_effect("proxy_cache_path", &[Daemon], ValueType::Text, "nothing is cached"),
    no_effect("cache_max_size", &[Daemon], ValueType::Any, "nothing is cached"),
    // Process and status listener.
    no_effect(
        "worker_processes",
        &[Daemon],
        ValueType::Any,
        "Gatepost starts one worker thread for each CPU; workers in [process] changes that",
    ),
    no_effect(
        "worker_connections",
        &[Daemon],
        ValueType::Any,
        "the number of connections is not limited in advance",
    ),
    no_effect("ha", &[Daemon], ValueType::Flag, "the service manager decides when Gatepost starts"),
    no_effect("dir", ALL, ValueType::Text, "Gatepost has no data directory"),
    no_effect("sendfile", &[Daemon], ValueType::Any, TUNING),
    no_effect("tcp_nopush", &[Daemon], ValueType::Any, TUNING),
    no_effect("tcp_nodelay", &[Daemon], ValueType::Any, TUNING),
    no_effect("server_names_hash_bucket_size", &[Daemon], ValueType::Any, TUNING),
    no_effect("consul_service_name", &[Daemon], ValueType::Any, "Gatepost does not register with Consul"),
    no_effect("consul_service_meta", &[Daemon], ValueType::Any, "Gatepost does not register with Consul"),
    applied("status.enable", &[Daemon], ValueType::Flag),
    applied("status.listen_addresses", &[Daemon], ValueType::Texts),
    no_effect("status.fqdn", &[Daemon], ValueType::Any, "the status pages are served for every host name"),
    applied("status.port", &[Daemon], ValueType::Port),
    applied("status.vts_enable", &[Daemon], ValueType::Flag),
    applied("status.options.allow", &[Daemon], ValueType::Any),
    applied("status.options.deny", &[Daemon], ValueType::Any),
    no_effect("status.options.stub_status", &[Daemon], ValueType::Any, STATUS),
    no_effect("status.options.server_tokens", &[Daemon], ValueType::Any, STATUS),
    no_effect("status.options.access_log", &[Daemon], ValueType::Any, STATUS),
    no_effect("svlogd_size", &[Daemon], ValueType::Any, ROTATION),
    no_effect("svlogd_num", &[Daemon], ValueType::Any, ROTATION),
    no_effect("svlogd_timeout", &[Daemon], ValueType::Any, ROTATION),
    no_effect("svlogd_filter", &[Daemon], ValueType::Any, ROTATION),
    no_effect("svlogd_udp", &[Daemon], ValueType::Any, ROTATION),
    no_effect("svlogd_prefix", &[Daemon], ValueType::Any, ROTATION),
    no_effect("udp_log_shipping_host", &[Daemon], ValueType::Any, ROTATION),
    no_effect("udp_log_shipping_port", &[Daemon], ValueType::Any, ROTATION),
    no_effect("udp_log_shipping_hostname", &[Daemon], ValueType::Any, ROTATION),
    no_effect("logrotate_frequency", &[Daemon], ValueType::Any, ROTATION),
    no_effect("logrotate_maxsize", &[Daemon], ValueType::Any, ROTATION),
    no_effect("logrotate_size", &[Daemon], ValueType::Any, ROTATION),
    no_effect("logrotate_rotate", &[Daemon], ValueType::Any, ROTATION),
    no_effect("logrotate_compress", &[Daemon], ValueType::Any, ROTATION),
    no_effect("logrotate_method", &[Daemon], ValueType::Any, ROTATION),
    no_effect("logrotate_postrotate", &[Daemon], ValueType::Any, ROTATION),
    no_effect("logrotate_dateformat", &[Daemon], ValueType::Any, ROTATION),
];

const fn applied(key: &'static str, owners: &'static [SettingOwner], value_type: ValueType) -> SettingSpec {
    SettingSpec { key, owners, value_type, support: SettingSupport::Applied }
}

const fn no_effect(
    key: &'static str,
    owners: &'static [SettingOwner],
    value_type: ValueType,
    reason: &'static str,
) -> SettingSpec {
    SettingSpec { key, owners, value_type, support: SettingSupport::NoEffect(reason) }
}

/// The hosts whose settings are applied.
const SERVED: &[SettingOwner] = EVERY;
const EVERY: &[SettingOwner] = &[Gitlab, Mattermost, Registry, Pages, Kas];
const ALL: &[SettingOwner] = &[Daemon, Gitlab, Mattermost, Registry, Pages, Kas];
const HTTP: &[SettingOwner] = &[Daemon, Gitlab];

const TUNING: &str = "nginx tuning parameter without a counterpart";
const STATUS: &str = "the status pages are fixed, and requests for them are not logged";
const ROTATION: &str = "Gatepost does not rotate logs; it reopens them on SIGUSR1";
