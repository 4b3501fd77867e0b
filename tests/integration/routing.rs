//! Selection of host and route, including ambiguous and invalid requests.

use crate::support::certs;
use crate::support::client::Client;
use crate::support::configuration::{Configuration, GITLAB, Host, MATTERMOST};
use crate::support::gatepost::Gatepost;
use crate::support::origin::{Origin, ok, responds};
use crate::support::tls::Tls;

/// An upstream that responds with its name.
fn origin_named(name: &'static str) -> Origin {
    Origin::tcp(responds(move |_| ok(name)))
}

#[test]
fn each_host_is_forwarded_to_its_own_upstream() {
    let (gitlab, mattermost) = (origin_named("gitlab"), origin_named("mattermost"));
    let configuration =
        Configuration::new().host(Host::new(GITLAB, &gitlab)).host(Host::new(MATTERMOST, &mattermost));
    let gatepost = Gatepost::start(configuration);
    assert_eq!(gatepost.client_of(GITLAB).get("/").text(), "gitlab");
    assert_eq!(gatepost.client_of(MATTERMOST).get("/").text(), "mattermost");
}

#[test]
fn an_exact_name_precedes_a_wildcard_of_any_depth() {
    let (exact, wildcard) = (origin_named("exact"), origin_named("wildcard"));
    let configuration = Configuration::new()
        .host(Host::plain("*.pages.test", &wildcard))
        .host(Host::plain("admin.pages.test", &exact));
    let gatepost = Gatepost::start(configuration);
    let get = |host| gatepost.plain_client_of(host).get("/").text();
    assert_eq!(get("admin.pages.test"), "exact");
    assert_eq!(get("group.pages.test"), "wildcard");
    assert_eq!(get("deep.down.pages.test"), "wildcard");
}

#[test]
fn a_wildcard_does_not_match_its_bare_domain() {
    let origin = origin_named("wildcard");
    let gatepost = Gatepost::with_host(Host::plain("*.pages.test", &origin));
    assert_eq!(gatepost.plain_client_of("pages.test").get("/").status(), 421);
    assert_eq!(gatepost.plain_client_of("xpages.test").get("/").status(), 421);
}

