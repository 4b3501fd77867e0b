//! From text to syntax tree. The parser is a real one for Ruby; nothing is ever executed.

use std::sync::Arc;

use lib_ruby_parser::{ErrorLevel, Node, Parser, ParserOptions};

use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::span::{SourceFile, SourceSpan};

/// Parses a file. `None` if it is not Ruby: what such a text means is guesswork.
pub(super) fn parse(source: &Arc<SourceFile>, problems: &mut Diagnostics) -> Option<Box<Node>> {
    let text = source.text();
    if code_length(text) > MAX_CODE {
        let message = format!("there are more than {} KiB of Ruby in this file", MAX_CODE >> 10);
        problems
            .push(Diagnostic::error(&SourceSpan::file(source), message).help("nobody's settings are that long"));
        return None;
    }
    if joints(text) > MAX_JOINTS {
        let error =
            Diagnostic::error(&SourceSpan::file(source), "there are too many conditions and commas in this file");
        problems.push(error.help("nobody's settings need that many"));
        return None;
    }
    let options = ParserOptions { record_tokens: false, ..ParserOptions::default() };
    let parsed = Parser::new(text.as_bytes().to_vec(), options).do_parse();
    let mut broken = false;
    for found in parsed.diagnostics.iter().filter(|found| found.level == ErrorLevel::Error) {
        broken = true;
        let span = SourceSpan::new(source, found.loc.begin..found.loc.end);
        problems.push(explained(Diagnostic::error(&span, format!("this is not Ruby: {}", found.render_message()))));
    }
    if broken { None } else { parsed.ast }
}

/// Adds the mistakes that such an error usually comes from.
fn explained(error: Diagnostic) -> Diagnostic {
    let line = error.span.excerpt().map(|at| at.text.to_owned()).unwrap_or_default();
    if line.contains(['“', '”', '‘', '’', '„']) {
        return error.help("these are typographic quotes; write ' or \"");
    }
    if line.contains("://") && !line.contains(['\'', '"']) {
        return error.help("put the URL in 'quotes'");
    }
    error
}

/// Bytes that are not in comment lines. The file that the package installs is nearly all comment.
fn code_length(text: &str) -> usize {
    text.lines().map(str::trim_start).filter(|line| !line.starts_with('#')).map(str::len).sum()
}

/// How often anything is joined by a logical operator or a comma, or looks as if.
fn joints(text: &str) -> usize {
    let code = text.lines().map(str::trim_start).filter(|line| !line.starts_with('#'));
    code.map(|line| ["&&", "||", " and ", " or ", ","].map(|sign| line.matches(sign).count()).iter().sum::<usize>())
        .sum()
}

/// The time that the parser takes for one condition or hash grows with the square of its length.
const MAX_JOINTS: usize = 8000;

/// The parser walks down nested code, so this bounds the stack it needs (see `deep_stack`).
const MAX_CODE: usize = 256 << 10;
