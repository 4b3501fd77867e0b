//! What a `gitlab.rb` has the proxy say by itself while GitLab is down.

use std::fs;

use nix::unistd::{User, getuid};
use tempfile::TempDir;

use crate::support::certs;
use crate::support::client::Client;
use crate::support::configuration::GITLAB;
use crate::support::ports::ReservedPort;
use crate::support::process::Process;
use crate::support::tls::Tls;

/// The program with what the package would have on disk, and nobody behind it.
struct Package {
    process: Process,
    https: ReservedPort,
    http: ReservedPort,
    status: ReservedPort,
    directory: TempDir,
}

impl Package {
    fn serving(lines: &str) -> Package {
        let [https, http, status, nobody] = std::array::from_fn(|_| ReservedPort::new());
        let directory = TempDir::new().unwrap();
        let files = certs::leaf(&[GITLAB]).write(directory.path(), GITLAB);
        let account = User::from_uid(getuid()).unwrap().unwrap().name;
        let text = format!(
            "external_url 'https://{GITLAB}'\nnginx['listen_addresses'] = ['127.0.0.1']\n\
             nginx['listen_port'] = {}\nnginx['redirect_http_to_https'] = true\n\
             nginx['redirect_http_to_https_port'] = {}\nnginx['ssl_certificate'] = {:?}\n\
             nginx['ssl_certificate_key'] = {:?}\nnginx['log_directory'] = {:?}\n\
             nginx['status'] = {{ 'listen_addresses' => ['127.0.0.1'], 'port' => {} }}\n\
             web_server['username'] = '{account}'\ngitlab_workhorse['listen_network'] = 'tcp'\n\
             gitlab_workhorse['listen_addr'] = '{}'\nletsencrypt['wwwroot'] = {:?}\n{lines}\n",
            https.address().port(),
            http.address().port(),
            files.certificate,
            files.key,
            directory.path(),
            status.address().port(),
            nobody.address(),
            directory.path(),
        );
        let path = directory.path().join("gitlab.rb");
        fs::write(&path, text).unwrap();
        let process = Process::spawn(&["serve".as_ref(), "--gitlab-rb".as_ref(), path.as_os_str()]);
        process.wait_stderr(|text| text.contains("ready"));
        Package { process, https, http, status, directory }
    }

    fn secure(&self) -> Client {
        Client::tls(self.https.address(), &Tls::to(GITLAB), GITLAB)
    }

    fn plain(&self) -> Client {
        Client::plain(self.http.address(), GITLAB)
    }
}

impl Drop for Package {
    fn drop(&mut self) {
        assert!(!self.process.stderr().contains("panicked at"), "{}", self.process.stderr());
    }
}

#[test]
fn health_checks_are_answered_on_both_ports_in_words_and_json() {
    let package = Package::serving("");
    for mut client in [package.secure(), package.plain()] {
        let health = client.get("/-/health");
        assert_eq!(health.status(), 502);
        assert_eq!(health.text(), "nginx returned 502 when communicating with gitlab-workhorse\n");
        let ready = client.get("/-/readiness?all=1");
        assert_eq!((ready.status(), ready.head.value("content-type")), (502, Some("application/json")));
        assert!(ready.text().ends_with("\"status\":502}\n"), "{}", ready.text());
    }
    assert_eq!(package.plain().get("/users/sign_in").status(), 301);
}

#[test]
fn everything_else_is_shown_the_page_for_502() {
    let page =
        "{ '502' => { 'title' => 'Back soon', 'header' => 'Maintenance', 'message' => 'Until <b>7:00</b>.' } }";
    let package = Package::serving(&format!("nginx['custom_error_pages'] = {page}"));
    let mut client = package.secure();
    for target in ["/", "/api/v4/projects", "/group/project.git/info/refs?service=git-upload-pack"] {
        let answer = client.get(target);
        assert_eq!(answer.status(), 502, "{target}");
        assert!(answer.text().contains("Maintenance</h1><p>Until <b>7:00</b>.</p>"), "{}", answer.text());
    }
    // The pages themselves are nothing to ask for.
    assert_eq!(client.get("/502.html").status(), 404);
}

#[test]
fn challenges_and_status_pages_need_no_gitlab() {
    let package = Package::serving("");
    let challenges = package.directory.path().join(".well-known/acme-challenge");
    fs::create_dir_all(&challenges).unwrap();
    fs::write(challenges.join("token"), "token.thumbprint").unwrap();
    for mut client in [package.plain(), package.secure()] {
        assert_eq!(client.get("/.well-known/acme-challenge/token").text(), "token.thumbprint");
    }
    let mut status = Client::plain(package.status.address(), "localhost");
    assert!(status.get("/nginx_status").text().starts_with("Active connections: "));
    assert!(status.get("/metrics").text().contains("nginx_vts_server_requests_total{host=\"gitlab.test\""));
    assert_eq!(status.get("/rails-metrics").status(), 502);
}

#[test]
fn unknown_names_and_addresses_are_answered_as_gitlab() {
    let package = Package::serving("");
    let mut client = Client::plain(package.http.address(), "192.0.2.1");
    assert_eq!(client.get("/x").head.value("location"), Some("https://gitlab.test/x"));
    assert_eq!(Client::plain(package.http.address(), "other.test").get("/-/health").status(), 502);
}
