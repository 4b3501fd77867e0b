//! Access logs in a configured format.

use std::collections::BTreeMap;
use std::sync::Arc;

use gatepost::model::variable::LogVariable;
use regex::Regex;

use crate::support::client::Client;
use crate::support::configuration::{Configuration, GITLAB, Host};
use crate::support::gatepost::Gatepost;
use crate::support::origin::{Origin, ok, responds, response_bytes, upgrades_and_echoes};
use crate::support::ports::ReservedPort;
use crate::support::tls::Tls;

/// A host with this access log format.
fn host(origin: &Origin, format: &str) -> Host {
    Host::new(GITLAB, origin).with(&format!("access_log_format = {format:?}"))
}

/// Returns the log line of one request with these header lines.
fn line_of(format: &str, target: &str, fields: &[&str]) -> String {
    let origin = Origin::tcp(responds(|_| {
        response_bytes(
            "200 OK",
            &[("X-Request-Id", "r1"), ("X-Request-Id", "r2"), ("X-Accel-Buffering", "no")],
            "hello",
        )
    }));
    let gatepost = Gatepost::with_host(host(&origin, format));
    gatepost.client().get_with(target, fields);
    gatepost.access_log(1).remove(0)
}

/// Expected value of each variable, as a regular expression, for a request for `/a?x=1` over HTTPS; in
/// alphabetical order.
const EXPECTED: [(&str, &str); 71] = [
    ("args", "x=1"),
    ("body_bytes_sent", "5"),
    ("bytes_sent", r"1\d\d|2\d\d|3\d\d"),
    ("connection", r"\d+"),
    ("connection_requests", "1"),
    ("connection_upgrade", "close"),
    ("content_length", "-"),
    ("content_type", "-"),
    ("document_uri", "/a"),
    ("filtered_http_referer", "https://b.test/"),
    ("filtered_request_uri", r"/a\?x=1"),
    ("gzip_ratio", "-"),
    ("host", "gitlab.test"),
    ("hostname", r"\S+"),
    ("http2", ""),
    ("http_host_with_default", "gitlab.test"),
    ("https", "on"),
    ("is_args", r"\?"),
    ("limit_rate", "0"),
    ("msec", r"\d{10}\.\d{3}"),
    ("nginx_version", r"\d+\.\d+\.\d+"),
    ("pid", r"\d+"),
    ("pipe", r"\."),
    ("proxy_add_x_forwarded_for", r"10\.0\.0\.1, 127\.0\.0\.1"),
    ("proxy_protocol_addr", "-"),
    ("proxy_protocol_port", "-"),
    ("query_string", "x=1"),
    ("realip_remote_addr", r"127\.0\.0\.1"),
    ("realip_remote_port", r"\d+"),
    ("remote_addr", r"127\.0\.0\.1"),
    ("remote_port", r"\d+"),
    ("remote_user", "root"),
    ("request", r"GET /a\?x=1 HTTP/1\.1"),
    ("request_id", "[0-9a-f]{32}"),
    ("request_length", r"1\d\d|2\d\d"),
    ("request_method", "GET"),
    ("request_time", r"\d+\.\d{3}"),
    ("request_uri", r"/a\?x=1"),
    ("scheme", "https"),
    ("server_addr", r"127\.0\.0\.1"),
    ("server_name", "gitlab.test"),
    ("server_port", r"\d+"),
    ("server_protocol", r"HTTP/1\.1"),
    ("ssl_cipher", "TLS_[A-Z0-9_]+"),
    ("ssl_client_cert", "-"),
    ("ssl_client_escaped_cert", "-"),
    ("ssl_client_fingerprint", "-"),
    ("ssl_client_i_dn", "-"),
    ("ssl_client_raw_cert", "-"),
    ("ssl_client_s_dn", "-"),
    ("ssl_client_serial", "-"),
    ("ssl_client_verify", "NONE"),
    ("ssl_curve", "X25519MLKEM768"),
    ("ssl_protocol", r"TLSv1\.3"),
    ("ssl_server_name", "gitlab.test"),
    ("ssl_session_reused", r"\."),
    ("status", "200"),
    ("temp_request_uri_1", r"/a\?x=1"),
    ("temp_request_uri_2", r"/a\?x=1"),
    ("temp_request_uri_3", r"/a\?x=1"),
    ("time_iso8601", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d"),
    ("time_local", r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}"),
    ("upstream_addr", r"127\.0\.0\.1:\d+"),
    ("upstream_bytes_received", r"\d{2,3}"),
    ("upstream_bytes_sent", r"\d{3}"),
    ("upstream_cache_status", "-"),
    ("upstream_connect_time", r"0\.\d{3}"),
    ("upstream_header_time", r"\d+\.\d{3}"),
    ("upstream_response_length", "5"),
    ("upstream_response_time", r"\d+\.\d{3}"),
    ("upstream_status", "200"),
];

#[test]
fn every_variable_has_its_value() {
    let mut names: Vec<&str> = LogVariable::names().collect();
    names.push("uri");
    names.sort_unstable();
    names.dedup();
    let expected: BTreeMap<&str, &str> = EXPECTED.into_iter().chain([("uri", "/a")]).collect();
    assert_eq!(names, expected.keys().copied().collect::<Vec<_>>());
    let format = names.iter().map(|name| format!("{name}=[${name}]")).collect::<Vec<_>>().join(" ");
    let fields = ["X-Forwarded-For: 10.0.0.1", "Referer: https://b.test/?secret", "Authorization: Basic cm9vdDp4"];
    let line = line_of(&format, "/a?x=1", &fields);
    for (name, pattern) in expected {
        let pattern_in_line = Regex::new(&format!(r"(?:^| ){name}=\[(?:{pattern})\](?: |$)")).unwrap();
        assert!(pattern_in_line.is_match(&line), "{name} is not {pattern} in\n{line}");
    }
}

#[test]
fn prefixed_variables_select_headers_arguments_and_cookies() {
    let format = "$http_x_b $http_none $arg_x $arg_none $cookie_c $sent_http_x_request_id \
                  $upstream_http_x_accel_buffering $sent_http_x_accel_buffering $sent_http_content_length";
    let line = line_of(format, "/?x=1", &["X-B: b", "X-B: d", "Cookie: c=2"]);
    assert_eq!(line, "b, d - 1 - 2 r1, r2 no - 5");
}

#[test]
fn json_escaping_escapes_quotes_and_leaves_absent_values_empty() {
    let origin = Origin::tcp(responds(|_| ok("hello")));
    let format = r#"{"agent":"$http_user_agent","user":"$remote_user","status":$status}"#;
    let gatepost = Gatepost::with_host(host(&origin, format).with("access_log_escape = \"json\""));
    gatepost.client().get_with("/", &["User-Agent: a\"b\\c"]);
    assert_eq!(gatepost.access_log(1), [r#"{"agent":"a\"b\\c","user":"","status":200}"#]);
}

#[test]
fn default_escaping_keeps_a_value_in_its_field() {
    assert_eq!(line_of("\"$http_user_agent\"", "/", &["User-Agent: a\" \"b\\"]), r#""a\x22 \x22b\x5C""#);
}

#[test]
fn escape_none_logs_values_unchanged() {
    let origin = Origin::tcp(responds(|_| ok("")));
    let gatepost = Gatepost::with_host(host(&origin, "[$http_x_b|$http_c]").with("access_log_escape = \"none\""));
    gatepost.client().get_with("/", &["X-B: a\"b"]);
    assert_eq!(gatepost.access_log(1), ["[a\"b|]"]);
}

#[test]
fn ssl_session_reused_is_logged() {
    let origin = Origin::tcp(responds(|_| ok("")));
    let gatepost = Gatepost::with_host(host(&origin, "$ssl_session_reused"));
    let config = Arc::new(Tls::to(GITLAB).config());
    for _ in 0..2 {
        let stream = Tls::to(GITLAB).connect_with(&config, gatepost.https()).unwrap();
        Client::new(Arc::new(stream), GITLAB).get("/");
    }
    let mut lines = gatepost.access_log(2);
    lines.sort_unstable();
    assert_eq!(lines, [".", "r"]);
}

#[test]
fn requests_on_one_connection_are_counted_and_share_its_serial_number() {
    let origin = Origin::tcp(responds(|_| ok("")));
    let gatepost = Gatepost::with_host(host(&origin, "$connection $connection_requests"));
    let mut client = gatepost.client();
    client.get("/");
    client.get("/");
    gatepost.client().get("/");
    let lines = gatepost.access_log(3);
    let lines_ending_with =
        |count: &str| lines.iter().filter(|line| line.ends_with(count)).cloned().collect::<Vec<_>>();
    let first_of_second = lines_ending_with(" 2")[0].replace(" 2", " 1");
    assert!(lines_ending_with(" 1").contains(&first_of_second), "{lines:?}");
    assert_ne!(lines_ending_with(" 1")[0], lines_ending_with(" 1")[1]);
}

#[test]
fn request_length_and_bytes_sent_include_the_heads() {
    let origin = Origin::tcp(responds(|_| ok("hello")));
    let gatepost = Gatepost::with_host(host(&origin, "$request_length $bytes_sent $body_bytes_sent"));
    let mut client = gatepost.client();
    client.post("/", &[b'x'; 5000]);
    let line = gatepost.access_log(1).remove(0);
    let numbers: Vec<u64> = line.split(' ').map(|it| it.parse().unwrap()).collect();
    assert!((5050..5300).contains(&numbers[0]), "{line}");
    assert!((100..400).contains(&numbers[1]), "{line}");
    assert_eq!(numbers[2], 5);
}

#[test]
fn an_unreachable_upstream_has_a_status_and_no_times() {
    let unused_port = ReservedPort::new();
    let format = "$status $upstream_status [$upstream_connect_time] [$upstream_header_time] $upstream_http_etag";
    let host =
        Host::to(GITLAB, &unused_port.address().to_string()).with(&format!("access_log_format = {format:?}"));
    let gatepost = Gatepost::with_host(host);
    gatepost.client().get("/");
    assert_eq!(gatepost.access_log(1), ["502 502 [-] [-] -"]);
}

#[test]
fn a_local_response_has_no_upstream_values() {
    let origin = Origin::tcp(responds(|_| ok("")));
    let host = host(&origin, "$request_method $status $upstream_addr $upstream_status $sent_http_location")
        .route("exact = \"/own\"\nrespond = { status = 204 }");
    let gatepost = Gatepost::with_host(host);
    gatepost.client().get("/own");
    gatepost.plain_client_of(GITLAB).get("/x");
    let mut lines = gatepost.access_log(2);
    lines.sort_unstable();
    let port = gatepost.https().port();
    assert_eq!(lines, ["GET 204 - - -".to_owned(), format!("GET 301 - - https://gitlab.test:{port}/x")]);
}

#[test]
fn a_tunnel_is_logged_at_its_end() {
    let origin = Origin::tcp(upgrades_and_echoes());
    let format = "$status $filtered_request_uri $body_bytes_sent $upstream_status $request_time $http_user_agent";
    let gatepost = Gatepost::with_host(host(&origin, format));
    let mut client = gatepost.client();
    assert_eq!(client.upgrade("/ws?token=s", "websocket").status(), 101);
    client.send("ping");
    client.exactly(4);
    assert!(gatepost.access_log(0).is_empty(), "logged before the tunnel ended");
    client.finish();
    client.expect_closed();
    let line = gatepost.access_log(1).remove(0);
    let pattern = Regex::new(r"^101 /ws\?token=\[FILTERED\] 4 101 \d+\.\d{3} -$").unwrap();
    assert!(pattern.is_match(&line), "{line}");
}

#[test]
fn unparsable_request_is_logged_in_the_custom_format() {
    let origin = Origin::tcp(responds(|_| ok("")));
    let gatepost =
        Gatepost::with_host(host(&origin, "$remote_addr $request_method $status \"$filtered_http_referer\""));
    let mut client = gatepost.client();
    client.send("GARBAGE\r\n\r\n");
    assert_eq!(client.response().status(), 400);
    assert_eq!(gatepost.access_log(1), ["127.0.0.1 - 400 \"\""]);
}

#[test]
fn hosts_use_different_formats_in_one_file() {
    let origin = Origin::tcp(responds(|_| ok("")));
    let configuration =
        Configuration::new().host(host(&origin, "custom $host")).host(Host::new("other.test", &origin));
    let gatepost = Gatepost::start(configuration);
    gatepost.client().get("/");
    gatepost.client_of("other.test").get("/");
    let lines = gatepost.access_log(2);
    assert!(lines.contains(&"custom gitlab.test".to_owned()), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("127.0.0.1 - - [")), "{lines:?}");
}

#[test]
fn request_id_is_the_same_in_header_and_log() {
    let origin = Origin::tcp(responds(|_| ok("")));
    let host = host(&origin, "$request_id").with(r#"request_headers = { "X-Request-Id" = "$request_id" }"#);
    let gatepost = Gatepost::with_host(host);
    gatepost.client().get("/");
    let request_id = origin.only_request().head.value("x-request-id").unwrap().to_owned();
    assert_eq!(gatepost.access_log(1), [request_id]);
}
