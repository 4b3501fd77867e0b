//! Words that no identifier, comment, message, script or page of documentation uses.
//!
//! Each of them has a term of the field in its place: a response is not an answer, an idle connection does
//! not rest. Code spans are exempt, and so are string literals without a space, which name things.

use std::fs;
use std::path::{Path, PathBuf};

use crate::rust_text::{Piece, pieces};

/// Word stems, in lower case. A word matches if it is a stem with one of [`ENDINGS`].
const STEMS: [&str; 29] = [
    "answer",
    "unanswer",
    "ask",
    "say",
    "said",
    "unsaid",
    "tell",
    "told",
    "untold",
    "whoever",
    "somebody",
    "nobody",
    "goodbye",
    "farewell",
    "wish",
    "hang",
    "hung",
    "vouch",
    "rests",
    "rested",
    "resting",
    "clothes",
    "anew",
    "errand",
    "addressee",
    "conversation",
    "door",
    "doorway",
    "invitation",
];

/// Endings that form another form of the same word.
const ENDINGS: [&str; 11] = ["", "s", "es", "ed", "ing", "er", "ers", "able", "d", "'s", "s'"];

/// Groups of words, in lower case.
const PHRASES: [&str; 8] = [
    "the story",
    "in vain",
    "for ever",
    "what came of",
    "what becomes of",
    "is to be",
    "has had its time",
    "of our own",
];

/// Extensions of the files, other than sources and pages, that are checked in whole.
const EXTENSIONS: [&str; 10] = ["py", "sh", "service", "timer", "toml", "conf", "js", "mjs", "html", "css"];

/// Files whose subject is a banned word: a test of the word list cannot avoid it.
const EXEMPT: [&str; 1] = ["tests/architecture/words.rs"];

#[test]
fn sources_use_the_terms_of_the_field() {
    let mut violations = Vec::new();
    for path in files(&["src", "tests", "benches"], "rs") {
        let text = fs::read_to_string(&path).expect("a source can be read");
        let strings = if path.starts_with("src") { Strings::Checked } else { Strings::Skipped };
        let found = banned_in(&prose_of_rust(&text, strings));
        violations.extend(found.iter().map(|(line, word)| format!("{}:{line}: {word}", path.display())));
    }
    assert!(violations.is_empty(), "{} banned words:\n{}", violations.len(), violations.join("\n"));
}

#[test]
fn documents_use_the_terms_of_the_field() {
    let mut violations = Vec::new();
    for path in files(&["README.md", "docs", "deploy", "certs", "config", "tests", "benches"], "md") {
        let text = fs::read_to_string(&path).expect("a page can be read");
        let found = banned_in(&prose_of_markdown(&text));
        violations.extend(found.iter().map(|(line, word)| format!("{}:{line}: {word}", path.display())));
    }
    assert!(violations.is_empty(), "{} banned words:\n{}", violations.len(), violations.join("\n"));
}

#[test]
fn scripts_and_settings_use_the_terms_of_the_field() {
    let places =
        ["Cargo.toml", "clippy.toml", "rustfmt.toml", "src", "tests", "benches", "certs", "config", "deploy"];
    let mut violations = Vec::new();
    for path in EXTENSIONS.iter().flat_map(|extension| files(&places, extension)) {
        let text = fs::read_to_string(&path).expect("a file can be read");
        let lines = text.lines().map(|line| without_names(&without_spans(line)));
        let found = banned_in(&lines.enumerate().map(|(at, line)| (at + 1, line)).collect::<Vec<_>>());
        violations.extend(found.iter().map(|(line, word)| format!("{}:{line}: {word}", path.display())));
    }
    assert!(violations.is_empty(), "{} banned words:\n{}", violations.len(), violations.join("\n"));
}

