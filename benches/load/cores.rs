//! Assigns processor cores to the proxy, the upstream and the generator.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// A set of processor cores, by number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CoreSet(Vec<usize>);

/// The cores of each part of a run.
///
/// The proxy does not share its cores, because its CPU time is the measured figure.
#[derive(Debug, Clone)]
pub(crate) struct CoreAssignment {
    pub(crate) proxy: CoreSet,
    pub(crate) upstream: CoreSet,
    pub(crate) generator: CoreSet,
}

impl CoreSet {
    /// Returns the cores that this process may run on.
    ///
    /// # Errors
    /// The affinity mask cannot be read.
    pub(crate) fn available() -> Result<Self> {
        let allowed = sched_getaffinity(Pid::from_raw(0)).context("cannot read the CPU affinity")?;
        Ok(Self((0..CpuSet::count()).filter(|&core| allowed.is_set(core).unwrap_or(false)).collect()))
    }

    /// Pins the calling thread, and the threads and processes it starts, to these cores.
    ///
    /// # Errors
    /// A core does not exist or is not available to this process.
    pub(crate) fn pin_this_thread(&self) -> Result<()> {
        let mut set = CpuSet::new();
        for &core in &self.0 {
            set.set(core)?;
        }
        sched_setaffinity(Pid::from_raw(0), &set).with_context(|| format!("cannot pin to cores {self}"))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether a line of `/proc/stat` belongs to one of these cores.
    pub(crate) fn contains_stat_line(&self, line: &str) -> bool {
        let number = line.strip_prefix("cpu").and_then(|rest| rest.split_whitespace().next());
        number.and_then(|number| number.parse().ok()).is_some_and(|core: usize| self.0.contains(&core))
    }

    /// Returns the union of both sets.
    pub(crate) fn union(&self, other: &Self) -> Self {
        let mut all = self.0.clone();
        all.extend(other.0.iter().filter(|core| !self.0.contains(core)));
        Self(all)
    }

    /// Returns one set per core.
    pub(crate) fn split(&self) -> impl Iterator<Item = Self> {
        self.0.iter().map(|&core| Self(vec![core]))
    }
}

impl fmt::Display for CoreSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.0.iter().map(usize::to_string).collect();
        f.write_str(&names.join(","))
    }
}

impl FromStr for CoreSet {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let cores: Result<Vec<usize>, _> = text.split(',').map(str::parse).collect();
        Ok(Self(cores.with_context(|| format!("invalid core list {text:?}; expected numbers such as 0,1"))?))
    }
}

impl CoreAssignment {
    /// Assigns one core per worker to the proxy, the next core to the upstream, and the others to the generator.
    /// If only one core remains, the upstream and the generator share it.
    ///
    /// # Errors
    /// `available` has fewer than two cores, or not more cores than `workers`.
    pub(crate) fn of(available: &CoreSet, workers: usize) -> Result<Self> {
        let cores = &available.0;
        if cores.len() < 2 {
            bail!("two cores are required, for the proxy and for the load; {} available", cores.len());
        }
        if workers >= cores.len() {
            let max = cores.len() - 1;
            bail!(
                "{workers} proxy workers leave no core for the load; use at most --workers {max} on this machine"
            );
        }
        let (proxy, rest) = cores.split_at(workers);
        let (upstream, generator) = if rest.len() > 1 { rest.split_at(1) } else { (rest, rest) };
        Ok(Self {
            proxy: CoreSet(proxy.to_vec()),
            upstream: CoreSet(upstream.to_vec()),
            generator: CoreSet(generator.to_vec()),
        })
    }
}
