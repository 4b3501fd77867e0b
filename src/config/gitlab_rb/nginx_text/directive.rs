//! Directives: a name, arguments, and perhaps more directives in braces.

use std::ops::Range;

use super::lexer::{NginxLexer, NginxSyntaxError, NginxToken, NginxWord};
use super::source_map::MappedText;
use crate::config::diagnostic::Diagnostic;
use crate::config::span::SourceSpan;

/// One directive with everything in it.
#[derive(Debug, Clone)]
pub(in crate::config::gitlab_rb) struct NginxDirective {
    pub(in crate::config::gitlab_rb) name: String,
    pub(in crate::config::gitlab_rb) arguments: Vec<String>,
    pub(in crate::config::gitlab_rb) body: DirectiveBody,
    /// From the name to the last argument.
    pub(in crate::config::gitlab_rb) span: SourceSpan,
}

/// How a directive ends.
#[derive(Debug, Clone)]
pub(in crate::config::gitlab_rb) enum DirectiveBody {
    /// With `;`.
    None,
    /// With a block in braces.
    Block(Vec<NginxDirective>),
}

impl NginxDirective {
    /// The directives in its block; none if it has no block.
    pub(in crate::config::gitlab_rb) fn inner(&self) -> &[NginxDirective] {
        match &self.body {
            DirectiveBody::None => &[],
            DirectiveBody::Block(inner) => inner,
        }
    }

    /// The arguments as texts.
    pub(in crate::config::gitlab_rb) fn words(&self) -> Vec<&str> {
        self.arguments.iter().map(String::as_str).collect()
    }
}

/// Reads all directives of a text.
///
/// # Errors
/// Where the text ends or goes on in a way that nginx would not read either, or is too much.
pub(in crate::config::gitlab_rb) fn parse(written: &MappedText) -> Result<Vec<NginxDirective>, Diagnostic> {
    if written.text().len() > MAX_LEN {
        let message = format!("this nginx text is longer than {} KiB", MAX_LEN >> 10);
        return Err(Diagnostic::error(&written.span(0..0), message).help("move what is not needed out of it"));
    }
    let mut parser = DirectiveParser { lexer: NginxLexer::new(written.text()), written, count: 0 };
    parser.directives(None, 0).map_err(|why| {
        let message = format!("this is not nginx's language: {}", why.message);
        Diagnostic::error(&written.span(why.range), message).help(why.help)
    })
}

struct DirectiveParser<'a> {
    lexer: NginxLexer<'a>,
    written: &'a MappedText,
    count: usize,
}

impl DirectiveParser<'_> {
    /// The directives up to the end of the text, or of the block that was opened at `opened`.
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
                    return Err(unreadable(
                        "this `}` closes nothing",
                        "remove it, or open a block before it",
                        range,
                    ));
                }
                (None, Some(opened)) => {
                    let help = "add the `}` that closes it";
                    return Err(unreadable("this `{` is never closed", help, opened.clone()));
                }
                (Some(NginxToken::End(range) | NginxToken::Open(range)), _) => {
                    return Err(unreadable("a directive begins with its name", "remove this sign", range));
                }
            }
        }
    }

    fn directive(&mut self, name: NginxWord, depth: usize) -> Result<NginxDirective, NginxSyntaxError> {
        self.count += 1;
        if self.count > MAX_DIRECTIVES {
            return Err(unreadable("there are too many directives", "nobody needs that many", name.range));
        }
        let mut meant = name.range.clone();
        let mut arguments = Vec::new();
        let body = loop {
            match self.lexer.next()? {
                Some(NginxToken::Word(word)) => {
                    meant.end = word.range.end;
                    arguments.push(word.text);
                }
                Some(NginxToken::End(_)) => break DirectiveBody::None,
                Some(NginxToken::Open(range)) if depth < MAX_DEPTH => {
                    break DirectiveBody::Block(self.directives(Some(range), depth + 1)?);
                }
                Some(NginxToken::Open(range)) => {
                    return Err(unreadable("blocks are nested too deeply", "nobody needs that many", range));
                }
                Some(NginxToken::Close(_)) | None => {
                    return Err(unreadable("this directive has no end", "add the `;` that ends it", meant));
                }
            }
        };
        Ok(NginxDirective { name: name.text, arguments, body, span: self.written.span(meant) })
    }
}

fn unreadable(message: &'static str, help: &'static str, range: Range<usize>) -> NginxSyntaxError {
    NginxSyntaxError { message, help, range }
}

/// Blocks within blocks. Three are nginx's own `http`, `server` and `location`.
const MAX_DEPTH: usize = 8;

/// nginx text of one setting or file, in bytes. The whole of a `gitlab.rb` may be twice as long.
const MAX_LEN: usize = 128 << 10;

/// Each of them becomes a line for people to read.
const MAX_DIRECTIVES: usize = 1000;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::span::SourceFile;

    fn read(text: &str) -> Result<Vec<NginxDirective>, Diagnostic> {
        parse(&MappedText::file(&SourceFile::new(Path::new("x.conf"), text)))
    }

    /// The message and the place of what is wrong.
    fn wrong(text: &str) -> (String, usize, usize) {
        let problem = read(text).unwrap_err();
        let at = problem.span.excerpt().unwrap();
        (problem.message.clone(), at.line, at.column)
    }

    #[test]
    fn directives_have_names_arguments_blocks_and_places() {
        let all = read("allow 10.0.0.0/8; # office\nlocation ^~ /x {\n  deny all;\n}\n").unwrap();
        assert_eq!((all[0].name.as_str(), all[0].words()), ("allow", vec!["10.0.0.0/8"]));
        assert_eq!((all[1].name.as_str(), all[1].words()), ("location", vec!["^~", "/x"]));
        assert_eq!(all[1].inner()[0].name, "deny");
        assert_eq!(all[1].inner()[0].span.to_string(), "x.conf:3:3");
        assert!(read("# nothing at all\n").unwrap().is_empty());
    }

    #[test]
    fn unbalanced_braces_are_marked() {
        assert_eq!(wrong("location / {\n  deny all;\n").1, 1);
        assert_eq!(
            wrong("location / {\n  deny all;\n"),
            ("this is not nginx's language: this `{` is never closed".into(), 1, 12)
        );
        assert_eq!(wrong("deny all;\n}"), ("this is not nginx's language: this `}` closes nothing".into(), 2, 1));
    }

    #[test]
    fn a_directive_without_its_semicolon_is_marked() {
        let (message, line, column) = wrong("location / { deny all }");
        assert!(message.ends_with("this directive has no end"), "{message}");
        assert_eq!((line, column), (1, 14));
        assert!(wrong("deny all").0.ends_with("this directive has no end"));
        assert!(wrong(";").0.ends_with("a directive begins with its name"));
    }

    #[test]
    fn depth_length_and_number_are_bounded() {
        assert!(wrong(&"a {".repeat(100_000 / 3)).0.ends_with("nested too deeply"));
        assert!(wrong(&"a;".repeat(5000)).0.ends_with("too many directives"));
        assert!(read(&" ".repeat(200 << 10)).unwrap_err().message.contains("longer than 128 KiB"));
    }

    #[test]
    fn no_text_is_too_odd_to_be_read_or_refused() {
        let signs = ["a", "{", "}", ";", "\"", "'", "\\", "$", "#", "\n", " ", "ü", "(", ")", "${", "\0"];
        // A small generator of its own: the same texts in every run, without a dependency.
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
