//! Runs all rounds of the selected scenarios and reports each scenario.
//!
//! Rounds are interleaved: each round runs one trial per proxy, so temporary load on the machine affects all
//! proxies alike.

use anyhow::{Result, bail};

use crate::certificates::Certificates;
use crate::cores::{CoreAssignment, CoreSet};
use crate::descriptors;
use crate::environment::HOST;
use crate::interrupt;
use crate::json;
use crate::key_group::UnsupportedGroup;
use crate::options::{Options, Run};
use crate::plot;
use crate::proxies::{ProxyKind, ProxyUnderTest};
use crate::results::Results;
use crate::scenario::{ALL, Scenario};
use crate::table;
use crate::trial::{self, RunContext};

/// Executes the command line.
///
/// # Errors
/// The machine does not allow the run, or a trial failed.
pub(crate) fn run(options: Options) -> Result<()> {
    match options {
        Options::List => list(),
        Options::Nothing => println!("nothing to measure; see cargo bench --bench load -- --help"),
        Options::Run(run) => return measure(&run),
    }
    Ok(())
}

fn list() {
    println!("scenarios:");
    for scenario in ALL {
        println!("  {:<22} {}", scenario.name, scenario.about);
    }
    println!("proxies:");
    for kind in ProxyKind::ALL {
        let location = kind.installed().map_or("not installed".to_owned(), |program| program.display().to_string());
        println!("  {:<22} {}", kind.name(), if kind == ProxyKind::Gatepost { "this build" } else { &location });
    }
}

fn measure(run: &Run) -> Result<()> {
    interrupt::install_handlers()?;
    let directory = tempfile::TempDir::with_prefix("gatepost-load-")?;
    let context = prepare(run, directory.path())?;
    let mut failures = 0;
    let mut all = Vec::new();
    for scenario in &run.scenarios {
        let results = run_scenario(scenario, run, &context)?;
        failures += results.failed_trials();
        table::print(&results);
        match plot::write(&results) {
            Ok(path) => path.iter().for_each(|path| println!("  plot: {}", path.display())),
            Err(error) => println!("  cannot plot: {error:#}"),
        }
        all.push(results);
    }
    if let Some(path) = &run.json {
        json::write(&all, path)?;
    }
    if failures > 0 { bail!("{failures} trial(s) failed; see the notes below the tables") } else { Ok(()) }
}

fn prepare(run: &Run, directory: &std::path::Path) -> Result<RunContext> {
    let cores = CoreAssignment::of(&CoreSet::available()?, run.workers)?;
    let clients = run.scenarios.iter().map(|scenario| scenario.load.clients()).max().unwrap_or_default();
    let tunnels = descriptors::max_tunnels(descriptors::raise_limit(descriptors::required_for(clients))?);
    println!(
        "proxy on core {}, upstream on {}, generator on {}; {} round(s) of {:?}",
        cores.proxy, cores.upstream, cores.generator, run.rounds, run.measured,
    );
    // On a core of the proxy, this thread would add to the measured load.
    cores.generator.pin_this_thread()?;
    std::fs::set_permissions(directory, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    Ok(RunContext {
        cores,
        certificates: Certificates::create(directory, HOST)?,
        workers: run.workers,
        measured: run.measured,
        tunnels,
    })
}

/// Runs all rounds of one scenario.
fn run_scenario(scenario: &Scenario, run: &Run, context: &RunContext) -> Result<Results> {
    let can_serve = |proxy: &&ProxyUnderTest| proxy.kind.can_serve(scenario);
    let proxies: Vec<ProxyUnderTest> = run.proxies.iter().filter(can_serve).cloned().collect();
    let mut results = Results::of(*scenario, &proxies);
    if scenario.load.limit_tunnels(context.tunnels) != scenario.load {
        results.add_note(format!(
            "only {} tunnels instead of {}: limited by the number of open files (two per tunnel)",
            context.tunnels,
            scenario.load.clients(),
        ));
    }
    for round in 1..=run.rounds {
        for (index, proxy) in proxies.iter().enumerate() {
            if !results.is_included(index) {
                continue;
            }
            eprintln!("{}: round {round}, {}", scenario.name, proxy.label);
            match trial::run(scenario, proxy, context) {
                Ok(sample) => results.add(index, sample),
                Err(error) if error.is::<interrupt::Interrupted>() => return Err(error),
                Err(error) if error.is::<UnsupportedGroup>() => results.exclude(index, &error),
                Err(error) => results.fail(index, &error),
            }
        }
    }
    Ok(results)
}
