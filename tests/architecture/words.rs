//! Words that no identifier, comment, message or page of documentation uses.
//!
//! Each of them has a term of the field in its place: a response is not an answer, an idle connection does
//! not rest. Code spans are exempt, and so are string literals without a space, which name things.

use std::fs;
use std::path::{Path, PathBuf};

/// Word stems, in lower case. A word matches if it is a stem with one of [`ENDINGS`].
const STEMS: [&str; 24] = [
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
    "rested",
    "resting",
    "clothes",
    "anew",
    "errand",
    "addressee",
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

/// Files whose subject is a banned word: a test of the word list cannot avoid it.
const EXEMPT: [&str; 1] = ["tests/architecture/words.rs"];

#[test]
fn sources_use_the_terms_of_the_field() {
    let mut violations = Vec::new();
    for path in files(&["src", "tests", "benches"], "rs") {
        let text = fs::read_to_string(&path).expect("a source can be read");
        let strings = if path.starts_with("src") { Strings::Checked } else { Strings::Skipped };
        for (line, text) in prose_of_rust(&text, strings) {
            violations.extend(banned(&text).map(|word| format!("{}:{line}: {word}", path.display())));
        }
    }
    assert!(violations.is_empty(), "{} banned words:\n{}", violations.len(), violations.join("\n"));
}

#[test]
fn documents_use_the_terms_of_the_field() {
    let mut violations = Vec::new();
    for path in files(&["README.md", "docs", "deploy", "certs", "config", "tests", "benches"], "md") {
        let text = fs::read_to_string(&path).expect("a page can be read");
        let mut in_block = false;
        for (line, text) in text.lines().enumerate() {
            if text.trim_start().starts_with("```") {
                in_block = !in_block;
            } else if !in_block {
                let text = without_spans(text);
                violations.extend(banned(&text).map(|word| format!("{}:{}: {word}", path.display(), line + 1)));
            }
        }
    }
    assert!(violations.is_empty(), "{} banned words:\n{}", violations.len(), violations.join("\n"));
}

#[test]
fn the_word_list_finds_every_form() {
    let found = |text: &str| banned(text).collect::<Vec<_>>();
    assert_eq!(found("nothing answers; nobody was asked, in vain"), ["answers", "nobody", "asked", "in vain"]);
    assert_eq!(found("task answers_to isUnsaid tellers"), ["answers", "Unsaid", "tellers"]);
    assert_eq!(found("the rest of a tasking, basked in story"), [] as [&str; 0]);
    let rust = "/// Told `told`.\nlet said_at = \"nobody\"; // no\nlet b = \"asked twice\";";
    let prose: Vec<_> = prose_of_rust(rust, Strings::Checked);
    let found: Vec<_> = prose.iter().flat_map(|(line, text)| banned(text).map(move |word| (*line, word))).collect();
    assert_eq!(found, [(1, "Told"), (2, "said"), (3, "asked")].map(|(line, word)| (line, word.to_owned())));
}

/// Whether the words of string literals count.
#[derive(Clone, Copy, PartialEq)]
enum Strings {
    Checked,
    Skipped,
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

/// The words of a text: split at everything but letters, and inside identifiers where a capital begins a word.
fn words(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for run in text.split(|c: char| !c.is_alphabetic()) {
        let mut start = 0;
        let mut before_is_lower = false;
        for (at, character) in run.char_indices() {
            if character.is_uppercase() && before_is_lower {
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

/// The lines of a Rust file with what is checked of them: code, comments outside code spans, and messages.
fn prose_of_rust(text: &str, strings: Strings) -> Vec<(usize, String)> {
    let mut rest = text;
    let mut line = 1;
    let mut found: Vec<(usize, String)> = vec![(1, String::new())];
    while let Some(character) = rest.chars().next() {
        let (taken, kept) = if rest.starts_with("//") {
            let end = rest.find('\n').unwrap_or(rest.len());
            (end, without_spans(&rest[..end]))
        } else if let Some(end) = string_end(rest) {
            let literal = &rest[..end];
            let is_message = literal.contains(' ') && strings == Strings::Checked;
            (end, if is_message { without_spans(literal) } else { "\n".repeat(literal.matches('\n').count()) })
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\\"'") || rest.starts_with("b'\"'") {
            (rest.find("\"'").map_or(1, |at| at + 2), String::new())
        } else {
            (character.len_utf8(), character.to_string())
        };
        for (nth, part) in kept.split('\n').enumerate() {
            if nth > 0 {
                line += 1;
                found.push((line, String::new()));
            }
            if let Some((_, text)) = found.last_mut() {
                text.push_str(part);
            }
        }
        rest = &rest[taken..];
    }
    found
}

/// Where a string literal that begins the text ends; `None` if none begins.
fn string_end(text: &str) -> Option<usize> {
    if let Some(raw) = text.strip_prefix('r').or_else(|| text.strip_prefix("br")) {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let close = format!("\"{}", "#".repeat(hashes));
            let begin = text.len() - raw.len() + hashes + 1;
            return Some(text[begin..].find(&close).map_or(text.len(), |at| begin + at + close.len()));
        }
        return None;
    }
    let body = text.strip_prefix('"')?;
    let mut escaped = false;
    let end = body.char_indices().find(|(_, character)| {
        let is_end = *character == '"' && !escaped;
        escaped = *character == '\\' && !escaped;
        is_end
    });
    Some(end.map_or(text.len(), |(at, _)| at + 2))
}

/// A text without what stands between backticks.
fn without_spans(text: &str) -> String {
    text.split('`')
        .enumerate()
        .map(|(nth, part)| if nth % 2 == 0 { part.to_owned() } else { newlines(part) })
        .collect()
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
