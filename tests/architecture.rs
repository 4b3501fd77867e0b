//! The architecture, enforced: who may import whom, how long a file may be, how it may be called.
//!
//! Reads `src/` as text. `docs/architecture.md` explains the floors; this is their one machine-readable
//! form. A new import across floors means changing the table below, in the open.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot read the sources has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each top-level module, and the ones it may import beside itself.
const MAY_IMPORT: [(&str, &[&str]); 13] = [
    ("model", &[]),
    ("drain", &[]),
    ("telemetry", &["model"]),
    ("config", &["model"]),
    ("explain", &["model"]),
    ("net", &["model", "drain"]),
    ("proxy", &["model", "drain", "telemetry", "net"]),
    ("acme", &["model", "net", "privileges"]),
    ("privileges", &[]),
    ("signals", &[]),
    ("worker", &["model", "drain", "telemetry", "net", "proxy"]),
    ("app", &["acme", "model", "drain", "telemetry", "net", "proxy", "worker", "privileges", "signals"]),
    ("doctor", &["model", "net", "privileges", "app"]),
];

/// The demonstration stands beside the proxy and only speaks its configuration language.
const DEMO: (&str, &[&str]) = ("demo", &["model", "config"]);

const BANNED_NAMES: [&str; 8] = ["utils", "util", "common", "misc", "helpers", "types", "constants", "manager"];

const LONGEST_FILE: usize = 400;

struct Source {
    /// `["net", "upstream", "pool"]` for `src/net/upstream/pool.rs`.
    module: Vec<String>,
    path: PathBuf,
    text: String,
}

#[test]
fn each_floor_imports_only_what_lies_below_it() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_IMPORT.into_iter().chain([DEMO]).collect();
    let mut offences = Vec::new();
    for source in sources() {
        let own = source.module[0].as_str();
        let may = allowed.get(own).unwrap_or_else(|| panic!("{own} is not in the table of floors"));
        for imported in imports(&source) {
            if imported[0] != own && !may.contains(&imported[0].as_str()) {
                offences.push(format!("{} imports {}", source.path.display(), imported.join("::")));
            }
        }
    }
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

#[test]
fn no_file_imports_itself_through_others() {
    let sources = sources();
    let known: BTreeSet<Vec<String>> = sources.iter().map(|source| source.module.clone()).collect();
    let edges: BTreeMap<Vec<String>, BTreeSet<Vec<String>>> = sources
        .iter()
        .map(|source| {
            let files = imports(source).into_iter().filter_map(|path| file_of(&path, &known));
            (source.module.clone(), files.filter(|file| *file != source.module).collect())
        })
        .collect();
    for start in edges.keys() {
        let mut seen = BTreeSet::new();
        let mut open: Vec<Vec<String>> = edges[start].iter().cloned().collect();
        while let Some(next) = open.pop() {
            assert!(next != *start, "{} is part of an import cycle", start.join("::"));
            if seen.insert(next.clone()) {
                open.extend(edges.get(&next).into_iter().flatten().cloned());
            }
        }
    }
}

#[test]
fn files_are_short_and_say_what_they_are_for() {
    for source in sources() {
        let production = source.text.split("\n#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let lines = production.lines().count();
        assert!(lines <= LONGEST_FILE, "{} has {lines} lines; split it", source.path.display());
        assert!(source.text.starts_with("//!"), "{} does not begin with its purpose", source.path.display());
        let name = source.module.last().expect("a module has a name");
        assert!(!BANNED_NAMES.contains(&name.as_str()), "{} says nothing by its name", source.path.display());
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    collect(&root, &root, &mut found);
    assert!(found.len() > 20, "the sources were not found");
    found
}

fn collect(root: &Path, directory: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(directory).expect("src can be listed") {
        let path = entry.expect("src can be listed").path();
        if path.is_dir() {
            collect(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let relative = path.strip_prefix(root).expect("below src").with_extension("");
            let module: Vec<String> = relative.iter().map(|part| part.to_string_lossy().into_owned()).collect();
            if module != ["lib"] && module != ["main"] {
                let text = fs::read_to_string(&path).expect("a source can be read");
                found.push(Source { module, path, text });
            }
        }
    }
}

/// Absolute module paths after every `use`, with `super::` resolved and braces taken apart. Paths that
/// begin with a child's name are what a file declares, and count too.
fn imports(source: &Source) -> Vec<Vec<String>> {
    let production = source.text.split("\n#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let mut found = Vec::new();
    for statement in production.split("\nuse ").skip(1).chain(production.split("\npub use ").skip(1)) {
        let statement = statement.split(';').next().unwrap_or_default();
        for path in expand(&statement.split_whitespace().collect::<String>()) {
            let parts: Vec<String> = path.split("::").map(str::to_owned).collect();
            found.extend(resolve(source, &parts));
        }
    }
    for inline in production.match_indices("crate::").map(|(at, _)| &production[at + 7..]) {
        let path: String = inline.chars().take_while(|c| c.is_alphanumeric() || "_:".contains(*c)).collect();
        if !path.is_empty() {
            found.push(path.trim_end_matches(':').split("::").map(str::to_owned).collect());
        }
    }
    found
}

fn resolve(source: &Source, parts: &[String]) -> Option<Vec<String>> {
    match parts[0].as_str() {
        "crate" => Some(parts[1..].to_vec()),
        "super" => {
            let ups = parts.iter().take_while(|part| *part == "super").count();
            let mut path = source.module[..source.module.len().saturating_sub(ups)].to_vec();
            path.extend_from_slice(&parts[ups..]);
            (!path.is_empty()).then_some(path)
        }
        _ => None,
    }
}

/// `a::{b, c::{d, e}}` as `a::b`, `a::c::d`, `a::c::e`.
fn expand(tree: &str) -> Vec<String> {
    let Some(open) = tree.find('{') else { return vec![tree.to_owned()] };
    let (prefix, group) = (&tree[..open], tree[open + 1..].strip_suffix('}').unwrap_or_default());
    let mut depth = 0;
    let mut members = vec![String::new()];
    for character in group.chars() {
        match character {
            ',' if depth == 0 => members.push(String::new()),
            other => {
                depth += i32::from(other == '{') - i32::from(other == '}');
                members.last_mut().expect("never empty").push(other);
            }
        }
    }
    let members = members.iter().filter(|member| !member.is_empty());
    members.flat_map(|member| expand(member)).map(|member| format!("{prefix}{member}")).collect()
}

/// The file that a path leads into: its longest prefix that is a file.
fn file_of(path: &[String], known: &BTreeSet<Vec<String>>) -> Option<Vec<String>> {
    (1..=path.len()).rev().map(|length| path[..length].to_vec()).find(|prefix| known.contains(prefix))
}
