//! What is wrong with a configuration, told as compilers do: what, where, and what to do.

use std::fmt;
use std::path::Path;

use anstyle::{AnsiColor, Style};

use super::span::{LineExcerpt, SourceFile, SourceSpan};

/// Whether the configuration can be used nevertheless.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiagnosticSeverity {
    Error,
    Warning,
}

/// One problem.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnostic {
    pub severity: DiagnosticSeverity,
    pub message: String,
    pub span: SourceSpan,
    /// What to do about it, and what else is involved; one line each.
    pub help: Vec<String>,
}

/// All problems that were found, in order of their place.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Diagnostics(Vec<Diagnostic>);

/// What is wrong with a value, told by a reader that does not know where the value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueError {
    pub message: String,
    pub help: Option<String>,
}

impl DiagnosticSeverity {
    /// `error` or `warning`.
    pub fn as_str(self) -> &'static str {
        match self {
            DiagnosticSeverity::Error => "error",
            DiagnosticSeverity::Warning => "warning",
        }
    }

    fn style(self) -> Style {
        match self {
            DiagnosticSeverity::Error => AnsiColor::Red.on_default().bold(),
            DiagnosticSeverity::Warning => AnsiColor::Yellow.on_default().bold(),
        }
    }
}

impl Diagnostic {
    pub fn error(place: &SourceSpan, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: DiagnosticSeverity::Error,
            message: message.into(),
            span: place.clone(),
            help: Vec::new(),
        }
    }

    pub fn warning(place: &SourceSpan, message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: DiagnosticSeverity::Warning, ..Diagnostic::error(place, message) }
    }

    /// Adds a line of help.
    pub fn help(mut self, line: impl Into<String>) -> Diagnostic {
        self.help.push(line.into());
        self
    }
}

impl Diagnostics {
    pub fn new() -> Diagnostics {
        Diagnostics::default()
    }

    /// Adds a problem, in order of place. What was said of a place already is not said again: one
    /// host that clashes on two addresses is one problem.
    pub fn push(&mut self, new: Diagnostic) {
        let at = self.0.partition_point(|known| known.comes_before(&new));
        let here = self.0[..at].iter().rev().take_while(|known| known.order() == new.order());
        if here.into_iter().any(|known| known.span == new.span && known.message == new.message) {
            return;
        }
        self.0.insert(at, new);
    }

    /// Adds all of others.
    pub fn extend(&mut self, others: Diagnostics) {
        others.0.into_iter().for_each(|other| self.push(other));
    }

    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether any of them forbids to use the configuration.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|known| known.severity == DiagnosticSeverity::Error)
    }
}

impl ValueError {
    pub fn new(message: impl Into<String>) -> ValueError {
        ValueError { message: message.into(), help: None }
    }

    /// Says what to write instead.
    pub fn help(self, line: impl Into<String>) -> ValueError {
        ValueError { help: Some(line.into()), ..self }
    }

    /// The mistake as an error, now that its place is known.
    pub fn at(self, place: &SourceSpan) -> Diagnostic {
        let error = Diagnostic::error(place, self.message);
        match self.help {
            Some(line) => error.help(line),
            None => error,
        }
    }
}

/// As compilers do it; with colours in the alternate form, `{:#}`.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [style, bold] = match f.alternate() {
            true => [self.severity.style(), Style::new().bold()],
            false => [Style::new(); 2],
        };
        writeln!(f, "{style}{}{style:#}{bold}: {}{bold:#}", self.severity.as_str(), self.message)?;
        let excerpt = self.span.excerpt();
        let margin = excerpt.map_or(1, |at| at.line.to_string().len());
        writeln!(f, "{:>margin$} --> {}", "", self.span)?;
        if let Some(at) = excerpt {
            write_excerpt(f, at, margin, style)?;
        }
        for line in &self.help {
            writeln!(f, "{:>margin$}  = {line}", "")?;
        }
        Ok(())
    }
}

/// All of them, with an empty line between.
impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            diagnostic.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

impl From<Diagnostic> for Diagnostics {
    fn from(only: Diagnostic) -> Diagnostics {
        Diagnostics(vec![only])
    }
}

impl Diagnostic {
    fn comes_before(&self, other: &Diagnostic) -> bool {
        self.order() <= other.order()
    }

    fn order(&self) -> (&Path, usize) {
        (self.span.file_name(), self.span.start())
    }
}

