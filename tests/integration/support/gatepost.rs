//! The proxy under test as a serving process.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitStatus;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::TIMEOUT;
use super::client::Client;
use super::configuration::{Configuration, GITLAB, Host};
use super::eventually::{eventually, holds_within, settled};
use super::http2::Http2;
use super::origin::Origin;
use super::process::Process;
use super::tls::Tls;

/// A running proxy. Dropping it kills the process, and fails the test if the process panicked.
pub struct Gatepost {
    process: Process,
    configuration: Configuration,
}

impl Gatepost {
    /// Serves the HTTPS host [`GITLAB`] from an upstream.
    pub fn serving(origin: &Origin) -> Gatepost {
        Gatepost::with_host(Host::new(GITLAB, origin))
    }

    /// Serves one host.
    pub fn with_host(host: Host) -> Gatepost {
        Gatepost::start(Configuration::new().host(host))
    }

    /// Serves [`GITLAB`] from an upstream over plain HTTP, configured by a `gitlab.rb` with these lines.
    #[track_caller]
    pub fn serving_gitlab_rb(origin: &Origin, lines: &str) -> Gatepost {
        let configuration = Configuration::new();
        let path = configuration.write_gitlab_rb(origin, lines);
        Gatepost::run(configuration, ("--gitlab-rb", &path), &[])
    }

    /// Starts the process and waits until it is ready.
    #[track_caller]
    pub fn start(configuration: Configuration) -> Gatepost {
        Gatepost::start_with(configuration, &[])
    }

    /// Starts the process with additional environment variables.
    #[track_caller]
    pub fn start_with(configuration: Configuration, environment: &[(&str, &Path)]) -> Gatepost {
        let path = configuration.write();
        Gatepost::run(configuration, ("--config", &path), environment)
    }

    #[track_caller]
    fn run(configuration: Configuration, (option, path): (&str, &Path), environment: &[(&str, &Path)]) -> Gatepost {
        let arguments = ["serve".as_ref(), option.as_ref(), path.as_os_str()];
        let mut process = Process::spawn_with(&arguments, environment);
        let mut ended = false;
        let settled = holds_within(TIMEOUT, || {
            ended = process.has_ended();
            ended || is_ready(&process.stderr())
        });
        if ended || !settled {
            let document = fs::read_to_string(path).unwrap();
            panic!("the proxy did not become ready\n{}\n--- configuration\n{document}", process.stderr());
        }
        Gatepost { process, configuration }
    }

    /// Returns the listen address of the HTTPS hosts.
    pub fn https(&self) -> SocketAddr {
        self.configuration.https.address()
    }

    /// Returns the listen address of the plain hosts and of the redirect.
    pub fn http(&self) -> SocketAddr {
        self.configuration.http.address()
    }

    /// Opens a TLS connection for HTTP/1.1 to [`GITLAB`].
    #[track_caller]
    pub fn client(&self) -> Client {
        self.client_of(GITLAB)
    }

    /// Opens a TLS connection for HTTP/1.1 with `host` as SNI and `Host`.
    #[track_caller]
    pub fn client_of(&self, host: &str) -> Client {
        Client::tls(self.https(), &Tls::to(host), host)
    }

    /// Opens a connection to the plain port with `host` as `Host`.
    #[track_caller]
    pub fn plain_client_of(&self, host: &str) -> Client {
        Client::plain(self.http(), host)
    }

    /// Opens a TLS connection for HTTP/2 to [`GITLAB`].
    #[track_caller]
    pub fn http2(&self) -> Http2 {
        Http2::connect(self.https(), GITLAB)
    }

    /// Waits until the access log has `count` lines and returns all lines.
    #[track_caller]
    pub fn access_log(&self, count: usize) -> Vec<String> {
        let lines = || -> Vec<String> {
            let text = fs::read_to_string(self.configuration.access_log()).unwrap_or_default();
            text.lines().map(str::to_owned).collect()
        };
        if !holds_within(TIMEOUT, || lines().len() >= count) {
            panic!("the access log has {} lines instead of {count}: {:#?}", lines().len(), lines());
        }
        lines()
    }

    /// Sends SIGTERM: graceful shutdown.
    pub fn terminate(&self) {
        self.process.signal(Signal::SIGTERM);
    }

    /// Sends SIGHUP: certificate reload.
    pub fn send_sighup(&self) {
        self.process.signal(Signal::SIGHUP);
    }

    #[track_caller]
    pub fn wait_exit(&mut self, deadline: Duration) -> ExitStatus {
        self.process.wait_exit(deadline)
    }

    pub fn has_ended(&mut self) -> bool {
        self.process.has_ended()
    }

    /// Returns the resident memory in bytes.
    pub fn memory(&self) -> u64 {
        self.process.memory()
    }

    /// Waits until the number of open descriptors is stable and returns it.
    #[track_caller]
    pub fn settled_descriptors(&self) -> u64 {
        settled(TIMEOUT, || self.process.descriptors())
    }

    /// Waits until standard error satisfies `condition`.
    #[track_caller]
    pub fn wait_stderr(&self, condition: impl Fn(&str) -> bool) {
        self.process.wait_stderr(condition);
    }

    /// Waits until at most `base` descriptors are open.
    #[track_caller]
    pub fn wait_descriptors(&self, base: u64) {
        eventually(TIMEOUT, || self.process.descriptors() <= base);
    }
}

impl Drop for Gatepost {
    fn drop(&mut self) {
        let stderr = self.process.stderr();
        if thread::panicking() {
            eprintln!("--- the proxy wrote\n{stderr}---");
        } else {
            assert!(!stderr.contains("panicked at"), "the proxy panicked:\n{stderr}");
        }
    }
}

fn is_ready(stderr: &str) -> bool {
    stderr.lines().any(|line| line.contains("ready"))
}
