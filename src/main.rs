//! The command line: arguments in, exit code out.
//!
//! Exit codes: 0 fine, 1 the configuration or the environment is wrong, 2 wrong usage. For `doctor` 1 is the
//! environment, and 2 the configuration.

#![allow(clippy::print_stderr, reason = "this is the program's voice")]

use std::env;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use gatepost::app::problem::Problem;
use gatepost::app::{self, Prepared};
use gatepost::config::gitlab_rb::surroundings::Machine;
use gatepost::config::gitlab_rb::{self, Reading};
use gatepost::config::{self, Diagnostic, Diagnostics, Loaded};
use gatepost::doctor::{self, BundledNginx, Examination, Severity};
use gatepost::explain::Account;
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
    /// Find what is wrong on this machine as well: applications, ports, rights, names
    Doctor(Source),
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
    /// The configuration [default: /etc/gatepost/gatepost.toml, else /etc/gitlab/gitlab.rb]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A gitlab.rb to go by, or what `gitlab-ctl show-config` prints
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    gitlab_rb: Option<PathBuf>,
}

/// The file that a command reads.
enum Configuration {
    Toml(PathBuf),
    GitlabRb(PathBuf),
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
        Command::Doctor(source) => return doctor(&source),
        Command::Explain { source, format } => explain_source(&source, format.chosen()),
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
    let (said, model) = match source.choose()? {
        Configuration::Toml(path) => (Ok(()), Some(load_toml(&path)?)),
        Configuration::GitlabRb(path) => {
            let reading = gitlab_rb::load(&path, &Machine);
            (say_reading(&reading), reading.model)
        }
    };
    // Files that are not there have been said, with the lines that ask for them.
    let is_new = |problem: &Problem| said.is_ok() || !matches!(problem, Problem::File(it) if !it.file.exists());
    let found = model.iter().flat_map(app::examine).filter(is_new);
    let is_warning = |problem: &Problem| matches!(problem, Problem::Soon(_) | Problem::Obstacle(_));
    let (soon, problems): (Vec<_>, Vec<_>) = found.partition(is_warning);
    soon.iter().for_each(|problem| eprintln!("warning: {problem}"));
    match (said, &problems[..]) {
        (Ok(()), []) => print("the configuration is fine\n"),
        _ => Err(say_all(&problems)),
    }
}

/// Its exit code tells a configuration that cannot be read from a machine that does not fit.
fn doctor(source: &Source) -> ExitCode {
    let Ok((model, nginx)) = load_for_doctor(source) else { return ExitCode::from(2) };
    let mut problems = 0;
    for Examination { subject, findings } in doctor::examine(&model, nginx) {
        let mut text = if findings.is_empty() { format!("fine: {subject}\n") } else { String::new() };
        for doctor::Finding { severity, text: what } in &findings {
            text += &format!("{}: {subject}: {what}\n", severity.as_str());
            problems += usize::from(*severity == Severity::Problem);
        }
        if print(&text).is_err() {
            return ExitCode::FAILURE;
        }
    }
    if problems == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn load_for_doctor(source: &Source) -> Result<(Model, BundledNginx), Failed> {
    match source.choose()? {
        Configuration::Toml(path) => Ok((load_toml(&path)?, BundledNginx::Unknown)),
        Configuration::GitlabRb(path) => {
            let reading = gitlab_rb::load(&path, &Machine);
            say_found(&reading.problems);
            say_unguarded(&reading)?;
            let nginx = match reading.runs_bundled_nginx() {
                true => BundledNginx::Enabled,
                false => BundledNginx::Disabled,
            };
            Ok((reading.model.ok_or(Failed)?, nginx))
        }
    }
}

fn run_demo() -> Result<(), Failed> {
    start_logging(LogLevel::Warn);
    let demo = demo::stage::prepare().map_err(|error| say(&error))?;
    let prepared = app::prepare(demo.model()).map_err(|problems| say_all(&problems))?;
    print(&demo.welcome())?;
    run(prepared)
}

fn explain_source(source: &Source, format: explain::Format) -> Result<(), Failed> {
    match source.choose()? {
        Configuration::Toml(path) => print(&explain::render(&load_toml(&path)?, format)),
        Configuration::GitlabRb(path) => explain_gitlab_rb(&gitlab_rb::load(&path, &Machine), format),
    }
}

/// Shows what could be read even if there are errors: then, too, each line has its verdict.
fn explain_gitlab_rb(reading: &Reading, format: explain::Format) -> Result<(), Failed> {
    let findings = reading.problems.iter().map(finding).collect();
    let account = Account { model: reading.model.as_ref(), judgements: &reading.judgements, findings };
    if let Some(text) = explain::render_account(&account, format) {
        print(&text)?;
    }
    say_found(&reading.problems);
    reading.model.as_ref().map(|_| ()).ok_or(Failed)
}

fn finding(problem: &Diagnostic) -> explain::Finding<'_> {
    explain::Finding {
        severity: problem.severity.as_str(),
        message: &problem.message,
        file: problem.place.file_name(),
        at: problem.place.excerpt().map(|at| (at.line, at.column)),
        help: &problem.help,
    }
}

