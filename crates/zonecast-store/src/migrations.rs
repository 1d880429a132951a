//! The steps of the schema, the same numbers for both engines.
//!
//! Expand first, contract a version later: programs N and N-1 run side by side on one schema. Listed by
//! hand because the `migrate!` macro would pull in sqlx's `macros`, which compiles SQLite twice.

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// Number, name, and the text for each engine.
const STEPS: &[(i64, &str, &str, &str)] = &[
    (
        1,
        "first",
        include_str!("../migrations/sqlite/0001_first.sql"),
        include_str!("../migrations/postgres/0001_first.sql"),
    ),
    (
        2,
        "intent",
        include_str!("../migrations/sqlite/0002_intent.sql"),
        include_str!("../migrations/postgres/0002_intent.sql"),
    ),
    (
        3,
        "domains",
        include_str!("../migrations/sqlite/0003_domains.sql"),
        include_str!("../migrations/postgres/0003_domains.sql"),
    ),
    (
        4,
        "stamp",
        include_str!("../migrations/sqlite/0004_stamp.sql"),
        include_str!("../migrations/postgres/0004_stamp.sql"),
    ),
    (
        5,
        "waits",
        include_str!("../migrations/sqlite/0005_waits.sql"),
        include_str!("../migrations/postgres/0005_waits.sql"),
    ),
    (
        6,
        "late",
        include_str!("../migrations/sqlite/0006_late.sql"),
        include_str!("../migrations/postgres/0006_late.sql"),
    ),
    (
        7,
        "whose",
        include_str!("../migrations/sqlite/0007_whose.sql"),
        include_str!("../migrations/postgres/0007_whose.sql"),
    ),
    (
        8,
        "unreachable",
        include_str!("../migrations/sqlite/0008_unreachable.sql"),
        include_str!("../migrations/postgres/0008_unreachable.sql"),
    ),
    (
        9,
        "open_jobs",
        include_str!("../migrations/sqlite/0009_open_jobs.sql"),
        include_str!("../migrations/postgres/0009_open_jobs.sql"),
    ),
];

/// The steps for one engine.
pub(crate) fn migrator(sqlite: bool) -> Migrator {
    let step = |(number, name, lite, postgres): &(i64, &'static str, &'static str, &'static str)| {
        let text = if sqlite { *lite } else { *postgres };
        Migration::new(*number, (*name).into(), MigrationType::Simple, text.into_sql_str(), false)
    };
    Migrator::with_migrations(STEPS.iter().map(step).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_engines_have_the_same_steps_and_all_of_them() {
        for engine in ["sqlite", "postgres"] {
            let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(engine);
            let mut files: Vec<String> = std::fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            files.sort();
            let listed: Vec<String> =
                STEPS.iter().map(|(number, name, ..)| format!("{number:04}_{name}.sql")).collect();
            assert_eq!(files, listed, "{engine}");
        }
    }
}
