//! The TOML language: which keys stand in which section.

use super::suggestion::nearest;

/// A part of the file with its own keys.
#[derive(Debug)]
pub struct SectionSchema {
    /// Dotted, as in `host.route`; empty at the top of the file.
    pub name: &'static str,
    /// How to name the section to people, after "belongs".
    place: &'static str,
    /// How the section is written.
    pub form: &'static str,
    groups: &'static [&'static [&'static str]],
}

impl SectionSchema {
    /// All keys of the section.
    pub fn keys(&self) -> impl Iterator<Item = &'static str> {
        self.groups.iter().flat_map(|group| group.iter().copied())
    }

    pub fn has(&self, key: &str) -> bool {
        self.keys().any(|known| known == key)
    }

    /// The key of this section that somebody meant by an unknown one.
    pub fn nearest_key(&self, unknown: &str) -> Option<&'static str> {
        // A key that is known elsewhere is misplaced, not misspelt.
        if places_of(unknown).next().is_some() {
            return None;
        }
        self.keys().find(|key| renamed(unknown) == Some(key)).or_else(|| nearest(unknown, self.keys()))
    }
}

/// The present name of a key that was renamed before the first release.
pub fn renamed(key: &str) -> Option<&'static str> {
    RENAMED.iter().find(|(old, _)| *old == key).map(|(_, new)| *new)
}

/// Where a key stands that a section does not have: "in `[process]`".
pub fn places_of(key: &str) -> impl Iterator<Item = &'static str> {
    SECTIONS.iter().filter(move |section| section.has(key)).map(|section| section.place)
}

/// Every key with its section, both as they are written.
pub fn known_keys() -> impl Iterator<Item = (&'static str, &'static str)> {
    SECTIONS.iter().flat_map(|section| section.keys().map(|key| (section.name, key)))
}

pub static TOP: SectionSchema = SectionSchema {
    name: "",
    place: "at the top of the file, before the first `[section]`",
    form: "",
    groups: &[&["default_host", "process", "status", "acme", "defaults", "host"]],
};

pub static PROCESS: SectionSchema = SectionSchema {
    name: "process",
    place: "in `[process]`",
    form: "write `[process]` and its keys below",
    groups: &[&["workers", "user", "shutdown_timeout", "log_level", "ticket_keys"]],
};

pub static STATUS: SectionSchema = SectionSchema {
    name: "status",
    place: "in `[status]`",
    form: "write `[status]` and its keys below",
    groups: &[&["listen", "access", "metrics", "upstream_metrics"]],
};

pub static ACME: SectionSchema = SectionSchema {
    name: "acme",
    place: "in `[acme]`",
    form: "write `[acme]` and its keys below",
    groups: &[&["contact", "directory", "ca", "state_directory", "key", "challenge"]],
};

pub static DEFAULTS: SectionSchema = SectionSchema {
    name: "defaults",
    place: "in `[defaults]`",
    form: "write `[defaults]` and its keys below",
    groups: &[HOST_SETTINGS, ENCRYPTION_SETTINGS, FORWARD_SETTINGS],
};

pub static HOST: SectionSchema = SectionSchema {
    name: "host",
    place: "in a `[[host]]`",
    form: "write `[[host]]` in double brackets and its keys below, once for each host",
    groups: &[
        &["name", "aliases", "upstream", "certificate", "certificate_key", "key_password_file", "public_port"],
        &["acme_challenge_directory", "acme_names", "route"],
        HOST_SETTINGS,
        ENCRYPTION_SETTINGS,
        FORWARD_SETTINGS,
    ],
};

pub static ROUTE: SectionSchema = SectionSchema {
    name: "host.route",
    place: "in a `[[host.route]]`",
    form: "write `[[host.route]]` in double brackets and its keys below, once for each route",
    groups: &[
        &["exact", "prefix", "prefix_before_regex", "regex"],
        &["upstream", "redirect_to", "respond", "files", "close", "replace_with", "before_redirect"],
        FORWARD_SETTINGS,
    ],
};

pub static REDIRECT: SectionSchema = SectionSchema {
    name: "host.route.redirect_to",
    place: "in the `redirect_to` of a route",
    form: "write { origin = \"https://other.example.com\", path = \"/new\", status = 302 }",
    groups: &[&["origin", "path", "replace_with", "status"]],
};

pub static RESPOND: SectionSchema = SectionSchema {
    name: "host.route.respond",
    place: "in the `respond` of a route",
    form: "write { status = 200, content_type = \"text/plain\", body = \"…\" }",
    groups: &[&["status", "content_type", "body"]],
};

pub static FILES: SectionSchema = SectionSchema {
    name: "host.route.files",
    place: "in the `files` of a route",
    form: "write { root = \"/srv/www\" } or { alias = \"/srv/www/\" }",
    groups: &[&["root", "alias", "index"]],
};

pub static ERROR_PAGE: SectionSchema = SectionSchema {
    name: "error_page",
    place: "in an `error_page`",
    form: "write { status = 502, file = \"/path/502.html\" }, or `title`, `header` and `message`, or a `body`",
    groups: &[&["status", "file", "title", "header", "message", "content_type", "body"]],
};

pub static CLIENT_ADDRESS: SectionSchema = SectionSchema {
    name: "host.client_address",
    place: "in the `client_address` of a host",
    form: "write { trusted = [\"10.0.0.1\"], from = \"X-Forwarded-For\", recursive = true }",
    groups: &[&["trusted", "from", "recursive"]],
};

pub static COMPRESSION: SectionSchema = SectionSchema {
    name: "host.compression",
    place: "in the `compression` of a host",
    form: "write { types = [\"text/html\"], min_length = 250 }, true for the usual rules, or false",
    groups: &[&["types", "level", "min_length", "http_version", "proxied", "vary"]],
};

pub static CLIENT_CERTIFICATES: SectionSchema = SectionSchema {
    name: "host.client_certificates",
    place: "in the `client_certificates` of a host",
    form: "write { verify = \"required\", ca = \"clients.pem\" }, or false",
    groups: &[&["verify", "ca", "depth", "crl"]],
};

pub static UPSTREAM_TLS: SectionSchema = SectionSchema {
    name: "host.upstream_tls",
    place: "in an `upstream_tls`",
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

const HOST_SETTINGS: &[&str] = &[
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

const ENCRYPTION_SETTINGS: &[&str] = &[
    "tls_versions",
    "cipher_suites",
    "prefer_server_ciphers",
    "key_exchange_groups",
    "session_resumption",
    "client_certificates",
];

const FORWARD_SETTINGS: &[&str] = &[
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
    "error_page",
];
