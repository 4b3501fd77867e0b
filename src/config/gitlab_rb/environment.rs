//! The environment that a `gitlab.rb` can read: variables, files, node attributes.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use crate::sys::files;

/// Environment variables, files and node attributes visible to a `gitlab.rb`.
pub trait Environment: Sync {
    /// Returns the value of an environment variable; `None` if it is not set or not UTF-8.
    fn variable(&self, name: &str) -> Option<String>;

    /// Returns all environment variables whose names and values are UTF-8.
    fn variables(&self) -> Vec<(String, String)>;

    /// Reads a text file.
    ///
    /// # Errors
    /// The file cannot be read, is too long, or is not UTF-8.
    fn read(&self, path: &Path) -> io::Result<String>;

    /// Returns whether a file or directory exists.
    fn exists(&self, path: &Path) -> bool;

    /// Returns whether a file or directory certainly does not exist: its directory can be searched.
    fn is_missing(&self, path: &Path) -> bool {
        !self.exists(path)
    }

    /// Returns the sorted names in a directory; `None` if it is not a readable directory.
    fn names_in(&self, directory: &Path) -> Option<Vec<String>>;

    /// Returns a node attribute of Chef by its keys joined with dots: `fqdn`, `hostname`, `cpu.total`.
    fn node(&self, key: &str) -> Option<String>;
}

/// The environment of this machine.
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
        String::from_utf8(content)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the file is not UTF-8 text"))
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn is_missing(&self, path: &Path) -> bool {
        matches!(path.try_exists(), Ok(false))
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

/// Returns the first name of the `/etc/hosts` line that contains `host`; `None` if no line does.
///
/// `hostname -f` prints this name on a machine that is configured as GitLab requires.
fn canonical_name(hosts: &str, host: &str) -> Option<String> {
    let names = hosts.lines().map(|line| line.split('#').next().unwrap_or("").split_whitespace().skip(1));
    let mut known = names.map(Iterator::collect::<Vec<_>>).filter(|names| names.contains(&host));
    known.find_map(|names| names.first().map(|name| (*name).to_owned()))
}

/// Maximum length of a file, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// Maximum number of names read from a directory.
const MAX_NAMES: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fqdn_is_the_first_name_on_the_hosts_line_of_the_hostname() {
        let hosts = "127.0.0.1 localhost\n192.0.2.1  git01.example.com git01 # main\n";
        assert_eq!(canonical_name(hosts, "git01").as_deref(), Some("git01.example.com"));
        assert_eq!(canonical_name(hosts, "git02"), None);
    }

    #[test]
    fn endless_file_is_rejected() {
        assert!(SystemEnvironment.read(Path::new("/dev/zero")).is_err());
    }
}
