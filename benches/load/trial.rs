//! One trial: one proxy under one load, from its start to its end.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::application;
use crate::certificates::Certificates;
use crate::child::Child;
use crate::cores::{CoreSet, Division};
use crate::generator::{self, Running, Target};
use crate::histogram::Histogram;
use crate::interrupt::{eventually, pause};
use crate::launch;
use crate::measure::Processes;
use crate::meter::Tally;
use crate::proxies::Contender;
use crate::scenario::{Figure, Load, Scenario, Unit};
use crate::site::{Site, Size};

/// What all trials of a campaign share.
#[derive(Debug)]
pub(crate) struct Conditions {
    pub(crate) division: Division,
    pub(crate) certificates: Certificates,
    pub(crate) workers: usize,
    /// How long each trial counts.
    pub(crate) measured: Duration,
    /// The most tunnels that the limit of open files allows.
    pub(crate) tunnels: usize,
}

/// What one trial found.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// The scenario's own figure, in its own unit.
    pub(crate) figure: f64,
    /// Operations a second.
    pub(crate) rate: f64,
    pub(crate) latency: Latency,
    pub(crate) errors: u64,
    /// What went wrong first.
    pub(crate) first_failure: Option<String>,
    /// The most memory seen, in bytes.
    pub(crate) memory: u64,
    /// The share of its cores' time that the proxy used, 0 to 1.
    pub(crate) busy: f64,
}

/// Milliseconds that an operation took; zero where nothing was timed.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
}

/// What the proxy used in the measured time.
#[derive(Debug)]
struct Usage {
    cpu: Duration,
    elapsed: Duration,
    peak_memory: u64,
}

/// Starts the application and `contender`, measures one sample, and ends both.
///
/// # Errors
/// Something cannot be started, or the clients cannot connect.
pub(crate) fn run(scenario: &Scenario, contender: &Contender, conditions: &Conditions) -> Result<Sample> {
    let load = scenario.load.with_tunnels_at_most(conditions.tunnels);
    let size = Size { workers: conditions.workers, connections: load.clients() };
    let site = Site::new(scenario.upstream, conditions.certificates.of(scenario.key).clone(), size)?;
    let _application = start_application(&site, &conditions.division.application)?;
    if load == Load::Startup {
        return startup(contender, &site, conditions);
    }
    let proxy = contender.start(&site, &conditions.division.proxy)?;
    let processes = Processes::of(proxy.group());
    let memory_before = processes.memory()?;
    let running = Running::start(load, &Target::of(&site), &conditions.division.generator)?;
    wait_until_ready(&running, load.clients())?;
    pause(warm_up(conditions.measured))?;
    let usage = measure(&running, processes, conditions.measured)?;
    let first_failure = running.progress().first_failure();
    let tally = running.finish()?;
    let figure = match scenario.figure {
        Figure::CpuPer(unit) => usage.cpu.as_secs_f64() * 1e6 / operations(unit, &tally),
        Figure::MemoryPerTunnel => kib(usage.peak_memory.saturating_sub(memory_before)) / load.clients() as f64,
        Figure::TimeToAnswer => bail!("{} measures time to answer, which only `startup` can", scenario.name),
    };
    Ok(Sample {
        figure,
        rate: operations(scenario.figure.unit(), &tally) / usage.elapsed.as_secs_f64(),
        latency: Latency::of(&tally.latencies),
        errors: tally.errors,
        first_failure,
        memory: usage.peak_memory,
        busy: usage.cpu.as_secs_f64() / usage.elapsed.as_secs_f64() / conditions.workers as f64,
    })
}

