//! What a `gitlab.rb` can see of its machine: the environment, files, and what Chef knows as `node`.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use crate::sys::files;

/// Everything outside the file that its meaning depends on.
pub trait Environment: Sync {
    /// The value of an environment variable.
    fn variable(&self, name: &str) -> Option<String>;

    /// All environment variables whose names and values are text.
    fn variables(&self) -> Vec<(String, String)>;

    /// The text of a file.
    ///
    /// # Errors
    /// What the system says, or that it is too long or not text.
    fn read(&self, path: &Path) -> io::Result<String>;

    fn exists(&self, path: &Path) -> bool;

    /// The names in a directory, in order; `None` if it is no directory that can be read.
    fn names_in(&self, directory: &Path) -> Option<Vec<String>>;

    /// A value of `node`, by its keys joined with dots: `fqdn`, `hostname`, `cpu.total`.
    fn node(&self, key: &str) -> Option<String>;
}

/// The machine that the program runs on.
#[derive(Debug, Clone, Copy)]
pub struct SystemEnvironment;

impl Environment for SystemEnvironment {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn variables(&self) -> Vec<(String, String)> {
        let text =
            |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        std::env::vars_os().filter_map(text).collect()
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        let content = files::read(path, MAX_FILE)?;
        String::from_utf8(content).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn names_in(&self, directory: &Path) -> Option<Vec<String>> {
        let entries = std::fs::read_dir(directory).ok()?;
        let mut names: Vec<String> =
            entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).take(MAX_NAMES).collect();
        names.sort();
        Some(names)
    }

    fn node(&self, key: &str) -> Option<String> {
        match key {
            "fqdn" => {
                let host = self.node("hostname")?;
                let hosts = self.read(Path::new("/etc/hosts")).unwrap_or_default();
                Some(canonical_name(&hosts, &host).unwrap_or(host))
            }
            "hostname" => {
                let name = self.read(Path::new("/proc/sys/kernel/hostname")).ok()?;
                Some(name.trim().split('.').next()?.to_owned())
            }
            "cpu.total" => std::thread::available_parallelism().ok().map(|count| count.to_string()),
            _ => None,
        }
    }
}

/// The first name of the line of `/etc/hosts` that knows `host`: what `hostname -f` answers on a machine
/// that is set up as GitLab asks for.
fn canonical_name(hosts: &str, host: &str) -> Option<String> {
    let names = hosts.lines().map(|line| line.split('#').next().unwrap_or("").split_whitespace().skip(1));
    let mut known = names.map(Iterator::collect::<Vec<_>>).filter(|names| names.contains(&host));
    known.find_map(|names| names.first().map(|name| (*name).to_owned()))
}

/// No file that settings are taken from is longer.
const MAX_FILE: u64 = 1 << 20;

/// No directory that settings are taken from has more files.
const MAX_NAMES: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_name_is_the_first_on_the_line_that_knows_the_host() {
        let hosts = "127.0.0.1 localhost\n192.0.2.1  git01.example.com git01 # main\n";
        assert_eq!(canonical_name(hosts, "git01").as_deref(), Some("git01.example.com"));
        assert_eq!(canonical_name(hosts, "git02"), None);
    }

    #[test]
    fn endless_files_are_refused() {
        assert!(SystemEnvironment.read(Path::new("/dev/zero")).is_err());
    }
}
