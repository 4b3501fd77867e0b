//! Directives that are not translated: those that change nothing here, and what to do instead of others.

use super::report::DirectiveOutcome;

/// What comes of a directive that nothing else knows.
pub(super) fn outcome(name: &str, arguments: &[&str]) -> DirectiveOutcome {
    if let Some((_, why)) = HARMLESS_ARGUMENTS.iter().find(|(line, _)| is_said(line, name, arguments)) {
        return DirectiveOutcome::no_effect(why);
    }
    let has = |(names, _): &&(&[&str], _)| names.iter().any(|known| matches(known, name));
    if let Some((_, why)) = NO_EFFECT.iter().find(has) {
        return DirectiveOutcome::no_effect(why);
    }
    if let Some((_, why)) = REFUSED.iter().find(has) {
        return DirectiveOutcome::refused(*why);
    }
    DirectiveOutcome::refused(format!("Gatepost cannot do what `{name}` does; remove it"))
}

/// A name, or the beginning of names before a `*`.
fn matches(known: &str, name: &str) -> bool {
    known.strip_suffix('*').map_or(known == name, |beginning| name.starts_with(beginning))
}

fn is_said(line: &str, name: &str, arguments: &[&str]) -> bool {
    line.split(' ').eq([name].into_iter().chain(arguments.iter().copied()))
}

/// Directives that ask for what is so anyway, with these arguments alone.
const HARMLESS_ARGUMENTS: &[(&str, &str)] = &[
    ("proxy_redirect off", "answers pass as they are"),
    ("proxy_intercept_errors off", "this is so anyway"),
    ("proxy_pass_request_headers on", "this is so anyway"),
    ("proxy_pass_request_body on", "this is so anyway"),
    ("proxy_ssl_verify off", "this is so anyway"),
    ("proxy_ssl_server_name on", "this is so anyway"),
    ("proxy_ssl_session_reuse on", "this is so anyway"),
    ("autoindex off", "directories are never listed"),
    ("auth_basic off", "this is so anyway"),
    ("satisfy all", "this is so anyway"),
    ("access_log off", "requests here are logged like all others of the host"),
    ("expires off", "this is so anyway"),
    ("underscores_in_headers on", "this is so anyway"),
];

const NO_EFFECT: &[(&[&str], &str)] = &[
    (
        &[
            "proxy_buffering",
            "proxy_request_buffering",
            "proxy_buffers",
            "proxy_buffer_size",
            "proxy_busy_buffers_size",
            "proxy_max_temp_file_size",
            "proxy_temp_*",
            "client_body_buffer_size",
            "client_body_in_file_only",
            "output_buffers",
            "postpone_output",
        ],
        "bodies pass as they come, and nothing is written to temporary files",
    ),
    (
        &["client_header_buffer_size", "large_client_header_buffers", "client_header_timeout"],
        "the program has its own limits for the head of a request",
    ),
    (&["proxy_http_version"], "applications are spoken to as their route needs it"),
    (&["proxy_cache", "proxy_cache_*", "proxy_no_cache", "open_file_cache*"], "nothing is cached"),
    (&["gzip", "gzip_*"], "the settings of the host decide about compression"),
    (
        &["ssl_stapling*", "ssl_trusted_certificate", "resolver", "resolver_timeout"],
        "nothing is asked of a certificate's issuer, and nothing resolved by these servers",
    ),
    (
        &["keepalive_*", "tcp_*", "sendfile*", "aio*", "directio*", "lingering_*", "reset_timedout_connection"],
        "a detail of nginx that has no counterpart",
    ),
    (&["server_tokens", "hide_server_tokens"], "answers never name the server's software"),
    (&["error_log", "log_not_found", "log_subrequest"], "the program's own log has its own level"),
    (
        &[
            "*_hash_max_size",
            "*_hash_bucket_size",
            "server_names_hash_*",
            "types_hash_*",
            "variables_hash_*",
            "map_hash_*",
        ],
        "a detail of nginx that has no counterpart",
    ),
    (
        &["proxy_next_upstream*", "proxy_ignore_client_abort", "proxy_socket_keepalive", "proxy_send_lowat"],
        "a detail of nginx that has no counterpart",
    ),
    (&["proxy_send_timeout"], "an application that takes no bytes is waited for as long as for its answer"),
    (
        &["etag", "if_modified_since", "merge_slashes", "chunked_transfer_encoding"],
        "a detail of nginx that has no counterpart",
    ),
];

const REFUSED: &[(&[&str], &str)] = &[
    (
        &[
            "auth_basic",
            "auth_basic_user_file",
            "auth_request",
            "auth_request_set",
            "satisfy",
            "limit_except",
            "auth_jwt*",
        ],
        "passwords before GitLab's own break tokens and git; allow addresses with `allow` and `deny` instead",
    ),
    (&["limit_req*", "limit_conn*", "limit_rate*"], "there is no rate limit; GitLab has its own (Admin, Network)"),
    (&["access_log"], "other logs are not written; `access_log off` and log_directory are understood"),
    (&["error_page"], "set custom_error_pages instead"),
    (&["log_format"], "set log_format instead"),
    (&["set_real_ip_from"], "set real_ip_trusted_addresses instead"),
    (&["real_ip_header", "real_ip_recursive"], "set the setting of this name instead"),
    (
        &["ssl_*", "listen", "http2*"],
        "set the setting of this name instead; here nginx would take it for a second one",
    ),
    (&["server"], "a host of its own is written in gatepost.toml, as a [[host]]"),
    (
        &["upstream", "map", "geo", "split_clients", "set", "limit_zone"],
        "names and variables of one's own do not exist here",
    ),
    (
        &["sub_filter*", "modsecurity*", "load_module", "lua_*", "content_by_lua*", "access_by_lua*", "brotli*"],
        "bodies pass as they are, and there are no modules",
    ),
    (
        &["fastcgi_*", "uwsgi_*", "scgi_*", "memcached_*", "grpc_*"],
        "only applications that speak HTTP are reached; use proxy_pass",
    ),
    (&["expires", "charset", "types"], "set the header with add_header instead"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_refused_by_its_name() {
        assert_eq!(
            outcome("perl_handler", &[]),
            DirectiveOutcome::refused("Gatepost cannot do what `perl_handler` does; remove it")
        );
        assert!(matches!(outcome("auth_basic", &["x"]), DirectiveOutcome::Refused(why) if why.contains("`allow`")));
        assert!(matches!(outcome("limit_req_zone", &[]), DirectiveOutcome::Refused(_)));
    }

    #[test]
    fn what_is_so_anyway_has_no_effect() {
        assert!(matches!(outcome("ssl_stapling", &["on"]), DirectiveOutcome::NoEffect(_)));
        assert!(matches!(outcome("proxy_redirect", &["off"]), DirectiveOutcome::NoEffect(_)));
        assert!(matches!(outcome("proxy_redirect", &["http://a/", "/"]), DirectiveOutcome::Refused(_)));
        assert!(matches!(outcome("auth_basic", &["off"]), DirectiveOutcome::NoEffect(_)));
    }
}
