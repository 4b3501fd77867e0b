//! Everything that a demonstration needs: the applications, certificates, free ports, a configuration in
//! the language that administrators write, and the words that welcome whoever started it.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use tempfile::TempDir;

use super::certificates::{DemoCertificateError, issue};
use super::servers::{DemoServers, start_servers};
use crate::config;
use crate::model::Model;

/// A demonstration that is ready to be served. Its applications run until it is dropped, and its files
/// live as long.
pub struct DemoEnvironment {
    model: Model,
    ports: DemoPorts,
    directory: TempDir,
    _applications: DemoServers,
}

/// Why there can be no demonstration here.
#[derive(Debug)]
pub enum DemoError {
    Files(io::Error),
    Certificates(DemoCertificateError),
    NoFreePort,
    Configuration(config::Diagnostics),
}

#[derive(Clone, Copy)]
struct DemoPorts {
    https: u16,
    http: u16,
}

/// Sets everything up, in a directory of its own.
pub fn prepare() -> Result<DemoEnvironment, DemoError> {
    let directory = tempfile::Builder::new().prefix("gatepost-demo-").tempdir().map_err(DemoError::Files)?;
    issue(directory.path(), &HOSTS).map_err(DemoError::Certificates)?;
    let applications = start_servers(directory.path()).map_err(DemoError::Files)?;
    let ports = DemoPorts { https: free_port(8443)?, http: free_port(8080)? };
    let text = configuration(&applications, directory.path(), ports);
    let file = directory.path().join("gatepost.toml");
    std::fs::write(&file, &text).map_err(DemoError::Files)?;
    let model = config::from_toml(&file, &text).map_err(DemoError::Configuration)?.model;
    Ok(DemoEnvironment { model, ports, directory, _applications: applications })
}

impl DemoEnvironment {
    pub fn model(&self) -> Model {
        self.model.clone()
    }

    /// What to open, and what to try.
    pub fn instructions(&self) -> String {
        let DemoPorts { https, http } = self.ports;
        let authority = self.directory.path().join("ca.pem");
        let authority = authority.display();
        format!(
            "\
Gatepost is serving two stand-in applications. Open in a browser, and accept the certificates:

  https://gitlab.localhost:{https}/        what an application behind the proxy receives
  https://mattermost.localhost:{https}/    a chat over a WebSocket; open it in two windows

Or on the command line:

  curl --cacert {authority} https://gitlab.localhost:{https}/echo.json
  curl --cacert {authority} --data-binary @/bin/ls https://gitlab.localhost:{https}/echo.json
  curl --cacert {authority} -N https://gitlab.localhost:{https}/events
  curl -i http://gitlab.localhost:{http}/any/path?query    # redirected to HTTPS

The configuration is {configuration}
Access log lines follow. Ctrl-C ends the demonstration.
",
            configuration = self.directory.path().join("gatepost.toml").display(),
        )
    }
}

impl fmt::Display for DemoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DemoError::Files(error) => write!(f, "the demonstration cannot write its files: {error}"),
            DemoError::Certificates(error) => write!(f, "no certificates for the demonstration: {error}"),
            DemoError::NoFreePort => f.write_str("no free port on 127.0.0.1 for the demonstration"),
            DemoError::Configuration(problems) => write!(f, "the demonstration's own configuration:\n{problems}"),
        }
    }
}

impl std::error::Error for DemoError {}

fn configuration(applications: &DemoServers, directory: &Path, ports: DemoPorts) -> String {
    let DemoPorts { https, http } = ports;
    let addresses = applications.applications();
    let socket = addresses.gitlab_socket.display();
    let mattermost = addresses.mattermost;
    let directory = directory.display();
    format!(
        r#"# What `gatepost demo` serves.
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

/// The preferred port, or one a little above it.
fn free_port(preferred: u16) -> Result<u16, DemoError> {
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    (0..100).map(|step| preferred + step * 10).find(is_free).ok_or(DemoError::NoFreePort)
}

const HOSTS: [&str; 2] = ["gitlab.localhost", "mattermost.localhost"];
