//! Source files and byte spans in them.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The text of a configuration file and its name.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceFile {
    file: PathBuf,
    text: String,
    /// Byte offset of the start of each line.
    lines: Vec<usize>,
}

/// A byte range of a source file, or the file as a whole.
#[derive(Debug, Clone)]
pub struct SourceSpan {
    source: Arc<SourceFile>,
    /// Byte range of the text; `None` for the whole file.
    range: Option<Range<usize>>,
}

/// Line, column and text of a span for display. Lines and columns count from 1; columns and lengths are in
/// characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineExcerpt<'a> {
    pub line: usize,
    pub column: usize,
    /// The source line without its line break.
    pub text: &'a str,
    /// Number of marked characters from `column` on: at least 1, and at most to the end of the line.
    pub marked: usize,
}

impl SourceFile {
    /// Returns a source file with its line offsets.
    pub fn new(file: &Path, text: impl Into<String>) -> Arc<SourceFile> {
        let text = text.into();
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Arc::new(SourceFile { file: file.to_owned(), text, lines })
    }

    /// Returns the whole text.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl SourceSpan {
    /// Returns the span of a byte range.
    pub fn new(source: &Arc<SourceFile>, range: Range<usize>) -> SourceSpan {
        SourceSpan { source: Arc::clone(source), range: Some(range) }
    }

    /// Returns the span of a whole file, for diagnostics about missing items.
    pub fn file(source: &Arc<SourceFile>) -> SourceSpan {
        SourceSpan { source: Arc::clone(source), range: None }
    }

    /// Returns the file name as passed to [`SourceFile::new`].
    pub fn file_name(&self) -> &Path {
        &self.source.file
    }

    /// Returns the source file.
    pub fn source(&self) -> &Arc<SourceFile> {
        &self.source
    }

    /// Returns the byte range; `None` for a whole file.
    pub fn range(&self) -> Option<Range<usize>> {
        self.range.clone()
    }

    /// Returns whether another span of the same file lies within this one.
    pub fn contains(&self, other: &SourceSpan) -> bool {
        let (Some(outer), Some(inner)) = (&self.range, &other.range) else { return self == other };
        self.source.file == other.source.file && outer.start <= inner.start && inner.end <= outer.end
    }

    /// Returns the offset of the first byte. A whole file sorts after every span in it.
    pub fn start(&self) -> usize {
        self.range.as_ref().map_or(usize::MAX, |range| range.start)
    }

    /// Returns the line number, from 1; `None` for a whole file.
    pub fn line(&self) -> Option<usize> {
        let start = self.range.as_ref()?.start;
        Some(self.source.lines.partition_point(|line| *line <= start))
    }

    /// Returns line, column and text of the span; `None` for a whole file.
    pub fn excerpt(&self) -> Option<LineExcerpt<'_>> {
        let range = self.range.clone()?;
        let line = self.line()?;
        let line_start = *self.source.lines.get(line - 1)?;
        let before = self.source.text.get(line_start..range.start)?;
        let text = self.source.text[line_start..].lines().next().unwrap_or("");
        let marked = self.source.text.get(range).and_then(|marked| marked.lines().next()).unwrap_or("");
        Some(LineExcerpt { line, column: before.chars().count() + 1, text, marked: marked.chars().count().max(1) })
    }
}

/// Spans are equal if file name and byte range are equal.
impl PartialEq for SourceSpan {
    fn eq(&self, other: &SourceSpan) -> bool {
        self.range == other.range && self.source.file == other.source.file
    }
}

/// Formats the span as `file:line:column`, or as the file name alone.
impl fmt::Display for SourceSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.source.file.display())?;
        match self.excerpt() {
            Some(at) => write!(f, ":{}:{}", at.line, at.column),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excerpt(text: &str, range: Range<usize>) -> (usize, usize, String, usize) {
        let span = SourceSpan::new(&SourceFile::new(Path::new("x.toml"), text), range);
        let at = span.excerpt().unwrap();
        (at.line, at.column, at.text.to_owned(), at.marked)
    }

    #[test]
    fn lines_and_columns_count_characters_from_one() {
        assert_eq!(excerpt("a = 1\nb = 2\n", 6..7), (2, 1, "b = 2".to_owned(), 1));
        assert_eq!(excerpt("ü = \"öl\"\r\n", 5..10), (1, 5, "ü = \"öl\"".to_owned(), 4));
    }

    #[test]
    fn a_span_over_several_lines_marks_only_the_first() {
        assert_eq!(excerpt("a = [\n1,\n]\n", 4..10), (1, 5, "a = [".to_owned(), 1));
    }

    #[test]
    fn the_end_of_the_text_is_a_valid_span() {
        assert_eq!(excerpt("a = ", 4..4), (1, 5, "a = ".to_owned(), 1));
        assert_eq!(excerpt("a = 1\n", 6..6), (2, 1, String::new(), 1));
    }
}
