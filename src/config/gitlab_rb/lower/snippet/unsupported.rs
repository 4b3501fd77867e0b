//! Explains directives without effect and suggests alternatives.

use super::report::DirectiveOutcome;

/// Returns the outcome of a directive that no other module lowers.
pub(super) fn outcome(name: &str, arguments: &[&str]) -> DirectiveOutcome {
    if let Some((_, why)) = DEFAULTS.iter().find(|(line, _)| is_line(line, name, arguments)) {
        return DirectiveOutcome::no_effect(why);
    }
    let has = |(names, _): &&(&[&str], _)| names.iter().any(|known| matches(known, name));
    if let Some((_, why)) = NO_EFFECT.iter().find(has) {
        return DirectiveOutcome::no_effect(why);
    }
    if let Some((_, why)) = REFUSED.iter().find(has) {
        return DirectiveOutcome::refused(*why);
    }
    DirectiveOutcome::refused(format!("Gatepost does not support `{name}`; remove it"))
}

/// Returns whether a name is `known`, or begins with the part of it before a final `*`.
fn matches(known: &str, name: &str) -> bool {
    known.strip_suffix('*').map_or(known == name, |beginning| name.starts_with(beginning))
}

/// Returns whether a directive with its arguments is `line`.
fn is_line(line: &str, name: &str, arguments: &[&str]) -> bool {
    line.split(' ').eq([name].into_iter().chain(arguments.iter().copied()))
}

/// Directives that have no effect with exactly these arguments, because they set a default of Gatepost.
const DEFAULTS: &[(&str, &str)] = &[
    ("proxy_redirect off", "responses are forwarded unchanged"),
    ("proxy_intercept_errors off", "this is the default"),
    ("proxy_pass_request_headers on", "this is the default"),
    ("proxy_pass_request_body on", "this is the default"),
    ("proxy_ssl_verify off", "this is the default"),
    ("proxy_ssl_server_name on", "this is the default"),
    ("proxy_ssl_session_reuse on", "this is the default"),
    ("autoindex off", "directories are never listed"),
    ("auth_basic off", "this is the default"),
    ("satisfy all", "this is the default"),
    ("access_log off", "the requests are logged like all others of the host"),
    ("expires off", "this is the default"),
    ("underscores_in_headers on", "this is the default"),
];

/// Directives without effect.
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
        "bodies are streamed, and no temporary files are written",
    ),
    (
        &["client_header_buffer_size", "large_client_header_buffers", "client_header_timeout"],
        "Gatepost has its own limits for request heads",
    ),
    (&["proxy_http_version"], "Gatepost selects the HTTP version for each upstream"),
    (&["proxy_cache", "proxy_cache_*", "proxy_no_cache", "open_file_cache*"], "nothing is cached"),
    (&["gzip", "gzip_*"], "the `gzip_*` settings of the host control compression"),
    (
        &["ssl_stapling*", "ssl_trusted_certificate", "resolver", "resolver_timeout"],
        "Gatepost does not staple OCSP responses and does not use these resolvers",
    ),
    (
        &["keepalive_*", "tcp_*", "sendfile*", "aio*", "directio*", "lingering_*", "reset_timedout_connection"],
        "nginx tuning parameter without a counterpart",
    ),
    (&["server_tokens", "hide_server_tokens"], "responses never name the server software"),
    (&["error_log", "log_not_found", "log_subrequest"], "the program log of Gatepost has its own level"),
    (
        &[
            "*_hash_max_size",
            "*_hash_bucket_size",
            "server_names_hash_*",
            "types_hash_*",
            "variables_hash_*",
            "map_hash_*",
        ],
        "nginx tuning parameter without a counterpart",
    ),
    (
        &["proxy_next_upstream*", "proxy_ignore_client_abort", "proxy_socket_keepalive", "proxy_send_lowat"],
        "nginx tuning parameter without a counterpart",
    ),
    (&["proxy_send_timeout"], "the read timeout also applies to an upstream that reads no bytes"),
    (
        &["etag", "if_modified_since", "merge_slashes", "chunked_transfer_encoding"],
        "nginx tuning parameter without a counterpart",
    ),
];

const SERVER: &str = "only the hosts of external URLs are served; write `location` blocks in the nginx text of one \
                      of them, or `if ($host = NAME) { return 301 …; }` to redirect another name";

/// Refused directives, with what to do instead.
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
        "a password in front of GitLab breaks tokens and git; restrict addresses with `allow` and `deny` instead",
    ),
    (
        &["limit_req*", "limit_conn*", "limit_rate*"],
        "Gatepost has no rate limits; use those of GitLab (Admin, Network)",
    ),
    (&["access_log"], "additional logs are not supported; write `access_log off`, or set `log_directory`"),
    (&["error_page"], "set `custom_error_pages` instead"),
    (&["log_format"], "set `log_format` instead"),
    (
        &["set_real_ip_from", "real_ip_header", "real_ip_recursive"],
        "the client address is determined for a whole host; move this line out of the block",
    ),
    (
        &["ssl_*", "listen", "http2*"],
        "use the setting of the same name instead; in nginx, this would be a second directive",
    ),
    (&["server"], SERVER),
    (
        &["upstream", "map", "geo", "split_clients", "set", "limit_zone"],
        "custom names and variables are not supported",
    ),
    (
        &["sub_filter*", "modsecurity*", "load_module", "lua_*", "content_by_lua*", "access_by_lua*", "brotli*"],
        "Gatepost does not change bodies and has no modules",
    ),
    (
        &["fastcgi_*", "uwsgi_*", "scgi_*", "memcached_*", "grpc_*"],
        "only HTTP upstreams are supported; use `proxy_pass`",
    ),
    (&["expires", "charset", "types"], "set the header with `add_header` instead"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_directive_is_refused_by_name() {
        assert_eq!(
            outcome("perl_handler", &[]),
            DirectiveOutcome::refused("Gatepost does not support `perl_handler`; remove it")
        );
        assert!(matches!(outcome("auth_basic", &["x"]), DirectiveOutcome::Refused(why) if why.contains("`allow`")));
        assert!(matches!(outcome("limit_req_zone", &[]), DirectiveOutcome::Refused(_)));
    }

    #[test]
    fn a_directive_that_sets_a_default_has_no_effect() {
        assert!(matches!(outcome("ssl_stapling", &["on"]), DirectiveOutcome::NoEffect(_)));
        assert!(matches!(outcome("proxy_redirect", &["off"]), DirectiveOutcome::NoEffect(_)));
        assert!(matches!(outcome("proxy_redirect", &["http://a/", "/"]), DirectiveOutcome::Refused(_)));
        assert!(matches!(outcome("auth_basic", &["off"]), DirectiveOutcome::NoEffect(_)));
    }
}
