//! Access log: format of the bundled nginx, one line for each request, no secrets.

use regex::Regex;

use crate::support::TIMEOUT;
use crate::support::configuration::{Configuration, GITLAB, Host, MATTERMOST};
use crate::support::eventually::eventually;
use crate::support::faulty::no_response;
use crate::support::gatepost::Gatepost;
use crate::support::origin::{Origin, OriginConnection, ok, responds, switching_protocols};
use crate::support::ports::ReservedPort;

/// The fields of one line.
#[derive(Debug)]
struct LogLine {
    user: String,
    time: String,
    request: String,
    status: u16,
    bytes: u64,
    referer: String,
    agent: String,
    /// Only in the lines of tunnels: seconds, and bytes received from the client.
    tunnel: Option<String>,
}

#[track_caller]
fn parse(line: &str) -> LogLine {
    let pattern = concat!(
        r#"^127\.0\.0\.1 - (?<user>\S+) \[(?<time>[^\]]+)\] "(?<request>[^"]*)" (?<status>\d{3}) (?<bytes>\d+) "#,
        r#""(?<referer>[^"]*)" "(?<agent>[^"]*)" -(?<tunnel> \d+\.\d{3} \d+)?$"#
    );
    let fields = Regex::new(pattern).unwrap();
    let Some(found) = fields.captures(line) else { panic!("not in the default format: {line}") };
    LogLine {
        user: found["user"].to_owned(),
        time: found["time"].to_owned(),
        request: found["request"].to_owned(),
        status: found["status"].parse().unwrap(),
        bytes: found["bytes"].parse().unwrap(),
        referer: found["referer"].to_owned(),
        agent: found["agent"].to_owned(),
        tunnel: found.name("tunnel").map(|it| it.as_str().trim().to_owned()),
    }
}

/// Returns the log line of a GET request for `target` with these header lines.
#[track_caller]
fn line_of(target: &str, fields: &[&str]) -> LogLine {
    let origin = Origin::tcp(responds(|_| ok("hello")));
    let gatepost = Gatepost::serving(&origin);
    gatepost.client().get_with(target, fields);
    parse(&gatepost.access_log(1)[0])
}

#[test]
fn a_request_is_one_line_in_nginx_format() {
    let line = line_of("/a%2Fb?x=1", &["User-Agent: curl/8.0", "Referer: https://gitlab.test/from"]);
    assert_eq!((line.request.as_str(), line.status, line.bytes), ("GET /a%2Fb?x=1 HTTP/1.1", 200, 5));
    assert_eq!((line.user.as_str(), line.agent.as_str()), ("-", "curl/8.0"));
    assert_eq!((line.referer.as_str(), line.tunnel), ("https://gitlab.test/from", None));
    let time = Regex::new(r"^\d\d/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}$").unwrap();
    assert!(time.is_match(&line.time), "{}", line.time);
}

#[test]
fn absent_fields_are_dashes_and_an_absent_referer_is_empty() {
    let line = line_of("/", &[]);
    assert_eq!((line.agent.as_str(), line.referer.as_str(), line.user.as_str()), ("-", "", "-"));
}

#[test]
fn basic_authentication_user_is_logged_without_password() {
    // `root:secret`.
    let line = line_of("/", &["Authorization: Basic cm9vdDpzZWNyZXQ="]);
    assert_eq!(line.user, "root");
}

#[test]
fn every_token_in_the_query_is_filtered() {
    let cases = [
        ("/a?private_token=s3cret&b=1", "/a?private_token=[FILTERED]&b=1"),
        ("/a?b=1&authenticity-token=s3cret", "/a?b=1&authenticity-token=[FILTERED]"),
        ("/a?rss_token=s3cret&RSS-Token=s3cret", "/a?rss_token=[FILTERED]&RSS-Token=[FILTERED]"),
        ("/a?token=glptt-s3cret", "/a?token=[FILTERED]"),
        ("/a?private_token=s3cret&token=s3cret", "/a?private_token=[FILTERED]&token=[FILTERED]"),
        ("/a?token=s3cret&token=s3cret", "/a?token=[FILTERED]&token=[FILTERED]"),
        ("/a?private%5Ftoken=s3cret", "/a?private%5Ftoken=[FILTERED]"),
        ("/a?user%5Bpassword%5D=s3cret&id_token=s3cret", "/a?user%5Bpassword%5D=[FILTERED]&id_token=[FILTERED]"),
        ("/a?tokens=open", "/a?tokens=open"),
        ("/private_token=open?x", "/private_token=open?x"),
    ];
    let origin = Origin::tcp(responds(|_| ok("")));
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.client();
    for (target, _) in cases {
        client.get(target);
    }
    let lines = gatepost.access_log(cases.len());
    for (line, (_, expected)) in lines.iter().zip(cases) {
        assert_eq!(parse(line).request, format!("GET {expected} HTTP/1.1"));
    }
}

#[test]
fn referer_is_logged_without_query() {
    assert_eq!(line_of("/", &["Referer: https://a.test/x?private_token=s"]).referer, "https://a.test/x");
    assert_eq!(line_of("/", &["Referer: https://a.test/x?y?z"]).referer, "https://a.test/x");
}

#[test]
fn unparsable_request_is_logged() {
    let origin = Origin::tcp(responds(|_| ok("")));
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.client();
    client.send("GARBAGE\r\n\r\n");
    assert_eq!(client.response().status(), 400);
    let lines = gatepost.access_log(1);
    assert!(lines[0].ends_with("\"-\" 400 0 \"\" \"-\" -"), "{}", lines[0]);
}

