//! Enforces the architecture: which module may import which, import cycles, file size and file names.
//!
//! The tests read `src/` as text. `docs/architecture.md` explains the layers; [`LAYERS`] is their only
//! machine-readable form. A new import between modules needs a change of the table.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot read the sources has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use rust_text::{Piece, pieces};

#[path = "architecture/rust_text.rs"]
mod rust_text;
#[path = "architecture/words.rs"]
mod words;

/// Each top-level module, from the lowest layer to the highest, and the modules that it may import. A module
/// imports only modules that stand before it.
const LAYERS: [(&str, &[&str]); 14] = [
    ("model", &[]),
    ("sys", &[]),
    ("drain", &[]),
    ("net", &["drain"]),
    ("http1", &["net"]),
    ("telemetry", &["model"]),
    ("config", &["model", "sys"]),
    ("tls", &["model", "sys"]),
    ("acme", &["model", "sys", "tls"]),
    ("upstream", &["model", "drain", "net", "http1", "tls"]),
    ("downstream", &["model", "drain", "net", "http1", "tls"]),
    ("proxy", &["model", "drain", "net", "telemetry", "tls", "upstream", "downstream"]),
    ("server", &["model", "sys", "drain", "net", "telemetry", "tls", "acme", "downstream", "proxy"]),
    ("cli", &["model", "sys", "net", "config", "tls", "server"]),
];

const BANNED_NAMES: [&str; 8] = ["utils", "util", "common", "misc", "helpers", "types", "constants", "manager"];

const MAX_LINES: usize = 400;

/// How a path begins that is not relative to an imported or declared name.
const PATH_KEYWORDS: [&str; 3] = ["crate", "super", "self"];

struct Source {
    /// `["upstream", "http1", "idle_pool"]` for `src/upstream/http1/idle_pool.rs`.
    module: Vec<String>,
    path: PathBuf,
    text: String,
}

#[test]
fn the_layers_are_an_order() {
    for (position, (module, imported)) in LAYERS.iter().enumerate() {
        let lower: Vec<&str> = LAYERS[..position].iter().map(|(module, _)| *module).collect();
        for import in *imported {
            assert!(lower.contains(import), "{module} may import {import}, which is not below it");
        }
    }
}

