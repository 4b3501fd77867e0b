//! Load tests: CPU time, memory and latency of Gatepost and other proxies.
//!
//! One executable has several roles. `cargo bench` starts it as the harness, which starts all other processes
//! and measures them. The harness starts it again as the [`upstream`] server, as the launcher that pins a
//! program to its cores ([`launch`]), and as the TLS [`relay`] that is the lower bound of a proxy's cost.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the harness prints tables and progress")]
#![allow(
    clippy::disallowed_methods,
    reason = "clients are dropped with their event loop; there is no graceful shutdown"
)]

mod certificates;
mod child;
mod cores;
mod cpu_time;
mod descriptors;
mod environment;
mod frame;
mod generator;
mod histogram;
mod interrupt;
mod json;
mod key_group;
mod launch;
mod meter;
mod options;
mod plot;
mod procfs;
mod proxies;
mod relay;
mod results;
mod run;
mod sample;
mod scenario;
mod startup;
mod table;
mod trial;
mod upstream;

use std::process::ExitCode;

use anyhow::Result;

fn main() -> ExitCode {
    match run_role() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the role that the first argument selects; only the harness passes one.
fn run_role() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((role, rest)) if role == launch::ROLE => launch::exec(rest),
        Some((role, rest)) if role == upstream::ROLE => upstream::serve(rest),
        Some((role, rest)) if role == relay::ROLE => relay::serve(rest),
        _ => run::run(options::Options::from_command_line()?),
    }
}
