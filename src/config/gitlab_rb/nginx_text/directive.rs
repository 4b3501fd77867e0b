//! Directives of nginx configuration text, with arguments and blocks.

use std::ops::Range;

use super::lexer::{NginxLexer, NginxSyntaxError, NginxToken, NginxWord};
use super::source_map::MappedText;
use crate::config::diagnostic::Diagnostic;
use crate::config::span::SourceSpan;

/// One directive with its arguments and block.
#[derive(Debug, Clone)]
pub(in crate::config::gitlab_rb) struct NginxDirective {
    pub(in crate::config::gitlab_rb) name: String,
    pub(in crate::config::gitlab_rb) arguments: Vec<String>,
    pub(in crate::config::gitlab_rb) body: DirectiveBody,
    /// From the name to the last argument.
    pub(in crate::config::gitlab_rb) span: SourceSpan,
}

/// End of a directive: `;` or a block.
#[derive(Debug, Clone)]
pub(in crate::config::gitlab_rb) enum DirectiveBody {
    /// `;`
    None,
    /// The directives of a block in braces.
    Block(Vec<NginxDirective>),
    /// An `include` that is followed by the directives of its files, or the reason why these cannot be read.
    Included(Option<String>),
}

impl NginxDirective {
    /// Returns the directives in the block; none without a block.
    pub(in crate::config::gitlab_rb) fn inner(&self) -> &[NginxDirective] {
        match &self.body {
            DirectiveBody::None | DirectiveBody::Included(_) => &[],
            DirectiveBody::Block(inner) => inner,
        }
    }

    /// Returns the arguments as string slices, for pattern matching.
    pub(in crate::config::gitlab_rb) fn words(&self) -> Vec<&str> {
        self.arguments.iter().map(String::as_str).collect()
    }
}

/// Parses all directives of a text.
///
/// # Errors
/// Returns a diagnostic if the text is a syntax error for nginx as well, or exceeds a limit: 128 KiB, 1000
/// directives, 8 nested blocks.
pub(in crate::config::gitlab_rb) fn parse(source: &MappedText) -> Result<Vec<NginxDirective>, Diagnostic> {
    if source.text().len() > MAX_LEN {
        let message = format!("nginx text is longer than {} KiB", MAX_LEN >> 10);
        return Err(Diagnostic::error(&source.span(0..0), message)
            .help("remove directives that are not needed, or move them to files and `include` these"));
    }
    let mut parser = DirectiveParser { lexer: NginxLexer::new(source.text()), source, count: 0 };
    parser.directives(None, 0).map_err(|why| {
        let message = format!("invalid nginx configuration: {}", why.message);
        Diagnostic::error(&source.span(why.range), message).help(why.help)
    })
}

struct DirectiveParser<'a> {
    lexer: NginxLexer<'a>,
    source: &'a MappedText,
    count: usize,
}

impl DirectiveParser<'_> {
    /// Parses directives up to the end of the text, or of the block whose `{` is at `opened`.
    fn directives(
        &mut self,
        opened: Option<Range<usize>>,
        depth: usize,
    ) -> Result<Vec<NginxDirective>, NginxSyntaxError> {
        let mut all = Vec::new();
        loop {
            match (self.lexer.next()?, &opened) {
                (Some(NginxToken::Word(name)), _) => all.push(self.directive(name, depth)?),
                (Some(NginxToken::Close(_)), Some(_)) | (None, None) => return Ok(all),
                (Some(NginxToken::Close(range)), None) => {
                    return Err(syntax_error("unexpected `}`", "remove it, or add the `{` of its block", range));
                }
                (None, Some(opened)) => {
                    let help = "add the closing `}`";
                    return Err(syntax_error("unclosed `{`", help, opened.clone()));
                }
                (Some(NginxToken::End(range) | NginxToken::Open(range)), _) => {
                    return Err(syntax_error("expected the name of a directive", "remove the `;` or `{`", range));
                }
            }
        }
    }

    fn directive(&mut self, name: NginxWord, depth: usize) -> Result<NginxDirective, NginxSyntaxError> {
        self.count += 1;
        if self.count > MAX_DIRECTIVES {
            return Err(syntax_error(
                "too many directives",
                "the limit is 1000 in one setting or file",
                name.range,
            ));
        }
        let mut range_of_words = name.range.clone();
        let mut arguments = Vec::new();
        let body = loop {
            match self.lexer.next()? {
                Some(NginxToken::Word(word)) => {
                    range_of_words.end = word.range.end;
                    arguments.push(word.text);
                }
                Some(NginxToken::End(_)) => break DirectiveBody::None,
                Some(NginxToken::Open(range)) if depth < MAX_DEPTH => {
                    break DirectiveBody::Block(self.directives(Some(range), depth + 1)?);
                }
                Some(NginxToken::Open(range)) => {
                    return Err(syntax_error(
                        "blocks are nested too deeply",
                        "the limit is 8 nested blocks",
                        range,
                    ));
                }
                Some(NginxToken::Close(_)) | None => {
                    return Err(syntax_error(
                        "directive is not terminated by `;`",
                        "add `;` after the last argument",
                        range_of_words,
                    ));
                }
            }
        };
        Ok(NginxDirective { name: name.text, arguments, body, span: self.source.span(range_of_words) })
    }
}

