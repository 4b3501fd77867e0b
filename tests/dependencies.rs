//! Direct dependencies: documentation, and isolation of the archived PEM parser.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn the_documented_dependencies_are_the_direct_ones() {
    assert_eq!(explained(), declared(), "left: docs/dependencies.md, right: Cargo.toml");
}

#[test]
fn only_the_pem_module_uses_rustls_pemfile() {
    let sources = rust_files(&in_project("src"));
    let users: Vec<&PathBuf> = sources.iter().filter(|file| read(file).contains("rustls_pemfile")).collect();
    assert_eq!(users, [&in_project("src/tls/files/pem.rs")]);
}

/// Returns the names in the column `crate` of the tables in `docs/dependencies.md`.
fn explained() -> BTreeSet<String> {
    let text = read(&in_project("docs/dependencies.md"));
    let tables = text.split("\n\n").filter(|block| block.starts_with("| crate | what for |"));
    let rows = tables.flat_map(|table| table.lines().skip(2));
    rows.filter_map(|row| row.split('`').nth(1)).map(str::to_owned).collect()
}

fn declared() -> BTreeSet<String> {
    let manifest: toml::Table = read(&in_project("Cargo.toml")).parse().expect("Cargo.toml is valid TOML");
    let names = |section: &str| {
        let section = manifest.get(section).and_then(toml::Value::as_table).expect("Cargo.toml has the section");
        section.keys().cloned().collect::<Vec<_>>()
    };
    ["dependencies", "dev-dependencies"].into_iter().flat_map(names).collect()
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("the directory can be read");
    let paths = entries.map(|entry| entry.expect("the directory can be read").path());
    paths
        .flat_map(|path| match path.extension() {
            _ if path.is_dir() => rust_files(&path),
            Some(extension) if extension == "rs" => vec![path],
            _ => Vec::new(),
        })
        .collect()
}

fn in_project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
