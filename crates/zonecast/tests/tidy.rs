//! The house is as ARCHITECTURE.md and CONTRIBUTING.md say: this is where they can be caught lying.

#[path = "tidy/fields.rs"]
mod fields;
#[path = "tidy/requirements.rs"]
mod requirements;

use std::path::{Path, PathBuf};

/// No file of ours is longer.
const LINES_MAX: usize = 500;

/// Who may not import whom inside the two crates of the product: the line goes one way. Between the
/// crates the compiler keeps it.
const NEVER: &[(&str, &str, &[&str])] = &[
    ("crates/zonecast-engine/src", "sync", &["service"]),
    ("crates/zonecast/src", "api", &["cli", "daemon", "client", "manager", "page", "sync"]),
    ("crates/zonecast/src", "page", &["cli", "daemon", "client", "manager", "sync"]),
];

/// What the engine's crate may not link: the doors are another crate's.
const DOORS: &[&str] = &["axum", "askama", "clap"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() && !["target", "node_modules"].contains(&&*name.to_string_lossy()) {
            files(&path, extension, found);
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
}

fn all(folder: &str, extension: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    files(&root().join(folder), extension, &mut found);
    found.sort();
    found.into_iter().map(|path| (path.clone(), std::fs::read_to_string(&path).unwrap())).collect()
}

fn none(troubles: Vec<String>) {
    assert!(troubles.is_empty(), "{}", troubles.join("\n"));
}

#[test]
fn files_are_small() {
    let long = all("crates", "rs").into_iter().filter_map(|(path, text)| {
        let lines = text.lines().count();
        (lines > LINES_MAX).then(|| format!("{}: {lines} lines, look for the missing noun", path.display()))
    });
    none(long.collect());
}

#[test]
fn imports_go_one_way() {
    let mut troubles = Vec::new();
    for (source, room, never) in NEVER {
        for (path, text) in all(source, "rs") {
            let inside = path.strip_prefix(root().join(source)).unwrap();
            if !inside.starts_with(room) {
                continue;
            }
            for other in *never {
                if text.contains(&format!("crate::{other}::")) || text.contains(&format!("crate::{other};")) {
                    troubles.push(format!("{} imports {other}", path.display()));
                }
            }
        }
    }
    none(troubles);
}

#[test]
fn the_engine_knows_no_door() {
    let manifest = std::fs::read_to_string(root().join("crates/zonecast-engine/Cargo.toml")).unwrap();
    let linked = manifest.lines().filter_map(|line| line.split(['.', ' ', '=']).next());
    let doors = linked.filter(|name| DOORS.contains(name)).map(|name| format!("the engine links {name}"));
    none(doors.collect());
}

#[test]
fn every_path_in_the_documents_exists() {
    let mut troubles = Vec::new();
    let mut documents = all("docs", "md");
    for name in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"] {
        documents.push((root().join(name), std::fs::read_to_string(root().join(name)).unwrap()));
    }
    for (document, text) in documents {
        let here = document.parent().unwrap();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
        let links =
            links.filter(|link| !link.is_empty() && !link.contains("://")).map(|link| here.join(link));
        let quoted = text.split('`').skip(1).step_by(2);
        let quoted = quoted.filter(|word| word.starts_with("crates/") || word.starts_with("docs/"));
        let quoted = quoted.filter(|word| !word.contains([' ', '<', '*', '{'])).map(|word| root().join(word));
        for path in links.chain(quoted).filter(|path| !path.exists()) {
            troubles.push(format!("{} names {}", document.display(), path.display()));
        }
    }
    none(troubles);
}

#[test]
fn every_provider_has_a_page_that_names_its_settings() {
    let mut troubles = Vec::new();
    for kind in zonecast_providers::fields::kinds() {
        let Ok(page) = std::fs::read_to_string(root().join(kind.docs)) else {
            troubles.push(format!("{} has no {}", kind.name, kind.docs));
            continue;
        };
        let unnamed = kind.fields.iter().filter(|field| !page.contains(field.name));
        troubles.extend(unnamed.map(|field| format!("{} does not say {}", kind.docs, field.name)));
    }
    none(troubles);
}
