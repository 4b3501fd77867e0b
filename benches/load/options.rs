//! Command-line options of the harness.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Parser;

use crate::proxies::{ProxyKind, ProxyUnderTest};
use crate::scenario::{self, QUICK, Scenario};

/// The action that the command line selects.
#[derive(Debug)]
pub(crate) enum Options {
    /// Lists the scenarios and the installed proxies.
    List,
    /// No arguments: `cargo test` runs benches this way.
    Nothing,
    Run(Run),
}

/// The parameters of a run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) scenarios: Vec<Scenario>,
    /// All proxies are compared with the first one.
    pub(crate) proxies: Vec<ProxyUnderTest>,
    pub(crate) rounds: usize,
    pub(crate) measured: Duration,
    pub(crate) workers: usize,
    pub(crate) json: Option<PathBuf>,
}

/// Measure CPU time, memory and latency of Gatepost and other proxies
#[derive(Debug, Parser)]
#[command(name = "cargo bench --bench load --", bin_name = "cargo bench --bench load --")]
struct Arguments {
    /// Scenarios to run, by name or prefix [default: all]
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    scenario: Vec<String>,
    /// Proxies to compare, the reference first [default: all installed]
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    proxies: Vec<String>,
    /// Number of rounds with one trial per proxy [default: 5]
    #[arg(long, value_name = "N")]
    rounds: Option<NonZeroUsize>,
    /// Measured seconds of each trial [default: 5]
    #[arg(long, value_name = "N")]
    seconds: Option<NonZeroU64>,
    /// Worker threads or processes of each proxy, one core each
    #[arg(long, value_name = "N", default_value_t = NonZeroUsize::MIN)]
    workers: NonZeroUsize,
    /// Gatepost program to measure; repeat to compare builds
    #[arg(long, value_name = "[LABEL=]PATH")]
    gatepost: Vec<String>,
    /// Run one short round of the main scenarios, within two minutes
    #[arg(long)]
    quick: bool,
    /// List scenarios and proxies and exit
    #[arg(long)]
    list: bool,
    /// Write all samples to a JSON file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Flag that `cargo bench` adds
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    /// Parses the command line. Exits with code 2 and clap's message if it is invalid.
    ///
    /// # Errors
    /// A scenario or proxy does not exist.
    pub(crate) fn from_command_line() -> Result<Self> {
        if std::env::args().len() == 1 {
            return Ok(Self::Nothing);
        }
        let arguments = Arguments::parse();
        if arguments.list { Ok(Self::List) } else { Ok(Self::Run(arguments.into_run()?)) }
    }
}

impl Arguments {
    fn into_run(self) -> Result<Run> {
        let (rounds, seconds) = if self.quick { (1, 1) } else { (5, 5) };
        let scenarios = if self.quick && self.scenario.is_empty() {
            scenario::select(&QUICK.map(str::to_owned))?
        } else {
            scenario::select(&self.scenario)?
        };
        Ok(Run {
            scenarios,
            proxies: proxies(&self.proxies, &self.gatepost)?,
            rounds: self.rounds.map_or(rounds, NonZeroUsize::get),
            measured: Duration::from_secs(self.seconds.map_or(seconds, NonZeroU64::get)),
            workers: self.workers.get(),
            json: self.json,
        })
    }
}

/// Returns the proxies to measure: all builds of Gatepost first, unless `names` has another order.
fn proxies(names: &[String], builds: &[String]) -> Result<Vec<ProxyUnderTest>> {
    let builds: Vec<ProxyUnderTest> = match builds {
        [] => vec![gatepost("gatepost", env!("CARGO_BIN_EXE_gatepost"))],
        builds => builds.iter().map(|build| labelled_build(build)).collect(),
    };
    let mut proxies = Vec::new();
    for kind in selected_kinds(names)? {
        match (kind, kind.installed()) {
            (ProxyKind::Gatepost, _) => proxies.extend(builds.iter().cloned()),
            (_, Some(program)) => proxies.push(ProxyUnderTest { label: kind.to_string(), kind, program }),
            (_, None) if names.is_empty() => eprintln!("{kind} is not installed; skipped"),
            (_, None) => bail!("{kind} is not installed: program {:?} not found", kind.program_name()),
        }
    }
    Ok(proxies)
}

fn selected_kinds(names: &[String]) -> Result<Vec<ProxyKind>> {
    if names.is_empty() {
        // The relay is a lower bound, not a proxy: it runs only when named.
        return Ok(ProxyKind::ALL.into_iter().filter(|kind| *kind != ProxyKind::Relay).collect());
    }
    let by_name = |name: &String| {
        let known = || ProxyKind::ALL.map(ProxyKind::name).join(", ");
        ProxyKind::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .with_context(|| format!("unknown proxy {name:?}; known proxies: {}", known()))
    };
    names.iter().map(by_name).collect()
}

/// Parses `LABEL=PATH`, or a path that is also the label.
fn labelled_build(build: &str) -> ProxyUnderTest {
    match build.split_once('=') {
        Some((label, path)) => gatepost(label, path),
        None => gatepost(build, build),
    }
}

fn gatepost(label: &str, path: &str) -> ProxyUnderTest {
    // The proxy starts in another working directory.
    let program = std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path));
    ProxyUnderTest { label: label.to_owned(), kind: ProxyKind::Gatepost, program }
}
