//! The schema, the statements, opening and copying.

use crate::bed::{Bed, host_id, name};
use crate::on_both;
use zonecast_core::KeyState;
use zonecast_store::{MasterKey, OwnerFilter, Store, StoreError};

on_both! { every_statement_is_understood opening_again_changes_nothing many_first_openings_agree another_key_is_refused a_restore_voids_leases_and_matches }

async fn every_statement_is_understood(bed: Bed) {
    assert!(bed.store.check_statements().await.unwrap() > 150);
}

async fn opening_again_changes_nothing(bed: Bed) {
    let zone = bed.zone("example.com").await;
    bed.add(zone.id, &["vm-1.example.com"]).await;
    let opened = futures_util::future::join_all((0..4).map(|_| bed.second())).await;
    for store in opened {
        assert!(store.host_by_fqdn(&name("vm-1.example.com")).await.unwrap().is_some());
        assert_eq!(store.installation().await.unwrap(), bed.store.installation().await.unwrap());
        store.healthy().await.unwrap();
        store.close().await;
    }
}

async fn many_first_openings_agree(bed: Bed) {
    let url = bed.fresh().await;
    let opened = futures_util::future::join_all((0..6).map(|_| Store::open(&url, bed.key.clone()))).await;
    let first = opened[0].as_ref().unwrap().installation().await.unwrap();
    for store in opened {
        assert_eq!(store.unwrap().installation().await.unwrap(), first);
    }
}

async fn another_key_is_refused(bed: Bed) {
    let opened = Store::open(&bed.url, MasterKey::ephemeral().unwrap()).await;
    assert!(matches!(opened, Err(StoreError::WrongKey)), "{opened:?}");
}

async fn a_restore_voids_leases_and_matches(bed: Bed) {
    let zone = bed.zone("example.com").await;
    let lease = bed.lease(&zone, "before").await;
    let (epoch, word) = (bed.store.epoch().await.unwrap(), bed.store.installation().await.unwrap());
    assert_ne!(bed.store.new_installation().await.unwrap(), word);
    assert!(!bed.store.check_lease(&lease).await.unwrap());
    assert!(bed.store.epoch().await.unwrap() > epoch);
    let next = bed.lease(&zone, "after").await;
    assert!(next.taken_over && next.fence > lease.fence);
}

#[tokio::test]
async fn a_sqlite_copy_is_whole_and_opens() {
    let bed = Bed::sqlite().await;
    let zone = bed.zone("example.com").await;
    bed.add(zone.id, &["vm-1.example.com", "vm-2.example.com"]).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("copy.db");
    bed.store.vacuum_into(&path).await.unwrap();
    bed.add(zone.id, &["vm-3.example.com"]).await;
    let copy = Store::open(&path.to_string_lossy(), bed.key.clone()).await.unwrap();
    assert_eq!(copy.count_hosts(&OwnerFilter::default()).await.unwrap(), 2);
    assert_eq!(copy.claims_of(host_id(1), false).await.unwrap().len(), 2);
}

/// A database as the first schema left it opens, reads and takes writes in every later version.
#[tokio::test]
async fn the_database_of_schema_1_opens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.db");
    let url = path.to_string_lossy().into_owned();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    sqlx::raw_sql(include_str!("../../fixtures/schema-1.sql")).execute(&pool).await.unwrap();
    let later =
        "INSERT INTO host SELECT 9, X'6F7267006100', 'a.org', NULL, NULL, '[{\"ip\":\"192.0.2.9\"}]', ttl,
        address_policy, state, vm_status, created_at, updated_at, version FROM host WHERE id = 1;
        INSERT INTO claim SELECT 1, 9, id + 100, name_key, rtype, data, ttl, zone_id, withdrawn FROM claim";
    sqlx::raw_sql(later).execute(&pool).await.unwrap();
    pool.close().await;
    let key = MasterKey::from_bytes(b"the key of the fixture").unwrap();
    let store = Store::open(&url, key).await.unwrap();
    let host = store.host_by_fqdn(&name("vm-1.example.com")).await.unwrap().unwrap();
    assert_eq!(host.addresses.len(), 2);
    let claims = store.claims_of(host_id(host.id), false).await.unwrap();
    assert_eq!(claims.len(), 4);
    assert!(claims.iter().all(|claim| !claim.derived), "it asked for a reverse name");
    let other = store.claims_of(host_id(9), false).await.unwrap();
    assert_eq!(other.iter().filter(|claim| claim.derived).count(), 2, "its PTRs follow from its name");
    let connection = store.connections().await.unwrap().remove(0);
    use secrecy::ExposeSecret as _;
    assert_eq!(connection.secrets["api_key"].expose_secret(), "hunter2");
    assert_eq!(store.zones().await.unwrap()[0].name, name("example.com"));
    assert_eq!(store.count_domains(&zonecast_store::OwnerFilter::default()).await.unwrap(), 0);
    assert_eq!(store.verify_chain().await.unwrap().broken_at, None);
    let keys = store.keys_at(1, &[name("vm-1.example.com")]).await.unwrap();
    assert_eq!(keys[0].state, KeyState::Applied);
}
