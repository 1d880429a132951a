//! `docs/requirements.md` says of every statement where it is shown to work; this is what makes and
//! checks that column, from the ids that tests name.

use super::{all, none, root};
use std::collections::{BTreeMap, BTreeSet};

const DOCUMENT: &str = "docs/requirements.md";

/// The ids a text names, ranges such as `S2.31-36` and `S4.41 to S4.79` taken apart.
fn ids_in(text: &str) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let mut last: Option<(String, u32)> = None;
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '-'));
    let mut to = false;
    for word in words.filter(|word| !word.is_empty()) {
        let word = word.trim_matches(['.', '-']);
        if word == "to" {
            to = true;
            continue;
        }
        let (first, end) = word.split_once('-').map_or((word, None), |(first, end)| (first, Some(end)));
        let Some((source, number)) = id(first) else {
            (last, to) = (None, false);
            continue;
        };
        let begin = match &last {
            Some((before, begin)) if to && *before == source => *begin,
            _ => number,
        };
        // `S2.31-36` and `S3.1-3.38`: the end may repeat the source's number.
        let end = end.and_then(|end| end.rsplit('.').next()?.parse().ok()).unwrap_or(number);
        ids.extend((begin..=end.max(begin)).map(|number| format!("{source}{number}")));
        (last, to) = (Some((source, end)), false);
    }
    ids
}

/// `S2.31` as (`S2.`, 31), `X18` as (`X`, 18).
fn id(word: &str) -> Option<(String, u32)> {
    let (source, number) = match word.strip_prefix('X') {
        Some(number) => ("X".to_owned(), number),
        None => {
            let (source, number) = word.split_once('.')?;
            let known =
                source.len() == 2 && source.starts_with('S') && ('1'..='5').contains(&source.chars().nth(1)?);
            known.then_some((format!("{source}."), number))?
        }
    };
    let number = number.parse().ok().filter(|number| *number > 0)?;
    Some((source, number))
}

/// The part of a file that is a test.
fn test_part<'a>(path: &str, text: &'a str) -> &'a str {
    if path.contains("/tests/") || path.ends_with("tests.rs") {
        return text;
    }
    text.find("#[cfg(test)]").map_or("", |begin| &text[begin..])
}

/// Which test files name which statement.
fn shown() -> BTreeMap<String, BTreeSet<String>> {
    let mut shown: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let here = root();
    for extension in ["rs", "mjs", "js", "php", "py"] {
        for (path, text) in all("crates", extension) {
            let path = path.strip_prefix(&here).unwrap().to_string_lossy().into_owned();
            if path.ends_with("tidy/requirements.rs") {
                continue;
            }
            for id in ids_in(test_part(&path, &text)) {
                shown.entry(id).or_default().insert(path.trim_start_matches("crates/").to_owned());
            }
        }
    }
    shown
}

#[test]
fn requirements_name_the_tests_that_show_them() {
    let path = root().join(DOCUMENT);
    let stored = std::fs::read_to_string(&path).unwrap();
    let shown = shown();
    let mut known = BTreeSet::new();
    let mut fresh = String::new();
    for line in stored.lines() {
        let row = line.strip_prefix("| ").and_then(|row| row.rsplit_once(" | "));
        let named = row.and_then(|(row, _)| Some((row, row.split_once(" | ")?.0)));
        match named.filter(|(_, word)| id(word).is_some()) {
            Some((row, word)) => {
                known.insert(word.to_owned());
                let files = shown.get(word).map(|files| files.iter().cloned().collect::<Vec<_>>().join(", "));
                fresh.push_str(&format!("| {row} | {} |\n", files.unwrap_or_else(|| "-".to_owned())));
            }
            None => fresh.push_str(&format!("{line}\n")),
        }
    }
    if std::env::var_os("ZONECAST_WRITE").is_some() {
        std::fs::write(&path, &fresh).unwrap();
    }
    let mut troubles: Vec<String> = Vec::new();
    if fresh != std::fs::read_to_string(&path).unwrap() {
        troubles.push(format!("{DOCUMENT} is stale: ZONECAST_WRITE=1 cargo test -p zonecast --test tidy"));
    }
    for (folder, extension) in [("crates", "rs"), ("extras", "php"), ("docs", "md")] {
        for (path, text) in all(folder, extension) {
            let unknown = ids_in(&text).into_iter().filter(|id| !known.contains(id));
            let named: Vec<String> = unknown.collect();
            if !named.is_empty()
                && !path.ends_with("requirements.md")
                && !path.ends_with("tidy/requirements.rs")
            {
                troubles.push(format!(
                    "{} names {}, which {DOCUMENT} has not",
                    path.display(),
                    named.join(", ")
                ));
            }
        }
    }
    none(troubles);
}

#[test]
fn ranges_are_taken_apart() {
    let ids = |text: &str| ids_in(text).into_iter().collect::<Vec<_>>();
    assert_eq!(ids("S2.31-33, X18"), ["S2.31", "S2.32", "S2.33", "X18"]);
    assert_eq!(ids("(S4.9 to S4.11)"), ["S4.10", "S4.11", "S4.9"]);
    assert_eq!(ids("X509 is none of ours, RSA-SHA256 neither"), ["X509"]);
}
