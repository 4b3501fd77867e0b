//! Configuration of the proxy under test, in a temporary directory.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User};
use tempfile::TempDir;

use super::certs::{self, Files};
use super::origin::Origin;
use super::ports::ReservedPort;
use super::process::{CommandOutput, run};

/// Host name of most tests.
pub const GITLAB: &str = "gitlab.test";

/// Second host name.
pub const MATTERMOST: &str = "mattermost.test";

/// A configuration builder. All TLS hosts share one port; all plain hosts and redirects share another.
pub struct Configuration {
    directory: TempDir,
    pub https: ReservedPort,
    pub http: ReservedPort,
    top: String,
    process: String,
    hosts: Vec<Host>,
}

/// One `[[host]]` of the configuration.
pub struct Host {
    name: String,
    upstream: String,
    transport: Transport,
    lines: String,
    routes: String,
}

enum Transport {
    Plain,
    Tls(CertificateSource),
}

enum CertificateSource {
    /// A valid certificate, issued when the configuration is written.
    Fresh,
    Given(Vec<Files>),
}

impl Configuration {
    pub fn new() -> Configuration {
        Configuration {
            directory: TempDir::new().unwrap(),
            https: ReservedPort::new(),
            http: ReservedPort::new(),
            top: String::new(),
            process: String::new(),
            hosts: Vec::new(),
        }
    }

    pub fn host(mut self, host: Host) -> Configuration {
        self.hosts.push(host);
        self
    }

    /// Adds a line before all tables.
    pub fn top(mut self, line: &str) -> Configuration {
        self.top.push_str(line);
        self.top.push('\n');
        self
    }

    /// Adds a line to `[process]`.
    pub fn process(mut self, line: &str) -> Configuration {
        self.process.push_str(line);
        self.process.push('\n');
        self
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub fn access_log(&self) -> PathBuf {
        self.directory().join("access.log")
    }

    /// Writes the files and returns the path of the TOML file.
    pub fn write(&self) -> PathBuf {
        let path = self.directory().join("gatepost.toml");
        std::fs::write(&path, self.document()).unwrap();
        path
    }

    /// Writes a `gitlab.rb` with these lines and returns its path. It serves GitLab over plain HTTP, with the
    /// account that runs the tests.
    pub fn write_gitlab_rb(&self, origin: &Origin, lines: &str) -> PathBuf {
        let account = User::from_uid(Uid::effective()).unwrap().unwrap().name;
        let (directory, port) = (self.directory().display(), self.http.address().port());
        let upstream = origin.upstream();
        let text = format!(
            "external_url 'http://{GITLAB}:{port}'\nweb_server['username'] = '{account}'\n\
             nginx['listen_addresses'] = ['127.0.0.1']\nnginx['log_directory'] = '{directory}'\n\
             nginx['status']['enable'] = false\n\
             gitlab_workhorse['listen_network'] = 'tcp'\ngitlab_workhorse['listen_addr'] = '{upstream}'\n{lines}"
        );
        let path = self.directory().join("gitlab.rb");
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Writes the files and runs `gatepost check` on them.
    pub fn check(&self) -> CommandOutput {
        run(&["check", "--config", self.write().to_str().unwrap()])
    }

    /// Writes the files and runs `gatepost doctor` on them.
    pub fn doctor(&self) -> CommandOutput {
        run(&["doctor", "--config", self.write().to_str().unwrap()])
    }

    fn document(&self) -> String {
        let mut text = format!("{}\n[process]\nworkers = 2\n{}", self.top, self.process);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "[defaults]\naccess_log = {:?}", self.access_log());
        for host in &self.hosts {
            host.write_to(&mut text, self);
        }
        text
    }
}

impl Host {
    /// An HTTPS host with a valid certificate and a redirect from the plain port.
    pub fn new(name: &str, origin: &Origin) -> Host {
        Host::to(name, &origin.upstream().to_string())
    }

    /// An HTTPS host with this value of `upstream`.
    pub fn to(name: &str, upstream: &str) -> Host {
        Host {
            name: name.to_owned(),
            upstream: upstream.to_owned(),
            transport: Transport::Tls(CertificateSource::Fresh),
            lines: String::new(),
            routes: String::new(),
        }
    }

    /// A host without TLS.
    pub fn plain(name: &str, origin: &Origin) -> Host {
        Host { transport: Transport::Plain, ..Host::new(name, origin) }
    }

    /// Adds a line to the host.
    pub fn with(mut self, line: &str) -> Host {
        self.lines.push_str(line);
        self.lines.push('\n');
        self
    }

    /// Adds a `[[host.route]]` with these lines.
    pub fn route(mut self, lines: &str) -> Host {
        self.routes.push_str("[[host.route]]\n");
        self.routes.push_str(lines);
        self.routes.push('\n');
        self
    }

    /// Uses existing files, or files that are missing on purpose.
    pub fn certificate(self, files: &Files) -> Host {
        self.certificates(&[files])
    }

    /// Uses several certificates.
    pub fn certificates(mut self, files: &[&Files]) -> Host {
        self.transport =
            Transport::Tls(CertificateSource::Given(files.iter().map(|files| (*files).clone()).collect()));
        self
    }

    fn write_to(&self, text: &mut String, configuration: &Configuration) {
        let (https, http) = (configuration.https.address(), configuration.http.address());
        // Writing to a string cannot fail.
        let _ = writeln!(text, "[[host]]\nname = {:?}\nupstream = {:?}", self.name, self.upstream);
        let _ = match &self.transport {
            Transport::Plain => writeln!(text, "tls = false\nlisten = [\"{http}\"]"),
            Transport::Tls(source) => {
                let files = source.files(&self.name, configuration.directory());
                let certificates: Vec<_> = files.iter().map(|files| &files.certificate).collect();
                let keys: Vec<_> = files.iter().map(|files| &files.key).collect();
                writeln!(text, "listen = [\"{https}\"]\nredirect_from = [\"{http}\"]")
                    .and_then(|()| writeln!(text, "certificate = {certificates:?}\ncertificate_key = {keys:?}"))
            }
        };
        text.push_str(&self.lines);
        text.push_str(&self.routes);
    }
}

impl CertificateSource {
    fn files(&self, name: &str, directory: &Path) -> Vec<Files> {
        match self {
            CertificateSource::Fresh => vec![certs::leaf(&[name]).write(directory, &name.replace('*', "any"))],
            CertificateSource::Given(files) => files.clone(),
        }
    }
}
