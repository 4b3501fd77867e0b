//! Parses any text as `gitlab.rb` or `show-config` JSON and explains the result.
//!
//! The text after the first NUL is the override file. No text may cause a panic, an endless loop, or more
//! memory use than the parser's own limits allow.

#![no_main]

use std::io;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use gatepost::config::gitlab_rb;
use gatepost::config::gitlab_rb::environment::Environment;
use gatepost::cli::explain::{self, GitlabRbReport, OutputFormat};

fuzz_target!(|text: &str| {
    let (text, overrides) = text.split_once('\0').unwrap_or((text, ""));
    let reading = gitlab_rb::read(Path::new("/etc/gitlab/gitlab.rb"), text, &FuzzEnvironment(overrides));
    let report = GitlabRbReport { model: reading.model.as_ref(), reports: &reading.reports, findings: Vec::new() };
    for format in OutputFormat::ALL {
        explain::render_report(&report, format);
    }
    reading.problems.to_string();
});

/// A machine with one environment variable, one other file, and the override file.
struct FuzzEnvironment<'a>(&'a str);

impl Environment for FuzzEnvironment<'_> {
    fn variable(&self, name: &str) -> Option<String> {
        (name == "DOMAIN").then(|| "example.org".to_owned())
    }

    fn variables(&self) -> Vec<(String, String)> {
        vec![("DOMAIN".to_owned(), "example.org".to_owned())]
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        match path.file_name().and_then(|name| name.to_str()) {
            Some("gatepost-overrides.toml") => Ok(self.0.to_owned()),
            Some("site.rb") => Ok("nginx['listen_port'] = 8181\nx = [1, 'a', :b]\n".to_owned()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn exists(&self, path: &Path) -> bool {
        self.read(path).is_ok()
    }

    fn names_in(&self, directory: &Path) -> Option<Vec<String>> {
        (directory == Path::new("/etc/gitlab")).then(|| vec!["site.rb".to_owned()])
    }

    fn node(&self, key: &str) -> Option<String> {
        (key == "fqdn").then(|| "git01.example.com".to_owned())
    }
}
