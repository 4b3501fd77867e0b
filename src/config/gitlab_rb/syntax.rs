//! Parses Ruby source into a syntax tree, without executing it.

use std::sync::Arc;

use lib_ruby_parser::{ErrorLevel, Node, Parser, ParserOptions};

use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::span::{SourceFile, SourceSpan};

/// Parses a file; `None` after any error, because a partial tree may differ from the intended settings.
pub(super) fn parse(source: &Arc<SourceFile>, problems: &mut Diagnostics) -> Option<Box<Node>> {
    let text = source.text();
    if code_length(text) > MAX_CODE_LEN {
        let message = format!("file contains more than {} KiB of Ruby code", MAX_CODE_LEN >> 10);
        problems.push(
            Diagnostic::error(&SourceSpan::file(source), message)
                .help("shorten the file; comment lines do not count"),
        );
        return None;
    }
    if separators(text) > MAX_SEPARATORS {
        let error = Diagnostic::error(
            &SourceSpan::file(source),
            format!("file contains more than {MAX_SEPARATORS} commas and logical operators"),
        );
        problems.push(error.help("shorten the conditions and hashes; comment lines do not count"));
        return None;
    }
    let options = ParserOptions { record_tokens: false, ..ParserOptions::default() };
    let parsed = Parser::new(text.as_bytes().to_vec(), options).do_parse();
    let mut has_errors = false;
    for found in parsed.diagnostics.iter().filter(|found| found.level == ErrorLevel::Error) {
        has_errors = true;
        let span = SourceSpan::new(source, found.loc.begin..found.loc.end);
        problems
            .push(with_hint(Diagnostic::error(&span, format!("Ruby syntax error: {}", found.render_message()))));
    }
    if has_errors { None } else { parsed.ast }
}

/// Adds the usual cause of such an error as help.
fn with_hint(error: Diagnostic) -> Diagnostic {
    let line = error.span.excerpt().map(|at| at.text.to_owned()).unwrap_or_default();
    if line.contains(['“', '”', '‘', '’', '„']) {
        return error.help("write ' or \" instead of typographic quotes");
    }
    if line.contains("://") && !line.contains(['\'', '"']) {
        return error.help("write the URL in 'quotes'");
    }
    error
}

/// Returns the number of bytes outside comment lines. The file of the package consists mostly of comments.
fn code_length(text: &str) -> usize {
    text.lines().map(str::trim_start).filter(|line| !line.starts_with('#')).map(str::len).sum()
}

/// Returns the number of commas and logical operators outside comment lines, including those in strings.
fn separators(text: &str) -> usize {
    let code = text.lines().map(str::trim_start).filter(|line| !line.starts_with('#'));
    code.map(|line| ["&&", "||", " and ", " or ", ","].map(|sign| line.matches(sign).count()).iter().sum::<usize>())
        .sum()
}

/// The parser needs quadratic time in the length of a condition or hash.
const MAX_SEPARATORS: usize = 8000;

/// Maximum code length in bytes. The parser is recursive, so this bounds its stack (see [`super::large_stack`]).
const MAX_CODE_LEN: usize = 256 << 10;
