//! The proxies that are compared: where their programs are, how they are set up and started.

mod setup;

use std::fmt;
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::child::Child;
use crate::cores::CoreSet;
use crate::interrupt;
use crate::launch;
use crate::scenario::{Load, Scenario};
use crate::site::{Site, UpstreamKind};

/// One proxy in one setup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Gatepost,
    /// As the GitLab package configures it.
    NginxBundled,
    /// As an expert would configure it for this machine and load.
    NginxTuned,
    Haproxy,
    Caddy,
    /// No proxy at all, but the floor under one: see [`crate::relay`].
    Relay,
}

/// A proxy that takes part in a campaign.
#[derive(Debug, Clone)]
pub(crate) struct Contender {
    pub(crate) label: String,
    pub(crate) kind: Kind,
    pub(crate) program: PathBuf,
}

impl Kind {
    pub(crate) const ALL: [Self; 6] =
        [Self::Gatepost, Self::NginxTuned, Self::NginxBundled, Self::Haproxy, Self::Caddy, Self::Relay];

    /// Whether it can do what a scenario asks for.
    pub(crate) fn can_serve(self, scenario: &Scenario) -> bool {
        let needs_http = matches!(scenario.load, Load::Http2 { .. } | Load::Redirects { .. });
        self != Self::Relay || (!needs_http && scenario.upstream == UpstreamKind::Tcp)
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

    /// The program's file name; for Gatepost the harness knows better than the search path.
    pub(crate) fn program_name(self) -> &'static str {
        match self {
            Self::Gatepost => "gatepost",
            Self::NginxBundled | Self::NginxTuned => "nginx",
            Self::Haproxy => "haproxy",
            Self::Caddy => "caddy",
            Self::Relay => "the harness itself",
        }
    }

    /// Where the program is installed, if it is.
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

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Contender {
    /// Writes the proxy's files to the site and starts it, without waiting for it.
    ///
    /// # Errors
    /// A file cannot be written or the program not started.
    pub(crate) fn launch(&self, site: &Site, cores: &CoreSet) -> Result<Child> {
        let mut command = launch::command(&self.program, cores)?;
        command.args(setup::arguments(self.kind, site)?).current_dir(site.directory());
        // Where Caddy would keep its last configuration.
        command.env("XDG_CONFIG_HOME", site.directory());
        Child::start(command, &site.path("proxy.out")).with_context(|| format!("{} did not start", self.label))
    }

    /// Starts the proxy and waits until it accepts connections.
    ///
    /// # Errors
    /// It does not start, ends early, or takes too long.
    pub(crate) fn start(&self, site: &Site, cores: &CoreSet) -> Result<Child> {
        let mut child = self.launch(site, cores)?;
        let accepts = interrupt::eventually(PATIENCE, POLL, || {
            child.check()?;
            Ok(TcpStream::connect(site.https).is_ok() && TcpStream::connect(site.http).is_ok())
        })
        .with_context(|| format!("{} does not serve", self.label))?;
        if !accepts {
            bail!(
                "{} does not accept connections after {PATIENCE:?}; it said:\n{}",
                self.label,
                child.last_words()
            );
        }
        Ok(child)
    }
}

/// Debian keeps servers out of the search path of ordinary users.
const SYSTEM_DIRECTORIES: &[&str] = &["/usr/local/sbin", "/usr/sbin", "/sbin"];
const PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(5);