#[test]
fn an_alias_selects_the_host() {
    let origin = origin_named("gitlab");
    let gatepost = Gatepost::with_host(Host::plain(GITLAB, &origin).with(r#"aliases = ["git.test"]"#));
    assert_eq!(gatepost.plain_client_of("git.test").get("/").text(), "gitlab");
}

#[test]
fn an_unknown_host_is_misdirected() {
    let origin = origin_named("gitlab");
    let gatepost = Gatepost::serving(&origin);
    for host in ["unknown.test", "127.0.0.1", "[::1]", "gitlab.test.evil.test", "agitlab.test"] {
        let mut client = Client::tls(gatepost.https(), &Tls::to(GITLAB).without_sni(), host);
        assert_eq!(client.get("/").status(), 421, "{host}");
    }
    assert!(origin.heads().is_empty());
}

#[test]
fn an_unknown_host_selects_the_default_host() {
    let (gitlab, mattermost) = (origin_named("gitlab"), origin_named("mattermost"));
    let configuration = Configuration::new()
        .top(r#"default_host = "mattermost.test""#)
        .host(Host::plain(GITLAB, &gitlab))
        .host(Host::plain(MATTERMOST, &mattermost));
    let gatepost = Gatepost::start(configuration);
    assert_eq!(gatepost.plain_client_of("127.0.0.1").get("/").text(), "mattermost");
    assert_eq!(gatepost.plain_client_of(GITLAB).get("/").text(), "gitlab");
    assert_eq!(mattermost.only_request().head.value("host"), Some("127.0.0.1"));
}

#[test]
fn host_names_match_without_case_port_and_trailing_dot() {
    let origin = origin_named("gitlab");
    let gatepost = Gatepost::with_host(Host::plain(GITLAB, &origin));
    for host in ["GitLab.TEST", "gitlab.test:8443", "gitlab.test.", "gitlab.test:"] {
        assert_eq!(gatepost.plain_client_of(host).get("/").text(), "gitlab", "{host}");
    }
}

#[test]
fn a_request_without_host_is_a_400() {
    let origin = origin_named("gitlab");
    let configuration =
        Configuration::new().top(r#"default_host = "gitlab.test""#).host(Host::plain(GITLAB, &origin));
    let gatepost = Gatepost::start(configuration);
    let mut client = gatepost.plain_client_of(GITLAB);
    client.send("GET / HTTP/1.1\r\n\r\n");
    assert_eq!(client.response().status(), 400);
    assert!(origin.heads().is_empty());
}

#[test]
fn two_host_fields_are_a_400_even_if_equal() {
    let origin = origin_named("gitlab");
    let gatepost = Gatepost::with_host(Host::plain(GITLAB, &origin));
    for second in [GITLAB, MATTERMOST] {
        let mut client = gatepost.plain_client_of(GITLAB);
        let host = format!("Host: {second}");
        assert_eq!(client.get_with("/", &[&host]).status(), 400, "{second}");
    }
    assert!(origin.heads().is_empty());
}

#[test]
fn an_invalid_host_is_a_400() {
    let origin = origin_named("gitlab");
    let gatepost = Gatepost::with_host(Host::plain(GITLAB, &origin));
    for host in [
        "user@gitlab.test",
        "gitlab.test:0",
        "gitlab.test:99999",
        "gitlab.test:+1",
        "gitlab.test/x",
        "a..b",
        "[::1",
    ] {
        assert_eq!(gatepost.plain_client_of(host).get("/").status(), 400, "{host}");
    }
    assert!(origin.heads().is_empty());
}

#[test]
fn the_authority_of_an_absolute_target_replaces_host() {
    let (gitlab, mattermost) = (origin_named("gitlab"), origin_named("mattermost"));
    let configuration =
        Configuration::new().host(Host::plain(GITLAB, &gitlab)).host(Host::plain(MATTERMOST, &mattermost));
    let gatepost = Gatepost::start(configuration);
    let mut client = gatepost.plain_client_of(GITLAB);
    assert_eq!(client.get("http://mattermost.test/api?x=%2F").text(), "mattermost");
    let request = mattermost.only_request();
    assert_eq!(request.head.value("host"), Some(MATTERMOST));
    assert_eq!(request.target(), "/api?x=%2F");
}

#[test]
fn a_host_with_another_certificate_is_misdirected() {
    let (gitlab, mattermost) = (origin_named("gitlab"), origin_named("mattermost"));
    let configuration =
        Configuration::new().host(Host::new(GITLAB, &gitlab)).host(Host::new(MATTERMOST, &mattermost));
    let gatepost = Gatepost::start(configuration);
    let mut client = Client::tls(gatepost.https(), &Tls::to(GITLAB), MATTERMOST);
    assert_eq!(client.get("/").status(), 421);
    assert!(mattermost.heads().is_empty());
}

#[test]
fn hosts_with_one_certificate_share_a_connection() {
    let (gitlab, mattermost) = (origin_named("gitlab"), origin_named("mattermost"));
    let configuration = Configuration::new();
    let files = certs::leaf(&[GITLAB, MATTERMOST]).write(configuration.directory(), "both");
    let configuration = configuration
        .host(Host::new(GITLAB, &gitlab).certificate(&files))
        .host(Host::new(MATTERMOST, &mattermost).certificate(&files));
    let gatepost = Gatepost::start(configuration);
    let mut client = Client::tls(gatepost.https(), &Tls::to(GITLAB), MATTERMOST);
    assert_eq!(client.get("/").text(), "mattermost");
}

#[test]
fn each_request_on_a_connection_selects_its_own_host() {
    let (gitlab, mattermost) = (origin_named("gitlab"), origin_named("mattermost"));
    let configuration =
        Configuration::new().host(Host::plain(GITLAB, &gitlab)).host(Host::plain(MATTERMOST, &mattermost));
    let gatepost = Gatepost::start(configuration);
    let mut client = gatepost.plain_client_of(GITLAB);
    let hosts = [GITLAB, MATTERMOST, GITLAB, "unknown.test", GITLAB, MATTERMOST, "GitLab.test", "unknown.test"];
    for host in hosts {
        client.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        let response = client.response();
        match host {
            "unknown.test" => assert_eq!(response.status(), 421),
            MATTERMOST => assert_eq!(response.text(), "mattermost"),
            _ => assert_eq!(response.text(), "gitlab"),
        }
    }
    let forwarded_hosts: Vec<_> =
        gitlab.heads().iter().map(|head| head.value("host").map(str::to_owned).unwrap_or_default()).collect();
    assert_eq!(forwarded_hosts, [GITLAB, GITLAB, GITLAB, "GitLab.test"]);
}

#[test]
fn routes_are_selected_by_nginx_location_rules() {
    let host = origin_named("host");
    let [exact, protected, regex, prefix] = ["exact", "protected", "regex", "prefix"].map(origin_named);
    let gatepost = Gatepost::with_host(
        Host::plain(GITLAB, &host)
            .route(&format!("exact = \"/a/x.git\"\nupstream = \"{}\"", exact.upstream()))
            .route(&format!("prefix_before_regex = \"/a/raw/\"\nupstream = \"{}\"", protected.upstream()))
            .route(&format!("regex = '\\.git$'\nupstream = \"{}\"", regex.upstream()))
            .route(&format!("prefix = \"/a/\"\nupstream = \"{}\"", prefix.upstream())),
    );
    let mut client = gatepost.plain_client_of(GITLAB);
    assert_eq!(client.get("/a/x.git").text(), "exact");
    assert_eq!(client.get("/a/x.git?query").text(), "exact");
    assert_eq!(client.get("/a/raw/x.git").text(), "protected");
    assert_eq!(client.get("/b/x.git").text(), "regex");
    assert_eq!(client.get("/a/y").text(), "prefix");
    assert_eq!(client.get("/other").text(), "host");
}

#[test]
fn a_route_can_respond_locally() {
    let origin = origin_named("gitlab");
    let route =
        "exact = \"/robots.txt\"\nrespond = { status = 404, content_type = \"text/plain\", body = \"none\" }";
    let gatepost = Gatepost::with_host(Host::plain(GITLAB, &origin).route(route));
    let response = gatepost.plain_client_of(GITLAB).get("/robots.txt");
    assert_eq!((response.status(), response.text().as_str()), (404, "none"));
    assert_eq!(response.head.value("content-type"), Some("text/plain"));
    assert!(origin.heads().is_empty());
}

#[test]
fn a_redirect_route_keeps_the_target() {
    let origin = origin_named("gitlab");
    let route = "prefix = \"/old\"\nredirect_to = \"https://new.test\"";
    let gatepost = Gatepost::with_host(Host::plain(GITLAB, &origin).route(route));
    let response = gatepost.plain_client_of(GITLAB).get("/old/a%2Fb?x=1");
    assert_eq!(response.status(), 301);
    assert_eq!(response.head.value("location"), Some("https://new.test/old/a%2Fb?x=1"));
}

#[test]
fn prefix_replacement_normalizes_the_path_and_keeps_the_query() {
    let origin = origin_named("agents");
    let host = Host::plain(GITLAB, &origin).route("prefix = \"/agents/\"\nreplace_with = \"/\"");
    let gatepost = Gatepost::with_host(host.route("exact = \"/agent\"\nreplace_with = \"/api/agent\""));
    let mut client = gatepost.plain_client_of(GITLAB);
    for target in ["/agents/a%2Fb/./c%20d?q=%2F", "/agent?x", "/other/a%2Fb//c"] {
        client.get(target);
    }
    let targets: Vec<_> = origin.requests().iter().map(|it| it.head.target().to_vec()).collect();
    assert_eq!(targets, [&b"/a/b/c%20d?q=%2F"[..], b"/api/agent?x", b"/other/a%2Fb//c"]);
}

#[test]
fn a_close_route_sends_no_response() {
    let origin = origin_named("gitlab");
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).route("regex = '\\.php$'\nclose = true"));
    let mut client = gatepost.client();
    client.request("GET /x.php HTTP/1.1", &[]);
    client.expect_closed();
    let mut http2 = gatepost.http2();
    let request = http2.request("GET", "/x.php");
    assert!(http2.send(request).is_err());
    assert_eq!(http2.get("/").body, b"gitlab"[..]);
}

/// hyper reads no body after HEAD, so an error in a response body could not close the connection.
#[test]
fn a_close_route_sends_no_response_to_any_method() {
    let origin = origin_named("gitlab");
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).route("exact = \"/no\"\nclose = true"));
    for method in ["HEAD", "POST", "OPTIONS"] {
        let mut client = gatepost.client();
        client.request(&format!("{method} /no HTTP/1.1"), &[]);
        client.expect_closed();
        let mut client = gatepost.http2();
        let request = client.request(method, "/no");
        assert!(client.send(request).is_err_and(|error| error.is_reset()), "{method}");
        assert_eq!(client.get("/").body, b"gitlab", "{method}");
    }
    assert!(gatepost.access_log(6).iter().any(|line| line.contains("\"HEAD /no HTTP/1.1\" 444 0 ")));
}

#[test]
fn a_redirect_can_use_a_fixed_path_or_replace_the_prefix() {
    let origin = origin_named("gitlab");
    let fixed = "exact = \"/in\"\nredirect_to = { origin = \"https://new.test\", path = \"/a?b\", status = 302 }";
    let replaced = "prefix = \"/old/\"\nredirect_to = { origin = \"https://new.test\", replace_with = \"/n/\" }";
    let gatepost = Gatepost::with_host(Host::plain(GITLAB, &origin).route(fixed).route(replaced));
    for (target, status, location) in [
        ("/in?x=1", 302, "https://new.test/a?b"),
        ("/old/a%2Fb//c?x=1", 301, "https://new.test/n/a/b/c?x=1"),
        ("/old/%0d%0aX:y", 301, "https://new.test/n/%0D%0AX:y"),
    ] {
        let response = gatepost.plain_client_of(GITLAB).get(target);
        assert_eq!((response.status(), response.head.value("location")), (status, Some(location)), "{target}");
    }
}
