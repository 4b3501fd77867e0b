//! GitLab agent server for Kubernetes (KAS), configured by `gitlab.rb`.

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

/// A proxy configured by a `gitlab.rb`.
struct GitlabRbProxy {
    process: Process,
    port: ReservedPort,
    _directory: TempDir,
}

impl GitlabRbProxy {
    /// Serves GitLab from `workhorse`; `lines` configure KAS.
    fn serving(workhorse: &Origin, lines: &str) -> GitlabRbProxy {
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
        GitlabRbProxy { process, port, _directory: directory }
    }

    fn client(&self) -> Client {
        Client::tls(self.port.address(), &Tls::to(GITLAB), GITLAB)
    }
}

impl Drop for GitlabRbProxy {
    fn drop(&mut self) {
        assert!(!self.process.stderr().contains("panicked at"), "{}", self.process.stderr());
    }
}

fn workhorse() -> Origin {
    Origin::tcp(responds(|_| ok("gitlab")))
}

#[test]
fn agent_websockets_are_forwarded_to_the_kas_root() {
    let (gitlab, kas) = (workhorse(), Origin::tcp(upgrades_and_echoes()));
    let proxy = GitlabRbProxy::serving(&gitlab, &format!("gitlab_kas['listen_address'] = '{}'", kas.upstream()));
    let mut client = proxy.client();
    assert_eq!(client.upgrade("/-/kubernetes-agent/?version=1", "websocket").status(), 101);
    client.send("hello");
    assert_eq!(client.exactly(5), b"hello");
    let head = kas.heads().remove(0);
    assert_eq!(head.target(), b"/?version=1");
    assert_eq!(head.value("host"), Some(GITLAB));
    assert_eq!(head.value("x-forwarded-proto"), Some("https"));
    assert_eq!(proxy.client().get("/-/kubernetes-agent/other").text(), "gitlab");
}

#[test]
fn kubernetes_api_requests_and_spdy_upgrades_are_forwarded() {
    let (gitlab, api) = (workhorse(), spdy());
    let lines = format!("gitlab_kas['kubernetes_api_listen_address'] = '{}'", api.upstream());
    let proxy = GitlabRbProxy::serving(&gitlab, &lines);
    let mut client = proxy.client();
    client.request(
        "POST /-/kubernetes-agent/k8s-proxy/api/v1/pods/a%2Fb/exec?command=sh HTTP/1.1",
        &[
            "Connection: Upgrade",
            "Upgrade: SPDY/3.1",
            "Content-Length: 0",
            "X-Stream-Protocol-Version: v4.channel.k8s.io",
        ],
    );
    let response = client.head();
    assert_eq!((response.status(), response.value("upgrade")), (101, Some("SPDY/3.1")));
    client.send([0x80, 0x03, 0x00, 0x01]);
    assert_eq!(client.exactly(4), [0x80, 0x03, 0x00, 0x01]);
    let head = api.heads().remove(0);
    assert_eq!(head.start_line(), b"POST /api/v1/pods/a/b/exec?command=sh HTTP/1.1");
    assert_eq!(head.value("upgrade"), Some("SPDY/3.1"));
    assert_eq!(head.value("x-stream-protocol-version"), Some("v4.channel.k8s.io"));
}

#[test]
fn agent_grpc_calls_are_forwarded_to_kas() {
    let (gitlab, kas) = (workhorse(), UpstreamServer::h2c());
    let proxy =
        GitlabRbProxy::serving(&gitlab, &format!("gitlab_kas['listen_address'] = '127.0.0.1:{}'", kas.port()));
    let mut client = Http2::connect(proxy.port.address(), GITLAB);
    let response = client.send(client.request("POST", "/gitlab.agent.info.rpc.AgentInfo/Get")).unwrap();
    assert_eq!((response.status, &response.trailers["grpc-status"]), (200, &"0".parse().unwrap()));
    assert_eq!(kas.record().requests[0].uri.path(), "/gitlab.agent.info.rpc.AgentInfo/Get");
}

#[test]
fn a_kas_certificate_is_pinned() {
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
    let proxy = GitlabRbProxy::serving(&gitlab, &lines);
    assert_eq!(proxy.client().get("/-/kubernetes-agent/").text(), "/");
    let mut client = Http2::connect(proxy.port.address(), GITLAB);
    let response = client.send(client.request("POST", "/gitlab.agent.info.rpc.AgentInfo/Get")).unwrap();
    assert_eq!(response.trailers["grpc-status"], "0");
}

/// Accepts an upgrade to SPDY, then echoes.
fn spdy() -> Origin {
    Origin::tcp(|connection: &mut crate::support::origin::OriginConnection| {
        connection.read_request()?;
        connection.send(switching_protocols("SPDY/3.1", ""))?;
        connection.echo()
    })
}
