//! Local responses of a `gitlab.rb` configuration while GitLab is down.

use std::fs;

use nix::unistd::{User, getuid};
use tempfile::TempDir;

use crate::support::certs;
use crate::support::client::Client;
use crate::support::configuration::GITLAB;
use crate::support::ports::ReservedPort;
use crate::support::process::Process;
use crate::support::tls::Tls;

/// A proxy configured by a `gitlab.rb`, with the files of the package and no upstream.
struct GitlabRbProxy {
    process: Process,
    https: ReservedPort,
    http: ReservedPort,
    status: ReservedPort,
    directory: TempDir,
}

impl GitlabRbProxy {
    fn serving(lines: &str) -> GitlabRbProxy {
        let [https, http, status, unused_port] = std::array::from_fn(|_| ReservedPort::new());
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
            unused_port.address(),
            directory.path(),
        );
        let path = directory.path().join("gitlab.rb");
        fs::write(&path, text).unwrap();
        let process = Process::spawn(&["serve".as_ref(), "--gitlab-rb".as_ref(), path.as_os_str()]);
        process.wait_stderr(|text| text.contains("ready"));
        GitlabRbProxy { process, https, http, status, directory }
    }

    fn https_client(&self) -> Client {
        Client::tls(self.https.address(), &Tls::to(GITLAB), GITLAB)
    }

    fn plain_client(&self) -> Client {
        Client::plain(self.http.address(), GITLAB)
    }
}

impl Drop for GitlabRbProxy {
    fn drop(&mut self) {
        assert!(!self.process.stderr().contains("panicked at"), "{}", self.process.stderr());
    }
}

#[test]
fn health_checks_respond_502_in_text_and_json_on_both_ports() {
    let proxy = GitlabRbProxy::serving("");
    for mut client in [proxy.https_client(), proxy.plain_client()] {
        let health = client.get("/-/health");
        assert_eq!(health.status(), 502);
        assert_eq!(health.text(), "nginx returned 502 when communicating with gitlab-workhorse\n");
        let ready = client.get("/-/readiness?all=1");
        assert_eq!((ready.status(), ready.head.value("content-type")), (502, Some("application/json")));
        assert!(ready.text().ends_with("\"status\":502}\n"), "{}", ready.text());
    }
    assert_eq!(proxy.plain_client().get("/users/sign_in").status(), 301);
}

#[test]
fn other_requests_get_the_502_page() {
    let page =
        "{ '502' => { 'title' => 'Back soon', 'header' => 'Maintenance', 'message' => 'Until <b>7:00</b>.' } }";
    let proxy = GitlabRbProxy::serving(&format!("nginx['custom_error_pages'] = {page}"));
    let mut client = proxy.https_client();
    for target in ["/", "/api/v4/projects", "/group/project.git/info/refs?service=git-upload-pack"] {
        let response = client.get(target);
        assert_eq!(response.status(), 502, "{target}");
        assert!(response.text().contains("Maintenance</h1><p>Until <b>7:00</b>.</p>"), "{}", response.text());
    }
    // The error pages themselves are not reachable by path.
    assert_eq!(client.get("/502.html").status(), 404);
}

#[test]
fn acme_challenges_and_status_pages_work_without_gitlab() {
    let proxy = GitlabRbProxy::serving("");
    let challenges = proxy.directory.path().join(".well-known/acme-challenge");
    fs::create_dir_all(&challenges).unwrap();
    fs::write(challenges.join("token"), "token.thumbprint").unwrap();
    for mut client in [proxy.plain_client(), proxy.https_client()] {
        assert_eq!(client.get("/.well-known/acme-challenge/token").text(), "token.thumbprint");
    }
    let mut status = Client::plain(proxy.status.address(), "localhost");
    assert!(status.get("/nginx_status").text().starts_with("Active connections: "));
    assert!(status.get("/metrics").text().contains("nginx_vts_server_requests_total{host=\"gitlab.test\""));
    assert_eq!(status.get("/rails-metrics").status(), 502);
}

#[test]
fn unknown_host_names_select_the_gitlab_host() {
    let proxy = GitlabRbProxy::serving("");
    let mut client = Client::plain(proxy.http.address(), "192.0.2.1");
    assert_eq!(client.get("/x").head.value("location"), Some("https://gitlab.test/x"));
    assert_eq!(Client::plain(proxy.http.address(), "other.test").get("/-/health").status(), 502);
}
