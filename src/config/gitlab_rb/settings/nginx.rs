//! The settings of the `nginx` family.

use super::spec::Owner::{self, Daemon, Gitlab, Kas, Mattermost, Pages, Registry};
use super::spec::{Fate, Form, Spec};

/// All of them. One that means different things for different hosts stands here several times.
pub(super) const PROXY: &[Spec] = &[
    // Where hosts are, and whether they are at all.
    applied("enable", &[Mattermost, Registry, Pages, Kas], Form::Flag),
    no_effect(
        "enable",
        &[Daemon],
        Form::Flag,
        "this is about the bundled nginx; false is how Gatepost is meant to run, since both want the same ports",
    ),
    no_effect(
        "enable",
        &[Gitlab],
        Form::Flag,
        "this is about the bundled nginx; GitLab's host is served either way",
    ),
    applied("listen_addresses", SERVED, Form::Texts),
    applied("listen_port", &[Gitlab, Mattermost, Registry, Pages], Form::Port),
    applied("port", &[Kas], Form::Port),
    no_effect("listen_port", &[Kas], Form::Port, "gitlab_kas_nginx['port'] says it, as in the package"),
    applied("host", &[Kas], Form::Text),
    applied("https", &[Registry, Kas], Form::Flag),
    applied("listen_https", SERVED, Form::Flag),
    applied("redirect_http_to_https", SERVED, Form::Flag),
    applied("redirect_http_to_https_port", SERVED, Form::Port),
    no_effect("fqdn", &[Registry, Pages], Form::Any, "the external URL says it"),
    no_effect("fqdn_regex", &[Pages], Form::Any, "the external URL says it"),
    no_effect("namespace_in_path", &[Pages], Form::Any, "gitlab_pages['namespace_in_path'] says it"),
    no_effect("default_server_enabled", &[Gitlab], Form::Flag, "GitLab's host answers for unknown names"),
    // TLS.
    applied("ssl_certificate", SERVED, Form::Text),
    applied("ssl_certificate_key", SERVED, Form::Text),
    applied("ssl_protocols", SERVED, Form::Text),
    applied("http2_enabled", SERVED, Form::Flag),
    applied("ssl_ciphers", SERVED, Form::Text),
    applied("ssl_prefer_server_ciphers", SERVED, Form::Text),
    applied("ssl_session_cache", SERVED, Form::Text),
    applied("ssl_session_tickets", SERVED, Form::Text),
    no_effect(
        "ssl_session_timeout",
        EVERY,
        Form::Any,
        "a ticket is accepted for up to twelve hours, or as long as its key is in ticket_keys; a session in memory until others need the room",
    ),
    no_effect("ssl_dhparam", EVERY, Form::Text, "there is no key exchange with finite fields here"),
    applied("ssl_ecdh_curve", SERVED, Form::Text),
    applied("ssl_conf_command", SERVED, Form::Any),
    applied("ssl_password_file", SERVED, Form::Text),
    applied("ssl_client_certificate", SERVED, Form::Text),
    applied("ssl_verify_client", SERVED, Form::Text),
    applied("ssl_verify_depth", SERVED, Form::Any),
    // Headers.
    applied("hsts_max_age", SERVED, Form::Number),
    applied("hsts_include_subdomains", SERVED, Form::Flag),
    applied("referrer_policy", &[Gitlab, Mattermost], Form::TextOrOff),
    applied("proxy_set_headers", SERVED, Form::Hash),
    no_effect("hide_server_tokens", &[Daemon], Form::Text, "answers never name the server's software"),
    // Limits and timeouts.
    applied("client_max_body_size", &[Gitlab, Mattermost], Form::Size),
    applied("proxy_read_timeout", &[Gitlab, Mattermost], Form::Span),
    applied("proxy_connect_timeout", &[Gitlab, Mattermost], Form::Span),
    no_effect(
        "keepalive_timeout",
        &[Daemon],
        Form::Any,
        "connections of clients rest as long as the program decides",
    ),
    no_effect("keepalive_time", &[Daemon], Form::Any, "connections of clients rest as long as the program decides"),
    no_effect("proxy_custom_buffer_size", EVERY, Form::Any, "answers with long headers pass as they are"),
    no_effect(
        "request_buffering_off_path_regex",
        &[Gitlab],
        Form::Text,
        "every request body is passed on as it comes",
    ),
    applied("k8s_proxy_connect_timeout", &[Kas], Form::Span),
    applied("k8s_proxy_read_timeout", &[Kas], Form::Span),
    no_effect(
        "k8s_proxy_send_timeout",
        &[Kas],
        Form::Any,
        "a request waits for the application as long as its answer",
    ),
    no_effect("k8s_proxy_max_temp_file_size", &[Kas], Form::Any, "nothing is written to temporary files"),
    // The client's address.
    applied("proxy_protocol", EVERY, Form::Flag),
    applied("real_ip_trusted_addresses", EVERY, Form::Texts),
    applied("real_ip_header", EVERY, Form::TextOrOff),
    applied("real_ip_recursive", EVERY, Form::TextOrOff),
    // Raw nginx text.
    applied("custom_gitlab_server_config", &[Gitlab, Registry, Pages, Kas], Form::TextOrOff),
    applied("custom_gitlab_mattermost_server_config", &[Mattermost], Form::TextOrOff),
    applied("custom_nginx_config", &[Daemon], Form::TextOrOff),
    applied("custom_error_pages", &[Gitlab], Form::Hash),
    // Logs.
    applied("log_directory", ALL, Form::Text),
    applied("log_format", &[Daemon, Mattermost], Form::Text),
    applied("log_format_escape", &[Daemon, Mattermost], Form::Text),
    no_effect("error_log_level", ALL, Form::Text, "the program's own log has its own level"),
    no_effect("log_group", &[Daemon], Form::Text, "log files belong to the account that serves"),
    // Compression and caching.
    applied("gzip_enabled", HTTP, Form::Flag),
    applied("gzip_http_version", HTTP, Form::Any),
    applied("gzip_comp_level", HTTP, Form::Level),
    applied("gzip_proxied", HTTP, Form::Text),
    applied("gzip_types", HTTP, Form::Texts),
    no_effect("proxy_cache", HTTP, Form::Any, "nothing is cached"),
    no_effect("proxy_cache_path", &[Daemon], Form::Text, "nothing is cached"),
    no_effect("cache_max_size", &[Daemon], Form::Any, "nothing is cached"),
    // The daemon itself.
    no_effect("worker_processes", &[Daemon], Form::Any, "Gatepost has one thread for each core"),
    no_effect("worker_connections", &[Daemon], Form::Any, "connections are not counted out in advance"),
    no_effect("ha", &[Daemon], Form::Flag, "the service manager decides when Gatepost starts"),
    no_effect("dir", ALL, Form::Text, "Gatepost has no directory of its own"),
    no_effect("sendfile", &[Daemon], Form::Any, TUNING),
    no_effect("tcp_nopush", &[Daemon], Form::Any, TUNING),
    no_effect("tcp_nodelay", &[Daemon], Form::Any, TUNING),
    no_effect("server_names_hash_bucket_size", &[Daemon], Form::Any, TUNING),
    no_effect("consul_service_name", &[Daemon], Form::Any, "Gatepost does not register with Consul"),
    no_effect("consul_service_meta", &[Daemon], Form::Any, "Gatepost does not register with Consul"),
    applied("status.enable", &[Daemon], Form::Flag),
    applied("status.listen_addresses", &[Daemon], Form::Texts),
    no_effect("status.fqdn", &[Daemon], Form::Any, "the pages are there for every name"),
    applied("status.port", &[Daemon], Form::Port),
    applied("status.vts_enable", &[Daemon], Form::Flag),
    applied("status.options.allow", &[Daemon], Form::Any),
    applied("status.options.deny", &[Daemon], Form::Any),
    no_effect("status.options.stub_status", &[Daemon], Form::Any, STATUS),
    no_effect("status.options.server_tokens", &[Daemon], Form::Any, STATUS),
    no_effect("status.options.access_log", &[Daemon], Form::Any, STATUS),
    no_effect("svlogd_size", &[Daemon], Form::Any, ROTATION),
    no_effect("svlogd_num", &[Daemon], Form::Any, ROTATION),
    no_effect("svlogd_timeout", &[Daemon], Form::Any, ROTATION),
    no_effect("svlogd_filter", &[Daemon], Form::Any, ROTATION),
    no_effect("svlogd_udp", &[Daemon], Form::Any, ROTATION),
    no_effect("svlogd_prefix", &[Daemon], Form::Any, ROTATION),
    no_effect("udp_log_shipping_host", &[Daemon], Form::Any, ROTATION),
    no_effect("udp_log_shipping_port", &[Daemon], Form::Any, ROTATION),
    no_effect("udp_log_shipping_hostname", &[Daemon], Form::Any, ROTATION),
    no_effect("logrotate_frequency", &[Daemon], Form::Any, ROTATION),
    no_effect("logrotate_maxsize", &[Daemon], Form::Any, ROTATION),
    no_effect("logrotate_size", &[Daemon], Form::Any, ROTATION),
    no_effect("logrotate_rotate", &[Daemon], Form::Any, ROTATION),
    no_effect("logrotate_compress", &[Daemon], Form::Any, ROTATION),
    no_effect("logrotate_method", &[Daemon], Form::Any, ROTATION),
    no_effect("logrotate_postrotate", &[Daemon], Form::Any, ROTATION),
    no_effect("logrotate_dateformat", &[Daemon], Form::Any, ROTATION),
];

const fn applied(key: &'static str, owners: &'static [Owner], form: Form) -> Spec {
    Spec { key, owners, form, fate: Fate::Applied }
}

const fn no_effect(key: &'static str, owners: &'static [Owner], form: Form, why: &'static str) -> Spec {
    Spec { key, owners, form, fate: Fate::NoEffect(why) }
}

/// The hosts that this version serves.
const SERVED: &[Owner] = EVERY;
const EVERY: &[Owner] = &[Gitlab, Mattermost, Registry, Pages, Kas];
const ALL: &[Owner] = &[Daemon, Gitlab, Mattermost, Registry, Pages, Kas];
const HTTP: &[Owner] = &[Daemon, Gitlab];

const TUNING: &str = "a detail of nginx that has no counterpart";
const STATUS: &str = "the pages are what they are, and nothing is logged about them";
const ROTATION: &str = "Gatepost does not rotate logs; USR1 opens them anew";
