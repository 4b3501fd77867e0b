//! CPU time and memory of processes, read from `/proc`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::unistd::Pid;

use crate::cores::CoreSet;

/// A set of processes to measure.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Processes {
    /// A process group: a program and its descendants.
    Group(Pid),
    /// The current process.
    Current,
}

impl Processes {
    /// Returns the user and system CPU time of all running threads.
    ///
    /// Reads `schedstat`, which has nanoseconds; `/proc/PID/stat` has ticks of 10 ms.
    ///
    /// # Errors
    /// `/proc` cannot be read.
    pub(crate) fn cpu_time(self) -> Result<Duration> {
        let mut total = Duration::ZERO;
        for process in self.directories()? {
            for thread in entries(&process.join("task"))? {
                // A thread may exit between listing and reading.
                if let Ok(text) = fs::read_to_string(thread.join("schedstat")) {
                    total += time_on_core(&text)?;
                }
            }
        }
        Ok(total)
    }

    /// Returns the proportional set size in bytes: pages shared by several processes count once.
    ///
    /// # Errors
    /// `/proc` cannot be read.
    pub(crate) fn memory(self) -> Result<u64> {
        let mut total = 0;
        for process in self.directories()? {
            if let Ok(text) = fs::read_to_string(process.join("smaps_rollup")) {
                total += proportional_set_size(&text)?;
            }
        }
        Ok(total)
    }

    fn directories(self) -> Result<Vec<PathBuf>> {
        match self {
            Self::Current => Ok(vec![PathBuf::from("/proc/self")]),
            Self::Group(group) => {
                let all = entries(Path::new("/proc"))?;
                Ok(all.into_iter().filter(|directory| group_of(directory) == Some(group.as_raw())).collect())
            }
        }
    }
}

/// Returns the busy time of `cores` over all programs, in steps of 10 ms.
///
/// # Errors
/// `/proc/stat` cannot be read.
pub(crate) fn busy_time(cores: &CoreSet) -> Result<Duration> {
    let text = fs::read_to_string("/proc/stat").context("cannot read /proc/stat")?;
    let ticks: u64 = text.lines().filter(|line| cores.contains_stat_line(line)).map(busy_ticks).sum();
    Ok(Duration::from_millis(ticks * MILLIS_PER_TICK))
}

/// Sums a line `cpu0 user nice system idle iowait irq softirq …` without idle and iowait.
fn busy_ticks(line: &str) -> u64 {
    let fields: Vec<u64> = line.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    fields.iter().take(3).chain(fields.iter().skip(5).take(2)).sum()
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
    let listing = fs::read_dir(directory).with_context(|| format!("cannot list {}", directory.display()))?;
    Ok(listing.filter_map(|entry| Some(entry.ok()?.path())).collect())
}

/// Returns the process group from `/proc/PID/stat`: the third field after the name, which is in parentheses and
/// may contain any character.
fn group_of(process: &Path) -> Option<i32> {
    let name = process.file_name()?.to_str()?;
    name.parse::<u32>().ok()?;
    let stat = fs::read_to_string(process.join("stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(2)?.parse().ok()
}

/// Parses the first number of `schedstat`: CPU time in nanoseconds.
fn time_on_core(text: &str) -> Result<Duration> {
    let nanos = text.split_whitespace().next().and_then(|text| text.parse().ok());
    nanos.map(Duration::from_nanos).with_context(|| format!("invalid schedstat {text:?}"))
}

/// Parses the line `Pss:   123 kB` of `smaps_rollup` and returns bytes. The file of an exited process is empty.
fn proportional_set_size(text: &str) -> Result<u64> {
    let Some(line) = text.lines().find_map(|line| line.strip_prefix("Pss:")) else { return Ok(0) };
    let kib = line.split_whitespace().next().and_then(|text| text.parse::<u64>().ok());
    kib.map(|kib| kib * 1024).with_context(|| format!("invalid line in smaps_rollup: {line:?}"))
}

/// `USER_HZ` is 100 on Linux, independent of the kernel's tick rate.
const MILLIS_PER_TICK: u64 = 10;
