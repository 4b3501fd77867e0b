//! Where the text of a setting is written.
//!
//! Ruby makes the text of a heredoc or a string from what stands in the file: margins are taken away,
//! escapes replaced. What stays the same is the count of its lines, unless something is interpolated
//! or computed, so each line of the text has its line in the file.

use std::ops::Range;
use std::sync::Arc;

use crate::config::span::{SourceFile, SourceSpan};

/// A text with the places it comes from.
#[derive(Debug)]
pub(in crate::config::gitlab_rb) struct MappedText {
    text: String,
    origin: TextOrigin,
}

#[derive(Debug)]
enum TextOrigin {
    /// The text is the source itself.
    Verbatim(Arc<SourceFile>),
    /// The line of the source that each line of the text comes from.
    Lines { source: Arc<SourceFile>, lines: Vec<Range<usize>> },
    /// Computed: only where it was set is known.
    Setting(SourceSpan),
}

impl MappedText {
    /// The text of a whole file.
    pub(in crate::config::gitlab_rb) fn file(source: &Arc<SourceFile>) -> MappedText {
        MappedText { text: source.text().to_owned(), origin: TextOrigin::Verbatim(Arc::clone(source)) }
    }

    /// The text of a setting whose value stands at `place`.
    pub(in crate::config::gitlab_rb) fn value(text: &str, place: &SourceSpan) -> MappedText {
        let source = place.source();
        let body = place.range().and_then(|range| body(source.text(), range));
        let lines = body.map(|body| lines(source.text(), body)).filter(|lines| lines.len() == count(text));
        let origin = match lines {
            Some(lines) => TextOrigin::Lines { source: Arc::clone(source), lines },
            None => TextOrigin::Setting(place.clone()),
        };
        MappedText { text: text.to_owned(), origin }
    }

    pub(in crate::config::gitlab_rb) fn text(&self) -> &str {
        &self.text
    }

    /// Where a stretch of the text is written: exactly, or its line if escapes changed it.
    pub(in crate::config::gitlab_rb) fn span(&self, range: Range<usize>) -> SourceSpan {
        match &self.origin {
            TextOrigin::Verbatim(source) => SourceSpan::new(source, range),
            TextOrigin::Setting(place) => place.clone(),
            TextOrigin::Lines { source, lines } => {
                let before = &self.text[..range.start];
                let nth = before.matches('\n').count().min(lines.len().saturating_sub(1));
                let column = range.start - before.rfind('\n').map_or(0, |at| at + 1);
                let meant = self.text[range].lines().next().unwrap_or("");
                lines
                    .get(nth)
                    .map_or_else(|| SourceSpan::file(source), |line| within(source, line, (meant, column)))
            }
        }
    }
}

/// Where `meant` stands in a line; the margin before it may have been longer there.
fn within(source: &Arc<SourceFile>, line: &Range<usize>, (meant, column): (&str, usize)) -> SourceSpan {
    let text = &source.text()[line.clone()];
    let found = text.match_indices(meant).map(|(at, _)| at).find(|at| *at >= column && !meant.is_empty());
    let range = match found {
        Some(at) => line.start + at..line.start + at + meant.len(),
        None => line.start + text.len() - text.trim_start().len()..line.start + text.trim_end().len(),
    };
    SourceSpan::new(source, range)
}

/// The stretch of a file whose lines the lines of a literal come from.
fn body(text: &str, literal: Range<usize>) -> Option<Range<usize>> {
    let written = text.get(literal.clone())?;
    let Some(opener) = written.strip_prefix("<<") else { return Some(literal) };
    let word: String = opener
        .trim_start_matches(['~', '-'])
        .trim_start_matches(['\'', '"'])
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    let start = literal.start + text[literal.start..].find('\n')? + 1;
    let mut end = start;
    for line in text[start..].split_inclusive('\n') {
        if line.trim() == word {
            return Some(start..end);
        }
        end += line.len();
    }
    None
}

/// The lines of a stretch, without empty ones at its end, as `count` counts them.
fn lines(text: &str, body: Range<usize>) -> Vec<Range<usize>> {
    let mut next = body.start;
    let stretch = text[body].trim_end();
    let line = |line: &str| {
        let start = next;
        next += line.len();
        start..start + line.trim_end_matches('\n').len()
    };
    stretch.split_inclusive('\n').map(line).collect()
}

fn count(text: &str) -> usize {
    text.trim_end().split_inclusive('\n').count()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Line, column and marked text of the word `deny` in the value of a literal.
    fn place_of_deny(file: &str, literal: &str, value: &str) -> (usize, usize, String) {
        let source = SourceFile::new(Path::new("gitlab.rb"), file);
        let start = file.find(literal).unwrap();
        let written = MappedText::value(value, &SourceSpan::new(&source, start..start + literal.len()));
        let at = value.find("deny").unwrap();
        let place = written.span(at..at + 4);
        let excerpt = place.excerpt().unwrap();
        let marked: String = excerpt.text.chars().skip(excerpt.column - 1).take(excerpt.marked).collect();
        (excerpt.line, excerpt.column, marked)
    }

    #[test]
    fn a_line_of_a_heredoc_is_the_line_in_the_file() {
        let file = "a = 1\nn['x'] = <<~EOS\n    location / {\n      deny all;\n    }\nEOS\n";
        let value = "location / {\n  deny all;\n}\n";
        assert_eq!(place_of_deny(file, "<<~EOS", value), (4, 7, "deny".to_owned()));
    }

    #[test]
    fn a_text_cut_at_its_end_still_has_its_lines() {
        let file = "n['x'] = <<-'EOS'.strip\n  deny all;\nEOS\n";
        assert_eq!(place_of_deny(file, "<<-'EOS'.strip", "deny all;"), (2, 3, "deny".to_owned()));
    }

    #[test]
    fn a_string_of_several_lines_has_its_lines_too() {
        let file = "n['x'] = \"\n  location /x {\n deny all; }\"\n";
        assert_eq!(
            place_of_deny(file, "\"\n  location /x {\n deny all; }\"", "\n  location /x {\n deny all; }"),
            (3, 2, "deny".to_owned())
        );
    }

    #[test]
    fn a_computed_text_stands_where_it_is_set() {
        let file = "n['x'] = \"allow 10.0.0.1;\\ndeny all;\"\n";
        let place = place_of_deny(file, "\"allow 10.0.0.1;\\ndeny all;\"", "allow 10.0.0.1;\ndeny all;");
        assert_eq!((place.0, place.1), (1, 10));
    }
}
