//! One trial: one proxy under one load, from its start to its end.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use crate::account::{Parties, Spell};
use crate::application;
use crate::certificates::Certificates;
use crate::child::Child;
use crate::cores::{CoreSet, Division};
use crate::generator::{Probe, Running, Target};
use crate::interrupt::{eventually, pause};
use crate::key_group::LacksGroup;
use crate::launch;
use crate::measure::Processes;
use crate::meter::{Phase, Tally};
use crate::proxies::Contender;
use crate::sample::{Latency, Sample};
use crate::scenario::{Figure, Load, Scenario, Unit};
use crate::site::{Site, Size};
use crate::startup;

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

/// What was seen while the load counted.
#[derive(Debug)]
struct Observation {
    spell: Spell,
    /// In bytes.
    memory_before: u64,
    peak_memory: u64,
    first_failure: Option<String>,
    tally: Tally,
}

/// Starts the application and `contender`, takes one sample, and ends both.
///
/// # Errors
/// Something cannot be started, the clients cannot connect, or the proxy was not the one who served. A
/// [`LacksGroup`] tells that the proxy cannot do what the scenario is about.
pub(crate) fn run(scenario: &Scenario, contender: &Contender, conditions: &Conditions) -> Result<Sample> {
    let load = scenario.load.with_tunnels_at_most(conditions.tunnels);
    let size = Size { workers: conditions.workers, connections: load.clients() };
    let site =
        Site::new(scenario.upstream, conditions.certificates.of(scenario.key).clone(), scenario.group, size)?;
    let application = start_application(&site, &conditions.division.application)?;
    if load == Load::Startup {
        return startup::run(contender, &site, &conditions.division.proxy);
    }
    let proxy = contender.start(&site, &conditions.division.proxy)?;
    let target = Target::of(&site);
    if !Probe::new(&target)?.agrees_in(scenario.group).map_err(|fault| anyhow!("{fault}"))? {
        return Err(LacksGroup(scenario.group).into());
    }
    let parties = Parties {
        proxy: Processes::Group(proxy.group()),
        application: Processes::Group(application.group()),
        division: conditions.division.clone(),
    };
    let observation = observe(load, &target, &parties, conditions.measured)?;
    if load.is_closed_loop() && observation.spell.shares.proxy < IMPLAUSIBLE {
        bail!("{} answered without using its cores: somebody else must have answered for it", contender.label);
    }
    Ok(evaluate(scenario.figure, load, observation))
}

/// Puts the load on the proxy, lets it settle, and watches it for the time `measured`.
fn observe(load: Load, target: &Target, parties: &Parties, measured: Duration) -> Result<Observation> {
    let memory_before = parties.proxy.memory()?;
    let running = Running::start(load, target, &parties.division.generator)?;
    wait_until_ready(&running, load.clients())?;
    running.enter(Phase::WarmingUp);
    pause(warm_up(measured))?;
    let mut peak_memory = parties.proxy.memory()?;
    let (start, end) = (parties.account()?, Instant::now() + measured);
    running.enter(Phase::Measuring);
    while Instant::now() < end {
        pause(MEMORY_POLL.min(end.saturating_duration_since(Instant::now())))?;
        peak_memory = peak_memory.max(parties.proxy.memory()?);
    }
    let spell = parties.since(&start)?;
    let progress = running.progress();
    let tally = running.finish()?;
    Ok(Observation { spell, memory_before, peak_memory, first_failure: progress.first_failure(), tally })
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

fn evaluate(figure: Figure, load: Load, seen: Observation) -> Sample {
    let done = operations(figure.unit(), &seen.tally);
    Sample {
        figure: match figure {
            Figure::CpuPer(_) => seen.spell.proxy.as_secs_f64() * MICROS / done,
            Figure::MemoryPerTunnel => {
                seen.peak_memory.saturating_sub(seen.memory_before) as f64 / KIBIBYTE / load.clients() as f64
            }
            Figure::TimeToAnswer => Latency::of(&seen.tally.latencies).p50,
        },
        rate: done / seen.spell.elapsed.as_secs_f64(),
        latency: Latency::of(&seen.tally.latencies),
        errors: seen.tally.errors,
        first_failure: seen.first_failure,
        memory: seen.peak_memory,
        shares: seen.spell.shares,
    }
}

fn operations(unit: Unit, tally: &Tally) -> f64 {
    match unit {
        Unit::Mebibyte => tally.bytes as f64 / MEBIBYTE,
        _ => tally.completions as f64,
    }
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

/// Long enough for caches, pools and congestion windows to settle.
fn warm_up(measured: Duration) -> Duration {
    (measured / 4).clamp(Duration::from_millis(300), Duration::from_secs(2))
}

/// No proxy can serve a load that never waits with this share of its cores' time.
const IMPLAUSIBLE: f64 = 0.01;
const MICROS: f64 = 1e6;
const KIBIBYTE: f64 = 1024.0;
const MEBIBYTE: f64 = 1024.0 * 1024.0;
const READY_LIMIT: Duration = Duration::from_secs(60);
const READY_POLL: Duration = Duration::from_millis(5);
const MEMORY_POLL: Duration = Duration::from_millis(250);
