//! `docs/fields.md` is made from the descriptions of the resources.

use super::root;
use zonecast_engine::describe::table;
use zonecast_engine::settings::ZoneSettings;

const DOCUMENT: &str = "docs/fields.md";

#[test]
fn the_fields_of_a_resource_are_told_as_they_are_described() {
    let fresh = format!(
        "# Fields\n\nWhat each field means and can be, the same for the API, the command line and the page. This file is made:\n\
         `ZONECAST_WRITE=1 cargo test -p zonecast --test tidy`.\n\n## A zone's policy\n\n{}",
        table(ZoneSettings::FIELDS)
    );
    let path = root().join(DOCUMENT);
    if std::env::var_os("ZONECAST_WRITE").is_some() {
        std::fs::write(&path, &fresh).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(stored == fresh, "{DOCUMENT} is stale: ZONECAST_WRITE=1 cargo test -p zonecast --test tidy");
}
