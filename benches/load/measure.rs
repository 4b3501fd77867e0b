//! What programs use: processor time and memory, from `/proc`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::unistd::Pid;

use crate::cores::CoreSet;

/// All processes that belong together.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Processes {
    /// A process group: a program with everything it started.
    Group(Pid),
    /// This process alone.
    Own,
}

impl Processes {
    /// Processor time, user and system, that all threads which still live have used so far.
    ///
    /// The scheduler's own account is in nanoseconds, where `/proc/PID/stat` counts ticks of 10 ms.
    ///
    /// # Errors
    /// The system does not keep the account.
    pub(crate) fn cpu_time(self) -> Result<Duration> {
        let mut total = Duration::ZERO;
        for process in self.directories()? {
            for thread in entries(&process.join("task"))? {
                // A thread may end between the listing and the look.
                if let Ok(account) = fs::read_to_string(thread.join("schedstat")) {
                    total += time_on_core(&account)?;
                }
            }
        }
        Ok(total)
    }

    /// Memory in bytes, where what several processes share counts once (proportional set size).
    ///
    /// # Errors
    /// The system does not tell.
    pub(crate) fn memory(self) -> Result<u64> {
        let mut total = 0;
        for process in self.directories()? {
            if let Ok(account) = fs::read_to_string(process.join("smaps_rollup")) {
                total += proportional_set_size(&account)?;
            }
        }
        Ok(total)
    }

    fn directories(self) -> Result<Vec<PathBuf>> {
        match self {
            Self::Own => Ok(vec![PathBuf::from("/proc/self")]),
            Self::Group(group) => {
                let all = entries(Path::new("/proc"))?;
                Ok(all.into_iter().filter(|directory| group_of(directory) == Some(group.as_raw())).collect())
            }
        }
    }
}

/// Time that all programs together have kept `cores` busy, in steps of a hundredth of a second.
///
/// # Errors
/// The system does not tell.
pub(crate) fn busy_time(cores: &CoreSet) -> Result<Duration> {
    let account = fs::read_to_string("/proc/stat").context("cannot read /proc/stat")?;
    let ticks: u64 = account.lines().filter(|line| cores.names(line)).map(busy_ticks).sum();
    Ok(Duration::from_millis(ticks * MILLIS_PER_TICK))
}

/// The sum of the line `cpu0 user nice system idle iowait irq softirq …` without idle and iowait.
fn busy_ticks(line: &str) -> u64 {
    let fields: Vec<u64> = line.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    fields.iter().take(3).chain(fields.iter().skip(5).take(2)).sum()
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
    let listing = fs::read_dir(directory).with_context(|| format!("cannot list {}", directory.display()))?;
    Ok(listing.filter_map(|entry| Some(entry.ok()?.path())).collect())
}

/// The process group in `/proc/PID/stat`: the third field behind the name, which is in brackets and
/// may hold anything.
fn group_of(process: &Path) -> Option<i32> {
    let name = process.file_name()?.to_str()?;
    name.parse::<u32>().ok()?;
    let stat = fs::read_to_string(process.join("stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(2)?.parse().ok()
}

/// The first number of `schedstat`: nanoseconds on a core.
fn time_on_core(account: &str) -> Result<Duration> {
    let nanos = account.split_whitespace().next().and_then(|text| text.parse().ok());
    nanos.map(Duration::from_nanos).with_context(|| format!("schedstat holds {account:?}, not nanoseconds"))
}

/// The line `Pss:   123 kB` of `smaps_rollup`, in bytes. A process that has ended has no lines.
fn proportional_set_size(account: &str) -> Result<u64> {
    let Some(line) = account.lines().find_map(|line| line.strip_prefix("Pss:")) else { return Ok(0) };
    let kib = line.split_whitespace().next().and_then(|text| text.parse::<u64>().ok());
    kib.map(|kib| kib * 1024).with_context(|| format!("smaps_rollup says {line:?}, not a size in kB"))
}

/// Linux shows ticks of 10 ms to programs, whatever it uses itself.
const MILLIS_PER_TICK: u64 = 10;