/// Starts the proxy several times and times each first answer.
fn startup(contender: &Contender, site: &Site, conditions: &Conditions) -> Result<Sample> {
    let probe = generator::Probe::new(&Target::of(site))?;
    let mut latencies = Histogram::new();
    let mut memory = 0;
    let (mut cpu, mut elapsed) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..STARTS {
        let started = Instant::now();
        let mut proxy = contender.launch(site, &conditions.division.proxy)?;
        let answered = eventually(START_LIMIT, START_POLL, || {
            proxy.check()?;
            Ok(probe.answers())
        })
        .with_context(|| format!("{} does not serve", contender.label))?;
        if !answered {
            bail!("{} does not answer after {START_LIMIT:?}; it said:\n{}", contender.label, proxy.last_words());
        }
        latencies.record(started.elapsed());
        elapsed += started.elapsed();
        let processes = Processes::of(proxy.group());
        cpu += processes.cpu_time()?;
        memory = memory.max(processes.memory()?);
    }
    let latency = Latency::of(&latencies);
    let busy = cpu.as_secs_f64() / elapsed.as_secs_f64();
    Ok(Sample { figure: latency.p50, rate: 0.0, latency, errors: 0, first_failure: None, memory, busy })
}

fn start_application(site: &Site, cores: &CoreSet) -> Result<Child> {
    let this = std::env::current_exe().context("cannot find the harness's own executable")?;
    let mut command = launch::command(&this, cores)?;
    command.arg(application::PART).arg(site.upstream.to_string());
    let mut child = Child::start(command, &site.path("application.out"))?;
    let accepts = eventually(READY_LIMIT, READY_POLL, || {
        child.check()?;
        Ok(site.upstream.accepts())
    })
    .context("the application behind the proxies does not serve")?;
    if accepts { Ok(child) } else { bail!("the application behind the proxies does not accept connections") }
}

fn wait_until_ready(running: &Running, clients: usize) -> Result<()> {
    if eventually(READY_LIMIT, READY_POLL, || Ok(running.progress().ready() >= clients))? {
        return Ok(());
    }
    bail!(
        "only {} of {clients} clients could connect in {READY_LIMIT:?}; the first failure: {}",
        running.progress().ready(),
        running.progress().first_failure().unwrap_or_else(|| "none".to_owned()),
    )
}

fn measure(running: &Running, processes: Processes, measured: Duration) -> Result<Usage> {
    let mut peak_memory = processes.memory()?;
    let cpu_before = processes.cpu_time()?;
    let started = Instant::now();
    running.measure();
    while started.elapsed() < measured {
        pause(MEMORY_POLL.min(measured.saturating_sub(started.elapsed())))?;
        peak_memory = peak_memory.max(processes.memory()?);
    }
    let elapsed = started.elapsed();
    let cpu = processes.cpu_time()?.saturating_sub(cpu_before);
    Ok(Usage { cpu, elapsed, peak_memory })
}

/// Long enough for caches, pools and congestion windows to settle.
fn warm_up(measured: Duration) -> Duration {
    (measured / 4).clamp(Duration::from_millis(300), Duration::from_secs(2))
}

/// How many of `unit` were done.
fn operations(unit: Unit, tally: &Tally) -> f64 {
    match unit {
        Unit::Mebibyte => tally.bytes as f64 / MEBIBYTE,
        _ => tally.completions as f64,
    }
}

fn kib(bytes: u64) -> f64 {
    bytes as f64 / 1024.0
}

impl Latency {
    fn of(latencies: &Histogram) -> Self {
        let at = |quantile| latencies.quantile(quantile).map_or(0.0, |time| time.as_secs_f64() * 1e3);
        Self { p50: at(0.5), p99: at(0.99), p999: at(0.999) }
    }
}

const MEBIBYTE: f64 = 1024.0 * 1024.0;
const READY_LIMIT: Duration = Duration::from_secs(60);
const READY_POLL: Duration = Duration::from_millis(5);
const MEMORY_POLL: Duration = Duration::from_millis(250);
const STARTS: usize = 5;
const START_LIMIT: Duration = Duration::from_secs(10);
const START_POLL: Duration = Duration::from_micros(100);
