//! nginx variables in request and response headers.

use std::io::Write;
use std::sync::Arc;

use regex::Regex;

use crate::support::certs::clients::ClientCa;
use crate::support::client::Client;
use crate::support::configuration::{Configuration, GITLAB, Host};
use crate::support::gatepost::Gatepost;
use crate::support::message::Head;
use crate::support::origin::{Origin, ok, responds, upgrades_and_echoes};
use crate::support::socket::connect;
use crate::support::tls::Tls;

/// An HTTPS host that sets the request header `X-A` to a template.
fn host(origin: &Origin, template: &str) -> Host {
    Host::new(GITLAB, origin).with(&format!("request_headers = {{ \"X-A\" = {template:?} }}"))
}

/// Returns the head forwarded for a request with these header lines.
fn head_of(template: &str, target: &str, fields: &[&str]) -> Head {
    let origin = Origin::tcp(responds(|_| ok("")));
    let gatepost = Gatepost::with_host(host(&origin, template));
    gatepost.client().get_with(target, fields);
    origin.only_request().head
}

#[track_caller]
fn expect(template: &str, fields: &[&str], expected: &str) {
    let head = head_of(template, "/a%20b/c?Page=2&token=s", fields);
    assert_eq!(head.value("x-a"), Some(expected), "{template}");
}

#[test]
fn text_and_variables_are_concatenated() {
    expect("$scheme://$host${request_uri}!", &[], "https://gitlab.test/a%20b/c?Page=2&token=s!");
    expect("$request_method $uri $args $arg_page$is_args", &[], "GET /a b/c Page=2&token=s 2?");
    expect("$filtered_request_uri", &[], "/a%20b/c?Page=2&token=[FILTERED]");
}

#[test]
fn connection_and_tls_variables_have_values() {
    expect("$remote_addr $server_addr $realip_remote_addr", &[], "127.0.0.1 127.0.0.1 127.0.0.1");
    expect("$ssl_protocol $ssl_cipher $ssl_session_reused", &[], "TLSv1.3 TLS_AES_256_GCM_SHA384 .");
    expect("$ssl_curve", &[], "X25519MLKEM768");
    expect("$ssl_server_name $server_name $https $ssl_client_verify", &[], "gitlab.test gitlab.test on NONE");
    expect("$connection_requests $server_protocol$http2", &[], "1 HTTP/1.1");
}

#[test]
fn header_cookie_and_user_variables_have_values() {
    expect("$http_x_b|$http_host", &["X-B: 1", "X-B: 2"], "1, 2|gitlab.test");
    expect("$cookie_session|$remote_user", &["Cookie: a=1; session=x", "Authorization: Basic cm9vdDp4"], "x|root");
    expect("$proxy_add_x_forwarded_for", &["X-Forwarded-For: 10.0.0.1"], "10.0.0.1, 127.0.0.1");
    expect("$proxy_add_x_forwarded_for", &[], "127.0.0.1");
    expect("$http_x_forwarded_for", &["X-Forwarded-For: 10.0.0.1"], "10.0.0.1");
}

#[test]
fn each_request_has_its_own_request_id_and_time() {
    let origin = Origin::tcp(responds(|_| ok("")));
    let gatepost = Gatepost::with_host(host(&origin, "t=${msec} $request_id $time_iso8601"));
    let mut client = gatepost.client();
    client.get("/");
    client.get("/");
    let values: Vec<String> =
        origin.requests().iter().map(|request| request.head.value("x-a").unwrap().to_owned()).collect();
    let pattern =
        Regex::new(r"^t=\d{10}\.\d{3} [0-9a-f]{32} \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d$").unwrap();
    assert!(values.iter().all(|value| pattern.is_match(value)), "{values:?}");
    let request_id = |value: &str| value.split(' ').nth(1).unwrap().to_owned();
    assert_ne!(request_id(&values[0]), request_id(&values[1]));
}

#[test]
fn host_variable_is_lower_case_without_port() {
    let origin = Origin::tcp(responds(|_| ok("")));
    let gatepost = Gatepost::with_host(host(&origin, "$host:$server_port"));
    Client::tls(gatepost.https(), &Tls::to(GITLAB), "GitLab.test:8443").get("/");
    let port = gatepost.https().port();
    assert_eq!(origin.only_request().head.value("x-a"), Some(&format!("gitlab.test:{port}")[..]));
}

#[test]
fn a_header_with_an_empty_value_is_removed() {
    let head = head_of("$http_x_b", "/", &["X-A: forged"]);
    assert!(!head.has("x-a"));
    let head = head_of("$cookie_none", "/", &["X-A: forged", "X-B: b"]);
    assert!(!head.has("x-a"));
}

#[test]
fn a_line_break_in_a_decoded_path_cannot_inject_a_header() {
    let head = head_of("$uri", "/a%0d%0aX-Admin:%20yes", &[]);
    assert!(!head.has("x-a"));
    assert!(!head.has("x-admin"));
}

#[test]
fn two_dollar_signs_are_a_literal_dollar_sign() {
    expect("costs 5$$", &[], "costs 5$");
}

#[test]
fn http2_requests_have_the_same_variables() {
    let origin = Origin::tcp(responds(|_| ok("")));
    let gatepost = Gatepost::with_host(host(&origin, "$http_host $server_protocol $http2 $host"));
    gatepost.http2().get("/");
    assert_eq!(origin.only_request().head.value("x-a"), Some("gitlab.test HTTP/2.0 h2 gitlab.test"));
}