#[test]
fn quotes_control_and_non_ascii_bytes_are_escaped() {
    let origin = Origin::tcp(responds(|_| ok("")));
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.client();
    client.send(b"GET /gr\xc3\xbc\xc3\x9fe HTTP/1.1\r\nHost: gitlab.test\r\nUser-Agent: a\"b\\c\td\xe4\r\n\r\n");
    client.response();
    let line = parse(&gatepost.access_log(1)[0]);
    assert_eq!(line.request, r"GET /gr\xC3\xBC\xC3\x9Fe HTTP/1.1");
    assert_eq!(line.agent, r"a\x22b\x5Cc\x09d\xE4");
}

#[test]
fn a_client_cannot_inject_a_log_line() {
    let origin = Origin::tcp(responds(|_| ok("")));
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.client();
    client.get_with("/?%0a127.0.0.1", &["User-Agent: x\" 200 0 \"\" \"y"]);
    // A bare LF within the request line: the request is rejected, and must not add a line to the log.
    client.send("GET /\n6.6.6.6 HTTP/1.1\r\nHost: gitlab.test\r\n\r\n");
    client.read_until_close();
    gatepost.client().get("/last");
    eventually(TIMEOUT, || gatepost.access_log(2).iter().any(|line| line.contains("/last")));
    for line in gatepost.access_log(2) {
        let line = parse(&line);
        assert!(line.status == 200 || line.status == 400, "{line:?}");
    }
}

#[test]
fn http2_requests_are_logged_as_http2() {
    let origin = Origin::tcp(responds(|_| ok("hello")));
    let gatepost = Gatepost::serving(&origin);
    gatepost.http2().get("/x");
    let line = parse(&gatepost.access_log(1)[0]);
    assert_eq!((line.request.as_str(), line.bytes), ("GET /x HTTP/2.0", 5));
}

#[test]
fn each_request_on_a_connection_has_its_own_line() {
    let origin = Origin::tcp(responds(|_| ok("")));
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.client();
    for n in 0..5 {
        client.get(&format!("/{n}"));
    }
    client.request("HEAD /head HTTP/1.1", &[]);
    client.response_to("HEAD");
    let lines = gatepost.access_log(6);
    let requests: Vec<_> = lines.iter().map(|line| parse(line).request).collect();
    for n in 0..5 {
        assert!(requests.contains(&format!("GET /{n} HTTP/1.1")), "{requests:?}");
    }
    assert_eq!(requests.len(), 6);
}

#[test]
fn local_responses_are_logged() {
    let unused_port = ReservedPort::new();
    let host = Host::to(GITLAB, &unused_port.address().to_string()).with("max_request_body = \"1\"");
    let gatepost = Gatepost::with_host(host);
    gatepost.client().get("/down");
    gatepost.client().post("/large", b"xx");
    gatepost.plain_client_of(GITLAB).get("/redirected");
    let mut statuses: Vec<_> = gatepost.access_log(3).iter().map(|line| parse(line).status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [301, 413, 502]);
}

#[test]
fn client_disconnect_before_the_response_is_logged_as_499() {
    let origin = Origin::tcp(no_response());
    let gatepost = Gatepost::serving(&origin);
    let client = gatepost.client();
    client.request("GET /slow HTTP/1.1", &[]);
    eventually(TIMEOUT, || origin.requests().len() == 1);
    drop(client);
    let line = parse(&gatepost.access_log(1)[0]);
    assert_eq!((line.status, line.bytes), (499, 0));
}

#[test]
fn a_tunnel_is_logged_at_its_end_with_bytes_in_both_directions() {
    let origin = Origin::tcp(|connection: &mut OriginConnection| {
        connection.read_request()?;
        connection.send(switching_protocols("websocket", "0123456789"))?;
        connection.echo()
    });
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.client();
    assert_eq!(client.upgrade("/-/cable?token=s3cret", "websocket").status(), 101);
    client.send("ping");
    client.exactly(14);
    gatepost.client().upgrade("/other", "websocket");
    assert!(!gatepost.access_log(1).iter().any(|line| line.contains("/-/cable")), "logged before the tunnel ended");
    client.finish();
    client.expect_closed();
    let lines = gatepost.access_log(2);
    let line = parse(lines.iter().find(|line| line.contains("/-/cable")).unwrap());
    assert_eq!(line.request, "GET /-/cable?token=[FILTERED] HTTP/1.1");
    assert_eq!((line.status, line.bytes), (101, 14));
    assert!(line.tunnel.is_some_and(|it| it.ends_with(" 4")));
}

#[test]
fn hosts_log_to_separate_files_or_not_at_all() {
    let origin = Origin::tcp(responds(|_| ok("")));
    let configuration = Configuration::new();
    let chat_log = configuration.directory().join("chat.log");
    let configuration = configuration
        .host(Host::new(GITLAB, &origin).with("access_log = \"off\""))
        .host(Host::new(MATTERMOST, &origin).with(&format!("access_log = {chat_log:?}")));
    let gatepost = Gatepost::start(configuration);
    gatepost.client().get("/unlogged");
    gatepost.client_of(MATTERMOST).get("/logged");
    let read_chat_log = || std::fs::read_to_string(&chat_log).unwrap_or_default();
    eventually(TIMEOUT, || read_chat_log().contains("/logged"));
    assert!(gatepost.access_log(0).is_empty());
    assert!(!read_chat_log().contains("/unlogged"));
}
