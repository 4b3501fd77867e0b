//! Expands `include`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use regex::Regex;

use super::report::{DirectiveOutcome, SnippetReport};
use crate::config::diagnostic::Diagnostics;
use crate::config::gitlab_rb::environment::Environment;
use crate::config::gitlab_rb::nginx_text::{self, MappedText, NginxDirective};
use crate::config::span::SourceFile;

/// Reads included files up to a limit.
pub(super) struct IncludeReader<'a> {
    environment: &'a dyn Environment,
    files_left: usize,
}

impl<'a> IncludeReader<'a> {
    pub(super) fn new(environment: &'a dyn Environment) -> IncludeReader<'a> {
        IncludeReader { environment, files_left: MAX_FILES }
    }

    /// Calls `lower` for each directive, and for those of the included files after each `include`.
    pub(super) fn each(
        &mut self,
        directives: &[NginxDirective],
        report: &mut SnippetReport,
        problems: &mut Diagnostics,
        lower: &mut dyn FnMut(&NginxDirective, &mut SnippetReport),
    ) {
        for directive in directives {
            if directive.name != "include" {
                lower(directive, report);
                continue;
            }
            match self.included(&directive.words(), problems) {
                Ok(inner) => {
                    report.record(directive, DirectiveOutcome::Applied);
                    self.each(&inner, report, problems, lower);
                }
                Err(why) => report.record(directive, DirectiveOutcome::Refused(why)),
            }
        }
    }

    /// Returns the directives of the files that an `include` names. Every file counts towards the limit, so
    /// recursive includes end.
    fn included(&mut self, words: &[&str], problems: &mut Diagnostics) -> Result<Vec<NginxDirective>, String> {
        let [path] = words else { return Err("write `include /path/to/file;`".to_owned()) };
        if !path.starts_with('/') {
            return Err("write an absolute path; Gatepost has no directory for nginx files".to_owned());
        }
        let mut all = Vec::new();
        for path in self.files(Path::new(path))? {
            self.files_left = self.files_left.checked_sub(1).ok_or("too many included files; the limit is 20")?;
            let text =
                self.environment.read(&path).map_err(|why| format!("cannot read {}: {why}", path.display()))?;
            match nginx_text::parse(&MappedText::file(&SourceFile::new(&path, text))) {
                Ok(inner) => all.extend(inner),
                Err(error) => problems.push(error),
            }
        }
        Ok(all)
    }

    /// Returns the files that a path names. Its last component may contain `*` and `?`.
    fn files(&self, path: &Path) -> Result<Vec<PathBuf>, String> {
        let (Some(directory), Some(name)) = (path.parent(), path.file_name().and_then(OsStr::to_str)) else {
            return Err(format!("`{}` does not name a file", path.display()));
        };
        if !name.contains(['*', '?']) {
            return Ok(vec![path.to_owned()]);
        }
        let pattern = regex::escape(name).replace(r"\*", ".*").replace(r"\?", ".");
        let pattern =
            Regex::new(&format!("^{pattern}$")).map_err(|_| format!("the pattern `{name}` is too long"))?;
        let names = self.environment.names_in(directory);
        let names = names.ok_or_else(|| format!("cannot list the directory {}", directory.display()))?;
        // As in a shell, a wildcard does not match a leading dot.
        let found = names.iter().filter(|name| !name.starts_with('.') && pattern.is_match(name));
        Ok(found.map(|name| directory.join(name)).collect())
    }
}

/// Maximum number of included files in one setting. It also ends recursive includes.
const MAX_FILES: usize = 20;