#[test]
fn the_word_list_finds_every_form() {
    let found = |text: &str| banned(text).collect::<Vec<_>>();
    assert_eq!(found("nothing answers; nobody was asked, in vain"), ["answers", "nobody", "asked", "in vain"]);
    assert_eq!(found("task answers_to isUnsaid tellers"), ["answers", "Unsaid", "tellers"]);
    assert_eq!(found("DoorwayConversation HTTPDoor doorways"), ["Doorway", "Conversation", "Door", "doorways"]);
    assert_eq!(found("the rest of a tasking, basked in story"), [] as [&str; 0]);
    let rust = "/// Told `told`.\nlet said_at = \"nobody\"; // no\nlet b = \"asked twice\";";
    let found = banned_in(&prose_of_rust(rust, Strings::Checked));
    assert_eq!(found, [(1, "Told"), (2, "said"), (3, "asked")].map(|(line, word)| (line, word.to_owned())));
}

#[test]
fn a_phrase_over_two_lines_counts() {
    let found = |text: &str| banned_in(&prose_of_rust(text, Strings::Checked));
    let for_ever = |line: usize| vec![(line, "for ever".to_owned())];
    assert_eq!(found("\n/// waits for\n/// ever"), for_ever(2));
    assert_eq!(found("//! for\n//! ever, and no more"), for_ever(1));
    assert_eq!(found("// for ever\n// and"), for_ever(1));
    assert_eq!(found("f(\"it waits for \\\n    ever\");"), for_ever(1));
    assert_eq!(banned_in(&prose_of_markdown("- waits for\n  ever")), for_ever(1));
    assert_eq!(banned_in(&prose_of_markdown("> waits for\n> ever")), for_ever(1));
    assert_eq!(found("// for `x`\n// `y` ever"), []);
}

#[test]
fn a_single_backtick_exempts_nothing() {
    assert_eq!(without_spans("a `b` c"), "a `` c");
    assert_eq!(without_spans("a ` told"), "a ` told");
}

