//! The program under test, serving.

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

/// A running proxy. Dropping it ends the process, and fails the test if the program ever panicked.
pub struct Gatepost {
    process: Process,
    configuration: Configuration,
}

impl Gatepost {
    /// Serves one HTTPS host, [`GITLAB`], from an application.
    pub fn serving(origin: &Origin) -> Gatepost {
        Gatepost::with_host(Host::new(GITLAB, origin))
    }

    /// Serves one host.
    pub fn with_host(host: Host) -> Gatepost {
        Gatepost::start(Configuration::new().host(host))
    }

    /// Serves [`GITLAB`] from an application, over plain HTTP, as a `gitlab.rb` with these lines says.
    #[track_caller]
    pub fn serving_gitlab_rb(origin: &Origin, lines: &str) -> Gatepost {
        let configuration = Configuration::new();
        let path = configuration.write_gitlab_rb(origin, lines);
        Gatepost::run(configuration, ("--gitlab-rb", &path), &[])
    }

    /// Starts the program and waits until it is ready.
    #[track_caller]
    pub fn start(configuration: Configuration) -> Gatepost {
        Gatepost::start_with(configuration, &[])
    }

    /// Starts the program with some more environment variables.
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
            panic!("the program did not become ready\n{}\n--- with\n{document}", process.stderr());
        }
        Gatepost { process, configuration }
    }

    /// The address of the HTTPS hosts.
    pub fn https(&self) -> SocketAddr {
        self.configuration.https.address()
    }

    /// The address of the plain hosts and of the redirect.
    pub fn http(&self) -> SocketAddr {
        self.configuration.http.address()
    }

    /// A TLS connection for HTTP/1.1 to [`GITLAB`].
    #[track_caller]
    pub fn client(&self) -> Client {
        self.client_of(GITLAB)
    }

    /// A TLS connection for HTTP/1.1 that asks for `host` by SNI and by `Host`.
    #[track_caller]
    pub fn client_of(&self, host: &str) -> Client {
        Client::tls(self.https(), &Tls::to(host), host)
    }

    /// A connection to the plain port that asks for `host`.
    #[track_caller]
    pub fn plain_client_of(&self, host: &str) -> Client {
        Client::plain(self.http(), host)
    }

    /// A TLS connection for HTTP/2 to [`GITLAB`].
    #[track_caller]
    pub fn http2(&self) -> Http2 {
        Http2::connect(self.https(), GITLAB)
    }

    /// The lines of the access log, once there are `count` of them.
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

    /// Asks for an orderly stop.
    pub fn terminate(&self) {
        self.process.signal(Signal::SIGTERM);
    }

    /// Asks for certificates to be read anew.
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

    /// Bytes of memory in use now.
    pub fn memory(&self) -> u64 {
        self.process.memory()
    }

    /// How many descriptors are open, once that does not change any more.
    #[track_caller]
    pub fn settled_descriptors(&self) -> u64 {
        settled(TIMEOUT, || self.process.descriptors())
    }

    /// Waits until standard error satisfies `condition`.
    #[track_caller]
    pub fn wait_stderr(&self, condition: impl Fn(&str) -> bool) {
        self.process.wait_stderr(condition);
    }

    /// Waits until no more descriptors are open than `base`.
    #[track_caller]
    pub fn wait_descriptors(&self, base: u64) {
        eventually(TIMEOUT, || self.process.descriptors() <= base);
    }
}

impl Drop for Gatepost {
    fn drop(&mut self) {
        let stderr = self.process.stderr();
        if thread::panicking() {
            eprintln!("--- the program wrote\n{stderr}---");
        } else {
            assert!(!stderr.contains("panicked at"), "the program panicked:\n{stderr}");
        }
    }
}

fn is_ready(stderr: &str) -> bool {
    stderr.lines().any(|line| line.contains("ready"))
}
