//! Runs one trial: one proxy under one load.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use crate::certificates::Certificates;
use crate::child::Child;
use crate::cores::{CoreAssignment, CoreSet};
use crate::cpu_time::{Interval, ProcessGroups};
use crate::environment::{Environment, Size};
use crate::generator::{Probe, RunningLoad, Target};
use crate::interrupt::{poll_until, sleep};
use crate::key_group::UnsupportedGroup;
use crate::launch;
use crate::meter::{Counts, Phase};
use crate::procfs::Processes;
use crate::proxies::ProxyUnderTest;
use crate::sample::{Latency, Sample};
use crate::scenario::{Figure, Load, Scenario, Unit};
use crate::startup;
use crate::upstream;

/// Values that all trials of a run share.
#[derive(Debug)]
pub(crate) struct RunContext {
    pub(crate) cores: CoreAssignment,
    pub(crate) certificates: Certificates,
    pub(crate) workers: usize,
    /// Duration of the measuring phase.
    pub(crate) measured: Duration,
    /// Maximum number of tunnels under the limit of open files.
    pub(crate) tunnels: usize,
}

/// Measurements of the measuring phase.
#[derive(Debug)]
struct Observation {
    interval: Interval,
    /// In bytes.
    memory_before: u64,
    peak_memory: u64,
    first_failure: Option<String>,
    counts: Counts,
}

/// Starts the upstream and `proxy`, takes one sample and terminates both.
///
/// # Errors
/// A process cannot be started, the clients cannot connect, or another process served the requests.
/// [`UnsupportedGroup`] if the proxy does not support the key exchange group of the scenario.
pub(crate) fn run(scenario: &Scenario, proxy: &ProxyUnderTest, context: &RunContext) -> Result<Sample> {
    let load = scenario.load.limit_tunnels(context.tunnels);
    let size = Size { workers: context.workers, connections: load.clients() };
    let environment =
        Environment::new(scenario.upstream, context.certificates.of(scenario.key).clone(), scenario.group, size)?;
    let upstream = start_upstream(&environment, &context.cores.upstream)?;
    if load == Load::Startup {
        return startup::run(proxy, &environment, &context.cores.proxy);
    }
    let process = proxy.start(&environment, &context.cores.proxy)?;
    let target = Target::of(&environment);
    if !Probe::new(&target)?.negotiates(scenario.group).map_err(|error| anyhow!("{error}"))? {
        return Err(UnsupportedGroup(scenario.group).into());
    }
    let groups = ProcessGroups {
        proxy: Processes::Group(process.group()),
        upstream: Processes::Group(upstream.group()),
        cores: context.cores.clone(),
    };
    let observation = observe(load, &target, &groups, context.measured)?;
    if load.is_closed_loop() && observation.interval.shares.proxy < MIN_PLAUSIBLE_SHARE {
        bail!("{} used no CPU time under load: another process must have served the requests", proxy.label);
    }
    Ok(evaluate(scenario.figure, load, observation))
}

/// Applies the load, waits for the warm-up and measures for the time `measured`.
fn observe(load: Load, target: &Target, groups: &ProcessGroups, measured: Duration) -> Result<Observation> {
    let memory_before = groups.proxy.memory()?;
    let running = RunningLoad::start(load, target, &groups.cores.generator)?;
    wait_until_ready(&running, load.clients())?;
    running.enter(Phase::WarmingUp);
    sleep(warm_up(measured))?;
    let mut peak_memory = groups.proxy.memory()?;
    let (start, end) = (groups.cpu_time()?, Instant::now() + measured);
    running.enter(Phase::Measuring);
    while Instant::now() < end {
        sleep(MEMORY_POLL.min(end.saturating_duration_since(Instant::now())))?;
        peak_memory = peak_memory.max(groups.proxy.memory()?);
    }
    let interval = groups.since(&start)?;
    let progress = running.progress();
    let counts = running.finish()?;
    Ok(Observation { interval, memory_before, peak_memory, first_failure: progress.first_failure(), counts })
}

fn wait_until_ready(running: &RunningLoad, clients: usize) -> Result<()> {
    if poll_until(READY_LIMIT, READY_POLL, || Ok(running.progress().ready() >= clients))? {
        return Ok(());
    }
    bail!(
        "only {} of {clients} clients connected within {READY_LIMIT:?}; first failure: {}",
        running.progress().ready(),
        running.progress().first_failure().unwrap_or_else(|| "none".to_owned()),
    )
}

fn evaluate(figure: Figure, load: Load, observation: Observation) -> Sample {
    let done = operations(figure.unit(), &observation.counts);
    Sample {
        figure: match figure {
            Figure::CpuPer(_) => observation.interval.proxy.as_secs_f64() * MICROS / done,
            Figure::MemoryPerTunnel => {
                observation.peak_memory.saturating_sub(observation.memory_before) as f64
                    / KIBIBYTE
                    / load.clients() as f64
            }
            Figure::TimeToFirstResponse => Latency::of(&observation.counts.latencies).p50,
        },
        rate: done / observation.interval.elapsed.as_secs_f64(),
        latency: Latency::of(&observation.counts.latencies),
        errors: observation.counts.errors,
        first_failure: observation.first_failure,
        memory: observation.peak_memory,
        shares: observation.interval.shares,
    }
}

fn operations(unit: Unit, counts: &Counts) -> f64 {
    match unit {
        Unit::Mebibyte => counts.bytes as f64 / MEBIBYTE,
        _ => counts.completions as f64,
    }
}

fn start_upstream(environment: &Environment, cores: &CoreSet) -> Result<Child> {
    let this = std::env::current_exe().context("cannot find the executable of the harness")?;
    let mut command = launch::command(&this, cores)?;
    command.arg(upstream::ROLE).arg(environment.upstream.to_string());
    let mut child = Child::start(command, &environment.path("upstream.out"))?;
    let accepts = poll_until(READY_LIMIT, READY_POLL, || {
        child.check()?;
        Ok(environment.upstream.accepts())
    })
    .context("the upstream server exited")?;
    if accepts { Ok(child) } else { bail!("the upstream server does not accept connections") }
}

/// Returns the warm-up time, in which caches, pools and congestion windows reach a steady state.
fn warm_up(measured: Duration) -> Duration {
    (measured / 4).clamp(Duration::from_millis(300), Duration::from_secs(2))
}

/// A proxy under closed-loop load uses more than this share of its cores' time.
const MIN_PLAUSIBLE_SHARE: f64 = 0.01;
const MICROS: f64 = 1e6;
const KIBIBYTE: f64 = 1024.0;
const MEBIBYTE: f64 = 1024.0 * 1024.0;
const READY_LIMIT: Duration = Duration::from_secs(60);
const READY_POLL: Duration = Duration::from_millis(5);
const MEMORY_POLL: Duration = Duration::from_millis(250);
