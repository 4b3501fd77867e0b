//! The TOML schema: which keys each section accepts.

use super::suggestion::nearest;

/// The keys of one section.
#[derive(Debug)]
pub struct SectionSchema {
    /// Dotted name, such as `host.route`; empty at the top of the file.
    pub name: &'static str,
    /// Location of the section, to be read after "belongs".
    location: &'static str,
    /// Help text: how to write the section.
    pub form: &'static str,
    groups: &'static [&'static [&'static str]],
}

impl SectionSchema {
    /// Returns all keys of the section.
    pub fn keys(&self) -> impl Iterator<Item = &'static str> {
        self.groups.iter().flat_map(|group| group.iter().copied())
    }

    /// Returns whether the section accepts a key.
    pub fn has(&self, key: &str) -> bool {
        self.keys().any(|known| known == key)
    }

    /// Returns the key closest to an unknown one: its new name if it was renamed, otherwise by spelling.
    pub fn nearest_key(&self, unknown: &str) -> Option<&'static str> {
        // A key of another section is misplaced, not misspelt.
        if locations_of(unknown).next().is_some() {
            return None;
        }
        self.keys().find(|key| renamed(unknown) == Some(key)).or_else(|| nearest(unknown, self.keys()))
    }
}

/// Returns the current name of a key that was renamed before the first release.
pub fn renamed(key: &str) -> Option<&'static str> {
    RENAMED.iter().find(|(old, _)| *old == key).map(|(_, new)| *new)
}

/// Returns the locations of the sections that accept a key, such as "in `[process]`".
pub fn locations_of(key: &str) -> impl Iterator<Item = &'static str> {
    SECTIONS.iter().filter(move |section| section.has(key)).map(|section| section.location)
}

/// Returns every key with the name of its section.
pub fn known_keys() -> impl Iterator<Item = (&'static str, &'static str)> {
    SECTIONS.iter().flat_map(|section| section.keys().map(|key| (section.name, key)))
}

/// The top level of the file.
pub static TOP: SectionSchema = SectionSchema {
    name: "",
    location: "at the top of the file, before the first `[section]`",
    form: "",
    groups: &[&["default_host", "process", "status", "acme", "defaults", "host"]],
};

/// `[process]`
pub static PROCESS: SectionSchema = SectionSchema {
    name: "process",
    location: "in `[process]`",
    form: "write `[process]` and its keys below",
    groups: &[&["workers", "user", "shutdown_timeout", "log_level", "ticket_keys"]],
};

/// `[status]`
pub static STATUS: SectionSchema = SectionSchema {
    name: "status",
    location: "in `[status]`",
    form: "write `[status]` and its keys below",
    groups: &[&["listen", "access", "metrics", "upstream_metrics"]],
};

/// `[acme]`
pub static ACME: SectionSchema = SectionSchema {
    name: "acme",
    location: "in `[acme]`",
    form: "write `[acme]` and its keys below",
    groups: &[&["contact", "directory", "ca", "state_directory", "key", "challenge"]],
};

/// `[defaults]`
pub static DEFAULTS: SectionSchema = SectionSchema {
    name: "defaults",
    location: "in `[defaults]`",
    form: "write `[defaults]` and its keys below",
    groups: &[HOST_KEYS, TLS_KEYS, FORWARD_KEYS],
};

/// `[[host]]`
pub static HOST: SectionSchema = SectionSchema {
    name: "host",
    location: "in a `[[host]]`",
    form: "write `[[host]]` in double brackets and its keys below, once for each host",
    groups: &[
        &["name", "aliases", "upstream", "certificate", "certificate_key", "key_password_file", "public_port"],
        &["acme_challenge_directory", "acme_names", "route"],
        HOST_KEYS,
        TLS_KEYS,
        FORWARD_KEYS,
    ],
};

/// `[[host.route]]`
pub static ROUTE: SectionSchema = SectionSchema {
    name: "host.route",
    location: "in a `[[host.route]]`",
    form: "write `[[host.route]]` in double brackets and its keys below, once for each route",
    groups: &[
        &["exact", "prefix", "prefix_before_regex", "regex"],
        &["upstream", "redirect_to", "respond", "files", "close", "replace_with", "before_redirect"],
        FORWARD_KEYS,
    ],
};

/// `redirect_to` as a table
pub static REDIRECT: SectionSchema = SectionSchema {
    name: "host.route.redirect_to",
    location: "in the `redirect_to` of a route",
    form: "write { origin = \"https://other.example.com\", path = \"/new\", status = 302 }",
    groups: &[&["origin", "path", "replace_with", "status"]],
};

