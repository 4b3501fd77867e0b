//! Reads `[acme]`.

use super::readers::{self, text};
use super::table::TomlTable;
use crate::config::document::AcmeSection;
use crate::config::values::acme;

pub(super) fn acme(table: &mut TomlTable<'_, '_, '_>) -> AcmeSection {
    let path = || text(readers::PATH_EXPECTED, readers::path);
    AcmeSection {
        contact: table.get("contact", readers::one_or_more(acme::CONTACT_EXPECTED, acme::contact)),
        directory: table.get("directory", text(acme::DIRECTORY_EXPECTED, acme::directory)),
        ca: table.get("ca", path()),
        state_directory: table.get("state_directory", path()),
        key: table.get("key", text(acme::KEY_EXPECTED, acme::key)),
        challenge: table.get("challenge", text(acme::CHALLENGE_EXPECTED, acme::challenge)),
    }
}
