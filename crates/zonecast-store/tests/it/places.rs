//! Connections, zones, pools and keys.

use crate::bed::*;
use crate::on_both;
use secrecy::{ExposeSecret as _, SecretString};
use zonecast_core::ZoneState;
use zonecast_store::*;

on_both! {
    secrets_are_sealed_to_their_row
    versions_protect_connections
    a_zone_has_one_place
    zones_change_the_epoch
    an_implicit_connection_goes_with_its_last_zone
    what_changed_since_a_mark_is_found
    pools_and_keys_come_and_go
}

async fn secrets_are_sealed_to_their_row(bed: Bed) {
    let mut row = connection("one");
    row.secrets.insert("api_key".into(), SecretString::from("hunter2-canary"));
    let one = bed.store.add_connection(&row, &[]).await.unwrap();
    assert_eq!(one.secrets["api_key"].expose_secret(), "hunter2-canary");
    assert_eq!(one.budget_group, format!("connection:{}", one.id));
    row.name = "two".into();
    row.secrets.insert("api_key".into(), SecretString::from("other"));
    let two = bed.store.add_connection(&row, &[]).await.unwrap();
    // Somebody with access to the database, but not to the key, exchanges the ciphertexts.
    let sealed: String = raw(&bed, "SELECT secrets FROM connection WHERE id = 1").await;
    assert!(!sealed.contains("hunter2"));
    raw_execute(&bed, "UPDATE connection SET secrets = (SELECT secrets FROM connection WHERE id = 1)").await;
    let moved = bed.store.connection(two.id).await;
    assert!(matches!(moved, Err(StoreError::Corrupt(_))), "{:?}", moved.map(|_| "it opened"));
    assert!(bed.store.connection(one.id).await.is_ok());
}

async fn raw(bed: &Bed, sql: &'static str) -> String {
    match bed.store.engine() {
        "sqlite" => {
            sqlx::query_scalar(sql).fetch_one(&sqlx::SqlitePool::connect(&bed.url).await.unwrap()).await
        }
        _ => sqlx::query_scalar(sql).fetch_one(&sqlx::PgPool::connect(&bed.url).await.unwrap()).await,
    }
    .unwrap()
}

async fn raw_execute(bed: &Bed, sql: &'static str) {
    match bed.store.engine() {
        "sqlite" => {
            sqlx::query(sql).execute(&sqlx::SqlitePool::connect(&bed.url).await.unwrap()).await.unwrap();
        }
        _ => {
            sqlx::query(sql).execute(&sqlx::PgPool::connect(&bed.url).await.unwrap()).await.unwrap();
        }
    }
}

async fn versions_protect_connections(bed: Bed) {
    let row = bed.store.add_connection(&connection("one"), &[]).await.unwrap();
    let twin = bed.store.add_connection(&connection("one"), &[]).await;
    assert!(matches!(twin, Err(StoreError::Constraint { by: Some(id), .. }) if id == row.id));
    let mut mine = row.clone();
    mine.settings.insert("server_url".into(), "https://ns.example".into());
    assert_eq!(bed.store.update_connection(&mine, &[]).await.unwrap(), 2);
    let late = bed.store.update_connection(&row, &[]).await;
    assert!(matches!(late, Err(StoreError::Changed { .. })), "{late:?}");
    let stored = bed.store.connection(row.id).await.unwrap().unwrap();
    assert_eq!((stored.version, &stored.settings["server_url"]), (2, &"https://ns.example".into()));
    let two = bed.store.add_connection(&connection("two"), &[]).await.unwrap();
    let two_id = two.id;
    let taken = bed.store.update_connection(&ConnectionRow { name: "one".into(), ..two }, &[]).await;
    assert!(matches!(taken, Err(StoreError::Constraint { .. })), "{taken:?}");
    bed.store.add_zone(&zone_row("example.com", row.id), &[]).await.unwrap();
    assert!(matches!(bed.store.remove_connection(row.id, &[]).await, Err(StoreError::Constraint { .. })));
    bed.store.remove_connection(two_id, &[]).await.unwrap();
    assert!(matches!(bed.store.remove_connection(two_id, &[]).await, Err(StoreError::NotFound { .. })));
    assert_eq!(bed.store.connections().await.unwrap().len(), 1);
}

async fn a_zone_has_one_place(bed: Bed) {
    let zone = bed.zone("example.com").await;
    let second = ZoneRow { name: name("example.org"), ..zone.clone() };
    let twin = bed.store.add_zone(&second, &[]).await;
    assert!(matches!(twin, Err(StoreError::Constraint { by: Some(id), .. }) if id == zone.id));
    bed.store.set_zone_state(zone.id, ZoneState::Deleting, None).await.unwrap();
    let second = bed.store.add_zone(&second, &[]).await.unwrap();
    assert_ne!(second.id, zone.id);
    let cuts = [(name("sub.example.org"), name("ns1.sub.example.org"))];
    bed.store.zone_listed(second.id, 5, &cuts).await.unwrap();
    let stored = bed.store.zone(second.id).await.unwrap().unwrap();
    assert_eq!((stored.cuts.as_slice(), stored.listed_at, stored.version), (&cuts[..], Some(5), 1));
    assert_eq!(bed.store.zones_at(zone.connection_id).await.unwrap().len(), 2);
}

