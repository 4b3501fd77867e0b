//! Static file serving: maps a request path to a file.
//!
//! A path maps to a file below the configured directory or to none. Segments that start with a dot are
//! rejected, which includes `..` in any encoding and hidden files. The exception is `.well-known`, which is
//! meant to be public (RFC 8615).

use std::path::PathBuf;

/// A directory of static files. Directories are never listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticFiles {
    pub location: StaticFileRoot,
    /// File that is served for a path with a trailing slash (nginx `index`); without it such a path is not
    /// found.
    pub index: Option<String>,
}

/// How a request path maps into the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StaticFileRoot {
    /// The whole path is appended to the directory (nginx `root`).
    Root(PathBuf),
    /// The directory replaces the prefix of the route (nginx `alias`).
    Alias { prefix: String, directory: PathBuf },
    /// A single file, for an exact path.
    Single(PathBuf),
}

/// Path of a file that may be served. Its existence is not checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticFilePath {
    pub path: PathBuf,
    /// Boundary after symbolic links are resolved: the file must be in this directory, or be this file.
    pub within: PathBuf,
    /// File that is served if `path` is a directory.
    pub index: Option<PathBuf>,
}

impl StaticFiles {
    /// Returns the file for a normalized path; `None` if no file may be served for it.
    pub fn find(&self, path: &str) -> Option<StaticFilePath> {
        let (directory, rest) = match &self.location {
            StaticFileRoot::Root(directory) => (directory, path),
            StaticFileRoot::Alias { prefix, directory } => (directory, path.strip_prefix(prefix)?),
            StaticFileRoot::Single(file) => {
                return Some(StaticFilePath { path: file.clone(), within: file.clone(), index: None });
            }
        };
        let mut file = directory.clone();
        for segment in rest.split('/').filter(|segment| !segment.is_empty()) {
            if segment.starts_with('.') && segment != ".well-known" {
                return None;
            }
            file.push(segment);
        }
        let index = self.index.as_ref().map(|index| file.join(index));
        if self.is_whole_prefix(path) {
            // nginx appends nothing to the alias, which may name a file.
            return Some(StaticFilePath { path: file, within: directory.clone(), index });
        }
        if rest.is_empty() || rest.ends_with('/') {
            file = index?;
        }
        Some(StaticFilePath { path: file, within: directory.clone(), index: None })
    }
}

impl StaticFiles {
    /// Returns whether a path is the prefix of an alias, without a trailing slash.
    fn is_whole_prefix(&self, path: &str) -> bool {
        matches!(&self.location, StaticFileRoot::Alias { prefix, .. } if prefix == path && !prefix.ends_with('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &StaticFiles, path: &str) -> Option<String> {
        Some(files.find(path)?.path.display().to_string())
    }

    fn root() -> StaticFiles {
        StaticFiles { location: StaticFileRoot::Root("/srv".into()), index: None }
    }

    fn alias(prefix: &str) -> StaticFiles {
        let location = StaticFileRoot::Alias { prefix: prefix.to_owned(), directory: "/srv/".into() };
        StaticFiles { location, index: Some("index.html".to_owned()) }
    }

    #[test]
    fn root_appends_the_path_and_alias_replaces_the_prefix() {
        assert_eq!(found(&root(), "/static/a/b.txt").as_deref(), Some("/srv/static/a/b.txt"));
        assert_eq!(found(&alias("/static/"), "/static/a/b.txt").as_deref(), Some("/srv/a/b.txt"));
        let single = StaticFiles { location: StaticFileRoot::Single("/srv/robots.txt".into()), index: None };
        assert_eq!(found(&single, "/robots.txt").as_deref(), Some("/srv/robots.txt"));
    }

    #[test]
    fn no_path_leaves_the_directory() {
        for path in ["/static../secret", "/static/../secret", "/static/a/../../secret", "/static./x"] {
            assert_eq!(found(&alias("/static"), path), None, "{path}");
        }
        assert_eq!(found(&root(), "/../secret"), None);
    }

    #[test]
    fn hidden_files_are_not_served_except_well_known() {
        assert_eq!(found(&root(), "/.git/config"), None);
        assert_eq!(found(&root(), "/a/.htpasswd"), None);
        assert_eq!(found(&root(), "/.well-known/x").as_deref(), Some("/srv/.well-known/x"));
    }

    #[test]
    fn a_directory_is_served_only_through_its_index() {
        assert_eq!(found(&root(), "/a/"), None);
        assert_eq!(found(&alias("/static/"), "/static/a/").as_deref(), Some("/srv/a/index.html"));
    }

    #[test]
    fn the_whole_prefix_of_an_alias_is_the_alias_itself() {
        let found = alias("/static").find("/static").unwrap();
        assert_eq!(found.path, PathBuf::from("/srv/"));
        assert_eq!(found.index, Some("/srv/index.html".into()));
    }
}
