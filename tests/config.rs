//! TOML configuration by example: valid files, invalid files, files with warnings.
//!
//! Each file in `config/valid` has a `.table` beside it: its `explain` table. Each file in `config/invalid`
//! and `config/warnings` has an `.expected`: the printed diagnostics. With `BLESS` set in the environment the
//! tests write these files instead of comparing them; review the diff.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a helper that fails must fail its test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use gatepost::cli::explain::{self, OutputFormat};
use gatepost::config::{self, LoadedConfig};
use gatepost::model::variable::LogVariable;

#[test]
fn valid_files_match_their_explain_table() {
    for path in toml_files("tests/config/valid") {
        let loaded = compile(&path);
        assert!(loaded.warnings.is_empty(), "{}:\n{}", path.display(), loaded.warnings);
        compare(&path.with_extension("table"), &explain::render(&loaded.model, OutputFormat::Table));
    }
}

#[test]
fn invalid_files_are_rejected_with_all_problems() {
    for path in toml_files("tests/config/invalid") {
        match config::from_toml(name(&path), &read(&path)) {
            Ok(_) => panic!("{} is accepted", path.display()),
            Err(problems) => compare(&path.with_extension("expected"), &problems.to_string()),
        }
    }
}

#[test]
fn files_with_warnings_are_accepted() {
    for path in toml_files("tests/config/warnings") {
        let loaded = compile(&path);
        assert!(!loaded.warnings.has_errors());
        compare(&path.with_extension("expected"), &loaded.warnings.to_string());
    }
}

#[test]
fn explain_toml_compiles_to_the_same_model() {
    let mut paths = toml_files("tests/config/valid");
    paths.extend(toml_files("tests/config/warnings"));
    paths.push(PathBuf::from("config/gatepost.toml"));
    for path in paths {
        let LoadedConfig { model, warnings } = compile(&path);
        let written = explain::render(&model, OutputFormat::Toml);
        let round_trip = config::from_toml(Path::new("/elsewhere/written.toml"), &written)
            .unwrap_or_else(|problems| panic!("{}:\n{problems}\n{written}", path.display()));
        // Warnings that concern the model itself are repeated; there are no others.
        let mut new_warnings =
            round_trip.warnings.iter().filter(|it| warnings.iter().all(|known| known.message != it.message));
        assert!(new_warnings.next().is_none(), "{}:\n{}", path.display(), round_trip.warnings);
        assert_eq!(round_trip.model, model, "{}:\n{written}", path.display());
    }
}

#[test]
fn the_example_has_every_key() {
    let example: toml::Table = read(Path::new("config/gatepost.toml")).parse().unwrap();
    let written = keys_of(&toml::Value::Table(example));
    for (section, key) in config::known_keys() {
        assert!(written.contains(key), "config/gatepost.toml lacks `{key}` of `{section}`");
    }
    assert!(compile(Path::new("config/gatepost.toml")).warnings.is_empty());
}

#[test]
fn the_reference_has_every_key() {
    let text = read(Path::new("docs/configuration.md"));
    for (section, key) in config::known_keys() {
        assert!(text.contains(&format!("`{key}`")), "docs/configuration.md lacks `{key}` of `{section}`");
    }
}

#[test]
fn the_reference_has_every_variable() {
    let text = read(Path::new("docs/configuration.md"));
    let written: BTreeSet<&str> = text.split(|c: char| !c.is_ascii_alphanumeric() && !"_$".contains(c)).collect();
    // Intermediate steps of the filtered target; the reference documents them under one name.
    let is_step = |name: &str| name.starts_with("temp_request_uri");
    for name in LogVariable::names().filter(|name| !is_step(name)) {
        assert!(written.contains(&format!("${name}")[..]), "docs/configuration.md lacks `${name}`");
    }
}

#[test]
fn json_has_the_keys_and_values_of_toml() {
    let model = compile(Path::new("tests/config/valid/routes.toml")).model;
    let json: serde_json::Value = serde_json::from_str(&explain::render(&model, OutputFormat::Json)).unwrap();
    assert_eq!(json["process"]["shutdown_timeout"], "90s");
    assert_eq!(json["default_host"], serde_json::Value::Null);
    assert_eq!(json["hosts"][0]["aliases"][1], "www.example.com");
    assert_eq!(json["hosts"][0]["http2"], true);
    assert_eq!(json["hosts"][0]["routes"][0]["exact"], "/-/health");
    assert_eq!(json["hosts"][1]["routes"][0]["respond"]["status"], 200);
}

#[test]
fn tables_fit_80_columns_except_long_words() {
    for path in toml_files("tests/config/valid") {
        for line in explain::render(&compile(&path).model, OutputFormat::Table).lines() {
            let words = line.split_whitespace().count();
            assert!(line.chars().count() <= 80 || words <= 2, "{}: {line}", path.display());
        }
    }
}

#[test]
fn a_missing_file_is_named() {
    let problems = config::load(Path::new("/nonexistent/gatepost.toml")).unwrap_err().to_string();
    assert!(problems.contains("/nonexistent/gatepost.toml"), "{problems}");
}

#[test]
fn relative_paths_are_resolved_against_the_directory_of_the_file() {
    let model = compile(Path::new("tests/config/valid/routes.toml")).model;
    let from_here = config::load(Path::new("tests/config/valid/routes.toml")).unwrap().model;
    assert_eq!(certificate(&model).chain, Path::new("/etc/gatepost/ssl/gitlab.crt"));
    let directory = fs::canonicalize("tests/config/valid").unwrap();
    assert_eq!(certificate(&from_here).chain, directory.join("ssl/gitlab.crt"));
}

/// Compiles a valid file as if it were in `/etc/gatepost`.
fn compile(path: &Path) -> LoadedConfig {
    let file_name = Path::new("/etc/gatepost").join(name(path));
    config::from_toml(&file_name, &read(path)).unwrap_or_else(|problems| panic!("{}:\n{problems}", path.display()))
}

fn compare(expected: &Path, actual: &str) {
    if std::env::var_os("BLESS").is_some() {
        fs::write(expected, actual).unwrap();
    }
    assert_eq!(actual, read(expected), "{} differs", expected.display());
}

/// Returns the TOML files of a directory; fails if there are none.
fn toml_files(directory: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{directory}: {error}"));
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = paths.filter(|path| path.extension().is_some_and(|it| it == "toml")).collect();
    files.sort();
    assert!(!files.is_empty(), "{directory} is empty");
    files
}

/// Returns the keys of all sections.
fn keys_of(value: &toml::Value) -> BTreeSet<String> {
    match value {
        toml::Value::Table(table) => table
            .iter()
            .flat_map(|(key, value)| [BTreeSet::from([key.clone()]), keys_of(value)])
            .flatten()
            .collect(),
        toml::Value::Array(items) => items.iter().flat_map(keys_of).collect(),
        _ => BTreeSet::new(),
    }
}

fn name(path: &Path) -> &Path {
    path.file_name().map(Path::new).unwrap()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[allow(clippy::expect_used, reason = "a test fails by panicking")]
fn certificate(model: &gatepost::model::Model) -> &gatepost::model::CertificateFiles {
    model.certificates().next().expect("the file has a TLS host").1
}
