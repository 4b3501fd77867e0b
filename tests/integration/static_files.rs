//! Static files: complete, partial and conditional responses, path traversal.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::TempDir;

use crate::support::configuration::{GITLAB, Host};
use crate::support::gatepost::Gatepost;
use crate::support::origin::{Origin, ok, responds};
use crate::support::pattern::pattern;

fn origin() -> Origin {
    Origin::tcp(responds(|_| ok("from the upstream")))
}

/// Creates a directory with a public part, `www`, and a secret file beside it.
fn site() -> TempDir {
    let site = TempDir::new().unwrap();
    let www = site.path().join("www");
    fs::create_dir_all(www.join("static/deep")).unwrap();
    fs::create_dir_all(www.join(".git")).unwrap();
    fs::write(site.path().join("secret.txt"), "secret").unwrap();
    fs::write(www.join("static/hello.txt"), "hello, file").unwrap();
    fs::write(www.join("static/deep/index.html"), "<p>index</p>").unwrap();
    fs::write(www.join(".git/config"), "secret").unwrap();
    site
}

fn route(kind: &str, path: &str, files: &str, directory: &Path) -> String {
    format!("{kind} = {path:?}\nfiles = {{ {files} = {directory:?} }}")
}

/// Serves `/static/` by `root`, and `/alias` by `alias` without a trailing slash: the form that allows path
/// traversal in nginx.
fn gatepost_serving(site: &TempDir, origin: &Origin) -> Gatepost {
    let www = site.path().join("www");
    let host = Host::new(GITLAB, origin)
        .route(&route("prefix", "/static/", "root", &www))
        .route(&route("prefix", "/alias", "alias", &www.join("static")))
        .route(&route("exact", "/robots.txt", "alias", &www.join("static/hello.txt")));
    Gatepost::with_host(host)
}

#[test]
fn a_file_is_served_with_content_type_and_length() {
    let (site, origin) = (site(), origin());
    let gatepost = gatepost_serving(&site, &origin);
    let mut client = gatepost.client();
    for target in ["/static/hello.txt", "/static//hello.txt?x=1", "/alias/hello.txt", "/robots.txt"] {
        let response = client.get(target);
        assert_eq!((response.status(), response.text().as_str()), (200, "hello, file"), "{target}");
        assert_eq!(response.head.value("content-type"), Some("text/plain"));
        assert_eq!(response.head.value("content-length"), Some("11"));
        assert!(response.head.has("strict-transport-security"), "{target}");
    }
    assert_eq!(client.get("/").text(), "from the upstream");
}

#[test]
fn head_has_the_same_headers_and_other_methods_are_405() {
    let (site, origin) = (site(), origin());
    let gatepost = gatepost_serving(&site, &origin);
    let mut client = gatepost.client();
    client.request("HEAD /static/hello.txt HTTP/1.1", &[]);
    let response = client.response_to("HEAD");
    assert_eq!((response.status(), response.head.value("content-length")), (200, Some("11")));
    let response = client.post("/static/hello.txt", b"x");
    assert_eq!((response.status(), response.head.value("allow")), (405, Some("GET, HEAD")));
}

#[test]
fn no_path_escapes_the_directory() {
    let (site, origin) = (site(), origin());
    let gatepost = gatepost_serving(&site, &origin);
    for target in [
        "/static/../secret.txt",
        "/static/../../secret.txt",
        "/static/%2e%2e/%2e%2e/secret.txt",
        "/static/..%2f..%2fsecret.txt",
        "/static/%252e%252e/secret.txt",
        "/static/..%5c..%5csecret.txt",
        "/alias../secret.txt",
        "/alias../../secret.txt",
        "/alias%2e%2e/secret.txt",
        "/alias/../../secret.txt",
        "/static/deep",
        "/static/deep/",
        "/static/",
        "/static/hello.txt/",
        "/static/hello.txt%00",
    ] {
        let response = gatepost.client().get(target);
        assert!(!response.text().contains("secret"), "{target}");
        // Paths that leave the route are forwarded to the upstream; paths within it must match no file.
        assert!([400, 404].contains(&response.status()) || response.text() == "from the upstream", "{target}");
    }
}

#[test]
fn symlinks_are_followed_only_within_the_directory() {
    let (site, origin) = (site(), origin());
    let www = site.path().join("www");
    symlink("hello.txt", www.join("static/inside.txt")).unwrap();
    symlink("../../secret.txt", www.join("static/outside.txt")).unwrap();
    symlink(site.path(), www.join("static/up")).unwrap();
    symlink(site.path().join("secret.txt"), www.join("named.txt")).unwrap();
    let host = Host::new(GITLAB, &origin).route(&route("prefix", "/static/", "root", &www)).route(&route(
        "exact",
        "/named.txt",
        "alias",
        &www.join("named.txt"),
    ));
    let gatepost = Gatepost::with_host(host);
    let mut client = gatepost.client();
    // An exact route to a symlink serves the target of the symlink.
    assert_eq!(client.get("/named.txt").text(), "secret");
    assert_eq!(client.get("/static/inside.txt").text(), "hello, file");
    assert_eq!(client.get("/static/outside.txt").status(), 404);
    assert_eq!(client.get("/static/up/secret.txt").status(), 404);
}

