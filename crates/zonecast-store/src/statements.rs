//! Every statement there is, for the check that each engine understands each one.

use crate::sql::{Bulk, Sql};

macro_rules! rooms {
    (plain: $($room:ident)*; bulk: $($bulk:ident)*;) => {
        const PLAIN: &[&[&Sql]] = &[$(crate::$room::STATEMENTS),*];
        const BULK: &[&[&Bulk]] = &[$(crate::$bulk::BULKS),*];
    };
}

rooms! {
    plain: audit claims connections dirty domains drift embedded guard hosts idempotency intents jobs keys lease
        meta open pools raise reap records results stamp stats verify waits zones;
    bulk: audit claims dirty domains drift embedded guard hosts intents jobs keys owners owners_diff raise reap records results
        verify;
}

/// Name and text of each statement as one engine gets it; SQLite's bulk statements with so many rows.
pub(crate) fn all(sqlite: bool, rows: usize) -> Vec<(&'static str, String)> {
    let plain = PLAIN.iter().flat_map(|room| room.iter()).map(|sql| {
        let text = if sqlite { sql.sqlite } else { sql.postgres };
        (sql.name, text.to_owned())
    });
    let bulk = BULK.iter().flat_map(|room| room.iter()).map(|bulk| {
        let text = if sqlite { bulk.sqlite(rows) } else { bulk.postgres() };
        (bulk.name, text)
    });
    plain.chain(bulk).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::{AssertSqlSafe, Row as _};

    /// Tables with a row per host, name or call.
    const LARGE: &[&str] = &[
        "audit",
        "claim",
        "domain",
        "embedded_rrset",
        "farewell",
        "host",
        "idempotency",
        "job",
        "job_log",
        "key_state",
        "name_state",
        "outcome",
        "record",
    ];
    /// What may walk a whole table or index: lists, counts, and the rare look at everything.
    const MAY_WALK: &[&str] = &[
        "ANY_FAREWELL",
        "AUDIT_LIST",
        "AUDIT_OPEN",
        "AUDIT_OPEN_COUNT",
        "DIRTY_COUNT",
        "DOMAIN_COUNT",
        "FREE_DOMAINS",
        "FREE_HOSTS",
        "FREE_RECORDS",
        "HOSTS_BY_STATE",
        "HOST_COUNT",
        "RECORD_COUNT",
        "SETTLED_FAREWELLS",
        "TROUBLE",
    ];

    #[tokio::test]
    async fn no_statement_walks_a_large_table() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan.db");
        let key = crate::MasterKey::ephemeral().unwrap();
        crate::Store::open(&path.to_string_lossy(), key).await.unwrap().close().await;
        let pool = sqlx::SqlitePool::connect_with(crate::db::sqlite_options(&path)).await.unwrap();
        let mut walks = Vec::new();
        // The planner takes another way where a bulk statement has many rows.
        let sizes = crate::sql::SIZES.into_iter().flat_map(|rows| all(true, rows));
        for (name, text) in sizes.filter(|(name, _)| !MAY_WALK.contains(name)) {
            let plan = format!("EXPLAIN QUERY PLAN {text}");
            for row in sqlx::query(AssertSqlSafe(plan)).fetch_all(&pool).await.unwrap() {
                let detail: String = row.get("detail");
                let table = detail.strip_prefix("SCAN ").and_then(|rest| rest.split(' ').next());
                let alias = table.map(|table| table_of(&text, table)).unwrap_or_default();
                if LARGE.contains(&alias.as_str()) && !detail.contains("USING INDEX") {
                    walks.push(format!("{name}: {detail}"));
                }
            }
        }
        assert!(walks.is_empty(), "{walks:#?}");
    }

    /// The table behind an alias such as `host h`.
    fn table_of(text: &str, alias: &str) -> String {
        let words: Vec<&str> = text.split_whitespace().collect();
        let pair = words.windows(2).find(|pair| pair[1] == alias && LARGE.contains(&pair[0]));
        pair.map_or(alias, |pair| pair[0]).to_owned()
    }
}
