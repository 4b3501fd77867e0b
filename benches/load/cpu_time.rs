//! CPU time of the proxy, the load and other programs during a trial.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::cores::{CoreAssignment, CoreSet};
use crate::procfs::{Processes, busy_time};

/// The processes of a trial and the cores they run on.
#[derive(Debug)]
pub(crate) struct ProcessGroups {
    pub(crate) proxy: Processes,
    pub(crate) upstream: Processes,
    pub(crate) cores: CoreAssignment,
}

/// A snapshot of the CPU time used so far.
#[derive(Debug)]
pub(crate) struct CpuTime {
    time: Instant,
    proxy: Duration,
    upstream: Duration,
    generator: Duration,
    /// CPU time of all programs on the proxy's cores.
    proxy_cores: Duration,
    /// CPU time of all programs on the other cores of the trial.
    load_cores: Duration,
}

/// The difference of two snapshots.
#[derive(Debug)]
pub(crate) struct Interval {
    pub(crate) elapsed: Duration,
    /// CPU time of the proxy.
    pub(crate) proxy: Duration,
    pub(crate) shares: Shares,
}

/// CPU time as a share of the time of the assigned cores, 0 to 1.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Shares {
    pub(crate) proxy: f64,
    pub(crate) upstream: f64,
    pub(crate) generator: f64,
    /// Programs outside the trial, on the proxy's or the load's cores, whichever share is larger.
    pub(crate) other_programs: f64,
}

impl ProcessGroups {
    /// Takes a snapshot.
    ///
    /// # Errors
    /// `/proc` cannot be read.
    pub(crate) fn cpu_time(&self) -> Result<CpuTime> {
        Ok(CpuTime {
            time: Instant::now(),
            proxy: self.proxy.cpu_time()?,
            upstream: self.upstream.cpu_time()?,
            generator: Processes::Current.cpu_time()?,
            proxy_cores: busy_time(&self.cores.proxy)?,
            load_cores: busy_time(&self.load_cores())?,
        })
    }

    /// Returns the CPU time used since `start`.
    ///
    /// # Errors
    /// `/proc` cannot be read.
    pub(crate) fn since(&self, start: &CpuTime) -> Result<Interval> {
        let end = self.cpu_time()?;
        let elapsed = end.time.saturating_duration_since(start.time);
        let share =
            |used: Duration, cores: &CoreSet| used.as_secs_f64() / elapsed.as_secs_f64() / cores.len() as f64;
        let proxy = end.proxy.saturating_sub(start.proxy);
        let upstream = end.upstream.saturating_sub(start.upstream);
        let generator = end.generator.saturating_sub(start.generator);
        let others_on_proxy_cores = (end.proxy_cores - start.proxy_cores).saturating_sub(proxy);
        let others_on_load_cores = (end.load_cores - start.load_cores).saturating_sub(upstream + generator);
        let shares = Shares {
            proxy: share(proxy, &self.cores.proxy),
            upstream: share(upstream, &self.cores.upstream),
            generator: share(generator, &self.cores.generator),
            other_programs: share(others_on_proxy_cores, &self.cores.proxy)
                .max(share(others_on_load_cores, &self.load_cores())),
        };
        Ok(Interval { elapsed, proxy, shares })
    }

    fn load_cores(&self) -> CoreSet {
        self.cores.upstream.union(&self.cores.generator)
    }
}
