//! How long a proxy takes from the start of its program to its first answer.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::account::Shares;
use crate::child::Child;
use crate::cores::CoreSet;
use crate::generator::{Probe, Target};
use crate::histogram::Histogram;
use crate::interrupt::eventually;
use crate::measure::Processes;
use crate::proxies::Contender;
use crate::sample::{Latency, Sample};
use crate::site::Site;

/// Starts the proxy several times; the figure is the median in milliseconds.
///
/// The time includes that of the harness's own launcher, about a millisecond.
///
/// # Errors
/// The proxy does not start or does not answer.
pub(crate) fn run(contender: &Contender, site: &Site, cores: &CoreSet) -> Result<Sample> {
    let probe = Probe::new(&Target::of(site))?;
    let mut latencies = Histogram::new();
    let mut memory = 0;
    for _ in 0..STARTS {
        let started = Instant::now();
        let mut proxy = contender.launch(site, cores)?;
        wait_for_answer(&mut proxy, &probe).with_context(|| format!("{} does not serve", contender.label))?;
        latencies.record(started.elapsed());
        memory = memory.max(Processes::Group(proxy.group()).memory()?);
    }
    let latency = Latency::of(&latencies);
    let shares = Shares::default();
    Ok(Sample { figure: latency.p50, rate: 0.0, latency, errors: 0, first_failure: None, memory, shares })
}

fn wait_for_answer(proxy: &mut Child, probe: &Probe) -> Result<()> {
    let answered = eventually(LIMIT, POLL, || {
        proxy.check()?;
        Ok(probe.answers())
    })?;
    if answered { Ok(()) } else { bail!("no answer after {LIMIT:?}; it said:\n{}", proxy.last_words()) }
}

const STARTS: usize = 5;
const LIMIT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_micros(100);
