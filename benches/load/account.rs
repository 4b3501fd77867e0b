//! Who used the cores during a trial: the proxy, the load, and programs that have no part in it.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::cores::{CoreSet, Division};
use crate::measure::{Processes, busy_time};

/// The parties of a trial.
#[derive(Debug)]
pub(crate) struct Parties {
    pub(crate) proxy: Processes,
    pub(crate) application: Processes,
    pub(crate) division: Division,
}

/// Processor time that each party has used up to a moment.
#[derive(Debug)]
pub(crate) struct Account {
    moment: Instant,
    proxy: Duration,
    application: Duration,
    generator: Duration,
    /// All programs on the proxy's cores.
    proxy_cores: Duration,
    /// All programs on the other cores.
    load_cores: Duration,
}

/// The time between two accounts.
#[derive(Debug)]
pub(crate) struct Spell {
    pub(crate) elapsed: Duration,
    /// What the proxy used.
    pub(crate) proxy: Duration,
    pub(crate) shares: Shares,
}

/// Shares of the time of the cores that each may use, 0 to 1.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Shares {
    pub(crate) proxy: f64,
    pub(crate) application: f64,
    pub(crate) generator: f64,
    /// Programs that have no part in the trial, on those cores where they took more.
    pub(crate) strangers: f64,
}

impl Parties {
    /// The accounts of this moment.
    ///
    /// # Errors
    /// The system does not keep them.
    pub(crate) fn account(&self) -> Result<Account> {
        Ok(Account {
            moment: Instant::now(),
            proxy: self.proxy.cpu_time()?,
            application: self.application.cpu_time()?,
            generator: Processes::Own.cpu_time()?,
            proxy_cores: busy_time(&self.division.proxy)?,
            load_cores: busy_time(&self.load_cores())?,
        })
    }

    /// What has happened since `start`.
    ///
    /// # Errors
    /// The system does not keep the accounts.
    pub(crate) fn since(&self, start: &Account) -> Result<Spell> {
        let end = self.account()?;
        let elapsed = end.moment.saturating_duration_since(start.moment);
        let share =
            |used: Duration, cores: &CoreSet| used.as_secs_f64() / elapsed.as_secs_f64() / cores.len() as f64;
        let proxy = end.proxy.saturating_sub(start.proxy);
        let application = end.application.saturating_sub(start.application);
        let generator = end.generator.saturating_sub(start.generator);
        let beside_proxy = (end.proxy_cores - start.proxy_cores).saturating_sub(proxy);
        let beside_load = (end.load_cores - start.load_cores).saturating_sub(application + generator);
        let shares = Shares {
            proxy: share(proxy, &self.division.proxy),
            application: share(application, &self.division.application),
            generator: share(generator, &self.division.generator),
            strangers: share(beside_proxy, &self.division.proxy).max(share(beside_load, &self.load_cores())),
        };
        Ok(Spell { elapsed, proxy, shares })
    }

    fn load_cores(&self) -> CoreSet {
        self.division.application.union(&self.division.generator)
    }
}
