//! A campaign: every scenario, in rounds in which each proxy has its turn, and a report of each.

use anyhow::{Result, bail};

use crate::certificates::Certificates;
use crate::cores::{CoreSet, Division};
use crate::descriptors;
use crate::interrupt;
use crate::json;
use crate::key_group::LacksGroup;
use crate::options::{Measurement, Options};
use crate::plot;
use crate::proxies::{Contender, Kind};
use crate::results::Results;
use crate::scenario::{ALL, Scenario};
use crate::table;
use crate::trial::{self, Conditions};

/// Does what the command line asks for.
///
/// # Errors
/// The machine does not allow the measurement, or a trial failed.
pub(crate) fn run(options: Options) -> Result<()> {
    match options {
        Options::List => list(),
        Options::Nothing => println!("nothing to measure; see cargo bench --bench load -- --help"),
        Options::Measure(measurement) => return measure(&measurement),
    }
    Ok(())
}

fn list() {
    println!("scenarios:");
    for scenario in ALL {
        println!("  {:<22} {}", scenario.name, scenario.about);
    }
    println!("proxies:");
    for kind in Kind::ALL {
        let place = kind.installed().map_or("not installed".to_owned(), |program| program.display().to_string());
        println!("  {:<22} {}", kind.name(), if kind == Kind::Gatepost { "this build" } else { &place });
    }
}

fn measure(measurement: &Measurement) -> Result<()> {
    interrupt::listen()?;
    let directory = tempfile::TempDir::with_prefix("gatepost-load-")?;
    let conditions = prepare(measurement, directory.path())?;
    let mut failures = 0;
    let mut all = Vec::new();
    for scenario in &measurement.scenarios {
        let results = run_scenario(scenario, measurement, &conditions)?;
        failures += results.failed_trials();
        table::print(&results);
        match plot::write(&results) {
            Ok(path) => path.iter().for_each(|path| println!("  plot: {}", path.display())),
            Err(error) => println!("  no plot: {error:#}"),
        }
        all.push(results);
    }
    if let Some(path) = &measurement.json {
        json::write(&all, path)?;
    }
    if failures > 0 { bail!("{failures} trial(s) failed; the reasons stand below their tables") } else { Ok(()) }
}

fn prepare(measurement: &Measurement, directory: &std::path::Path) -> Result<Conditions> {
    let division = Division::of(&CoreSet::available()?, measurement.workers)?;
    let clients = measurement.scenarios.iter().map(|scenario| scenario.load.clients()).max().unwrap_or_default();
    let tunnels = descriptors::tunnels_within(descriptors::raise_to(descriptors::needed_for(clients))?);
    println!(
        "proxy on core {}, application on {}, generator on {}; {} round(s) of {:?}",
        division.proxy, division.application, division.generator, measurement.rounds, measurement.measured,
    );
    // Started on the proxy's core, this very thread would disturb what it measures.
    division.generator.pin_this_thread()?;
    std::fs::set_permissions(directory, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    Ok(Conditions {
        division,
        certificates: Certificates::create(directory)?,
        workers: measurement.workers,
        measured: measurement.measured,
        tunnels,
    })
}

/// All rounds of one scenario. What disturbs the machine for a while hits all proxies alike.
fn run_scenario(scenario: &Scenario, measurement: &Measurement, conditions: &Conditions) -> Result<Results> {
    let can_serve = |contender: &&Contender| contender.kind.can_serve(scenario);
    let contenders: Vec<Contender> = measurement.contenders.iter().filter(can_serve).cloned().collect();
    let mut results = Results::of(*scenario, &contenders);
    if scenario.load.with_tunnels_at_most(conditions.tunnels) != scenario.load {
        results.note(format!(
            "only {} tunnels instead of {}: the limit of open files allows no more (two for each tunnel)",
            conditions.tunnels,
            scenario.load.clients(),
        ));
    }
    for round in 1..=measurement.rounds {
        for (index, contender) in contenders.iter().enumerate() {
            if !results.may_go_on(index) {
                continue;
            }
            eprintln!("{}: round {round}, {}", scenario.name, contender.label);
            match trial::run(scenario, contender, conditions) {
                Ok(sample) => results.add(index, sample),
                Err(error) if error.is::<interrupt::Interrupted>() => return Err(error),
                Err(error) if error.is::<LacksGroup>() => results.leave_out(index, &error),
                Err(error) => results.fail(index, &error),
            }
        }
    }
    Ok(results)
}
