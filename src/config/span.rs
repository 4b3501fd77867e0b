//! Texts that a configuration is read from, and places in them.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One text with the name of the file it came from.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceFile {
    file: PathBuf,
    text: String,
    /// Where each line begins.
    lines: Vec<usize>,
}

/// Where something is written: a stretch of a source, or the file as a whole.
#[derive(Debug, Clone)]
pub struct SourceSpan {
    source: Arc<SourceFile>,
    /// Bytes of the text; `None` is the whole file.
    range: Option<Range<usize>>,
}

/// A place as people see it. Lines and columns count from 1, columns and lengths in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineExcerpt<'a> {
    pub line: usize,
    pub column: usize,
    /// The line as it is written, without its end.
    pub text: &'a str,
    /// How many characters are meant, from `column` on; at least 1, and never beyond the line.
    pub marked: usize,
}

impl SourceFile {
    pub fn new(file: &Path, text: impl Into<String>) -> Arc<SourceFile> {
        let text = text.into();
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Arc::new(SourceFile { file: file.to_owned(), text, lines })
    }

    pub fn text(&self) -> &str {
        &self.text
    }
}

impl SourceSpan {
    /// A stretch of bytes of a text.
    pub fn new(source: &Arc<SourceFile>, range: Range<usize>) -> SourceSpan {
        SourceSpan { source: Arc::clone(source), range: Some(range) }
    }

    /// The file as a whole, for what is missing in it.
    pub fn file(source: &Arc<SourceFile>) -> SourceSpan {
        SourceSpan { source: Arc::clone(source), range: None }
    }

    /// The name of the file, as it was given.
    pub fn file_name(&self) -> &Path {
        &self.source.file
    }

    /// The text that it is a place of.
    pub fn source(&self) -> &Arc<SourceFile> {
        &self.source
    }

    /// The bytes that are meant; `None` is the whole file.
    pub fn range(&self) -> Option<Range<usize>> {
        self.range.clone()
    }

    /// Whether another place of the same text lies in this one.
    pub fn contains(&self, other: &SourceSpan) -> bool {
        let (Some(outer), Some(inner)) = (&self.range, &other.range) else { return self == other };
        self.source.file == other.source.file && outer.start <= inner.start && inner.end <= outer.end
    }

    /// The first byte; a whole file comes after everything in it.
    pub fn start(&self) -> usize {
        self.range.as_ref().map_or(usize::MAX, |range| range.start)
    }

    /// The line, from 1; `None` for a whole file.
    pub fn line(&self) -> Option<usize> {
        let start = self.range.as_ref()?.start;
        Some(self.source.lines.partition_point(|line| *line <= start))
    }

    /// Line, column and text of the place; `None` for a whole file.
    pub fn excerpt(&self) -> Option<LineExcerpt<'_>> {
        let range = self.range.clone()?;
        let line = self.line()?;
        let line_start = *self.source.lines.get(line - 1)?;
        let before = self.source.text.get(line_start..range.start)?;
        let text = self.source.text[line_start..].lines().next().unwrap_or("");
        let meant = self.source.text.get(range).and_then(|meant| meant.lines().next()).unwrap_or("");
        Some(LineExcerpt { line, column: before.chars().count() + 1, text, marked: meant.chars().count().max(1) })
    }
}

/// Two places are equal if they are the same stretch of the same file.
impl PartialEq for SourceSpan {
    fn eq(&self, other: &SourceSpan) -> bool {
        self.range == other.range && self.source.file == other.source.file
    }
}

/// `file:line:column`, or the file alone.
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
        let place = SourceSpan::new(&SourceFile::new(Path::new("x.toml"), text), range);
        let at = place.excerpt().unwrap();
        (at.line, at.column, at.text.to_owned(), at.marked)
    }

    #[test]
    fn lines_and_columns_count_characters_from_one() {
        assert_eq!(excerpt("a = 1\nb = 2\n", 6..7), (2, 1, "b = 2".to_owned(), 1));
        assert_eq!(excerpt("ü = \"öl\"\r\n", 5..10), (1, 5, "ü = \"öl\"".to_owned(), 4));
    }

    #[test]
    fn a_place_over_several_lines_marks_only_the_first() {
        assert_eq!(excerpt("a = [\n1,\n]\n", 4..10), (1, 5, "a = [".to_owned(), 1));
    }

    #[test]
    fn the_end_of_the_text_is_a_place() {
        assert_eq!(excerpt("a = ", 4..4), (1, 5, "a = ".to_owned(), 1));
        assert_eq!(excerpt("a = 1\n", 6..6), (2, 1, String::new(), 1));
    }
}
