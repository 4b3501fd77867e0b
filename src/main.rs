//! The command line: arguments in, exit code out.
//!
//! Exit codes: 0 fine, 1 the configuration or the environment is wrong, 2 wrong usage.

#![allow(clippy::print_stderr, reason = "this is the program's voice")]

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use gatepost::app::problem::Problem;
use gatepost::app::{self, Prepared};
use gatepost::config::{self, Loaded};
use gatepost::model::{LogLevel, Model};
use gatepost::{demo, explain};
use tracing_subscriber::EnvFilter;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A reverse proxy that takes the place of GitLab's bundled nginx, for GitLab and Mattermost
#[derive(Parser)]
#[command(version, subcommand_required = true, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the proxy
    Serve(Source),
    /// Find everything that is wrong with a configuration, certificates included, without serving it
    Check(Source),
    /// Say what a configuration means
    Explain {
        #[command(flatten)]
        source: Source,
        /// How to say it
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Serve two stand-in applications on high loopback ports, with throw-away certificates
    Demo,
}

#[derive(Args)]
struct Source {
    /// The configuration [default: /etc/gatepost/gatepost.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Table,
    Toml,
    Json,
}

/// Why a command failed; everything has been said on standard error.
struct Failed;

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Serve(source) => serve(&source),
        Command::Check(source) => check(&source),
        Command::Explain { source, format } => load(&source).and_then(|model| print(&format.render(&model))),
        Command::Demo => run_demo(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed) => ExitCode::FAILURE,
    }
}

fn serve(source: &Source) -> Result<(), Failed> {
    let model = load(source)?;
    start_logging(model.process.log_level);
    run(app::prepare(model).map_err(|problems| say_all(&problems))?)
}

fn run(prepared: Prepared) -> Result<(), Failed> {
    let cut = prepared.run().map_err(|problem| say(&problem))?;
    tracing::info!("stopped; {} connections and {} tunnels were cut", cut.connections, cut.tunnels);
    Ok(())
}

fn check(source: &Source) -> Result<(), Failed> {
    let model = load(source)?;
    let problems = app::examine(&model);
    if problems.is_empty() {
        return print("the configuration is fine\n");
    }
    Err(say_all(&problems))
}

fn run_demo() -> Result<(), Failed> {
    start_logging(LogLevel::Warn);
    let demo = demo::stage::prepare().map_err(|error| say(&error))?;
    let prepared = app::prepare(demo.model()).map_err(|problems| say_all(&problems))?;
    print(&demo.welcome())?;
    run(prepared)
}

/// The model of a configuration file; what is odd but no error is said on the way.
fn load(source: &Source) -> Result<Model, Failed> {
    let path = match &source.config {
        Some(path) => path.as_path(),
        None => default_config()?,
    };
    let Loaded { model, warnings } = config::load(path).map_err(|problems| {
        eprint!("{problems}");
        Failed
    })?;
    eprint!("{warnings}");
    Ok(model)
}

fn default_config() -> Result<&'static Path, Failed> {
    let path = Path::new("/etc/gatepost/gatepost.toml");
    if path.exists() {
        return Ok(path);
    }
    eprintln!("error: there is no configuration: {} does not exist", path.display());
    if Path::new("/etc/gitlab/gitlab.rb").exists() {
        eprintln!("  = note: there is an /etc/gitlab/gitlab.rb, which this version cannot read yet");
    }
    eprintln!("  = help: write one (config/gatepost.toml explains every key), name another with --config,");
    eprintln!("          or see the proxy at work with `gatepost demo`");
    Err(Failed)
}

impl Format {
    fn render(self, model: &Model) -> String {
        explain::render(
            model,
            match self {
                Format::Table => explain::Format::Table,
                Format::Toml => explain::Format::Toml,
                Format::Json => explain::Format::Json,
            },
        )
    }
}

/// The program's own log goes to standard error, where journald and svlogd take it.
fn start_logging(level: LogLevel) {
    let own = match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
    };
    // Libraries have nothing to tell an administrator below a warning.
    let filter = EnvFilter::new(format!("warn,gatepost={own}"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_target(false)
        .with_ansi(io::stderr().is_terminal())
        .init();
}

/// Says what was asked for. A reader that has heard enough, as in `… | head`, is no failure.
fn print(text: &str) -> Result<(), Failed> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(say(&error)),
        _ => Ok(()),
    }
}

fn say_all(problems: &[Problem]) -> Failed {
    for problem in problems {
        say(problem);
    }
    Failed
}

fn say(problem: &impl Display) -> Failed {
    eprintln!("error: {problem}");
    Failed
}
