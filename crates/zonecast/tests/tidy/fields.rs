//! `docs/fields.md` is made from the descriptions of the resources, `docs/states.md` from the states.

use super::root;
use zonecast_core::{ConnectionState, JobState, KeyState, OwnerState, State, ZoneState};
use zonecast_engine::describe::table;
use zonecast_engine::settings::ZoneSettings;

const DOCUMENT: &str = "docs/fields.md";

fn as_made(document: &str, fresh: &str) {
    let path = root().join(document);
    if std::env::var_os("ZONECAST_WRITE").is_some() {
        std::fs::write(&path, fresh).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(stored == fresh, "{document} is stale: ZONECAST_WRITE=1 cargo test -p zonecast --test tidy");
}

fn states<S: State + 'static>(of: &str, all: &[S]) -> String {
    let row = |state: &S| format!("| `{}` | {} | {} |\n", state.word(), state.meaning(), state.next_step());
    let rows: String = all.iter().map(row).collect();
    format!("\n## {of}\n\n| State | What it means | What to do |\n|---|---|---|\n{rows}")
}

#[test]
fn the_states_are_told_as_the_page_tells_them() {
    let all = [
        states("A record set at a zone", KeyState::ALL),
        states("A host, a domain, a record", OwnerState::ALL),
        states("A zone", ZoneState::ALL),
        states("A connection", ConnectionState::ALL),
        states("A job", JobState::ALL),
    ];
    assert!(!all.concat().contains("|  |"), "a state without a meaning or a next step");
    as_made(
        "docs/states.md",
        &format!(
            "# States\n\nHow things stand, in the same words in the API, on the command line and on the page. This file is made:\n\
             `ZONECAST_WRITE=1 cargo test -p zonecast --test tidy`.\n{}",
            all.concat()
        ),
    );
}

#[test]
fn the_fields_of_a_resource_are_told_as_they_are_described() {
    let fresh = format!(
        "# Fields\n\nWhat each field means and can be, the same for the API, the command line and the page. This file is made:\n\
         `ZONECAST_WRITE=1 cargo test -p zonecast --test tidy`.\n\n## A zone's policy\n\n{}",
        table(ZoneSettings::FIELDS)
    );
    as_made(DOCUMENT, &fresh);
}