#[test]
fn modules_import_only_lower_layers() {
    let allowed: BTreeMap<&str, &[&str]> = LAYERS.into_iter().collect();
    let mut violations = Vec::new();
    for source in sources() {
        let own = source.module[0].as_str();
        let may = allowed.get(own).unwrap_or_else(|| panic!("{own} is not in the table of layers"));
        for imported in imports(&source) {
            // `use crate as name` leads everywhere.
            if imported.first().is_none_or(|layer| layer != own && !may.contains(&layer.as_str())) {
                violations.push(format!("{} imports {}", source.path.display(), imported.join("::")));
            }
        }
    }
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

#[test]
fn no_import_cycle_between_files() {
    let edges = edges(&sources());
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
fn no_file_imports_the_file_that_declares_it() {
    let mut violations = Vec::new();
    for (file, imported) in edges(&sources()) {
        for parent in imported.iter().filter(|parent| file.len() > parent.len() && file.starts_with(parent)) {
            violations.push(format!("{} imports {}, which declares it", file.join("::"), parent.join("::")));
        }
    }
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

/// For each file, the other files that it imports.
fn edges(sources: &[Source]) -> BTreeMap<Vec<String>, BTreeSet<Vec<String>>> {
    let known: BTreeSet<Vec<String>> = sources.iter().map(|source| source.module.clone()).collect();
    let of_source = |source: &Source| {
        let uses = imports(source).into_iter().chain(child_calls(source, &known));
        let files = uses.filter_map(|path| file_of(&path, &known));
        (source.module.clone(), files.filter(|file| *file != source.module).collect())
    };
    sources.iter().map(of_source).collect()
}

#[test]
fn every_type_name_exists_once() {
    let mut files: BTreeMap<String, Vec<(String, Visibility)>> = BTreeMap::new();
    for source in sources() {
        for (name, visibility) in types(&production(&source)) {
            files.entry(name).or_default().push((source.path.display().to_string(), visibility));
        }
    }
    let is_doubled = |(_, found): &(&String, &Vec<(String, Visibility)>)| {
        found.len() > 1 && found.iter().any(|(_, visibility)| *visibility == Visibility::Shared)
    };
    let doubled: Vec<_> =
        files.iter().filter(is_doubled).map(|(name, found)| format!("{name}: {found:?}")).collect();
    assert!(doubled.is_empty(), "{}", doubled.join("\n"));
}

/// Whether other files see a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Visibility {
    Shared,
    Private,
}

/// The types that a text declares, except associated types, which are indented.
fn types(code: &str) -> Vec<(String, Visibility)> {
    let declared = |line: &str| {
        let (visibility, rest) = match line.strip_prefix("pub") {
            Some(rest) => (Visibility::Shared, rest.split_once(' ')?.1),
            None => (Visibility::Private, line),
        };
        // `pub(in path)` has a blank of its own.
        let rest = rest.split_once(") ").filter(|_| line.starts_with("pub(in")).map_or(rest, |(_, rest)| rest);
        let (keyword, rest) = rest.split_once(' ')?;
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        ["struct", "enum", "trait", "union", "type"].contains(&keyword).then_some((name, visibility))
    };
    code.lines().filter_map(declared).collect()
}

#[test]
fn files_are_short_and_start_with_their_purpose() {
    for source in sources() {
        let production = source.text.split("\n#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let lines = production.lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines; split it", source.path.display());
        assert!(source.text.starts_with("//!"), "{} does not begin with its purpose", source.path.display());
        let name = source.module.last().expect("a module has a name");
        assert!(!BANNED_NAMES.contains(&name.as_str()), "{} has a name without meaning", source.path.display());
    }
}

#[test]
fn imports_are_found_anywhere_in_the_code() {
    assert_eq!(imported("fn f() {\n    use crate::{a::B, c::d};\n}"), ["a::B", "c::d"]);
    assert_eq!(imported("#[cfg(unix)]\nuse crate::{proxy::Proxy};"), ["proxy::Proxy"]);
    assert_eq!(imported("#![allow(dead_code)]\npub(crate) use crate::{proxy::Proxy};"), ["proxy::Proxy"]);
    assert_eq!(imported("use crate::{proxy::Proxy}; // why\nuse crate::{cli::Cli};"), ["proxy::Proxy", "cli::Cli"]);
    assert_eq!(imported("fn f(r#use: u8) { crate::a::b() }\nconst A: B = super::c::B;"), ["a::b", "net::c::B"]);
    assert_eq!(imported("fn f() { self::child::g() }"), ["net::own::child::g"]);
    assert_eq!(imported("/* use crate::{a::B}; */ const A: &str = \"use crate::{a::B};\"; // crate::a"), [""; 0]);
    assert_eq!(imported("const A: char = '\"'; use crate::{a::B}; const B: char = '\"';"), ["a::B"]);
}

#[test]
fn only_a_test_module_is_not_production() {
    assert_eq!(imported("\n#[cfg(test)]\nconst A: u8 = 1;\nuse crate::a::B;"), ["a::B"]);
    assert_eq!(imported("\n#[cfg(test)]\nmod tests;\nuse crate::a::B;"), ["a::B"]);
    for module in ["mod tests", "pub(super) mod tests"] {
        let text = format!("\n#[cfg(test)]\n{module} {{\n    use crate::b::C;\n}}\nuse crate::a::B;");
        assert_eq!(imported(&text), ["a::B"]);
    }
}

#[test]
fn paths_through_an_imported_module_count() {
    assert_eq!(imported("use super::foo;\nfn f() { foo::bar::f() }"), ["net::foo", "net::foo::bar::f"]);
    assert_eq!(imported("use crate::a;\nuse a::b::C;"), ["a", "net::own::a::b::C", "a::b::C"]);
    assert_eq!(imported("use crate::{a as b};\nfn f() { b::c() }"), ["a", "a::c"]);
}

/// The imports of a text that stands in `src/net/own.rs`.
fn imported(text: &str) -> Vec<String> {
    let module = vec!["net".to_owned(), "own".to_owned()];
    let source = Source { module, path: PathBuf::new(), text: text.to_owned() };
    imports(&source).iter().map(|path| path.join("::")).collect()
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
            let is_test = module.iter().any(|part| part == "tests");
            if !is_test && module != ["lib"] && module != ["main"] {
                let text = fs::read_to_string(&path).expect("a source can be read");
                found.push(Source { module, path, text });
            }
        }
    }
}

