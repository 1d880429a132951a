//! The pages say what the code does: the table of providers is made from `kinds()`, and each page
//! names every field of its form.
//!
//! `ZONECAST_WRITE_DOCS=1 cargo test -p zonecast-providers --test docs` writes the table anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use zonecast_core::{Capabilities, Guard, Ttl};
use zonecast_providers::fields::{Kind, kinds};

const TABLE: &str = "docs/providers/README.md";
const GUIDE: &str = "docs/providers/adding-a-provider.md";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(page: &str) -> String {
    std::fs::read_to_string(root().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"))
}

#[test]
fn the_table_of_providers_is_that_of_the_code() {
    let table = table(&kinds());
    if std::env::var_os("ZONECAST_WRITE_DOCS").is_some() {
        std::fs::write(root().join(TABLE), &table).unwrap();
    }
    let how = "ZONECAST_WRITE_DOCS=1 cargo test -p zonecast-providers --test docs";
    assert!(read(TABLE) == table, "{TABLE} is stale; write it anew: {how}\n{table}");
}

#[test]
fn each_kind_has_a_page_that_names_every_field() {
    for kind in kinds() {
        let page = read(kind.docs);
        for field in kind.fields {
            let row = page
                .lines()
                .find(|line| line.starts_with('|') && line.contains(&format!("`{}`", field.name)));
            let row =
                row.unwrap_or_else(|| panic!("{} has no row for the field `{}`", kind.docs, field.name));
            assert!(
                row.contains(field.label),
                "{}: the label of `{}` is {:?}",
                kind.docs,
                field.name,
                field.label
            );
        }
    }
}

#[test]
fn every_page_belongs_to_a_kind() {
    let known: Vec<&str> = kinds().iter().map(|kind| kind.docs).collect();
    for entry in std::fs::read_dir(root().join("docs/providers")).unwrap() {
        let page = format!("docs/providers/{}", entry.unwrap().file_name().to_string_lossy());
        let about_all = [TABLE, GUIDE].contains(&&*page);
        assert!(about_all || known.contains(&&*page), "{page} is about no kind of provider");
    }
}

/// The places that a new provider touches are those of the page, no more and no fewer: seen at one that
/// has no other reason to be named anywhere.
#[test]
fn a_provider_is_named_in_the_places_of_the_page_and_nowhere_else() {
    let page = read(GUIDE);
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let places =
        rows.filter(|place| place.contains('/') && !place.starts_with("rest/") || place.ends_with(".md"));
    let listed: BTreeSet<String> = places.map(|place| place.replace("<service>", "gandi")).collect();
    let mut named = BTreeSet::new();
    for folder in ["crates", "docs", "CHANGELOG.md", "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"] {
        names(&root().join(folder), "gandi", &mut named);
    }
    named.retain(|place| ![GUIDE, file!()].contains(&&**place));
    assert_eq!(listed, named, "the places of {GUIDE}, and where the service is named");
}

fn names(path: &Path, service: &str, found: &mut BTreeSet<String>) {
    if let Ok(entries) = std::fs::read_dir(path) {
        let inner = entries.flatten().map(|entry| entry.path());
        return inner.filter(|path| !path.ends_with("target")).for_each(|path| names(&path, service, found));
    }
    let said = std::fs::read(path)
        .is_ok_and(|text| String::from_utf8_lossy(&text).to_ascii_lowercase().contains(service));
    if said {
        let place = path.strip_prefix(root()).unwrap_or(path);
        found.insert(place.to_string_lossy().into_owned());
    }
}

fn table(kinds: &[Kind]) -> String {
    let mut text = String::from(
        "# Providers\n\n\
         What each kind of service can hold, and how Zonecast writes to it. This page is made from the code\n\
         (`crates/zonecast-providers/tests/docs.rs`); do not edit it. `zonecast provider list` shows the same.\n\n\
         | | types | TTL, seconds | values in a set | changes in a call | guard of a write | settles in | makes zones | tells DS |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    let mut limited = String::new();
    for kind in kinds {
        let page = kind.docs.rsplit('/').next().unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| [{}]({page}) `{}` | {} |",
            kind.label,
            kind.name,
            cells(&kind.capabilities).join(" | ")
        );
        if let Some(types) = &kind.capabilities.types {
            let types: Vec<String> = types.iter().map(ToString::to_string).collect();
            let _ = writeln!(limited, "- **{}** holds {}.", kind.label, types.join(", "));
        }
    }
    text.push_str(
        "\n*Guard*: what stands between our read and our write. `compare` = the write names what was read and is refused if\n\
         that changed; `values` = values are added and removed one by one, neighbours are never in the call; `none` = the window\n\
         is the one call between read and write. *All at once*: a call's changes happen together or not at all. *Settles in*:\n\
         how long answers may still be old after our own write.\n\n\
         Any type means: by RFC 3597 if need be. The others:\n\n",
    );
    text.push_str(&limited);
    text.push_str("\nA new one: [adding a provider](adding-a-provider.md).\n");
    text
}

fn cells(can: &Capabilities) -> [String; 8] {
    let yes = |can: bool| if can { "yes" } else { "no" }.to_owned();
    let most = if can.ttl_seconds_max == Ttl::MAX.seconds() {
        "any".into()
    } else {
        can.ttl_seconds_max.to_string()
    };
    let guard = match can.guard {
        Guard::None => "none",
        Guard::CompareAndSet => "compare",
        Guard::Values => "values",
    };
    [
        can.types.as_ref().map_or("any".to_owned(), |types| types.len().to_string()),
        format!("{} to {most}", can.ttl_seconds_min),
        can.values_per_set_max.to_string(),
        format!("{}{}", can.batch_changes_max, if can.atomic_batch { ", all at once" } else { "" }),
        guard.to_owned(),
        if can.settle_seconds == 0 { "0".to_owned() } else { format!("{} s", can.settle_seconds) },
        yes(can.zones),
        yes(can.dnssec),
    ]
}
