//! Files that the proxy serves itself, and which file a path names.
//!
//! A path names a file below the configured directory or none: `..` is refused however it came about,
//! and so are hidden files, but for `.well-known`, which exists to be seen (RFC 8615).

use std::path::PathBuf;

/// A directory that is served. Nothing lists what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticFiles {
    pub location: StaticFileRoot,
    /// The file that is meant by a path that ends in a slash; without it there is nothing at such a path.
    pub index: Option<String>,
}

/// Where files lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StaticFileRoot {
    /// The whole path leads on from here (nginx's `root`).
    Root(PathBuf),
    /// The directory stands in the place of the route's prefix (nginx's `alias`).
    Alias { prefix: String, directory: PathBuf },
    /// The one file of an exact path.
    Single(PathBuf),
}

/// A file that may be served, if it exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticFilePath {
    pub path: PathBuf,
    /// Where the file must really lie, links followed: in this directory, or this file itself.
    pub within: PathBuf,
}

impl StaticFiles {
    /// The file that a path in normal form names. `None` if it can name none.
    pub fn find(&self, path: &str) -> Option<StaticFilePath> {
        let (directory, rest) = match &self.location {
            StaticFileRoot::Root(directory) => (directory, path),
            StaticFileRoot::Alias { prefix, directory } => (directory, path.strip_prefix(prefix)?),
            StaticFileRoot::Single(file) => {
                return Some(StaticFilePath { path: file.clone(), within: file.clone() });
            }
        };
        let mut file = directory.clone();
        for segment in rest.split('/').filter(|segment| !segment.is_empty()) {
            if segment.starts_with('.') && segment != ".well-known" {
                return None;
            }
            file.push(segment);
        }
        if rest.is_empty() || rest.ends_with('/') {
            file.push(self.index.as_ref()?);
        }
        Some(StaticFilePath { path: file, within: directory.clone() })
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
    fn a_root_keeps_the_path_and_an_alias_replaces_it() {
        assert_eq!(found(&root(), "/static/a/b.txt").as_deref(), Some("/srv/static/a/b.txt"));
        assert_eq!(found(&alias("/static/"), "/static/a/b.txt").as_deref(), Some("/srv/a/b.txt"));
        let single = StaticFiles { location: StaticFileRoot::Single("/srv/robots.txt".into()), index: None };
        assert_eq!(found(&single, "/robots.txt").as_deref(), Some("/srv/robots.txt"));
    }

    #[test]
    fn no_path_leads_out_of_the_directory() {
        for path in ["/static../secret", "/static/../secret", "/static/a/../../secret", "/static./x"] {
            assert_eq!(found(&alias("/static"), path), None, "{path}");
        }
        assert_eq!(found(&root(), "/../secret"), None);
    }

    #[test]
    fn hidden_files_stay_hidden_but_for_the_well_known() {
        assert_eq!(found(&root(), "/.git/config"), None);
        assert_eq!(found(&root(), "/a/.htpasswd"), None);
        assert_eq!(found(&root(), "/.well-known/x").as_deref(), Some("/srv/.well-known/x"));
    }

    #[test]
    fn a_directory_is_served_only_by_its_index() {
        assert_eq!(found(&root(), "/a/"), None);
        assert_eq!(found(&alias("/static/"), "/static/a/").as_deref(), Some("/srv/a/index.html"));
        assert_eq!(found(&alias("/static"), "/static").as_deref(), Some("/srv/index.html"));
    }
}