/// `respond`
pub static RESPOND: SectionSchema = SectionSchema {
    name: "host.route.respond",
    location: "in the `respond` of a route",
    form: "write { status = 200, content_type = \"text/plain\", body = \"…\" }",
    groups: &[&["status", "content_type", "body"]],
};

/// `files`
pub static FILES: SectionSchema = SectionSchema {
    name: "host.route.files",
    location: "in the `files` of a route",
    form: "write { root = \"/srv/www\" } or { alias = \"/srv/www/\" }",
    groups: &[&["root", "alias", "index"]],
};

/// One element of `error_page`
pub static ERROR_PAGE: SectionSchema = SectionSchema {
    name: "error_page",
    location: "in an `error_page`",
    form: "write { status = 502, file = \"/path/502.html\" }, or `title`, `header` and `message`, or a `body`",
    groups: &[&["status", "file", "title", "header", "message", "content_type", "body"]],
};

/// `client_address`
pub static CLIENT_ADDRESS: SectionSchema = SectionSchema {
    name: "host.client_address",
    location: "in the `client_address` of a host",
    form: "write { trusted = [\"10.0.0.1\"], from = \"X-Forwarded-For\", recursive = true }",
    groups: &[&["trusted", "from", "recursive"]],
};

/// `compression` as a table
pub static COMPRESSION: SectionSchema = SectionSchema {
    name: "host.compression",
    location: "in the `compression` of a host",
    form: "write { types = [\"text/html\"], min_length = 250 }, true for the default rules, or false",
    groups: &[&["types", "level", "min_length", "http_version", "proxied", "vary"]],
};

/// `client_certificates` as a table
pub static CLIENT_CERTIFICATES: SectionSchema = SectionSchema {
    name: "host.client_certificates",
    location: "in the `client_certificates` of a host",
    form: "write { verify = \"required\", ca = \"clients.pem\" }, or false",
    groups: &[&["verify", "ca", "depth", "crl"]],
};

/// `upstream_tls`
pub static UPSTREAM_TLS: SectionSchema = SectionSchema {
    name: "host.upstream_tls",
    location: "in an `upstream_tls`",
    form: "write { ca = \"/path/to/ca.pem\" }, { pin = \"/path/to/certificate.pem\" } or { verify = false }",
    groups: &[&["verify", "ca", "pin", "name", "certificate", "certificate_key"]],
};

static SECTIONS: [&SectionSchema; 15] = [
    &TOP,
    &PROCESS,
    &STATUS,
    &ACME,
    &DEFAULTS,
    &HOST,
    &ROUTE,
    &REDIRECT,
    &RESPOND,
    &FILES,
    &ERROR_PAGE,
    &CLIENT_ADDRESS,
    &CLIENT_CERTIFICATES,
    &COMPRESSION,
    &UPSTREAM_TLS,
];

/// Renamed keys: old name, current name.
const RENAMED: [(&str, &str); 8] = [
    ("shutdown_grace", "shutdown_timeout"),
    ("max_body", "max_request_body"),
    ("read_timeout", "upstream_read_timeout"),
    ("keepalive_connections", "upstream_keepalive_connections"),
    ("keepalive_timeout", "upstream_keepalive_timeout"),
    ("cipher_order", "prefer_server_ciphers"),
    ("application_metrics", "upstream_metrics"),
    ("prefix_first", "prefix_before_regex"),
];

/// Keys of `[[host]]` and `[defaults]`.
const HOST_KEYS: &[&str] = &[
    "tls",
    "acme",
    "listen",
    "redirect_from",
    "proxy_protocol",
    "client_address",
    "http2",
    "hsts",
    "referrer_policy",
    "upstream_keepalive_connections",
    "upstream_keepalive_timeout",
    "compression",
    "access_log",
    "access_log_format",
    "access_log_escape",
];

/// TLS keys of `[[host]]` and `[defaults]`.
const TLS_KEYS: &[&str] = &[
    "tls_versions",
    "cipher_suites",
    "prefer_server_ciphers",
    "key_exchange_groups",
    "session_resumption",
    "client_certificates",
];

/// Keys of `[[host]]`, `[[host.route]]` and `[defaults]`.
const FORWARD_KEYS: &[&str] = &[
    "max_request_body",
    "connect_timeout",
    "upstream_read_timeout",
    "client_timeout",
    "tunnel_idle_timeout",
    "upstream_tls",
    "request_headers",
    "response_headers",
    "access",
    "intercept_errors",
    "expect_continue",
    "error_page",
];
