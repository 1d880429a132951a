//! The audit chain, drift, figures.

use crate::bed::*;
use crate::on_both;
use zonecast_core::{KeyState, RecordType};
use zonecast_store::*;

on_both! { the_chain_shows_tampering the_chain_survives_pruning many_sealers_make_one_chain drift_is_kept_per_key figures_add_up settings_are_kept }

fn line(action: &str, object: &str) -> NewAudit {
    NewAudit {
        actor: "test".into(),
        source: "api".into(),
        action: action.into(),
        object: object.into(),
        detail: serde_json::json!({ "words": "zero \u{0} inside" }),
    }
}

async fn the_chain_shows_tampering(bed: Bed) {
    let lines: Vec<NewAudit> = (0..5).map(|n| line("host.add", &format!("host:{n}"))).collect();
    bed.store.audit(&lines).await.unwrap();
    let open = bed.store.verify_chain().await.unwrap();
    assert_eq!((open.checked, open.unsealed, open.broken_at), (0, 5, None));
    assert_eq!(bed.store.seal(3).await.unwrap(), 3);
    assert_eq!(bed.store.seal(100).await.unwrap(), 2);
    assert_eq!(bed.store.seal(100).await.unwrap(), 0);
    let whole = bed.store.verify_chain().await.unwrap();
    assert_eq!((whole.checked, whole.unsealed, whole.broken_at, whole.head.len()), (5, 0, None, 64));
    let filter = AuditFilter { object: "host:2".into(), action: "host.".into(), ..AuditFilter::default() };
    let found = bed.store.audit_log(&filter, None, 10).await.unwrap();
    assert!(found.len() == 1 && found[0].hash.is_some());
    for (tamper, place) in [
        ("UPDATE audit SET actor = 'nobody' WHERE seq = 3", 3),
        ("DELETE FROM audit WHERE seq = 2", 2),
        ("DELETE FROM audit WHERE seq >= 1", 1),
    ] {
        execute(&bed, tamper).await;
        assert_eq!(bed.store.verify_chain().await.unwrap().broken_at, Some(place), "{tamper}");
    }
}

async fn execute(bed: &Bed, sql: &'static str) {
    if bed.store.engine() == "sqlite" {
        sqlx::query(sql).execute(&sqlx::SqlitePool::connect(&bed.url).await.unwrap()).await.unwrap();
    } else {
        sqlx::query(sql).execute(&sqlx::PgPool::connect(&bed.url).await.unwrap()).await.unwrap();
    }
}

async fn the_chain_survives_pruning(bed: Bed) {
    let lines: Vec<NewAudit> = (0..6).map(|n| line("host.add", &format!("host:{n}"))).collect();
    bed.store.audit(&lines).await.unwrap();
    bed.store.seal(100).await.unwrap();
    let page = bed.store.audit_chain(1, 2).await.unwrap();
    assert_eq!(
        page.iter().map(|(seq, row)| (*seq, row.object.as_str())).collect::<Vec<_>>(),
        [(2, "host:1"), (3, "host:2")]
    );
    assert!(bed.store.prune_audit(99).await.is_err());
    assert_eq!(bed.store.prune_audit(3).await.unwrap(), 3);
    bed.store.audit(&lines[..1]).await.unwrap();
    bed.store.seal(100).await.unwrap();
    let report = bed.store.verify_chain().await.unwrap();
    assert_eq!((report.checked, report.broken_at), (4, None));
}

async fn many_sealers_make_one_chain(bed: Bed) {
    let other = bed.second().await;
    let lines = [line("a", "1"), line("b", "2")];
    let work = (0..10).map(|n| {
        let store = if n % 2 == 0 { bed.store.clone() } else { other.clone() };
        let lines = lines.clone();
        async move {
            store.audit(&lines).await.unwrap();
            store.seal(3).await.unwrap();
        }
    });
    futures_util::future::join_all(work).await;
    while bed.store.seal(3).await.unwrap() > 0 {}
    let report = bed.store.verify_chain().await.unwrap();
    assert_eq!((report.checked, report.unsealed, report.broken_at), (20, 0, None));
}

async fn drift_is_kept_per_key(bed: Bed) {
    let zone = bed.zone("example.com").await;
    let row = DriftRow {
        id: 0,
        zone_id: zone.id,
        name: name("a.example.com"),
        rtype: RecordType::A,
        kind: "missing".into(),
        detail: "x".into(),
        seen: 1,
        first_seen_at: 5,
        healed_at: vec![1, 2],
    };
    let other = DriftRow { rtype: RecordType::TXT, ..row.clone() };
    bed.store.put_drift(&[row.clone(), other]).await.unwrap();
    bed.store.put_drift(&[DriftRow { seen: 2, ..row.clone() }]).await.unwrap();
    let rows = bed.store.drifts(Some(zone.id), 0, 10).await.unwrap();
    assert_eq!(rows.len(), 2);
    let first = rows.iter().find(|found| found.rtype == RecordType::A).unwrap();
    assert_eq!(*first, DriftRow { id: first.id, seen: 2, ..row });
    bed.store.remove_drift(&[first.id]).await.unwrap();
    assert!(bed.store.drift(first.id).await.unwrap().is_none());
    assert_eq!(bed.store.drifts(None, 0, 10).await.unwrap().len(), 1);
}

async fn figures_add_up(bed: Bed) {
    let zone = bed.zone("example.com").await;
    bed.add(zone.id, &["a.example.com", "b.example.com"]).await;
    let before = bed.store.stats().await.unwrap();
    assert_eq!((before.hosts, before.dirty_names, before.running_jobs), (2, 2, 1));
    let lease = bed.lease(&zone, "n1").await;
    let dirty = bed.dirty(zone.id).await;
    let keys = vec![key(zone.id, &dirty[0].name, RecordType::A, KeyState::Failed, vec![a(1)])];
    let result = NameResult { keys, ..done(zone.id, &dirty[0], Vec::new()) };
    bed.store.store_results(&lease, zone.id, &[result], &[], &[]).await.unwrap();
    let stats = bed.store.stats().await.unwrap();
    assert_eq!(stats.dirty_names, 1);
    let expected = ZoneStats { zone_id: zone.id, owned_values: 1, trouble: vec![(KeyState::Failed, 1)] };
    assert_eq!(stats.zones, [expected]);
}

async fn settings_are_kept(bed: Bed) {
    assert_eq!(bed.store.meta("paused").await.unwrap(), None);
    bed.store.set_meta("paused", "restore").await.unwrap();
    bed.store.set_meta("paused", "yes").await.unwrap();
    assert_eq!(bed.store.meta("paused").await.unwrap().as_deref(), Some("yes"));
}