fn syntax_error(message: &'static str, help: &'static str, range: Range<usize>) -> NginxSyntaxError {
    NginxSyntaxError { message, help, range }
}

/// Maximum number of nested blocks. nginx itself nests three: `http`, `server` and `location`.
const MAX_DEPTH: usize = 8;

/// Maximum length of the nginx text of one setting or file, in bytes: half the limit of a `gitlab.rb`.
const MAX_LEN: usize = 128 << 10;

/// Maximum number of directives in one setting or file. Each one becomes a line of the settings report.
const MAX_DIRECTIVES: usize = 1000;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::span::SourceFile;

    fn read(text: &str) -> Result<Vec<NginxDirective>, Diagnostic> {
        parse(&MappedText::file(&SourceFile::new(Path::new("x.conf"), text)))
    }

    /// Returns message, line and column of the error.
    fn error_in(text: &str) -> (String, usize, usize) {
        let problem = read(text).unwrap_err();
        let at = problem.span.excerpt().unwrap();
        (problem.message.clone(), at.line, at.column)
    }

    #[test]
    fn directives_have_names_arguments_blocks_and_spans() {
        let all = read("allow 10.0.0.0/8; # office\nlocation ^~ /x {\n  deny all;\n}\n").unwrap();
        assert_eq!((all[0].name.as_str(), all[0].words()), ("allow", vec!["10.0.0.0/8"]));
        assert_eq!((all[1].name.as_str(), all[1].words()), ("location", vec!["^~", "/x"]));
        assert_eq!(all[1].inner()[0].name, "deny");
        assert_eq!(all[1].inner()[0].span.to_string(), "x.conf:3:3");
        assert!(read("# nothing at all\n").unwrap().is_empty());
    }

    #[test]
    fn an_unbalanced_brace_is_an_error_at_the_brace() {
        assert_eq!(error_in("location / {\n  deny all;\n").1, 1);
        assert_eq!(
            error_in("location / {\n  deny all;\n"),
            ("invalid nginx configuration: unclosed `{`".into(), 1, 12)
        );
        assert_eq!(error_in("deny all;\n}"), ("invalid nginx configuration: unexpected `}`".into(), 2, 1));
    }

    #[test]
    fn a_missing_semicolon_is_an_error_at_the_directive() {
        let (message, line, column) = error_in("location / { deny all }");
        assert!(message.ends_with("directive is not terminated by `;`"), "{message}");
        assert_eq!((line, column), (1, 14));
        assert!(error_in("deny all").0.ends_with("directive is not terminated by `;`"));
        assert!(error_in(";").0.ends_with("expected the name of a directive"));
    }

    #[test]
    fn nesting_length_and_directive_count_are_limited() {
        assert!(error_in(&"a {".repeat(100_000 / 3)).0.ends_with("nested too deeply"));
        assert!(error_in(&"a;".repeat(5000)).0.ends_with("too many directives"));
        assert!(read(&" ".repeat(200 << 10)).unwrap_err().message.contains("longer than 128 KiB"));
    }

    #[test]
    fn any_text_is_parsed_or_rejected_with_a_position() {
        let signs = ["a", "{", "}", ";", "\"", "'", "\\", "$", "#", "\n", " ", "ü", "(", ")", "${", "\0"];
        // A linear congruential generator produces the same texts in every run, without a dependency.
        let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..state % 24 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                text += signs[usize::try_from(state >> 60).unwrap()];
            }
            state = state.rotate_left(7).wrapping_add(1);
            match read(&text) {
                Ok(all) => assert!(all.iter().all(|it| it.span.excerpt().is_some())),
                Err(problem) => assert!(problem.span.excerpt().is_some(), "{text:?}"),
            }
        }
    }
}
