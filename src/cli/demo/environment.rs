//! Prepares ports, certificates, configuration and the welcome text.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use tempfile::TempDir;

use super::certificates::{DemoCertificateError, issue};
use super::servers::{DemoServers, start_servers};
use crate::config;
use crate::model::Model;

/// Applications, certificates, ports and configuration of a demo. Dropping it stops the applications and removes
/// the files.
pub struct DemoEnvironment {
    model: Model,
    ports: DemoPorts,
    directory: TempDir,
    _servers: DemoServers,
}

/// Why a demo cannot start.
#[derive(Debug)]
pub enum DemoError {
    Files(io::Error),
    Certificates(DemoCertificateError),
    NoFreePort,
    Configuration(config::Diagnostics),
}

/// Ports of a demo on 127.0.0.1.
#[derive(Clone, Copy)]
struct DemoPorts {
    https: u16,
    http: u16,
}

/// Prepares a demo in a new temporary directory and starts its applications.
///
/// # Errors
/// If a file cannot be written, a certificate cannot be issued, a port is not free, or the configuration is
/// invalid.
pub fn prepare() -> Result<DemoEnvironment, DemoError> {
    let directory = tempfile::Builder::new().prefix("gatepost-demo-").tempdir().map_err(DemoError::Files)?;
    issue(directory.path(), &HOSTS).map_err(DemoError::Certificates)?;
    let servers = start_servers(directory.path()).map_err(DemoError::Files)?;
    let ports = DemoPorts { https: free_port(8443)?, http: free_port(8080)? };
    let text = configuration(&servers, directory.path(), ports);
    let file = directory.path().join("gatepost.toml");
    std::fs::write(&file, &text).map_err(DemoError::Files)?;
    let model = config::from_toml(&file, &text).map_err(DemoError::Configuration)?.model;
    Ok(DemoEnvironment { model, ports, directory, _servers: servers })
}

impl DemoEnvironment {
    pub fn model(&self) -> Model {
        self.model.clone()
    }

    /// Returns the text with addresses to open.
    pub fn instructions(&self) -> String {
        let DemoPorts { https, http } = self.ports;
        let ca = self.directory.path().join("ca.pem");
        let ca = ca.display();
        format!(
            "\
Gatepost serves two demo applications. Open them in a browser and accept the certificates:

  https://gitlab.localhost:{https}/        shows the request that an upstream receives
  https://mattermost.localhost:{https}/    chat over a WebSocket; open it in two windows

Or use the command line:

  curl --cacert {ca} https://gitlab.localhost:{https}/echo.json
  curl --cacert {ca} --data-binary @/bin/ls https://gitlab.localhost:{https}/echo.json
  curl --cacert {ca} -N https://gitlab.localhost:{https}/events
  curl -i http://gitlab.localhost:{http}/any/path?query    # redirected to HTTPS

The configuration is {configuration}
Access log lines follow. Ctrl-C stops the demo.
",
            configuration = self.directory.path().join("gatepost.toml").display(),
        )
    }
}

impl fmt::Display for DemoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DemoError::Files(error) => write!(f, "cannot prepare the files and sockets of the demo: {error}"),
            DemoError::Certificates(error) => write!(f, "cannot issue the certificates of the demo: {error}"),
            DemoError::NoFreePort => f.write_str("no free port on 127.0.0.1 for the demo"),
            DemoError::Configuration(problems) => {
                write!(f, "the configuration of the demo is invalid:\n{problems}")
            }
        }
    }
}

impl std::error::Error for DemoError {}

fn configuration(servers: &DemoServers, directory: &Path, ports: DemoPorts) -> String {
    let DemoPorts { https, http } = ports;
    let addresses = servers.addresses();
    let socket = addresses.gitlab_socket.display();
    let mattermost = addresses.mattermost;
    let directory = directory.display();
    format!(
        r#"# Configuration of `gatepost demo`.
[process]
shutdown_timeout = "1s"

[defaults]
listen = ["127.0.0.1:{https}"]
redirect_from = ["127.0.0.1:{http}"]
access_log = "stdout"

[[host]]
name = "gitlab.localhost"
upstream = "unix:{socket}"
certificate = "{directory}/gitlab.localhost.crt"
certificate_key = "{directory}/gitlab.localhost.key"

[[host]]
name = "mattermost.localhost"
upstream = "{mattermost}"
certificate = "{directory}/mattermost.localhost.crt"
certificate_key = "{directory}/mattermost.localhost.key"
"#
    )
}

/// Returns the preferred port, or a free one of the next 100 in steps of 10.
fn free_port(preferred: u16) -> Result<u16, DemoError> {
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    (0..100).map(|step| preferred + step * 10).find(is_free).ok_or(DemoError::NoFreePort)
}

const HOSTS: [&str; 2] = ["gitlab.localhost", "mattermost.localhost"];
