//! The compared proxies: programs, configuration and start.

mod setup;

use std::fmt;
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::child::Child;
use crate::cores::CoreSet;
use crate::environment::{Environment, UpstreamTransport};
use crate::interrupt;
use crate::launch;
use crate::scenario::{Load, Scenario};

/// A proxy with one configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProxyKind {
    Gatepost,
    /// nginx as the GitLab package configures it.
    NginxBundled,
    /// nginx tuned for this machine and load.
    NginxTuned,
    Haproxy,
    Caddy,
    /// The lower bound of a proxy's cost, see [`crate::relay`].
    Relay,
}

/// A proxy of a run.
#[derive(Debug, Clone)]
pub(crate) struct ProxyUnderTest {
    pub(crate) label: String,
    pub(crate) kind: ProxyKind,
    pub(crate) program: PathBuf,
}

impl ProxyKind {
    pub(crate) const ALL: [Self; 6] =
        [Self::Gatepost, Self::NginxTuned, Self::NginxBundled, Self::Haproxy, Self::Caddy, Self::Relay];

    /// Returns whether the proxy supports a scenario.
    pub(crate) fn can_serve(self, scenario: &Scenario) -> bool {
        let needs_http = matches!(scenario.load, Load::Http2 { .. } | Load::Redirects { .. });
        self != Self::Relay || (!needs_http && scenario.upstream == UpstreamTransport::Tcp)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gatepost => "gatepost",
            Self::NginxBundled => "nginx-bundled",
            Self::NginxTuned => "nginx-tuned",
            Self::Haproxy => "haproxy",
            Self::Caddy => "caddy",
            Self::Relay => "tls-relay",
        }
    }

    /// Returns the file name of the program. For Gatepost, the harness uses an explicit path instead.
    pub(crate) fn program_name(self) -> &'static str {
        match self {
            Self::Gatepost => "gatepost",
            Self::NginxBundled | Self::NginxTuned => "nginx",
            Self::Haproxy => "haproxy",
            Self::Caddy => "caddy",
            Self::Relay => "the harness",
        }
    }

    /// Returns the path of the program. Returns `None` if it is not installed.
    pub(crate) fn installed(self) -> Option<PathBuf> {
        if self == Self::Relay {
            return std::env::current_exe().ok();
        }
        let search = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&search)
            .chain(SYSTEM_DIRECTORIES.iter().map(PathBuf::from))
            .map(|directory| directory.join(self.program_name()))
            .find(|program| program.is_file())
    }
}

impl fmt::Display for ProxyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl ProxyUnderTest {
    /// Writes the configuration and starts the proxy without waiting until it accepts connections.
    ///
    /// # Errors
    /// A file cannot be written or the program cannot be started.
    pub(crate) fn launch(&self, environment: &Environment, cores: &CoreSet) -> Result<Child> {
        let mut command = launch::command(&self.program, cores)?;
        command.args(setup::arguments(self.kind, environment)?).current_dir(environment.directory());
        // Caddy saves its last configuration there.
        command.env("XDG_CONFIG_HOME", environment.directory());
        Child::start(command, &environment.path("proxy.out"))
            .with_context(|| format!("cannot start {}", self.label))
    }

    /// Starts the proxy and waits until it accepts connections.
    ///
    /// # Errors
    /// The proxy does not start, exits early, or exceeds [`START_TIMEOUT`].
    pub(crate) fn start(&self, environment: &Environment, cores: &CoreSet) -> Result<Child> {
        let mut child = self.launch(environment, cores)?;
        let accepts = interrupt::poll_until(START_TIMEOUT, POLL, || {
            child.check()?;
            Ok(TcpStream::connect(environment.https).is_ok() && TcpStream::connect(environment.http).is_ok())
        })
        .with_context(|| format!("{} does not accept connections", self.label))?;
        if !accepts {
            bail!(
                "{} does not accept connections after {START_TIMEOUT:?}; its output:\n{}",
                self.label,
                child.output_tail()
            );
        }
        Ok(child)
    }
}

/// Directories of servers that are not in `PATH` of ordinary Debian users.
const SYSTEM_DIRECTORIES: &[&str] = &["/usr/local/sbin", "/usr/sbin", "/sbin"];
const START_TIMEOUT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(5);
