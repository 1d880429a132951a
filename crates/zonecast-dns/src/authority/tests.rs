//! What is durable, what is served, and in which order.

use super::*;
use crate::store::MemoryZoneStore;
use crate::testing::{apex_rrsets, name, rrset};
use async_trait::async_trait;
use std::sync::atomic::{AtomicU8, Ordering};
use zonecast_core::RecordType;

/// A store that fails on demand: 1 fails before it stores, 2 stores and then reports a failure, as a
/// connection does that breaks while committing.
#[derive(Default)]
struct Moody {
    inner: MemoryZoneStore,
    mood: AtomicU8,
}

#[async_trait]
impl ZoneStore for Moody {
    async fn load(&self, visit: &mut (dyn FnMut(Stored) + Send)) -> Result<(), StoreError> {
        self.inner.load(visit).await
    }
    async fn load_zone(&self, zone: &Name, visit: &mut (dyn FnMut(Stored) + Send)) -> Result<(), StoreError> {
        self.inner.load_zone(zone, visit).await
    }
    async fn create(&self, zone: &Name, settings: &ZoneSettings, rrsets: &[RRset]) -> Result<(), StoreError> {
        self.inner.create(zone, settings, rrsets).await
    }
    async fn delete(&self, zone: &Name) -> Result<(), StoreError> {
        self.inner.delete(zone).await
    }
    async fn commit(&self, zone: &Name, entry: &JournalEntry, edits: &[Edit]) -> Result<(), StoreError> {
        let mood = self.mood.swap(0, Ordering::SeqCst);
        if mood == 1 {
            return Err("disk full".into());
        }
        self.inner.commit(zone, entry, edits).await?;
        if mood == 2 { Err("connection lost".into()) } else { Ok(()) }
    }
    async fn set_settings(&self, zone: &Name, settings: &ZoneSettings) -> Result<(), StoreError> {
        self.inner.set_settings(zone, settings).await
    }
}

async fn authority() -> (Authority, Arc<Moody>) {
    let store = Arc::new(Moody::default());
    let authority = Authority::open(store.clone()).await.unwrap();
    let zone = name("example.org");
    authority.create_zone(zone, apex_rrsets("example.org"), ZoneSettings::default()).await.unwrap();
    (authority, store)
}

fn set(owner: &str, address: &str) -> Vec<Edit> {
    vec![Edit::Set(rrset(owner, "A", &[address]))]
}

async fn apply(authority: &Authority, edits: Vec<Edit>) -> Result<Serial, AuthorityError> {
    authority.apply(&name("example.org"), edits, ChangeOptions::default()).await
}

fn served(authority: &Authority, owner: &str) -> bool {
    authority.snapshot(&name("example.org")).unwrap().rrset(&name(owner), RecordType::A).is_some()
}

#[tokio::test]
async fn what_was_applied_is_there_after_a_restart_with_its_journal() {
    let (authority, store) = authority().await;
    assert_eq!(apply(&authority, set("a.example.org", "192.0.2.1")).await.unwrap(), Serial(2));
    assert_eq!(apply(&authority, set("b.example.org", "192.0.2.2")).await.unwrap(), Serial(3));
    let again = Authority::open(store).await.unwrap();
    let rrsets = |authority: &Authority| -> Vec<RRset> {
        authority.snapshot(&name("example.org")).unwrap().rrsets().collect()
    };
    assert_eq!(rrsets(&again), rrsets(&authority));
    let zone = again.zone(&name("example.org")).unwrap();
    assert_eq!(zone.journal_between(Serial(1), Serial(3)).unwrap().len(), 2);
    assert_eq!(again.zones(), [name("example.org")]);
}

#[tokio::test]
async fn nothing_is_served_that_was_not_stored() {
    let (authority, store) = authority().await;
    store.mood.store(1, Ordering::SeqCst);
    assert!(matches!(
        apply(&authority, set("a.example.org", "192.0.2.1")).await,
        Err(AuthorityError::Store { .. })
    ));
    assert!(!served(&authority, "a.example.org"));
    assert_eq!(apply(&authority, set("b.example.org", "192.0.2.2")).await.unwrap(), Serial(2));
}