#[test]
fn a_quoted_word_is_a_name() {
    assert_eq!(without_names(r#"user = "nobody" # "#), r#"user = " # "#);
    assert_eq!(without_names(r#"print("nobody came")"#), r#"print("nobody came")"#);
    assert_eq!(without_names(r#"nobody" told"#), r#"nobody" told"#);
}

/// Whether the words of string literals count.
#[derive(Clone, Copy, PartialEq)]
enum Strings {
    Checked,
    Skipped,
}

/// Banned words and phrases of numbered lines. A phrase may be wrapped over two lines.
fn banned_in(lines: &[(usize, String)]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, (number, line)) in lines.iter().enumerate() {
        found.extend(banned(line).map(|word| (*number, word)));
        if let Some((_, next)) = lines.get(at + 1) {
            // Markers of comments and quotes, and the backslash that continues a string.
            let next = next.trim_start_matches(|c: char| " /!>#*".contains(c));
            let joined = format!("{} {next}", line.trim_end_matches([' ', '\\'])).to_lowercase();
            let is_within = |phrase: &str| [line, next].iter().any(|text| has_phrase(&text.to_lowercase(), phrase));
            let wrapped = PHRASES.into_iter().filter(|phrase| has_phrase(&joined, phrase) && !is_within(phrase));
            found.extend(wrapped.map(|phrase| (*number, phrase.to_owned())));
        }
    }
    found
}

/// Banned words and phrases in a text, which may hold identifiers.
fn banned(text: &str) -> impl Iterator<Item = String> {
    let is_banned = |word: &&str| {
        let word = word.to_lowercase();
        STEMS.iter().any(|stem| word.strip_prefix(stem).is_some_and(|ending| ENDINGS.contains(&ending)))
    };
    let lower = text.to_lowercase();
    let phrases = PHRASES.into_iter().filter(|phrase| has_phrase(&lower, phrase)).map(str::to_owned);
    let words: Vec<String> = words(text).into_iter().filter(is_banned).map(str::to_owned).collect();
    words.into_iter().chain(phrases.collect::<Vec<_>>())
}

fn has_phrase(text: &str, phrase: &str) -> bool {
    text.match_indices(phrase).any(|(at, _)| {
        let before = text[..at].chars().next_back().is_none_or(|c| !c.is_alphanumeric());
        let after = text[at + phrase.len()..].chars().next().is_none_or(|c| !c.is_alphanumeric());
        before && after
    })
}

/// The words of a text. Everything but a letter splits it, and so does a capital that begins a word.
fn words(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for run in text.split(|c: char| !c.is_alphabetic()) {
        let mut start = 0;
        let mut before_is_lower = false;
        for (at, character) in run.char_indices() {
            // `HTTPDoor` is `HTTP` and `Door`.
            let after_is_lower = run[at..].chars().nth(1).is_some_and(char::is_lowercase);
            if character.is_uppercase() && (before_is_lower || after_is_lower) {
                found.push(&run[start..at]);
                start = at;
            }
            before_is_lower = character.is_lowercase();
        }
        found.push(&run[start..]);
    }
    found.retain(|word| !word.is_empty());
    found
}

/// The lines of a page with what is checked of them: what stands outside code.
fn prose_of_markdown(text: &str) -> Vec<(usize, String)> {
    let mut in_block = false;
    let prose = |line: &str| {
        let is_fence = line.trim_start().starts_with("```");
        in_block ^= is_fence;
        if in_block || is_fence { String::new() } else { without_spans(line) }
    };
    text.lines().map(prose).enumerate().map(|(at, line)| (at + 1, line)).collect()
}

/// The lines of a Rust file with what is checked of them: code, comments outside code spans, and messages.
fn prose_of_rust(text: &str, strings: Strings) -> Vec<(usize, String)> {
    let kept = |(piece, text): (Piece, &str)| match piece {
        Piece::Code => text.to_owned(),
        Piece::Literal if !text.contains(' ') || strings == Strings::Skipped => newlines(text),
        Piece::Comment | Piece::Literal => without_spans(text),
    };
    let prose: String = pieces(text).into_iter().map(kept).collect();
    prose.split('\n').enumerate().map(|(at, line)| (at + 1, line.to_owned())).collect()
}

/// A text without what stands between backticks. The backticks stay, so that the words around a code span do
/// not become neighbours. If one backtick has no partner, the text has no code span.
fn without_spans(text: &str) -> String {
    if text.matches('`').count() % 2 == 1 {
        return text.to_owned();
    }
    text.split('`')
        .enumerate()
        .map(|(nth, part)| if nth % 2 == 0 { part.to_owned() } else { format!("`{}`", newlines(part)) })
        .collect()
}

/// A line without the words that stand alone between quotation marks, which name things.
fn without_names(line: &str) -> String {
    let is_kept = |(nth, part): &(usize, &str)| nth % 2 == 0 || part.contains(' ');
    let parts = line.split('"').enumerate().filter(is_kept).map(|(_, part)| part);
    if line.matches('"').count() % 2 == 1 { line.to_owned() } else { parts.collect::<Vec<_>>().join("\"") }
}

fn newlines(text: &str) -> String {
    "\n".repeat(text.matches('\n').count())
}

/// Files with an extension below the given places, relative to the repository.
fn files(places: &[&str], extension: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut open: Vec<PathBuf> = places.iter().map(PathBuf::from).collect();
    let mut found = Vec::new();
    while let Some(path) = open.pop() {
        if path.ends_with("target") {
            // What the fuzz targets build does not belong to the repository.
            continue;
        }
        if root.join(&path).is_dir() {
            let entries = fs::read_dir(root.join(&path)).expect("a directory can be listed");
            open.extend(entries.map(|entry| path.join(entry.expect("an entry can be read").file_name())));
        } else if path.extension().is_some_and(|it| it == extension)
            && !EXEMPT.iter().any(|exempt| path == Path::new(exempt))
        {
            found.push(path);
        }
    }
    assert!(!found.is_empty(), "no file of {places:?} was found");
    found
}
