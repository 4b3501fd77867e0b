//! Everything that a demonstration needs: the applications, certificates, free ports, a configuration in
//! the language that administrators write, and the words that welcome whoever started it.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use tempfile::TempDir;

use super::certificates::{CertificateError, issue};
use super::servers::{RunningApplications, start_applications};
use crate::config;
use crate::model::Model;

/// A demonstration that is ready to be served. Its applications run until it is dropped, and its files
/// live as long.
pub struct Stage {
    model: Model,
    ports: Ports,
    directory: TempDir,
    _applications: RunningApplications,
}

/// Why there can be no demonstration here.
#[derive(Debug)]
pub enum StageError {
    Files(io::Error),
    Certificates(CertificateError),
    NoFreePort,
    Configuration(config::Diagnostics),
}

#[derive(Clone, Copy)]
struct Ports {
    https: u16,
    http: u16,
}

/// Sets everything up, in a directory of its own.
pub fn prepare() -> Result<Stage, StageError> {
    let directory = tempfile::Builder::new().prefix("gatepost-demo-").tempdir().map_err(StageError::Files)?;
    issue(directory.path(), &HOSTS).map_err(StageError::Certificates)?;
    let applications = start_applications(directory.path()).map_err(StageError::Files)?;
    let ports = Ports { https: free_port(8443)?, http: free_port(8080)? };
    let text = configuration(&applications, directory.path(), ports);
    let file = directory.path().join("gatepost.toml");
    std::fs::write(&file, &text).map_err(StageError::Files)?;
    let model = config::from_toml(&file, &text).map_err(StageError::Configuration)?.model;
    Ok(Stage { model, ports, directory, _applications: applications })
}

impl Stage {
    pub fn model(&self) -> Model {
        self.model.clone()
    }

    /// What to open, and what to try.
    pub fn welcome(&self) -> String {
        let Ports { https, http } = self.ports;
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

impl fmt::Display for StageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StageError::Files(error) => write!(f, "the demonstration cannot write its files: {error}"),
            StageError::Certificates(error) => write!(f, "no certificates for the demonstration: {error}"),
            StageError::NoFreePort => f.write_str("no free port on 127.0.0.1 for the demonstration"),
            StageError::Configuration(problems) => write!(f, "the demonstration's own configuration:\n{problems}"),
        }
    }
}

impl std::error::Error for StageError {}

fn configuration(applications: &RunningApplications, directory: &Path, ports: Ports) -> String {
    let Ports { https, http } = ports;
    let addresses = applications.applications();
    let socket = addresses.gitlab_socket.display();
    let mattermost = addresses.mattermost;
    let directory = directory.display();
    format!(
        r#"# What `gatepost demo` serves.
[process]
shutdown_grace = "1s"

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
fn free_port(preferred: u16) -> Result<u16, StageError> {
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    (0..100).map(|step| preferred + step * 10).find(is_free).ok_or(StageError::NoFreePort)
}

const HOSTS: [&str; 2] = ["gitlab.localhost", "mattermost.localhost"];