/// The code of a file: without its test module, its comments, which may link anywhere, and its strings.
fn production(source: &Source) -> String {
    let code_of = |(piece, text): (Piece, _)| match piece {
        Piece::Code => text,
        Piece::Comment => "",
        Piece::Literal => "\"\"",
    };
    let code: String = pieces(&source.text).into_iter().map(code_of).collect();
    let marker = "\n#[cfg(test)]\n";
    let begins_tests = |at: &usize| {
        let line = code[at + marker.len()..].lines().next().unwrap_or_default();
        line == "mod tests {" || (line.starts_with("pub") && line.ends_with(" mod tests {"))
    };
    let Some(start) = code.match_indices(marker).map(|(at, _)| at).find(begins_tests) else { return code };
    let after = code[start..].split_once("\n}").map_or("", |(_, after)| after);
    format!("{}{after}", &code[..start])
}

/// Absolute module paths of every `use` and of every inline `crate::…`, `super::…` and `self::…`, with braces
/// expanded. Paths that begin with a child module or with an imported name count.
fn imports(source: &Source) -> Vec<Vec<String>> {
    let code = production(source);
    let mut found = Vec::new();
    let mut names = Vec::new();
    let mut inline = String::new();
    let mut rest = code.as_str();
    while let Some(at) = find_use(rest) {
        let (tree, after) = rest[at + "use ".len()..].split_once(';').unwrap_or_default();
        let tree = tree.replace(" as ", "@").split_whitespace().collect::<String>();
        for path in expand(&tree) {
            let (path, alias) = path.split_once('@').unwrap_or((&path, ""));
            let parts: Vec<String> = path.trim_end_matches("::self").split("::").map(str::to_owned).collect();
            if !PATH_KEYWORDS.contains(&parts[0].as_str()) {
                // The first part may be a name that another `use` imports.
                inline += &format!(" {path} ");
            }
            if let Some(path) = resolve(source, &parts) {
                let name = if alias.is_empty() { parts[parts.len() - 1].clone() } else { alias.to_owned() };
                names.push((name, path.clone()));
                found.push(path);
            }
        }
        inline += &rest[..at];
        rest = after;
    }
    inline += rest;
    for keyword in PATH_KEYWORDS {
        let paths = inline_paths(&inline, keyword).into_iter().filter_map(|parts| resolve(source, &parts));
        found.extend(paths.filter(|path| !path.is_empty()));
    }
    for (name, path) in names {
        let paths = inline_paths(&inline, &name).into_iter();
        found.extend(paths.map(|parts| path.iter().chain(&parts[1..]).cloned().collect()));
    }
    found
}

/// Where the next `use` statement begins.
fn find_use(code: &str) -> Option<usize> {
    let is_keyword = |at: &usize| code[..*at].chars().next_back().is_none_or(|c| !is_part_of_path(c) && c != '#');
    code.match_indices("use ").map(|(at, _)| at).find(is_keyword)
}

/// The paths outside `use` that begin with a name, as their parts.
fn inline_paths(code: &str, name: &str) -> Vec<Vec<String>> {
    let is_start = |at: &usize| {
        let before = &code[..*at];
        !before.ends_with("pub(in ") && !before.ends_with(is_part_of_path)
    };
    let starts = code.match_indices(&format!("{name}::")).map(|(at, _)| at).filter(is_start).collect::<Vec<_>>();
    let path = |at| code[at..].split(|c| !is_part_of_path(c)).next().unwrap_or_default().trim_end_matches(':');
    starts.into_iter().map(|at| path(at).split("::").map(str::to_owned).collect()).collect()
}

fn is_part_of_path(character: char) -> bool {
    character.is_alphanumeric() || "_:".contains(character)
}

/// Calls of the form `child::function(…)`, for which no `use` exists.
fn child_calls(source: &Source, known: &BTreeSet<Vec<String>>) -> Vec<Vec<String>> {
    let code = production(source);
    let is_child = |path: &&Vec<String>| path.len() == source.module.len() + 1 && path.starts_with(&source.module);
    let children = known.iter().filter(is_child).filter_map(|path| path.last());
    let calls = children.flat_map(|child| inline_paths(&code, child));
    calls.filter_map(|parts| resolve(source, &parts)).collect()
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
        "self" => Some(source.module.iter().chain(&parts[1..]).cloned().collect()),
        _ => Some(source.module.iter().chain(parts).cloned().collect()),
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
