//! Directives: a name, arguments, and perhaps more directives in braces.

use std::ops::Range;

use super::lexer::{Lexer, Token, Unreadable, Word};
use super::source_map::Written;
use crate::config::diagnostic::Diagnostic;
use crate::config::span::Place;

/// One directive with everything in it.
#[derive(Debug, Clone)]
pub(in crate::config::gitlab_rb) struct Directive {
    pub(in crate::config::gitlab_rb) name: String,
    pub(in crate::config::gitlab_rb) arguments: Vec<String>,
    pub(in crate::config::gitlab_rb) body: Body,
    /// From the name to the last argument.
    pub(in crate::config::gitlab_rb) place: Place,
}

/// How a directive ends.
#[derive(Debug, Clone)]
pub(in crate::config::gitlab_rb) enum Body {
    /// With `;`.
    None,
    /// With a block in braces.
    Block(Vec<Directive>),
}

impl Directive {
    /// The directives in its block; none if it has no block.
    pub(in crate::config::gitlab_rb) fn inner(&self) -> &[Directive] {
        match &self.body {
            Body::None => &[],
            Body::Block(inner) => inner,
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
pub(in crate::config::gitlab_rb) fn parse(written: &Written) -> Result<Vec<Directive>, Diagnostic> {
    if written.text().len() > LONGEST {
        let message = format!("this nginx text is longer than {} KiB", LONGEST >> 10);
        return Err(Diagnostic::error(&written.place(0..0), message).help("move what is not needed out of it"));
    }
    let mut parser = Parser { lexer: Lexer::new(written.text()), written, count: 0 };
    parser.directives(None, 0).map_err(|why| {
        let message = format!("this is not nginx's language: {}", why.message);
        Diagnostic::error(&written.place(why.range), message).help(why.help)
    })
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    written: &'a Written,
    count: usize,
}

impl Parser<'_> {
    /// The directives up to the end of the text, or of the block that was opened at `opened`.
    fn directives(&mut self, opened: Option<Range<usize>>, depth: usize) -> Result<Vec<Directive>, Unreadable> {
        let mut all = Vec::new();
        loop {
            match (self.lexer.next()?, &opened) {
                (Some(Token::Word(name)), _) => all.push(self.directive(name, depth)?),
                (Some(Token::Close(_)), Some(_)) | (None, None) => return Ok(all),
                (Some(Token::Close(range)), None) => {
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
                (Some(Token::End(range) | Token::Open(range)), _) => {
                    return Err(unreadable("a directive begins with its name", "remove this sign", range));
                }
            }
        }
    }

    fn directive(&mut self, name: Word, depth: usize) -> Result<Directive, Unreadable> {
        self.count += 1;
        if self.count > MOST_DIRECTIVES {
            return Err(unreadable("there are too many directives", "nobody needs that many", name.range));
        }
        let mut meant = name.range.clone();
        let mut arguments = Vec::new();
        let body = loop {
            match self.lexer.next()? {
                Some(Token::Word(word)) => {
                    meant.end = word.range.end;
                    arguments.push(word.text);
                }
                Some(Token::End(_)) => break Body::None,
                Some(Token::Open(range)) if depth < DEEPEST => {
                    break Body::Block(self.directives(Some(range), depth + 1)?);
                }
                Some(Token::Open(range)) => {
                    return Err(unreadable("blocks are nested too deeply", "nobody needs that many", range));
                }
                Some(Token::Close(_)) | None => {
                    return Err(unreadable("this directive has no end", "add the `;` that ends it", meant));
                }
            }
        };
        Ok(Directive { name: name.text, arguments, body, place: self.written.place(meant) })
    }
}

fn unreadable(message: &'static str, help: &'static str, range: Range<usize>) -> Unreadable {
    Unreadable { message, help, range }
}

/// Blocks within blocks. Three are nginx's own `http`, `server` and `location`.
const DEEPEST: usize = 8;

/// nginx text of one setting or file, in bytes. The whole of a `gitlab.rb` may be twice as long.
const LONGEST: usize = 128 << 10;

/// Each of them becomes a line for people to read.
const MOST_DIRECTIVES: usize = 1000;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::span::Source;

    fn read(text: &str) -> Result<Vec<Directive>, Diagnostic> {
        parse(&Written::file(&Source::new(Path::new("x.conf"), text)))
    }

    /// The message and the place of what is wrong.
    fn wrong(text: &str) -> (String, usize, usize) {
        let problem = read(text).unwrap_err();
        let at = problem.place.excerpt().unwrap();
        (problem.message.clone(), at.line, at.column)
    }

    #[test]
    fn directives_have_names_arguments_blocks_and_places() {
        let all = read("allow 10.0.0.0/8; # office\nlocation ^~ /x {\n  deny all;\n}\n").unwrap();
        assert_eq!((all[0].name.as_str(), all[0].words()), ("allow", vec!["10.0.0.0/8"]));
        assert_eq!((all[1].name.as_str(), all[1].words()), ("location", vec!["^~", "/x"]));
        assert_eq!(all[1].inner()[0].name, "deny");
        assert_eq!(all[1].inner()[0].place.to_string(), "x.conf:3:3");
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
                Ok(all) => assert!(all.iter().all(|it| it.place.excerpt().is_some())),
                Err(problem) => assert!(problem.place.excerpt().is_some(), "{text:?}"),
            }
        }
    }
}