#[test]
fn tls_variables_are_empty_on_a_plain_connection() {
    let origin = Origin::tcp(responds(|_| ok("")));
    let lines = r#"request_headers = { "X-A" = "$scheme[$https$ssl_protocol$ssl_client_verify]" }"#;
    let gatepost = Gatepost::with_host(Host::plain(GITLAB, &origin).with(lines));
    gatepost.plain_client_of(GITLAB).get("/");
    assert_eq!(origin.only_request().head.value("x-a"), Some("http[]"));
}

#[test]
fn the_host_header_can_be_overridden() {
    let origin = Origin::tcp(responds(|_| ok("")));
    let lines = r#"request_headers = { "Host" = "$host:$server_port", "X-Forwarded-Proto" = "$scheme" }"#;
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with(lines));
    gatepost.client().get("/");
    let head = origin.only_request().head;
    assert_eq!(head.values("host"), [&format!("gitlab.test:{}", gatepost.https().port())]);
    assert_eq!(head.values("x-forwarded-proto"), ["https"]);
}

#[test]
fn response_headers_can_use_request_variables() {
    let origin = Origin::tcp(responds(|_| ok("")));
    let host = Host::new(GITLAB, &origin)
        .with(r#"response_headers = { "Access-Control-Allow-Origin" = "$http_origin", "X-Id" = "$request_id" }"#)
        .route("exact = \"/own\"\nrespond = { body = \"own\" }");
    let gatepost = Gatepost::with_host(host);
    let mut client = gatepost.client();
    for target in ["/", "/own"] {
        let response = client.get_with(target, &["Origin: https://a.test"]);
        assert_eq!(response.head.value("access-control-allow-origin"), Some("https://a.test"), "{target}");
        assert_eq!(response.head.value("x-id").unwrap().len(), 32);
        assert!(!client.get(target).head.has("access-control-allow-origin"));
    }
}

#[test]
fn upgrade_requests_carry_configured_headers() {
    let origin = Origin::tcp(upgrades_and_echoes());
    let gatepost = Gatepost::with_host(host(&origin, "$http_upgrade, $connection_upgrade"));
    assert_eq!(gatepost.client().upgrade("/", "websocket").status(), 101);
    assert_eq!(origin.only_request().head.value("x-a"), Some("websocket, upgrade"));
}

#[test]
fn remote_addr_is_the_client_and_realip_remote_addr_the_load_balancer() {
    let origin = Origin::tcp(responds(|_| ok("")));
    let host = host(&origin, "$remote_addr|$remote_port|$realip_remote_addr|$proxy_add_x_forwarded_for")
        .with(r#"client_address = { trusted = ["127.0.0.1"], from = "X-Forwarded-For" }"#);
    let gatepost = Gatepost::with_host(host);
    gatepost.client().get_with("/", &["X-Forwarded-For: 192.0.2.7"]);
    let head = origin.only_request().head;
    assert_eq!(head.value("x-a"), Some("192.0.2.7||127.0.0.1|192.0.2.7, 192.0.2.7"));
}

#[test]
fn proxy_protocol_variables_do_not_require_a_trusted_peer() {
    let origin = Origin::tcp(responds(|_| ok("")));
    let host =
        host(&origin, "$proxy_protocol_addr:$proxy_protocol_port $remote_addr").with("proxy_protocol = true");
    let gatepost = Gatepost::with_host(host);
    let mut tcp = connect(gatepost.https()).unwrap();
    tcp.write_all(b"PROXY TCP4 192.0.2.7 192.0.2.1 56324 443\r\n").unwrap();
    Client::new(Arc::new(Tls::to(GITLAB).over(tcp).unwrap()), GITLAB).get("/");
    assert_eq!(origin.only_request().head.value("x-a"), Some("192.0.2.7:56324 127.0.0.1"));
}

#[test]
fn client_certificate_variables_are_forwarded() {
    let origin = Origin::tcp(responds(|_| ok("")));
    let client_ca = ClientCa::new("Clients");
    let configuration = Configuration::new();
    let ca = client_ca.write(configuration.directory());
    let template = "$ssl_client_verify|$ssl_client_s_dn|$ssl_client_i_dn|$ssl_client_serial|\
                    $ssl_client_fingerprint|$ssl_client_cert|$ssl_client_escaped_cert";
    let host =
        host(&origin, template).with(&format!("client_certificates = {{ verify = \"required\", ca = {ca:?} }}"));
    let gatepost = Gatepost::start(configuration.host(host));
    Client::tls(gatepost.https(), &Tls::to(GITLAB).with_client_certificate(&client_ca.client("jane")), GITLAB)
        .get("/");
    let value = origin.only_request().head.value("x-a").unwrap().to_owned();
    let pattern = Regex::new(
        "^SUCCESS\\|[^|]*CN=jane[^|]*\\|[^|]*CN=Clients[^|]*\\|[0-9A-F]+\\|[0-9a-f]{40}\\|\
         -----BEGIN CERTIFICATE----- [^|]+ -----END CERTIFICATE-----\\|-----BEGIN%20CERTIFICATE-----%0A[^|]+$",
    );
    assert!(pattern.unwrap().is_match(&value), "{value}");
}

#[test]
fn a_header_with_a_multi_line_certificate_is_not_sent() {
    let origin = Origin::tcp(responds(|_| ok("")));
    let client_ca = ClientCa::new("Clients");
    let configuration = Configuration::new();
    let ca = client_ca.write(configuration.directory());
    let host = host(&origin, "$ssl_client_raw_cert")
        .with(&format!("client_certificates = {{ verify = \"required\", ca = {ca:?} }}"));
    let gatepost = Gatepost::start(configuration.host(host));
    Client::tls(gatepost.https(), &Tls::to(GITLAB).with_client_certificate(&client_ca.client("jane")), GITLAB)
        .get("/");
    assert!(!origin.only_request().head.has("x-a"));
}
