//! Measures the time from the start of a proxy to its first response.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::child::Child;
use crate::cores::CoreSet;
use crate::cpu_time::Shares;
use crate::environment::Environment;
use crate::generator::{Probe, Target};
use crate::histogram::Histogram;
use crate::interrupt::poll_until;
use crate::procfs::Processes;
use crate::proxies::ProxyUnderTest;
use crate::sample::{Latency, Sample};

/// Starts the proxy [`STARTS`] times. The figure is the median in milliseconds.
///
/// The time includes about 1 ms of the launcher.
///
/// # Errors
/// The proxy does not start or does not respond.
pub(crate) fn run(proxy: &ProxyUnderTest, environment: &Environment, cores: &CoreSet) -> Result<Sample> {
    let probe = Probe::new(&Target::of(environment))?;
    let mut latencies = Histogram::new();
    let mut memory = 0;
    for _ in 0..STARTS {
        let started = Instant::now();
        let mut process = proxy.launch(environment, cores)?;
        wait_for_response(&mut process, &probe).with_context(|| format!("{} does not respond", proxy.label))?;
        latencies.record(started.elapsed());
        memory = memory.max(Processes::Group(process.group()).memory()?);
    }
    let latency = Latency::of(&latencies);
    let shares = Shares::default();
    Ok(Sample { figure: latency.p50, rate: 0.0, latency, errors: 0, first_failure: None, memory, shares })
}

fn wait_for_response(process: &mut Child, probe: &Probe) -> Result<()> {
    let responded = poll_until(LIMIT, POLL, || {
        process.check()?;
        Ok(probe.succeeds())
    })?;
    if responded { Ok(()) } else { bail!("no response after {LIMIT:?}; its output:\n{}", process.output_tail()) }
}

const STARTS: usize = 5;
const LIMIT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_micros(100);
