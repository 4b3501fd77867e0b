//! Load tests: what Gatepost costs beside other proxies, on this machine, in one run.
//!
//! One executable plays several parts. Started by `cargo bench` it is the harness, which starts
//! everything else and measures. The harness starts it again as the application behind the
//! proxies, as the launcher that pins a program to its cores before becoming it, and as the relay
//! that shows the floor.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "tables and progress are what the harness is for")]
#![allow(clippy::disallowed_methods, reason = "clients end with their event loop; nothing drains them")]

mod account;
mod application;
mod campaign;
mod certificates;
mod child;
mod cores;
mod descriptors;
mod frame;
mod generator;
mod histogram;
mod interrupt;
mod json;
mod key_group;
mod launch;
mod measure;
mod meter;
mod options;
mod plot;
mod proxies;
mod relay;
mod results;
mod sample;
mod scenario;
mod site;
mod startup;
mod table;
mod trial;

use std::process::ExitCode;

use anyhow::Result;

fn main() -> ExitCode {
    match play() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("load: {problem:#}");
            ExitCode::FAILURE
        }
    }
}

/// Plays the part that the first argument names; people never type those.
fn play() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((part, rest)) if part == launch::PART => launch::become_program(rest),
        Some((part, rest)) if part == application::PART => application::serve(rest),
        Some((part, rest)) if part == relay::PART => relay::serve(rest),
        _ => campaign::run(options::Options::from_command_line()?),
    }
}