/// The model of a configuration file; what is odd but no error is said on the way.
fn load(source: &Source) -> Result<Model, Failed> {
    match source.choose()? {
        Configuration::Toml(path) => load_toml(&path),
        Configuration::GitlabRb(path) => {
            let reading = gitlab_rb::load(&path, &Machine);
            say_reading(&reading)?;
            reading.model.ok_or(Failed)
        }
    }
}

/// Says everything that is wrong with a `gitlab.rb`: also certificates that are not there, and what must
/// not be left out.
fn say_reading(reading: &Reading) -> Result<(), Failed> {
    let mut problems = reading.problems.clone();
    problems.extend(reading.absent_certificates(&Machine));
    say_found(&problems);
    say_unguarded(reading)?;
    if problems.has_errors() { Err(Failed) } else { Ok(()) }
}

fn say_unguarded(reading: &Reading) -> Result<(), Failed> {
    let mut said = Ok(());
    for judgement in reading.unguarded() {
        let (file, line) = (judgement.file.display(), judgement.line.unwrap_or_default());
        eprintln!("error: {file}:{line}: `{}` keeps clients out, and cannot be obeyed yet", judgement.key);
        eprintln!("  = help: serving without it would let them in; restrict access elsewhere, and remove it here");
        said = Err(Failed);
    }
    said
}

fn load_toml(path: &Path) -> Result<Model, Failed> {
    let Loaded { model, warnings } = config::load(path).map_err(|problems| {
        say_found(&problems);
        Failed
    })?;
    say_found(&warnings);
    Ok(model)
}

impl Source {
    /// The file that is named, or the first of the usual ones.
    fn choose(&self) -> Result<Configuration, Failed> {
        match (&self.config, &self.gitlab_rb) {
            (Some(path), _) => Ok(Configuration::Toml(path.clone())),
            (None, Some(path)) => Ok(Configuration::GitlabRb(path.clone())),
            (None, None) => default_configuration(),
        }
    }
}

fn default_configuration() -> Result<Configuration, Failed> {
    let [toml, gitlab_rb] = ["/etc/gatepost/gatepost.toml", "/etc/gitlab/gitlab.rb"].map(PathBuf::from);
    if toml.exists() {
        return Ok(Configuration::Toml(toml));
    }
    if gitlab_rb.exists() {
        return Ok(Configuration::GitlabRb(gitlab_rb));
    }
    eprintln!("error: there is no configuration: neither {} nor {} exists", toml.display(), gitlab_rb.display());
    eprintln!("  = help: write one (config/gatepost.toml explains every key), name another with --config");
    eprintln!("          or --gitlab-rb, or see the proxy at work with `gatepost demo`");
    Err(Failed)
}

impl Format {
    fn chosen(self) -> explain::Format {
        match self {
            Format::Table if has_colours(&io::stdout()) => explain::Format::ColouredTable,
            Format::Table => explain::Format::Table,
            Format::Toml => explain::Format::Toml,
            Format::Json => explain::Format::Json,
        }
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
        .with_ansi(has_colours(&io::stderr()))
        .init();
}

/// Says what was asked for. A reader that has heard enough, as in `… | head`, is no failure.
fn print(text: &str) -> Result<(), Failed> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(say(&error)),
        _ => Ok(()),
    }
}

fn say_found(problems: &Diagnostics) {
    match has_colours(&io::stderr()) {
        true => eprint!("{problems:#}"),
        false => eprint!("{problems}"),
    }
}

/// Whether colours are wanted there: by a terminal, unless its user says no (<https://no-color.org>).
fn has_colours(stream: &impl IsTerminal) -> bool {
    let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    stream.is_terminal() && !refused && env::var_os("TERM").is_none_or(|terminal| terminal != "dumb")
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
