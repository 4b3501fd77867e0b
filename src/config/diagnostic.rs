//! Compiler-style diagnostics: severity, message, source span, help.

use std::fmt;
use std::path::Path;

use anstyle::{AnsiColor, Style};

use super::span::{LineExcerpt, SourceFile, SourceSpan};

/// Error or warning. A configuration with errors is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiagnosticSeverity {
    Error,
    Warning,
}

/// One error or warning with its span and help.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnostic {
    pub severity: DiagnosticSeverity,
    pub message: String,
    pub span: SourceSpan,
    /// What to write, and which other spans are involved. Each entry is printed as `= help:`; a line break within
    /// an entry is indented.
    pub help: Vec<String>,
}

/// All errors and warnings, in source order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Diagnostics(Vec<Diagnostic>);

/// What is wrong with a value, before its span is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueError {
    pub message: String,
    pub help: Option<String>,
}

impl DiagnosticSeverity {
    /// Returns `error` or `warning`.
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
    /// Returns an error without help.
    pub fn error(span: &SourceSpan, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: DiagnosticSeverity::Error,
            message: message.into(),
            span: span.clone(),
            help: Vec::new(),
        }
    }

    /// Returns a warning without help.
    pub fn warning(span: &SourceSpan, message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: DiagnosticSeverity::Warning, ..Diagnostic::error(span, message) }
    }

    /// Adds a help entry.
    pub fn help(mut self, line: impl Into<String>) -> Diagnostic {
        self.help.push(line.into());
        self
    }
}

impl Diagnostics {
    /// Returns an empty collection.
    pub fn new() -> Diagnostics {
        Diagnostics::default()
    }

    /// Adds a diagnostic in source order. A diagnostic with the span and message of an earlier one is dropped,
    /// so that a host that conflicts on two addresses is reported once. An error replaces such a warning.
    pub fn push(&mut self, new: Diagnostic) {
        let at = self.0.partition_point(|known| known.comes_before(&new));
        let mut here = self.0[..at].iter_mut().rev().take_while(|known| known.order() == new.order());
        if let Some(known) = here.find(|known| known.span == new.span && known.message == new.message) {
            if known.severity == DiagnosticSeverity::Warning {
                *known = new;
            }
            return;
        }
        self.0.insert(at, new);
    }

    /// Adds all diagnostics of another collection.
    pub fn extend(&mut self, others: Diagnostics) {
        others.0.into_iter().for_each(|other| self.push(other));
    }

    /// Iterates in source order.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.0.iter()
    }

    /// Returns whether there are neither errors nor warnings.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether any diagnostic is an error.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|known| known.severity == DiagnosticSeverity::Error)
    }
}

impl ValueError {
    /// Returns an error without help.
    pub fn new(message: impl Into<String>) -> ValueError {
        ValueError { message: message.into(), help: None }
    }

    /// Sets the help: what to write instead.
    pub fn help(self, line: impl Into<String>) -> ValueError {
        ValueError { help: Some(line.into()), ..self }
    }

    /// Turns the error into a diagnostic at a span.
    pub fn at(self, span: &SourceSpan) -> Diagnostic {
        let error = Diagnostic::error(span, self.message);
        match self.help {
            Some(line) => error.help(line),
            None => error,
        }
    }
}

/// Formats the diagnostic in the layout of rustc. The alternate form `{:#}` adds colours.
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
        for help in &self.help {
            let help = help.replace('\n', &format!("\n{:>margin$}          ", ""));
            writeln!(f, "{:>margin$}  = help: {help}", "")?;
        }
        Ok(())
    }
}

/// Formats all diagnostics, separated by empty lines.
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