async fn zones_change_the_epoch(bed: Bed) {
    let start = bed.store.epoch().await.unwrap();
    let mut zone = bed.zone("example.com").await;
    assert_eq!(bed.store.epoch().await.unwrap(), start + 1);
    bed.store.raise_page(zone.id, &[], None, &Raise::derived(Priority::Bulk)).await.unwrap();
    bed.store.set_zone_state(zone.id, ZoneState::Parked, Some("403")).await.unwrap();
    assert_eq!(bed.store.epoch().await.unwrap(), start + 1, "parking changes no match");
    zone.settings.insert("ttl".into(), 600.into());
    zone.version = bed.store.update_zone(&zone, &[]).await.unwrap();
    let stored = bed.store.zone(zone.id).await.unwrap().unwrap();
    assert_eq!((stored.version, stored.rematch_after), (2, None));
    let stale = ZoneRow { version: 1, ..zone.clone() };
    assert!(matches!(bed.store.update_zone(&stale, &[]).await, Err(StoreError::Changed { .. })));
    bed.store.rematch_zone(zone.id).await.unwrap();
    assert_eq!(bed.store.zone(zone.id).await.unwrap().unwrap().rematch_after, Some(Vec::new()));
    bed.store.remove_zone(zone.id, &[]).await.unwrap();
    assert!(bed.store.zones().await.unwrap().is_empty());
    assert_eq!(bed.store.epoch().await.unwrap(), start + 3);
    assert!(matches!(bed.store.remove_zone(zone.id, &[]).await, Err(StoreError::NotFound { .. })));
}

/// Whoever has read up to a mark finds every later change of a zone's row, and nothing else.
async fn what_changed_since_a_mark_is_found(bed: Bed) {
    let one = bed.zone("example.com").await;
    let two = bed.zone("example.net").await;
    let since = async |mark: ZoneMark| {
        let rows = bed.store.zones_since(mark.stamp).await.unwrap();
        rows.iter().map(|row| row.id).collect::<Vec<_>>()
    };
    let mark = async || bed.store.zone_mark().await.unwrap();
    let mut last = mark().await;
    assert_eq!(since(last).await, [0; 0]);
    bed.store.note_zone(one.id, ZoneState::Parked, Some("403"), 1, 9_000).await.unwrap();
    assert_eq!((since(last).await, mark().await.epoch), (vec![one.id], last.epoch));
    last = mark().await;
    bed.store.zone_listed(two.id, 7, &[]).await.unwrap();
    assert_eq!(since(last).await, [two.id]);
    last = mark().await;
    bed.store.rematch_zone(one.id).await.unwrap();
    bed.store.raise_page(two.id, &[], None, &Raise::derived(Priority::Bulk)).await.unwrap();
    assert_eq!(since(last).await, [one.id, two.id]);
    last = mark().await;
    let row = bed.store.zone(one.id).await.unwrap().unwrap();
    bed.store.update_zone(&row, &[]).await.unwrap();
    assert_eq!((since(last).await, mark().await.epoch), (vec![one.id], last.epoch + 1));
    last = mark().await;
    bed.store.set_zone_state(two.id, ZoneState::Deleting, None).await.unwrap();
    assert_eq!(since(last).await, [two.id]);
    assert!(last.removed < last.stamp);
    bed.store.remove_zone(two.id, &[]).await.unwrap();
    let now = mark().await;
    assert!(now.removed > last.stamp && now.epoch > last.epoch);
}

async fn an_implicit_connection_goes_with_its_last_zone(bed: Bed) {
    let row = ConnectionRow { implicit: true, ..connection("implicit") };
    let row = bed.store.add_connection(&row, &[]).await.unwrap();
    let one = bed.store.add_zone(&zone_row("example.com", row.id), &[]).await.unwrap();
    let two = bed.store.add_zone(&zone_row("example.net", row.id), &[]).await.unwrap();
    bed.store.remove_zone(one.id, &[]).await.unwrap();
    assert!(bed.store.connection(row.id).await.unwrap().is_some());
    bed.store.remove_zone(two.id, &[]).await.unwrap();
    assert!(bed.store.connection(row.id).await.unwrap().is_none());
}

async fn pools_and_keys_come_and_go(bed: Bed) {
    let pool = PoolRow {
        id: 0,
        prefix: "192.0.2.0/24".parse().unwrap(),
        main_domain: Some(name("example.com")),
        name_pattern: Some("ip-{address}".into()),
        ttl: None,
        ptr_pattern: None,
        version: 0,
    };
    let id = bed.store.add_pool(&pool, &[]).await.unwrap();
    let twin = bed.store.add_pool(&pool, &[]).await;
    assert!(matches!(twin, Err(StoreError::Constraint { by: Some(by), .. }) if by == id));
    let stored = bed.store.pool(id).await.unwrap().unwrap();
    assert_eq!(stored, PoolRow { id, version: 1, ..pool });
    assert_eq!(bed.store.update_pool(&stored, &[]).await.unwrap(), 2);
    assert!(matches!(bed.store.update_pool(&stored, &[]).await, Err(StoreError::Changed { .. })));
    bed.store.remove_pool(id, &[]).await.unwrap();
    assert!(bed.store.pools().await.unwrap().is_empty());
    let row = ApiKeyRow {
        id: 0,
        name: "admin".into(),
        role: "admin".into(),
        hash: [3; 32],
        created_at: 0,
        expires_at: Some(9),
    };
    let id = bed.store.add_api_key(&row, &[]).await.unwrap();
    assert!(matches!(bed.store.add_api_key(&row, &[]).await, Err(StoreError::Constraint { .. })));
    let stored = bed.store.api_key(id).await.unwrap().unwrap();
    assert_eq!((stored.hash, stored.expires_at, stored.role.as_str()), ([3; 32], Some(9), "admin"));
    bed.store.remove_api_key(id, &[]).await.unwrap();
    assert!(bed.store.api_keys().await.unwrap().is_empty());
}
