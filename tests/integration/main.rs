//! Black-box tests: the real program, real sockets, real TLS, scripted applications behind it.
//!
//! Each module is a topic; `support` is the language they are written in. See `tests/README.md`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "in a test, a panic is how a failure is told"
)]
#![allow(unreachable_pub, reason = "a test program exports nothing; `pub` marks what a module offers to others")]

mod support;

// The support itself, without the program under test.
mod self_test;

// Which host, which route, and over what.
mod access;
mod acme;
mod certificate_reload;
mod client_certificates;
mod expiry;
mod nginx_text;
mod redirect;
mod resumption;
mod routing;
mod tls;
mod tls_policy;
mod tls_target;

// What passes, in both directions.
mod client_address;
mod compression;
mod expect_continue;
mod grpc;
mod http2;
mod http_semantics;
mod kas;
mod nginx_variables;
mod proxy_protocol;
mod request_headers;
mod response_headers;
mod streaming;
mod tunnel;
mod upgrade;

// What the proxy answers itself.
mod error_pages;
mod gitlab_down;
mod handshake_metrics;
mod static_files;
mod status;

// What does not.
mod limits;
mod smuggling;
mod upstream_failures;
mod upstream_tls;

// The program around the traffic.
mod access_log;
mod cli;
mod doctor;
mod gitlab_rb;
mod log_format;
mod shutdown;