/// Writes the source line with its number, and marks below the span.
fn write_excerpt(f: &mut fmt::Formatter<'_>, at: LineExcerpt<'_>, margin: usize, style: Style) -> fmt::Result {
    // Tabs are kept, so that the marks are below the text with any tab width.
    let blank = |c| if c == '\t' { '\t' } else { ' ' };
    // A very long line is cut to the part around the marks.
    let skipped = (at.column - 1).saturating_sub(MAX_INDENT);
    let shown: String = at.text.chars().skip(skipped).take(MAX_LINE).collect();
    let indent: String = shown.chars().take(at.column - 1 - skipped).map(blank).collect();
    let marks = "^".repeat(at.marked.min(MAX_LINE + skipped + 1 - at.column));
    writeln!(f, "{:>margin$}  |", "")?;
    writeln!(f, " {:>margin$} | {shown}", at.line)?;
    writeln!(f, "{:>margin$}  | {indent}{style}{marks}{style:#}", "")
}

/// The length at which a source line is cut, in characters.
const MAX_LINE: usize = 240;
/// The number of characters shown before the marks.
const MAX_INDENT: usize = 160;

/// Returns the error for a file that cannot be read.
pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Diagnostic {
    let span = SourceSpan::file(&SourceFile::new(path, ""));
    let diagnostic = Diagnostic::error(&span, format!("cannot read the configuration: {error}"));
    match error.kind() {
        std::io::ErrorKind::NotFound => diagnostic.help("name another file with `--config`"),
        std::io::ErrorKind::PermissionDenied => {
            diagnostic.help("start as root, or as an account that can read the file")
        }
        std::io::ErrorKind::InvalidData => diagnostic.help("save the file as UTF-8 text"),
        _ => diagnostic,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagnostic_shows_its_line_and_marks_its_span() {
        let source = SourceFile::new(Path::new("/etc/gatepost/gatepost.toml"), "[[host]]\n\tupstrem = 1\n");
        let problem = Diagnostic::error(&SourceSpan::new(&source, 10..17), "unknown key `upstrem`")
            .help("did you mean `upstream`?");
        let expected = "\
error: unknown key `upstrem`
  --> /etc/gatepost/gatepost.toml:2:2
   |
 2 | \tupstrem = 1
   | \t^^^^^^^
   = help: did you mean `upstream`?
";
        assert_eq!(problem.to_string(), expected);
    }

    #[test]
    fn the_lines_of_a_help_entry_are_aligned() {
        let whole = SourceSpan::file(&SourceFile::new(Path::new("x.toml"), ""));
        let problem = Diagnostic::error(&whole, "no").help("write:\n    a = 1").help("or nothing");
        let expected = "error: no\n  --> x.toml\n   = help: write:\n               a = 1\n   = help: or nothing\n";
        assert_eq!(problem.to_string(), expected);
    }

    #[test]
    fn a_very_long_line_is_cut_around_the_marks() {
        let text = format!("{}bad{}", "x".repeat(5000), "y".repeat(5000));
        let problem =
            Diagnostic::error(&SourceSpan::new(&SourceFile::new(Path::new("x.rb"), text), 5000..5003), "no");
        let lines: Vec<String> = problem.to_string().lines().map(str::to_owned).collect();
        assert!(lines[1].ends_with("x.rb:1:5001"), "{problem}");
        assert!(lines[3].contains("xbady") && lines[3].len() < 300, "{problem}");
        assert_eq!(lines[4].find("^^^"), lines[3].find("bad"), "{problem}");
    }

    #[test]
    fn only_the_alternate_form_has_colours() {
        let source = SourceFile::new(Path::new("x.toml"), "abc");
        let problem = Diagnostic::error(&SourceSpan::new(&source, 0..1), "bad");
        assert!(format!("{problem:#}").contains("\u{1b}[31m"), "{problem:#}");
        assert!(!problem.to_string().contains('\u{1b}'), "{problem}");
    }

    #[test]
    fn diagnostics_are_deduplicated_and_sorted_by_span() {
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
    fn warnings_are_not_errors() {
        let source = SourceFile::new(Path::new("x.toml"), "");
        assert!(!Diagnostics::from(Diagnostic::warning(&SourceSpan::file(&source), "odd")).has_errors());
        assert!(Diagnostics::from(Diagnostic::error(&SourceSpan::file(&source), "bad")).has_errors());
    }
}
