//! Expands `include`.

use std::path::{Path, PathBuf};

use super::file_pattern::{self, FilePattern};
use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::gitlab_rb::environment::Environment;
use crate::config::gitlab_rb::nginx_text::{self, DirectiveBody, MappedText, NginxDirective};
use crate::config::span::SourceFile;

/// Reads included files up to a limit.
pub(super) struct IncludeReader<'a> {
    environment: &'a dyn Environment,
    problems: &'a mut Diagnostics,
    files_left: usize,
}

impl<'a> IncludeReader<'a> {
    pub(super) fn new(environment: &'a dyn Environment, problems: &'a mut Diagnostics) -> IncludeReader<'a> {
        IncludeReader { environment, problems, files_left: MAX_FILES }
    }

    /// Returns the directives, with those of the included files after each `include`, also within blocks.
    ///
    /// As in nginx, a file that cannot be read is an error: it may contain access restrictions.
    pub(super) fn expand(&mut self, directives: Vec<NginxDirective>) -> Vec<NginxDirective> {
        let mut all = Vec::new();
        for mut directive in directives {
            if directive.name == "include" {
                let included = self.included(&directive);
                let error = included.as_ref().err().cloned();
                directive.body = DirectiveBody::Included(error);
                all.push(directive);
                all.extend(self.expand(included.unwrap_or_default()));
                continue;
            }
            if let DirectiveBody::Block(inner) = &mut directive.body
                && BLOCKS.contains(&directive.name.as_str())
            {
                let inner = std::mem::take(inner);
                directive.body = DirectiveBody::Block(self.expand(inner));
            }
            all.push(directive);
        }
        all
    }

    /// Returns the directives of the files that an `include` names. An error is reported and returned.
    fn included(&mut self, directive: &NginxDirective) -> Result<Vec<NginxDirective>, String> {
        let result = self.read_all(&directive.words());
        if let Err((message, help)) = &result {
            self.problems.push(Diagnostic::error(&directive.span, message).help(*help));
        }
        result.map_err(|(message, _)| message)
    }

    /// Reads all files of an `include`. Every file counts towards the limit, so recursive includes end.
    fn read_all(&mut self, words: &[&str]) -> Result<Vec<NginxDirective>, (String, &'static str)> {
        let [path] = words else {
            return Err(("`include` requires one path".to_owned(), "write `include /path/to/file;`"));
        };
        if !path.starts_with('/') {
            let message = format!("`include {path}` is not an absolute path");
            return Err((message, "write an absolute path; Gatepost has no directory for nginx files"));
        }
        let mut all = Vec::new();
        for path in self.files(path)? {
            let Some(left) = self.files_left.checked_sub(1) else {
                let message = format!("too many included files; the limit is {MAX_FILES}");
                return Err((message, "join files, or write their directives into the setting"));
            };
            self.files_left = left;
            let text = self.environment.read(&path).map_err(|why| {
                let message = format!("cannot read {}: {why}", path.display());
                (message, "create the file, or remove the `include`; nginx does not start without the file either")
            })?;
            match nginx_text::parse(&MappedText::file(&SourceFile::new(&path, text))) {
                Ok(inner) => all.extend(inner),
                Err(error) => self.problems.push(error),
            }
        }
        Ok(all)
    }

    /// Returns the files that a path names. A pattern may match none; a directory that exists must be readable.
    fn files(&self, path: &str) -> Result<Vec<PathBuf>, (String, &'static str)> {
        if !file_pattern::is_pattern(path) {
            return Ok(vec![PathBuf::from(path)]);
        }
        let mut found = vec![PathBuf::from("/")];
        for part in path.split('/').filter(|part| !part.is_empty()) {
            if !file_pattern::is_pattern(part) {
                found.iter_mut().for_each(|path| path.push(part));
                continue;
            }
            let pattern = FilePattern::parse(part)
                .ok_or_else(|| (format!("invalid pattern `{part}` in `include`"), "write a shorter pattern"))?;
            let mut matching = Vec::new();
            for directory in found {
                let names = self.names_in(&directory)?;
                matching.extend(names.iter().filter(|name| pattern.matches(name)).map(|it| directory.join(it)));
            }
            found = matching;
        }
        found.retain(|path| !self.environment.is_missing(path));
        Ok(found)
    }

    fn names_in(&self, directory: &Path) -> Result<Vec<String>, (String, &'static str)> {
        match self.environment.names_in(directory) {
            Some(names) => Ok(names),
            None if self.environment.is_missing(directory) => Ok(Vec::new()),
            None => {
                let message = format!("cannot list the directory {}", directory.display());
                Err((message, "make the directory readable for Gatepost, or remove the `include`"))
            }
        }
    }
}

/// Blocks with directives. The entries of a `map` and of similar blocks are no directives.
const BLOCKS: [&str; 5] = ["server", "location", "if", "limit_except", "upstream"];

/// Maximum number of included files in one setting. It also ends recursive includes.
const MAX_FILES: usize = 20;
