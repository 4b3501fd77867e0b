//! Maps positions in the value of a Ruby string back to the file.
//!
//! Ruby removes the margin of a heredoc and replaces escapes. The number of lines stays the same, unless the
//! string is interpolated or computed, so each line of the value corresponds to one line of the file.

use std::ops::Range;
use std::sync::Arc;

use crate::config::span::{SourceFile, SourceSpan};

/// A text whose positions map back to a source file.
#[derive(Debug)]
pub(in crate::config::gitlab_rb) struct MappedText {
    text: String,
    origin: TextOrigin,
}

/// Origin of a text: a whole file, or the value of a setting.
#[derive(Debug)]
enum TextOrigin {
    /// The text is the whole file.
    Verbatim(Arc<SourceFile>),
    /// Byte ranges of the source lines, one for each line of the text.
    Lines { source: Arc<SourceFile>, lines: Vec<Range<usize>> },
    /// The value is computed; only the span of the setting is known.
    Setting(SourceSpan),
}

impl MappedText {
    /// Returns the text of a whole file.
    pub(in crate::config::gitlab_rb) fn file(source: &Arc<SourceFile>) -> MappedText {
        MappedText { text: source.text().to_owned(), origin: TextOrigin::Verbatim(Arc::clone(source)) }
    }

    /// Returns the text of a setting whose value is written at `span`.
    pub(in crate::config::gitlab_rb) fn value(text: &str, span: &SourceSpan) -> MappedText {
        let source = span.source();
        let body = span.range().and_then(|range| body(source.text(), range));
        let lines = body.map(|body| lines(source.text(), body)).filter(|lines| lines.len() == count(text));
        let origin = match lines {
            Some(lines) => TextOrigin::Lines { source: Arc::clone(source), lines },
            None => TextOrigin::Setting(span.clone()),
        };
        MappedText { text: text.to_owned(), origin }
    }

    pub(in crate::config::gitlab_rb) fn text(&self) -> &str {
        &self.text
    }

    /// Returns the source span of a range of the text: the exact span, or its line if escapes changed the text.
    pub(in crate::config::gitlab_rb) fn span(&self, range: Range<usize>) -> SourceSpan {
        match &self.origin {
            TextOrigin::Verbatim(source) => SourceSpan::new(source, range),
            TextOrigin::Setting(span) => span.clone(),
            TextOrigin::Lines { source, lines } => {
                let before = &self.text[..range.start];
                let nth = before.matches('\n').count().min(lines.len().saturating_sub(1));
                let column = range.start - before.rfind('\n').map_or(0, |at| at + 1);
                let marked = self.text[range].lines().next().unwrap_or("");
                lines
                    .get(nth)
                    .map_or_else(|| SourceSpan::file(source), |line| within(source, line, (marked, column)))
            }
        }
    }
}

/// Returns the span of `marked` in a line of the source. Its column there is at least `column`, because Ruby
/// may have removed a margin.
fn within(source: &Arc<SourceFile>, line: &Range<usize>, (marked, column): (&str, usize)) -> SourceSpan {
    let text = &source.text()[line.clone()];
    let found = text.match_indices(marked).map(|(at, _)| at).find(|at| *at >= column && !marked.is_empty());
    let range = match found {
        Some(at) => line.start + at..line.start + at + marked.len(),
        None => line.start + text.len() - text.trim_start().len()..line.start + text.trim_end().len(),
    };
    SourceSpan::new(source, range)
}

/// Returns the range of the file whose lines correspond to the lines of a literal. `None` for a heredoc without
/// its end marker.
fn body(text: &str, literal: Range<usize>) -> Option<Range<usize>> {
    let literal_text = text.get(literal.clone())?;
    let Some(opener) = literal_text.strip_prefix("<<") else { return Some(literal) };
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

/// Returns the lines of a range, without empty ones at its end, as `count` counts them.
fn lines(text: &str, body: Range<usize>) -> Vec<Range<usize>> {
    let mut next = body.start;
    let trimmed = text[body].trim_end();
    let line = |line: &str| {
        let start = next;
        next += line.len();
        start..start + line.trim_end_matches('\n').len()
    };
    trimmed.split_inclusive('\n').map(line).collect()
}

/// Returns the number of lines, without empty ones at the end.
fn count(text: &str) -> usize {
    text.trim_end().split_inclusive('\n').count()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Returns line, column and marked text of the word `deny` in the value of a literal.
    fn span_of_deny(file: &str, literal: &str, value: &str) -> (usize, usize, String) {
        let source = SourceFile::new(Path::new("gitlab.rb"), file);
        let start = file.find(literal).unwrap();
        let mapped = MappedText::value(value, &SourceSpan::new(&source, start..start + literal.len()));
        let at = value.find("deny").unwrap();
        let span = mapped.span(at..at + 4);
        let excerpt = span.excerpt().unwrap();
        let marked: String = excerpt.text.chars().skip(excerpt.column - 1).take(excerpt.marked).collect();
        (excerpt.line, excerpt.column, marked)
    }

    #[test]
    fn a_heredoc_line_maps_to_its_line_in_the_file() {
        let file = "a = 1\nn['x'] = <<~EOS\n    location / {\n      deny all;\n    }\nEOS\n";
        let value = "location / {\n  deny all;\n}\n";
        assert_eq!(span_of_deny(file, "<<~EOS", value), (4, 7, "deny".to_owned()));
    }

    #[test]
    fn a_stripped_heredoc_maps_to_its_lines() {
        let file = "n['x'] = <<-'EOS'.strip\n  deny all;\nEOS\n";
        assert_eq!(span_of_deny(file, "<<-'EOS'.strip", "deny all;"), (2, 3, "deny".to_owned()));
    }

    #[test]
    fn a_multi_line_string_maps_to_its_lines() {
        let file = "n['x'] = \"\n  location /x {\n deny all; }\"\n";
        assert_eq!(
            span_of_deny(file, "\"\n  location /x {\n deny all; }\"", "\n  location /x {\n deny all; }"),
            (3, 2, "deny".to_owned())
        );
    }

    #[test]
    fn a_computed_text_maps_to_the_setting() {
        let file = "n['x'] = \"allow 10.0.0.1;\\ndeny all;\"\n";
        let span = span_of_deny(file, "\"allow 10.0.0.1;\\ndeny all;\"", "allow 10.0.0.1;\ndeny all;");
        assert_eq!((span.0, span.1), (1, 10));
    }
}
