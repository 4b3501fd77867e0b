//! Roles: what a machine of several is for. They switch services on and off, and for the proxy only one
//! thing follows: where all of them are about something else, GitLab itself is not there.

use super::reader::Reader;
use crate::config::diagnostic::Diagnostic;
use crate::config::document::Said;
use crate::config::suggestion::nearest;

/// What a role says about GitLab itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gitlab {
    Here,
    Elsewhere,
}

/// Reports roles that no version of the package knows; its reconfigure stops there, too.
pub(super) fn check(reader: &mut Reader<'_>) {
    for Said { value, place } in said(reader) {
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
pub(super) fn leave_gitlab_out(reader: &Reader<'_>) -> bool {
    let roles = said(reader);
    !roles.is_empty() && roles.iter().all(|role| lookup(&role.value) == Some(Gitlab::Elsewhere))
}

fn said(reader: &Reader<'_>) -> Vec<Said<String>> {
    reader.texts_at(&["roles"]).unwrap_or_default()
}

fn lookup(role: &str) -> Option<Gitlab> {
    let role = underscored(role);
    ROLES.iter().find(|(name, _)| *name == role).map(|(_, gitlab)| *gitlab)
}

/// The package takes both spellings.
fn underscored(role: &str) -> String {
    role.replace('-', "_")
}

/// Those of all versions. `application_role` turns nginx off in older ones; who starts a proxy wants one.
const ROLES: [(&str, Gitlab); 16] = [
    ("application_role", Gitlab::Here),
    ("geo_primary_role", Gitlab::Here),
    ("geo_secondary_role", Gitlab::Here),
    ("backup_role", Gitlab::Here),
    ("pages_role", Gitlab::Elsewhere),
    ("sidekiq_role", Gitlab::Elsewhere),
    ("gitaly_role", Gitlab::Elsewhere),
    ("spamcheck_role", Gitlab::Elsewhere),
    ("redis_sentinel_role", Gitlab::Elsewhere),
    ("redis_master_role", Gitlab::Elsewhere),
    ("redis_replica_role", Gitlab::Elsewhere),
    ("postgres_role", Gitlab::Elsewhere),
    ("patroni_role", Gitlab::Elsewhere),
    ("pgbouncer_role", Gitlab::Elsewhere),
    ("consul_role", Gitlab::Elsewhere),
    ("monitoring_role", Gitlab::Elsewhere),
];
