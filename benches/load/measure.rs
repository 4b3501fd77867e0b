//! What a proxy uses: processor time and memory of all its processes, from `/proc`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::unistd::Pid;

/// The processes of one group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Processes {
    group: Pid,
}

impl Processes {
    pub(crate) fn of(group: Pid) -> Self {
        Self { group }
    }

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
        let all = entries(Path::new("/proc"))?;
        Ok(all.into_iter().filter(|directory| group_of(directory) == Some(self.group.as_raw())).collect())
    }
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