#[test]
fn a_prefix_alias_may_name_a_file_as_in_nginx() {
    let (site, origin) = (site(), origin());
    let file = site.path().join("www/static/hello.txt");
    let host = Host::new(GITLAB, &origin).route(&route("prefix", "/robots.txt", "alias", &file));
    let gatepost = Gatepost::with_host(host);
    let mut client = gatepost.client();
    let response = client.get("/robots.txt");
    assert_eq!((response.status(), response.text().as_str()), (200, "hello, file"));
    assert_eq!(response.head.value("content-type"), Some("text/plain"));
    for target in ["/robots.txt/", "/robots.txt2", "/robots.txt/other"] {
        assert_eq!(client.get(target).status(), 404, "{target}");
    }
}

#[test]
fn hidden_files_and_pipes_are_not_found() {
    let (site, origin) = (site(), origin());
    let www = site.path().join("www");
    nix::unistd::mkfifo(&www.join("static/pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let host = Host::new(GITLAB, &origin).route(&route("prefix", "/", "root", &www));
    let gatepost = Gatepost::with_host(host);
    let mut client = gatepost.client();
    for target in ["/.git/config", "/%2egit/config", "/static/pipe"] {
        assert_eq!(client.get(target).status(), 404, "{target}");
    }
}

#[test]
fn an_index_file_is_served_only_if_configured() {
    let (site, origin) = (site(), origin());
    let www = site.path().join("www");
    let host = Host::new(GITLAB, &origin)
        .route(&format!("prefix = \"/static/\"\nfiles = {{ root = {www:?}, index = \"index.html\" }}"));
    let gatepost = Gatepost::with_host(host);
    let mut client = gatepost.client();
    let response = client.get("/static/deep/");
    assert_eq!(
        (response.text().as_str(), response.head.value("content-type")),
        ("<p>index</p>", Some("text/html"))
    );
    assert_eq!(client.get("/static/").status(), 404);
}

#[test]
fn conditional_requests_get_304_and_412() {
    let (site, origin) = (site(), origin());
    let gatepost = gatepost_serving(&site, &origin);
    let mut client = gatepost.client();
    let first = client.get("/static/hello.txt");
    let tag = first.head.value("etag").unwrap().to_owned();
    let date = first.head.value("last-modified").unwrap().to_owned();
    for condition in [format!("If-None-Match: {tag}"), format!("If-Modified-Since: {date}")] {
        let response = client.get_with("/static/hello.txt", &[&condition]);
        assert_eq!((response.status(), response.head.value("etag")), (304, Some(tag.as_str())), "{condition}");
    }
    assert_eq!(client.get_with("/static/hello.txt", &["If-None-Match: \"other\""]).status(), 200);
    assert_eq!(client.get_with("/static/hello.txt", &["If-Match: \"other\""]).status(), 412);
}

#[test]
fn a_range_is_served_and_an_unsatisfiable_one_is_416() {
    let (site, origin) = (site(), origin());
    let gatepost = gatepost_serving(&site, &origin);
    let mut client = gatepost.client();
    let response = client.get_with("/static/hello.txt", &["Range: bytes=7-"]);
    assert_eq!((response.status(), response.text().as_str()), (206, "file"));
    assert_eq!(response.head.value("content-range"), Some("bytes 7-10/11"));
    assert_eq!(client.get_with("/static/hello.txt", &["Range: bytes=0-0"]).text(), "h");
    assert_eq!(client.get_with("/static/hello.txt", &["Range: bytes=-4"]).text(), "file");
    let response = client.get_with("/static/hello.txt", &["Range: bytes=11-"]);
    assert_eq!((response.status(), response.head.value("content-range")), (416, Some("bytes */11")));
    for whole in ["Range: bytes=0-1,3-4", "Range: lines=1-2", "Range: bytes=9-\r\nIf-Range: \"other\""] {
        assert_eq!(client.get_with("/static/hello.txt", &[whole]).status(), 200, "{whole}");
    }
}

#[test]
fn a_large_file_is_complete() {
    let (site, origin) = (site(), origin());
    let content = pattern(3_000_001);
    fs::write(site.path().join("www/static/large.bin"), &content).unwrap();
    let gatepost = gatepost_serving(&site, &origin);
    let response = gatepost.client().get("/static/large.bin");
    assert_eq!(response.head.value("content-type"), Some("application/octet-stream"));
    assert!(response.body == content);
}

#[test]
fn files_are_served_over_http2() {
    let (site, origin) = (site(), origin());
    let gatepost = gatepost_serving(&site, &origin);
    let mut client = gatepost.http2();
    assert_eq!(client.get("/static/hello.txt").body, b"hello, file");
    for (target, status) in [("/static/hello.txt", 200), ("/static/none.txt", 404)] {
        let response = client.send(client.request("HEAD", target)).unwrap();
        assert_eq!((response.status, response.body.len()), (status, 0), "{target}");
    }
}

#[test]
fn acme_challenges_are_served_on_both_ports_before_the_redirect() {
    let origin = origin();
    let www = TempDir::new().unwrap();
    let directory = www.path().join(".well-known/acme-challenge");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("token"), "token.thumbprint").unwrap();
    let host = Host::new(GITLAB, &origin).with(&format!("acme_challenge_directory = {:?}", www.path()));
    let gatepost = Gatepost::with_host(host);
    for mut client in [gatepost.plain_client_of(GITLAB), gatepost.client()] {
        let response = client.get("/.well-known/acme-challenge/token");
        assert_eq!((response.status(), response.text().as_str()), (200, "token.thumbprint"));
        assert_eq!(client.get("/.well-known/acme-challenge/other").status(), 404);
    }
    assert_eq!(gatepost.plain_client_of(GITLAB).get("/.well-known/other").status(), 301);
}
