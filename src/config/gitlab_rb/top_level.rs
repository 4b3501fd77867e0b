//! Names that are valid at the top level of a `gitlab.rb`.

use strsim::osa_distance;

/// A settings hash or a plain setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TopLevelName {
    /// A settings hash: `nginx['x'] = 1`.
    Section,
    /// A plain setting: `external_url 'https://…'`.
    Plain,
}

/// Looks up a name; `None` if no version of the package defines it.
pub(super) fn lookup(name: &str) -> Option<TopLevelName> {
    if PLAIN.contains(&name) {
        return Some(TopLevelName::Plain);
    }
    let is_section = SECTIONS.contains(&name) || name.ends_with("_role") || name.ends_with("_exporter");
    is_section.then_some(TopLevelName::Section)
}

/// Returns a known name within an edit distance of 2, or one that is often confused with `name`.
pub(super) fn similar(name: &str) -> Option<&'static str> {
    if name == "gitlab" {
        return Some("gitlab_rails");
    }
    let near = |known: &&&str| osa_distance(name, known) <= 2 && name.len() > 4;
    PLAIN.iter().chain(&SECTIONS).filter(near).min_by_key(|known| osa_distance(name, known)).copied()
}

const PLAIN: [&str; 9] = [
    "external_url",
    "mattermost_external_url",
    "registry_external_url",
    "pages_external_url",
    "gitlab_kas_external_url",
    "roles",
    "runtime_dir",
    "git_data_dir",
    "git_data_dirs",
];

const SECTIONS: [&str; 67] = [
    "nginx",
    "mattermost_nginx",
    "registry_nginx",
    "pages_nginx",
    "gitlab_kas_nginx",
    "gitlab_rails",
    "gitlab_workhorse",
    "mattermost",
    "registry",
    "gitlab_pages",
    "gitlab_kas",
    "letsencrypt",
    "web_server",
    "alertmanager",
    "actioncable",
    "bootstrap",
    "consul",
    "crond",
    "geo_logcursor",
    "geo_postgresql",
    "geo_secondary",
    "gitaly",
    "gitaly_client",
    "gitlab_backup_cli",
    "gitlab_ci",
    "gitlab_cluster",
    "gitlab_exporter",
    "gitlab_relay",
    "gitlab_shell",
    "gitlab_sshd",
    "grafana",
    "high_availability",
    "incoming_email",
    "logging",
    "logrotate",
    "mailroom",
    "manage_accounts",
    "manage_storage_directories",
    "monitoring",
    "node_exporter",
    "oak",
    "omnibus_gitconfig",
    "openbao",
    "package",
    "patroni",
    "pgbouncer",
    "pgbouncer_exporter",
    "postgres_exporter",
    "postgresql",
    "praefect",
    "prometheus",
    "prometheus_monitoring",
    "puma",
    "redis",
    "redis_exporter",
    "remote_syslog",
    "repmgr",
    "repmgrd",
    "sentinel",
    "sidekiq",
    "sidekiq_cluster",
    "spamcheck",
    "storage_check",
    "suggested_reviewers",
    "unicorn",
    "user",
    "zoekt",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_all_versions_are_known_and_misspellings_are_recognized() {
        assert_eq!(lookup("mattermost_nginx"), Some(TopLevelName::Section));
        assert_eq!(lookup("external_url"), Some(TopLevelName::Plain));
        assert_eq!(lookup("geo_primary_role"), Some(TopLevelName::Section));
        assert_eq!(lookup("mattermost_ngnix"), None);
        assert_eq!(similar("mattermost_ngnix"), Some("mattermost_nginx"));
        assert_eq!(similar("external_ulr"), Some("external_url"));
        assert_eq!(similar("something_else"), None);
    }
}
