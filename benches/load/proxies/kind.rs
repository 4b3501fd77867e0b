//! The supported proxies, their programs and the scenarios they support.

use std::fmt;
use std::path::PathBuf;

use crate::environment::UpstreamTransport;
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

/// Directories of servers that are not in `PATH` of ordinary Debian users.
const SYSTEM_DIRECTORIES: &[&str] = &["/usr/local/sbin", "/usr/sbin", "/sbin"];
