//! The compared proxies: programs, configuration and start.

mod kind;
mod setup;

use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

pub(crate) use self::kind::ProxyKind;
use crate::child::Child;
use crate::cores::CoreSet;
use crate::environment::Environment;
use crate::interrupt;
use crate::launch;

/// A proxy of a run.
#[derive(Debug, Clone)]
pub(crate) struct ProxyUnderTest {
    pub(crate) label: String,
    pub(crate) kind: ProxyKind,
    pub(crate) program: PathBuf,
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

const START_TIMEOUT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(5);
