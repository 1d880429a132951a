//! Reading claims: what all owners together want, by name.

use crate::Store;
use crate::codec;
use crate::error::StoreError;
use crate::model::*;
use crate::sql::{args, bulk, statements};
use zonecast_core::{Name, RecordData};

statements! {
    CLAIMS_OF = "SELECT id, owner_kind, owner_id, name_key, rtype, data, ttl, zone_id, domain_key, derived FROM claim
        WHERE owner_kind = $1 AND owner_id = $2 AND ($3 = 1 OR withdrawn = 0) ORDER BY id";
    NAMES_BELOW = "SELECT DISTINCT name_key FROM claim
        WHERE withdrawn = 0 AND name_key >= $1 AND name_key < $2 ORDER BY name_key LIMIT $3";
    NAMES_AFTER = "SELECT DISTINCT name_key FROM claim
        WHERE withdrawn = 0 AND name_key > $1 AND name_key < $2 ORDER BY name_key LIMIT $3";
    CLAIMS_BETWEEN = "SELECT id, owner_kind, owner_id, name_key, rtype, data, ttl, zone_id, domain_key, derived FROM claim
        WHERE withdrawn = 0 AND name_key >= $1 AND name_key <= $2 ORDER BY name_key, id";
}

bulk! {
    CLAIMS_AT [] [name_key: Blob] = "
        SELECT c.id, c.owner_kind, c.owner_id, c.name_key, c.rtype, c.data, c.ttl, c.zone_id, c.domain_key, c.derived
        FROM v CROSS JOIN claim c WHERE c.name_key = v.name_key AND c.withdrawn = 0";
}

type ClaimTuple = (i64, i64, i64, Vec<u8>, i64, Vec<u8>, Option<i64>, Option<i64>, Option<Vec<u8>>, i64);

fn claim(row: ClaimTuple) -> Result<ClaimRow, StoreError> {
    Ok(ClaimRow {
        id: row.0,
        owner: OwnerId { kind: OwnerKind::from_code(row.1)?, id: row.2 },
        name: codec::name(&row.3)?,
        data: RecordData::from_canonical(codec::rtype(row.4)?, &row.5),
        ttl: codec::optional_ttl(row.6)?,
        zone_id: row.7,
        domain: row.8.as_deref().map(codec::name).transpose()?,
        derived: row.9 != 0,
    })
}

impl Store {
    /// The claims of one owner, oldest first; an owner in `deleting` has only withdrawn ones.
    pub async fn claims_of(
        &self,
        owner: OwnerId,
        include_withdrawn: bool,
    ) -> Result<Vec<ClaimRow>, StoreError> {
        let values = args![owner.kind.code(), owner.id, include_withdrawn];
        self.db().all(&CLAIMS_OF, values).await?.into_iter().map(claim).collect()
    }

    /// Everything claimed at these names, ordered by name, then by age. Withdrawn claims do not count.
    pub async fn claims_at(&self, names: &[Name]) -> Result<Vec<ClaimRow>, StoreError> {
        let mut names: Vec<&Name> = names.iter().collect();
        names.sort_unstable();
        names.dedup();
        let rows = names.into_iter().map(Into::into).collect();
        let found: Vec<ClaimTuple> = self.db().bulk(&CLAIMS_AT, args![], rows).await?;
        let mut claims = found.into_iter().map(claim).collect::<Result<Vec<_>, _>>()?;
        claims.sort_unstable_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
        Ok(claims)
    }

    /// The claims at `top` and below it, in the order of names, for at most `limit` names after the one
    /// whose key is `after` (`None` or empty: from the first). A name is never cut: go on after the last
    /// one's key, until nothing comes.
    pub async fn claims_below(
        &self,
        top: &Name,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<ClaimRow>, StoreError> {
        let end = codec::subtree_end(top.key());
        // A cursor before the top, such as the empty one of a zone that was just added, is no cursor.
        let keys: Vec<(Vec<u8>,)> = match after.filter(|after| !after.is_empty() && *after >= top.key()) {
            None => self.db().all(&NAMES_BELOW, args![top, end, limit]).await?,
            Some(after) => self.db().all(&NAMES_AFTER, args![after, end, limit]).await?,
        };
        let (Some((first,)), Some((last,))) = (keys.first().cloned(), keys.last().cloned()) else {
            return Ok(Vec::new());
        };
        self.db().all(&CLAIMS_BETWEEN, args![first, last]).await?.into_iter().map(claim).collect()
    }
}
