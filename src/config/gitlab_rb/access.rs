//! The settings and nginx directives that restrict access.
//!
//! Gatepost does not serve if it cannot apply one of them, because clients would gain access.

/// Returns whether a setting restricts access, or a directive in nginx text.
///
/// `within` is the key of the setting with the names of the enclosing blocks, joined with dots; `value` has the
/// arguments.
pub(super) fn restricts(within: &str, name: &str, value: &str) -> bool {
    if name == "ssl_verify_client" {
        return value != "off";
    }
    let mut blocks = within.split('.');
    if !blocks.any(|part| part.starts_with("custom_")) {
        return false;
    }
    let in_server = blocks.any(|part| part == "server");
    match name {
        "return" => value.starts_with(['4', '5']),
        "ssl_reject_handshake" => value == "on",
        "ssl_ocsp" => value != "off",
        // Without the block, GitLab responds to unknown names.
        "listen" => in_server && value.split(' ').any(|word| ["default_server", "default"].contains(&word)),
        // Access rules would apply to the address of the balancer.
        "set_real_ip_from" | "real_ip_header" | "real_ip_recursive" => !in_server,
        "server_name" => in_server && value.split(' ').any(is_catch_all),
        _ => is_access_directive(name),
    }
}

/// Returns whether an nginx directive always restricts access.
pub(super) fn is_access_directive(name: &str) -> bool {
    ACCESS_DIRECTIVES.contains(&name) || name.starts_with("access_by_lua") || name.starts_with("auth_jwt")
}

/// Returns whether a `server_name` is written for all other names.
fn is_catch_all(name: &str) -> bool {
    let pattern = name.strip_prefix('~').map(|regex| regex.trim_start_matches('^').trim_end_matches('$'));
    ["_", "", "*"].contains(&name)
        || pattern.is_some_and(|regex| ["", ".", ".*", ".+", "(.*)", "(.+)"].contains(&regex))
}

/// The nginx directives that restrict access with any arguments.
const ACCESS_DIRECTIVES: [&str; 10] = [
    "allow",
    "deny",
    "auth_basic",
    "auth_request",
    "satisfy",
    "limit_except",
    "limit_req",
    "limit_conn",
    "internal",
    "ssl_crl",
];
