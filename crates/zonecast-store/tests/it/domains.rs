//! Domains are owners like hosts: one write path, one name each, gone when their names are settled.

use crate::bed::*;
use crate::on_both;
use zonecast_core::{OwnerState, RecordData, RecordType, Ttl};
use zonecast_store::*;

on_both! {
    a_domain_comes_back_as_it_was_written
    a_domain_has_its_name_alone
    a_removed_domain_goes_when_its_names_are_settled
}

fn row(text: &str) -> DomainRow {
    let set = |label: &str, rtype, value: &str, ttl| DomainSet {
        name: name(&format!("{label}{text}")),
        rtype,
        ttl,
        values: vec![RecordData::parse(rtype, value).unwrap()],
    };
    DomainRow {
        id: 0,
        name: name(text),
        kind: "subscription".into(),
        state: OwnerState::Active,
        addresses: vec![[192, 0, 2, 80].into()],
        ttl: Some(Ttl::DEFAULT),
        records: vec![
            set("", RecordType::A, "192.0.2.80", None),
            set("www.", RecordType::CNAME, text, Some(Ttl::from_seconds(60).unwrap())),
        ],
        options: serde_json::from_value(serde_json::json!({"managed": "full"})).unwrap(),
        synced: true,
        created_at: 0,
        updated_at: 0,
        version: 0,
    }
}

fn write(zone: i64, row: DomainRow, action: OwnerAction) -> OwnerWrite {
    let claims = row.records.iter().flat_map(|set| {
        let claim = |data: &RecordData| NewClaim {
            name: set.name.clone(),
            data: data.clone(),
            ttl: set.ttl.or(row.ttl),
            zone_id: None,
            domain: Some(row.name.clone()),
            derived: false,
        };
        set.values.iter().map(claim).collect::<Vec<_>>()
    });
    let touched = row.records.iter().map(|set| (zone, set.name.clone())).collect();
    OwnerWrite { claims: claims.collect(), touched, row: OwnerRow::Domain(row), action }
}

async fn put(bed: &Bed, write: OwnerWrite) -> WriteResult {
    let context = bed.context(true).await;
    bed.store.write_owners(&[write], &context).await.unwrap().results.remove(0)
}

async fn a_domain_comes_back_as_it_was_written(bed: Bed) {
    let zone = bed.zone("example.com").await;
    let new = row("d10.example.com");
    assert_eq!(
        put(&bed, write(zone.id, new.clone(), OwnerAction::Insert)).await,
        WriteResult::Stored { id: 1, version: 1 }
    );
    let stored = bed.store.domain_by_name(&new.name).await.unwrap().unwrap();
    let expected = DomainRow {
        id: 1,
        version: 1,
        created_at: stored.created_at,
        updated_at: stored.updated_at,
        ..new.clone()
    };
    assert_eq!(stored, expected);
    assert_eq!(bed.dirty(zone.id).await.len(), 2);
    let mut fewer = stored.clone();
    fewer.records.truncate(1);
    let update = OwnerAction::Update { expected_version: 1 };
    assert_eq!(
        put(&bed, write(zone.id, fewer.clone(), update.clone())).await,
        WriteResult::Stored { id: 1, version: 2 }
    );
    assert_eq!(bed.store.domain(1).await.unwrap().unwrap().records, fewer.records);
    let owner = OwnerId { kind: OwnerKind::Domain, id: 1 };
    assert_eq!(bed.store.claims_of(owner, false).await.unwrap().len(), 1);
    assert_eq!(put(&bed, write(zone.id, fewer, update)).await, WriteResult::Changed);
    let found = OwnerFilter { search: "D10".into(), ..OwnerFilter::default() };
    assert_eq!(bed.store.domains(&found, 0, 10).await.unwrap().len(), 1);
    assert_eq!(bed.store.count_domains(&found).await.unwrap(), 1);
}

async fn a_domain_has_its_name_alone(bed: Bed) {
    let zone = bed.zone("example.com").await;
    bed.add(zone.id, &["d10.example.com"]).await;
    let new = || write(zone.id, row("d10.example.com"), OwnerAction::Insert);
    assert_eq!(put(&bed, new()).await, WriteResult::Stored { id: 1, version: 1 }, "a host is no domain");
    assert_eq!(put(&bed, new()).await, WriteResult::NameTaken { by: 1 });
    let context = bed.context(false).await;
    let two = [0, 1].map(|_| write(zone.id, row("d11.example.com"), OwnerAction::Insert));
    let results = bed.store.write_owners(&two, &context).await.unwrap().results;
    let WriteResult::Stored { id, version: 1 } = results[0] else { panic!("{results:?}") };
    assert_eq!(results[1], WriteResult::NameTaken { by: id });
}

async fn a_removed_domain_goes_when_its_names_are_settled(bed: Bed) {
    let zone = bed.zone("example.com").await;
    put(&bed, write(zone.id, row("d10.example.com"), OwnerAction::Insert)).await;
    bed.settle(&zone).await;
    let stored = bed.store.domain(1).await.unwrap().unwrap();
    let remove = OwnerAction::Remove { expected_version: stored.version, forget: false };
    put(&bed, OwnerWrite { claims: Vec::new(), ..write(zone.id, stored, remove) }).await;
    assert_eq!(bed.store.domain(1).await.unwrap().unwrap().state, OwnerState::Deleting);
    assert_eq!(bed.store.domain_by_name(&name("d10.example.com")).await.unwrap(), None);
    let again = write(zone.id, row("d10.example.com"), OwnerAction::Insert);
    assert_eq!(put(&bed, again).await, WriteResult::Stored { id: 2, version: 1 }, "the name is free at once");
    bed.settle(&zone).await;
    assert_eq!(bed.store.domain(1).await.unwrap(), None);
    assert!(bed.store.domain(2).await.unwrap().is_some());
}
