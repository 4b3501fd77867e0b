//! `include`: files with more of the same.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use regex::Regex;

use super::report::{DirectiveOutcome, SnippetReport};
use crate::config::diagnostic::Diagnostics;
use crate::config::gitlab_rb::environment::Environment;
use crate::config::gitlab_rb::nginx_text::{self, MappedText, NginxDirective};
use crate::config::span::SourceFile;

/// Reads the files that are included, up to a number of them.
pub(super) struct IncludeReader<'a> {
    surroundings: &'a dyn Environment,
    files_left: usize,
}

impl<'a> IncludeReader<'a> {
    pub(super) fn new(surroundings: &'a dyn Environment) -> IncludeReader<'a> {
        IncludeReader { surroundings, files_left: MAX_FILES }
    }

    /// Gives each directive to `take`, with those of included files in the place of an `include`.
    pub(super) fn each(
        &mut self,
        directives: &[NginxDirective],
        account: &mut SnippetReport,
        problems: &mut Diagnostics,
        take: &mut dyn FnMut(&NginxDirective, &mut SnippetReport),
    ) {
        for directive in directives {
            if directive.name != "include" {
                take(directive, account);
                continue;
            }
            match self.included(&directive.words(), problems) {
                Ok(inner) => {
                    account.note(directive, DirectiveOutcome::Applied);
                    self.each(&inner, account, problems, take);
                }
                Err(why) => account.note(directive, DirectiveOutcome::Refused(why)),
            }
        }
    }

    /// The directives of the files that an `include` names; every file counts, so this comes to an end.
    fn included(&mut self, words: &[&str], problems: &mut Diagnostics) -> Result<Vec<NginxDirective>, String> {
        let [path] = words else { return Err("write `include /path/of/a/file;`".to_owned()) };
        if !path.starts_with('/') {
            return Err("write the full path of the file; there is no directory of nginx here".to_owned());
        }
        let mut all = Vec::new();
        for path in self.files(Path::new(path))? {
            self.files_left = self.files_left.checked_sub(1).ok_or("too many files are included")?;
            let text = self.surroundings.read(&path).map_err(|why| format!("{}: {why}", path.display()))?;
            match nginx_text::parse(&MappedText::file(&SourceFile::new(&path, text))) {
                Ok(inner) => all.extend(inner),
                Err(error) => problems.push(error),
            }
        }
        Ok(all)
    }

    /// The files that a path names; `*` and `?` may stand in its last part.
    fn files(&self, path: &Path) -> Result<Vec<PathBuf>, String> {
        let (Some(directory), Some(name)) = (path.parent(), path.file_name().and_then(OsStr::to_str)) else {
            return Err(format!("`{}` names no file", path.display()));
        };
        if !name.contains(['*', '?']) {
            return Ok(vec![path.to_owned()]);
        }
        let pattern = regex::escape(name).replace(r"\*", ".*").replace(r"\?", ".");
        let pattern = Regex::new(&format!("^{pattern}$")).map_err(|_| format!("`{name}` is too long"))?;
        let names = self.surroundings.names_in(directory);
        let names = names.ok_or_else(|| format!("{} cannot be listed", directory.display()))?;
        // As in a shell, a star stands for no dot at the beginning.
        let found = names.iter().filter(|name| !name.starts_with('.') && pattern.is_match(name));
        Ok(found.map(|name| directory.join(name)).collect())
    }
}

/// Nobody spreads a few lines over more files. Files that include each other come to an end here.
const MAX_FILES: usize = 20;
