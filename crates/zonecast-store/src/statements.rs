//! Every statement there is, for the check that each engine understands each one.

use crate::sql::{Bulk, Sql};

macro_rules! rooms {
    (plain: $($room:ident)*; bulk: $($bulk:ident)*;) => {
        const PLAIN: &[&[&Sql]] = &[$(crate::$room::STATEMENTS),*];
        const BULK: &[&[&Bulk]] = &[$(crate::$bulk::BULKS),*];
    };
}

rooms! {
    plain: audit claims connections dirty drift embedded guard hosts idempotency jobs keys lease meta open pools
        raise reap records results stats verify zones;
    bulk: audit claims dirty drift embedded guard hosts jobs keys owners owners_diff raise reap records results
        verify;
}

/// Name and text of each statement as one engine gets it; bulk statements with two rows.
pub(crate) fn all(sqlite: bool) -> Vec<(&'static str, String)> {
    let plain = PLAIN.iter().flat_map(|room| room.iter()).map(|sql| {
        let text = if sqlite { sql.sqlite } else { sql.postgres };
        (sql.name, text.to_owned())
    });
    let bulk = BULK.iter().flat_map(|room| room.iter()).map(|bulk| {
        let text = if sqlite { bulk.sqlite(2) } else { bulk.postgres() };
        (bulk.name, text)
    });
    plain.chain(bulk).collect()
}
