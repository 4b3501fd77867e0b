//! Interprets `roles`.
//!
//! Roles enable and disable the services of one machine among several. For the proxy they have one effect: a
//! machine
//! without a role that includes GitLab has no host for GitLab.

use super::reader::SettingsReader;
use crate::config::diagnostic::Diagnostic;
use crate::config::document::Spanned;
use crate::config::suggestion::nearest;

/// Whether a role includes GitLab itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GitlabRole {
    Included,
    Excluded,
}

/// Reports roles that no version of the package knows; `gitlab-ctl reconfigure` rejects them too.
pub(super) fn check(reader: &mut SettingsReader<'_>) {
    for Spanned { value, span } in assigned_roles(reader) {
        if lookup(&value).is_some() {
            continue;
        }
        let error = Diagnostic::error(&span, format!("unknown role `{value}`"));
        reader.problems.push(match nearest(&underscored(&value), ROLES.iter().map(|(name, _)| *name)) {
            Some(known) => error.help(format!("did you mean `{known}`?")),
            None => error.help("remove it; the package rejects it as well"),
        });
    }
}

/// Returns whether all roles are for machines without GitLab itself. An unknown role counts as one with GitLab.
pub(super) fn exclude_gitlab(reader: &SettingsReader<'_>) -> bool {
    let roles = assigned_roles(reader);
    !roles.is_empty() && roles.iter().all(|role| lookup(&role.value) == Some(GitlabRole::Excluded))
}

fn assigned_roles(reader: &SettingsReader<'_>) -> Vec<Spanned<String>> {
    reader.texts_at(&["roles"]).unwrap_or_default()
}

fn lookup(role: &str) -> Option<GitlabRole> {
    let role = underscored(role);
    ROLES.iter().find(|(name, _)| *name == role).map(|(_, gitlab)| *gitlab)
}

/// Returns a role spelled with underscores; the package accepts hyphens too.
fn underscored(role: &str) -> String {
    role.replace('-', "_")
}

/// Roles of all package versions. `application_role` disables nginx in older ones; Gatepost ignores this,
/// because it is started only where a proxy is needed.
const ROLES: [(&str, GitlabRole); 16] = [
    ("application_role", GitlabRole::Included),
    ("geo_primary_role", GitlabRole::Included),
    ("geo_secondary_role", GitlabRole::Included),
    ("backup_role", GitlabRole::Included),
    ("pages_role", GitlabRole::Excluded),
    ("sidekiq_role", GitlabRole::Excluded),
    ("gitaly_role", GitlabRole::Excluded),
    ("spamcheck_role", GitlabRole::Excluded),
    ("redis_sentinel_role", GitlabRole::Excluded),
    ("redis_master_role", GitlabRole::Excluded),
    ("redis_replica_role", GitlabRole::Excluded),
    ("postgres_role", GitlabRole::Excluded),
    ("patroni_role", GitlabRole::Excluded),
    ("pgbouncer_role", GitlabRole::Excluded),
    ("consul_role", GitlabRole::Excluded),
    ("monitoring_role", GitlabRole::Excluded),
];
