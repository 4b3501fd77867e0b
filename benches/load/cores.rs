//! Which processor cores each part of a trial gets.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// Some of the machine's cores, by number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CoreSet(Vec<usize>);

/// The division of the machine for one campaign.
///
/// The proxy never shares a core as long as there are two: what it costs is what is measured.
#[derive(Debug, Clone)]
pub(crate) struct Division {
    pub(crate) proxy: CoreSet,
    pub(crate) application: CoreSet,
    pub(crate) generator: CoreSet,
}

impl CoreSet {
    /// The cores this process may run on.
    ///
    /// # Errors
    /// The system does not tell.
    pub(crate) fn available() -> Result<Self> {
        let allowed = sched_getaffinity(Pid::from_raw(0)).context("cannot read which cores may be used")?;
        Ok(Self((0..CpuSet::count()).filter(|&core| allowed.is_set(core).unwrap_or(false)).collect()))
    }

    /// Restricts the calling thread, and what it starts, to these cores.
    ///
    /// # Errors
    /// A core does not exist or may not be used.
    pub(crate) fn pin_this_thread(&self) -> Result<()> {
        let mut set = CpuSet::new();
        for &core in &self.0 {
            set.set(core)?;
        }
        sched_setaffinity(Pid::from_raw(0), &set).with_context(|| format!("cannot run on cores {self}"))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether `line` of `/proc/stat` is about one of these cores.
    pub(crate) fn names(&self, line: &str) -> bool {
        let number = line.strip_prefix("cpu").and_then(|rest| rest.split_whitespace().next());
        number.and_then(|number| number.parse().ok()).is_some_and(|core: usize| self.0.contains(&core))
    }

    /// All cores of both sets.
    pub(crate) fn union(&self, other: &Self) -> Self {
        let mut all = self.0.clone();
        all.extend(other.0.iter().filter(|core| !self.0.contains(core)));
        Self(all)
    }

    /// One set for each core.
    pub(crate) fn each(&self) -> impl Iterator<Item = Self> {
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
        Ok(Self(cores.with_context(|| format!("cores are numbers such as 0,1, not {text:?}"))?))
    }
}

impl Division {
    /// Gives the proxy one core for each of its `workers`, the application the next, and the
    /// generator all others; on a small machine the application and the generator share.
    ///
    /// # Errors
    /// There are not more cores than workers.
    pub(crate) fn of(available: &CoreSet, workers: usize) -> Result<Self> {
        let cores = &available.0;
        if workers >= cores.len() {
            bail!(
                "{workers} proxy workers leave no core for the load: {} cores are available, so use --workers {} \
                 at most",
                cores.len(),
                cores.len().saturating_sub(1),
            );
        }
        let (proxy, rest) = cores.split_at(workers);
        let (application, generator) = if rest.len() > 1 { rest.split_at(1) } else { (rest, rest) };
        Ok(Self {
            proxy: CoreSet(proxy.to_vec()),
            application: CoreSet(application.to_vec()),
            generator: CoreSet(generator.to_vec()),
        })
    }
}
