//! The command line.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Parser;

use crate::proxies::{Contender, Kind};
use crate::scenario::{self, QUICK, Scenario};

/// What to run.
#[derive(Debug)]
pub(crate) enum Options {
    /// Show the scenarios and the proxies that are installed.
    List,
    /// Nothing was asked for: `cargo test` runs benches this way.
    Nothing,
    Measure(Measurement),
}

/// A campaign as asked for.
#[derive(Debug)]
pub(crate) struct Measurement {
    pub(crate) scenarios: Vec<Scenario>,
    /// The first is the one that all others are compared with.
    pub(crate) contenders: Vec<Contender>,
    pub(crate) rounds: usize,
    pub(crate) measured: Duration,
    pub(crate) workers: usize,
    pub(crate) json: Option<PathBuf>,
}

/// Measures what Gatepost costs beside other proxies on this machine, in one run.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --bench load --", bin_name = "cargo bench --bench load --")]
struct Arguments {
    /// Scenarios to run, by name or by the beginning of their names; all by default
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    scenario: Vec<String>,
    /// Proxies to compare, the one to compare with first; all that are installed by default
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    proxies: Vec<String>,
    /// Rounds; in each one every proxy has its turn, and medians are reported [default: 5]
    #[arg(long, value_name = "N")]
    rounds: Option<NonZeroUsize>,
    /// Seconds that each trial counts [default: 5]
    #[arg(long, value_name = "N")]
    seconds: Option<NonZeroU64>,
    /// Worker threads or processes of each proxy, one core each
    #[arg(long, value_name = "N", default_value_t = NonZeroUsize::MIN)]
    workers: NonZeroUsize,
    /// Another Gatepost program, with a label of its own; give it twice to compare two builds
    #[arg(long, value_name = "[LABEL=]PATH")]
    gatepost: Vec<String>,
    /// One short round of the most important scenarios, within two minutes
    #[arg(long)]
    quick: bool,
    /// Show the scenarios and the proxies, and end
    #[arg(long)]
    list: bool,
    /// Write every sample to this file as well
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// What `cargo bench` adds
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    /// Reads the command line; a wrong one ends the process with clap's message and exit code 2.
    ///
    /// # Errors
    /// A scenario or proxy does not exist.
    pub(crate) fn from_command_line() -> Result<Self> {
        if std::env::args().len() == 1 {
            return Ok(Self::Nothing);
        }
        let arguments = Arguments::parse();
        if arguments.list { Ok(Self::List) } else { Ok(Self::Measure(arguments.into_measurement()?)) }
    }
}

impl Arguments {
    fn into_measurement(self) -> Result<Measurement> {
        let (rounds, seconds) = if self.quick { (1, 1) } else { (5, 5) };
        let scenarios = if self.quick && self.scenario.is_empty() {
            scenario::select(&QUICK.map(str::to_owned))?
        } else {
            scenario::select(&self.scenario)?
        };
        Ok(Measurement {
            scenarios,
            contenders: contenders(&self.proxies, &self.gatepost)?,
            rounds: self.rounds.map_or(rounds, NonZeroUsize::get),
            measured: Duration::from_secs(self.seconds.map_or(seconds, NonZeroU64::get)),
            workers: self.workers.get(),
            json: self.json,
        })
    }
}

/// Those who take part, Gatepost in each of its builds first unless `names` has another order.
fn contenders(names: &[String], builds: &[String]) -> Result<Vec<Contender>> {
    let builds: Vec<Contender> = match builds {
        [] => vec![gatepost("gatepost", env!("CARGO_BIN_EXE_gatepost"))],
        builds => builds.iter().map(|build| labelled_build(build)).collect(),
    };
    let mut contenders = Vec::new();
    for kind in wanted_kinds(names)? {
        match (kind, kind.installed()) {
            (Kind::Gatepost, _) => contenders.extend(builds.iter().cloned()),
            (_, Some(program)) => contenders.push(Contender { label: kind.to_string(), kind, program }),
            (_, None) if names.is_empty() => eprintln!("{kind} is left out: it is not installed"),
            (_, None) => bail!("{kind} is not installed: there is no program {:?}", kind.program_name()),
        }
    }
    Ok(contenders)
}

fn wanted_kinds(names: &[String]) -> Result<Vec<Kind>> {
    if names.is_empty() {
        // The floor is for those who ask how far it is away.
        return Ok(Kind::ALL.into_iter().filter(|kind| *kind != Kind::Relay).collect());
    }
    let by_name = |name: &String| {
        let known = || Kind::ALL.map(Kind::name).join(", ");
        Kind::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .with_context(|| format!("there is no proxy {name:?}; there are {}", known()))
    };
    names.iter().map(by_name).collect()
}

/// `LABEL=PATH`, or a path that is its own label.
fn labelled_build(build: &str) -> Contender {
    match build.split_once('=') {
        Some((label, path)) => gatepost(label, path),
        None => gatepost(build, build),
    }
}

fn gatepost(label: &str, path: &str) -> Contender {
    // The proxy is started in another directory.
    let program = std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path));
    Contender { label: label.to_owned(), kind: Kind::Gatepost, program }
}