/// The line with its number, and marks below the part that is meant.
fn write_excerpt(f: &mut fmt::Formatter<'_>, at: LineExcerpt<'_>, margin: usize, style: Style) -> fmt::Result {
    // Tabs stay tabs, so that the marks stand below the text whatever their width is.
    let blank = |c| if c == '\t' { '\t' } else { ' ' };
    // Of a very long line only the part around the marks is shown.
    let skipped = (at.column - 1).saturating_sub(MAX_INDENT);
    let shown: String = at.text.chars().skip(skipped).take(MAX_LINE).collect();
    let indent: String = shown.chars().take(at.column - 1 - skipped).map(blank).collect();
    let marks = "^".repeat(at.marked.min(MAX_LINE + skipped + 1 - at.column));
    writeln!(f, "{:>margin$}  |", "")?;
    writeln!(f, " {:>margin$} | {shown}", at.line)?;
    writeln!(f, "{:>margin$}  | {indent}{style}{marks}{style:#}", "")
}

/// How much of a line is shown, in characters, and how much of it before the marks.
const MAX_LINE: usize = 240;
const MAX_INDENT: usize = 160;

/// The error for a file that cannot be read.
pub(super) fn unreadable(path: &Path, why: &std::io::Error) -> Diagnostic {
    let place = SourceSpan::file(&SourceFile::new(path, ""));
    let error = Diagnostic::error(&place, format!("the configuration cannot be read: {why}"));
    match why.kind() {
        std::io::ErrorKind::NotFound => error.help("name another file with `--config`"),
        std::io::ErrorKind::PermissionDenied => error.help("start as root, or as an account that may read it"),
        std::io::ErrorKind::InvalidData => error.help("it must be UTF-8 text"),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_shows_its_line_with_the_part_that_is_meant() {
        let source = SourceFile::new(Path::new("/etc/gatepost/gatepost.toml"), "[[host]]\n\tupstrem = 1\n");
        let problem = Diagnostic::error(&SourceSpan::new(&source, 10..17), "unknown key `upstrem`")
            .help("did you mean `upstream`?");
        let expected = "\
error: unknown key `upstrem`
  --> /etc/gatepost/gatepost.toml:2:2
   |
 2 | \tupstrem = 1
   | \t^^^^^^^
   = did you mean `upstream`?
";
        assert_eq!(problem.to_string(), expected);
    }

    #[test]
    fn of_a_very_long_line_only_the_part_around_the_marks_is_shown() {
        let text = format!("{}bad{}", "x".repeat(5000), "y".repeat(5000));
        let problem =
            Diagnostic::error(&SourceSpan::new(&SourceFile::new(Path::new("x.rb"), text), 5000..5003), "no");
        let lines: Vec<String> = problem.to_string().lines().map(str::to_owned).collect();
        assert!(lines[1].ends_with("x.rb:1:5001"), "{problem}");
        assert!(lines[3].contains("xbady") && lines[3].len() < 300, "{problem}");
        assert_eq!(lines[4].find("^^^"), lines[3].find("bad"), "{problem}");
    }

    #[test]
    fn colours_are_for_those_who_ask() {
        let source = SourceFile::new(Path::new("x.toml"), "abc");
        let problem = Diagnostic::error(&SourceSpan::new(&source, 0..1), "bad");
        assert!(format!("{problem:#}").contains("\u{1b}[31m"), "{problem:#}");
        assert!(!problem.to_string().contains('\u{1b}'), "{problem}");
    }

    #[test]
    fn problems_are_told_once_and_in_order_of_place() {
        let source = SourceFile::new(Path::new("x.toml"), "abc");
        let mut all = Diagnostics::new();
        all.push(Diagnostic::error(&SourceSpan::file(&source), "whole"));
        all.push(Diagnostic::warning(&SourceSpan::new(&source, 2..3), "last"));
        all.push(Diagnostic::error(&SourceSpan::new(&source, 0..1), "first"));
        all.push(Diagnostic::error(&SourceSpan::new(&source, 0..1), "first").help("again"));
        let messages: Vec<_> = all.iter().map(|it| it.message.as_str()).collect();
        assert_eq!(messages, ["first", "last", "whole"]);
    }

    #[test]
    fn warnings_alone_forbid_nothing() {
        let source = SourceFile::new(Path::new("x.toml"), "");
        assert!(!Diagnostics::from(Diagnostic::warning(&SourceSpan::file(&source), "odd")).has_errors());
        assert!(Diagnostics::from(Diagnostic::error(&SourceSpan::file(&source), "bad")).has_errors());
    }
}
