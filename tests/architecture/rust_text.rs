//! Splits the text of a Rust file into code, comments and literals.

/// What a piece of a file is.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Piece {
    Code,
    Comment,
    /// A string literal, or the character literal of a quotation mark.
    Literal,
}

/// The pieces of a file, in order. Together they are the whole text.
pub(crate) fn pieces(text: &str) -> Vec<(Piece, &str)> {
    let mut found = Vec::new();
    let (mut rest, mut code) = (text, 0);
    while let Some(character) = rest[code..].chars().next() {
        let next = &rest[code..];
        let Some((piece, length)) = comment_or_literal(next) else {
            code += character.len_utf8();
            continue;
        };
        found.extend([(Piece::Code, &rest[..code]), (piece, &next[..length])]);
        (rest, code) = (&next[length..], 0);
    }
    found.push((Piece::Code, rest));
    found
}

/// The comment or literal that begins a text, and its length.
fn comment_or_literal(text: &str) -> Option<(Piece, usize)> {
    if text.starts_with("//") {
        return Some((Piece::Comment, text.find('\n').unwrap_or(text.len())));
    }
    if text.starts_with("/*") {
        return Some((Piece::Comment, text.find("*/").map_or(text.len(), |at| at + 2)));
    }
    let quotation_mark = ["'\"'", "'\\\"'"].into_iter().find(|literal| text.starts_with(literal));
    quotation_mark.map(str::len).or_else(|| string_end(text)).map(|length| (Piece::Literal, length))
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
