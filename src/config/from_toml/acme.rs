//! Reads `[acme]`: from whom certificates are obtained.

use super::table::Table;
use super::values::{self, text};
use crate::config::acme;
use crate::config::document::AcmeSection;

pub(super) fn acme(table: &mut Table<'_, '_, '_>) -> AcmeSection {
    let path = || text(values::PATH_EXPECTED, values::path);
    AcmeSection {
        contact: table.get("contact", values::one_or_more(acme::CONTACT_EXPECTED, acme::contact)),
        directory: table.get("directory", text(acme::DIRECTORY_EXPECTED, acme::directory)),
        ca: table.get("ca", path()),
        state_directory: table.get("state_directory", path()),
        key: table.get("key", text(acme::KEY_EXPECTED, acme::key)),
        challenge: table.get("challenge", text(acme::CHALLENGE_EXPECTED, acme::challenge)),
    }
}