#[tokio::test]
async fn a_commit_without_a_clear_outcome_is_looked_up_before_the_next_change() {
    let (authority, store) = authority().await;
    store.mood.store(2, Ordering::SeqCst);
    assert!(apply(&authority, set("a.example.org", "192.0.2.1")).await.is_err());
    assert!(!served(&authority, "a.example.org"));
    assert_eq!(apply(&authority, set("b.example.org", "192.0.2.2")).await.unwrap(), Serial(3));
    assert!(served(&authority, "a.example.org") && served(&authority, "b.example.org"));
}

#[tokio::test]
async fn conditions_of_a_change_are_kept() {
    let (authority, _) = authority().await;
    let zone = name("example.org");
    let wrong = ChangeOptions { expected_serial: Some(Serial(9)), ..ChangeOptions::default() };
    let refused = authority.apply(&zone, set("a.example.org", "192.0.2.1"), wrong).await;
    assert!(matches!(refused, Err(AuthorityError::SerialMoved { found: Serial(1), .. })));
    let floor = ChangeOptions { min_serial: Some(Serial(500)), ..ChangeOptions::default() };
    let serial = authority.apply(&zone, set("a.example.org", "192.0.2.1"), floor).await.unwrap();
    assert_eq!(serial, Serial(500));
    assert_eq!(apply(&authority, set("a.example.org", "192.0.2.1")).await.unwrap(), Serial(500), "no change");
    let unknown = authority.apply(&name("other.org"), vec![], ChangeOptions::default()).await;
    assert!(matches!(unknown, Err(AuthorityError::NoSuchZone(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_many_tasks_all_arrive_each_with_its_serial() {
    let (authority, _) = authority().await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..100 {
        let authority = authority.clone();
        tasks.spawn(async move {
            apply(&authority, set(&format!("h{number}.example.org"), "192.0.2.1")).await.unwrap()
        });
    }
    let mut serials: Vec<u32> = tasks.join_all().await.into_iter().map(|serial| serial.0).collect();
    serials.sort_unstable();
    assert_eq!(serials, (2..102).collect::<Vec<_>>());
    assert_eq!(authority.snapshot(&name("example.org")).unwrap().record_count(), 102);
}

#[tokio::test]
async fn a_snapshot_held_by_a_reader_never_changes() {
    let (authority, _) = authority().await;
    let before = authority.snapshot(&name("example.org")).unwrap();
    apply(&authority, set("a.example.org", "192.0.2.1")).await.unwrap();
    assert_eq!((before.serial(), before.record_count()), (Serial(1), 2));
    assert_eq!(authority.snapshot(&name("example.org")).unwrap().record_count(), 3);
}

#[tokio::test]
async fn another_nodes_write_is_seen_after_reload() {
    let (authority, store) = authority().await;
    let other = Authority::open(store).await.unwrap();
    apply(&other, set("a.example.org", "192.0.2.1")).await.unwrap();
    assert!(
        apply(&authority, set("b.example.org", "192.0.2.2")).await.is_err(),
        "the store saw a stale serial"
    );
    authority.reload(&name("example.org")).await.unwrap();
    assert!(served(&authority, "a.example.org"));
    assert_eq!(apply(&authority, set("b.example.org", "192.0.2.2")).await.unwrap(), Serial(3));
    let open =
        ZoneSettings { allow_transfer: vec!["192.0.2.0/24".parse().unwrap()], ..ZoneSettings::default() };
    other.set_settings(&name("example.org"), open.clone()).await.unwrap();
    authority.reload(&name("example.org")).await.unwrap();
    assert_eq!(*authority.snapshot(&name("example.org")).unwrap().settings(), open);
    other.delete_zone(&name("example.org")).await.unwrap();
    authority.reload(&name("example.org")).await.unwrap();
    assert!(authority.snapshot(&name("example.org")).is_none());
}

#[tokio::test]
async fn creating_twice_or_without_an_apex_is_refused() {
    let (authority, _) = authority().await;
    let create =
        async |zone: &str, rrsets| authority.create_zone(name(zone), rrsets, ZoneSettings::default()).await;
    assert!(matches!(
        create("example.org", apex_rrsets("example.org")).await,
        Err(AuthorityError::ZoneExists(_))
    ));
    assert!(matches!(create("b.org", vec![]).await, Err(AuthorityError::Invalid(EditError::Apex(_)))));
}
