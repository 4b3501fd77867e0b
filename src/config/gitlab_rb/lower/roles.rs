//! Roles: what a machine of several is for. They switch services on and off, and for the proxy only one
//! thing follows: where all of them are about something else, GitLab itself is not there.

use super::reader::SettingsReader;
use crate::config::diagnostic::Diagnostic;
use crate::config::document::Spanned;
use crate::config::suggestion::nearest;

/// What a role says about GitLab itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GitlabRole {
    Here,
    Elsewhere,
}

/// Reports roles that no version of the package knows; its reconfigure stops there, too.
pub(super) fn check(reader: &mut SettingsReader<'_>) {
    for Spanned { value, span: place } in said(reader) {
        if lookup(&value).is_some() {
            continue;
        }
        let error = Diagnostic::error(&place, format!("there is no role `{value}`"));
        reader.problems.push(match nearest(&underscored(&value), ROLES.iter().map(|(name, _)| *name)) {
            Some(known) => error.help(format!("did you mean `{known}`?")),
            None => error.help("remove it; the package refuses it as well"),
        });
    }
}

/// Whether all roles are for machines without GitLab itself. Roles that nobody knows say nothing.
pub(super) fn leave_gitlab_out(reader: &SettingsReader<'_>) -> bool {
    let roles = said(reader);
    !roles.is_empty() && roles.iter().all(|role| lookup(&role.value) == Some(GitlabRole::Elsewhere))
}

fn said(reader: &SettingsReader<'_>) -> Vec<Spanned<String>> {
    reader.texts_at(&["roles"]).unwrap_or_default()
}

fn lookup(role: &str) -> Option<GitlabRole> {
    let role = underscored(role);
    ROLES.iter().find(|(name, _)| *name == role).map(|(_, gitlab)| *gitlab)
}

/// The package takes both spellings.
fn underscored(role: &str) -> String {
    role.replace('-', "_")
}

/// Those of all versions. `application_role` turns nginx off in older ones; who starts a proxy wants one.
const ROLES: [(&str, GitlabRole); 16] = [
    ("application_role", GitlabRole::Here),
    ("geo_primary_role", GitlabRole::Here),
    ("geo_secondary_role", GitlabRole::Here),
    ("backup_role", GitlabRole::Here),
    ("pages_role", GitlabRole::Elsewhere),
    ("sidekiq_role", GitlabRole::Elsewhere),
    ("gitaly_role", GitlabRole::Elsewhere),
    ("spamcheck_role", GitlabRole::Elsewhere),
    ("redis_sentinel_role", GitlabRole::Elsewhere),
    ("redis_master_role", GitlabRole::Elsewhere),
    ("redis_replica_role", GitlabRole::Elsewhere),
    ("postgres_role", GitlabRole::Elsewhere),
    ("patroni_role", GitlabRole::Elsewhere),
    ("pgbouncer_role", GitlabRole::Elsewhere),
    ("consul_role", GitlabRole::Elsewhere),
    ("monitoring_role", GitlabRole::Elsewhere),
];
