//! The agent server for Kubernetes behind GitLab's host, as a `gitlab.rb` asks for it.

use std::path::PathBuf;

use nix::unistd::{User, getuid};
use tempfile::TempDir;

use crate::support::certs;
use crate::support::client::Client;
use crate::support::configuration::GITLAB;
use crate::support::http2::Http2;
use crate::support::origin::{Origin, ok, responds, switching_protocols, upgrades_and_echoes};
use crate::support::ports::ReservedPort;
use crate::support::process::Process;
use crate::support::tls::Tls;
use crate::support::upstream_server::UpstreamServer;

/// The program, serving what a `gitlab.rb` says.
struct Package {
    process: Process,
    port: ReservedPort,
    _directory: TempDir,
}

impl Package {
    /// GitLab at `workhorse`, and `lines` about the agent server.
    fn serving(workhorse: &Origin, lines: &str) -> Package {
        let (directory, port) = (TempDir::new().unwrap(), ReservedPort::new());
        let files = certs::leaf(&[GITLAB]).write(directory.path(), GITLAB);
        let account = User::from_uid(getuid()).unwrap().unwrap().name;
        let text = format!(
            "external_url 'https://{GITLAB}'\nnginx['listen_addresses'] = ['127.0.0.1']\n\
             nginx['listen_port'] = {}\nnginx['ssl_certificate'] = {:?}\nnginx['ssl_certificate_key'] = {:?}\n\
             nginx['status']['enable'] = false\nnginx['log_directory'] = {:?}\nweb_server['username'] = '{account}'\n\
             gitlab_workhorse['listen_network'] = 'tcp'\ngitlab_workhorse['listen_addr'] = '{}'\n{lines}\n",
            port.address().port(),
            files.certificate,
            files.key,
            directory.path(),
            workhorse.upstream(),
        );
        let path: PathBuf = directory.path().join("gitlab.rb");
        std::fs::write(&path, text).unwrap();
        let process = Process::spawn(&["serve".as_ref(), "--gitlab-rb".as_ref(), path.as_os_str()]);
        process.wait_stderr(|text| text.contains("ready"));
        Package { process, port, _directory: directory }
    }

    fn client(&self) -> Client {
        Client::tls(self.port.address(), &Tls::to(GITLAB), GITLAB)
    }
}

impl Drop for Package {
    fn drop(&mut self) {
        assert!(!self.process.stderr().contains("panicked at"), "{}", self.process.stderr());
    }
}

fn workhorse() -> Origin {
    Origin::tcp(responds(|_| ok("gitlab")))
}

#[test]
fn agents_reach_the_root_of_the_agent_server_by_websocket() {
    let (gitlab, kas) = (workhorse(), Origin::tcp(upgrades_and_echoes()));
    let package = Package::serving(&gitlab, &format!("gitlab_kas['listen_address'] = '{}'", kas.upstream()));
    let mut client = package.client();
    assert_eq!(client.upgrade("/-/kubernetes-agent/?version=1", "websocket").status(), 101);
    client.send("hello");
    assert_eq!(client.exactly(5), b"hello");
    let head = kas.heads().remove(0);
    assert_eq!(head.target(), b"/?version=1");
    assert_eq!(head.value("host"), Some(GITLAB));
    assert_eq!(head.value("x-forwarded-proto"), Some("https"));
    assert_eq!(package.client().get("/-/kubernetes-agent/other").text(), "gitlab");
}

#[test]
fn users_reach_the_api_of_their_clusters_and_run_commands_over_spdy() {
    let (gitlab, api) = (workhorse(), spdy());
    let lines = format!("gitlab_kas['kubernetes_api_listen_address'] = '{}'", api.upstream());
    let package = Package::serving(&gitlab, &lines);
    let mut client = package.client();
    client.request(
        "POST /-/kubernetes-agent/k8s-proxy/api/v1/pods/a%2Fb/exec?command=sh HTTP/1.1",
        &[
            "Connection: Upgrade",
            "Upgrade: SPDY/3.1",
            "Content-Length: 0",
            "X-Stream-Protocol-Version: v4.channel.k8s.io",
        ],
    );
    let answer = client.head();
    assert_eq!((answer.status(), answer.value("upgrade")), (101, Some("SPDY/3.1")));
    client.send([0x80, 0x03, 0x00, 0x01]);
    assert_eq!(client.exactly(4), [0x80, 0x03, 0x00, 0x01]);
    let head = api.heads().remove(0);
    assert_eq!(head.start_line(), b"POST /api/v1/pods/a/b/exec?command=sh HTTP/1.1");
    assert_eq!(head.value("upgrade"), Some("SPDY/3.1"));
    assert_eq!(head.value("x-stream-protocol-version"), Some("v4.channel.k8s.io"));
}

#[test]
fn agents_reach_the_agent_server_by_grpc() {
    let (gitlab, kas) = (workhorse(), UpstreamServer::h2c());
    let package = Package::serving(&gitlab, &format!("gitlab_kas['listen_address'] = '127.0.0.1:{}'", kas.port()));
    let mut client = Http2::connect(package.port.address(), GITLAB);
    let answer = client.send(client.request("POST", "/gitlab.agent.info.rpc.AgentInfo/Get")).unwrap();
    assert_eq!((answer.status, &answer.trailers["grpc-status"]), (200, &"0".parse().unwrap()));
    assert_eq!(kas.record().requests[0].uri.path(), "/gitlab.agent.info.rpc.AgentInfo/Get");
}

#[test]
fn an_agent_server_with_a_certificate_is_believed_by_that_certificate() {
    let directory = TempDir::new().unwrap();
    let leaf = certs::self_signed(&["kas.internal"]);
    let files = leaf.write(directory.path(), "kas");
    let (gitlab, kas) = (workhorse(), UpstreamServer::tls(leaf.server_config(&["h2", "http/1.1"])));
    let lines = format!(
        "gitlab_kas['listen_address'] = 'localhost:{}'\ngitlab_kas['certificate_file'] = {:?}\n\
         gitlab_kas['key_file'] = {:?}",
        kas.port(),
        files.certificate,
        files.key
    );
    let package = Package::serving(&gitlab, &lines);
    assert_eq!(package.client().get("/-/kubernetes-agent/").text(), "/");
    let mut client = Http2::connect(package.port.address(), GITLAB);
    let answer = client.send(client.request("POST", "/gitlab.agent.info.rpc.AgentInfo/Get")).unwrap();
    assert_eq!(answer.trailers["grpc-status"], "0");
}

/// Agrees to SPDY, and sends every byte back.
fn spdy() -> Origin {
    Origin::tcp(|app: &mut crate::support::origin::OriginConnection| {
        app.read_request()?;
        app.send(switching_protocols("SPDY/3.1", ""))?;
        app.echo()
    })
}
