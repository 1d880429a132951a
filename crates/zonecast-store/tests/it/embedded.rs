//! The embedded authority's zones.

use crate::bed::{Bed, a, name};
use crate::on_both;
use zonecast_core::{Name, RRset, RecordData, RecordType, Ttl};
use zonecast_store::*;

on_both! { a_zone_comes_back_as_it_was_committed only_the_newest_serial_can_be_changed the_journal_is_bounded }

fn set(owner: &str, values: Vec<RecordData>) -> RRset {
    RRset::new(name(owner), RecordType::A, Ttl::DEFAULT, values)
}

fn entry(from: u32, to: u32, added: Vec<RRset>) -> EmbeddedEntry {
    EmbeddedEntry { serial_from: from, serial_to: to, removed: Vec::new(), added }
}

async fn pieces(store: &Store) -> Vec<EmbeddedPiece> {
    let mut pieces = Vec::new();
    store.embedded_load(&mut |piece| pieces.push(piece)).await.unwrap();
    pieces
}

fn apex() -> Name {
    name("example.com")
}

async fn a_zone_comes_back_as_it_was_committed(bed: Bed) {
    let settings = serde_json::json!({ "tsig_secret": "canary" });
    let sets = vec![set("example.com", vec![a(1)]), set("www.example.com", vec![a(2)])];
    bed.store.embedded_create(&apex(), &settings, 1, &sets).await.unwrap();
    let twin = bed.store.embedded_create(&apex(), &settings, 1, &[]).await;
    assert!(matches!(twin, Err(StoreError::Constraint { .. })), "{twin:?}");
    let change = entry(1, 2, vec![set("b.example.com", vec![a(3)])]);
    let edits = [
        EmbeddedEdit::Delete(name("b.example.com"), RecordType::A),
        EmbeddedEdit::Set(set("b.example.com", vec![a(3), a(4)])),
        EmbeddedEdit::Delete(name("www.example.com"), RecordType::A),
    ];
    bed.store.embedded_commit(&apex(), &change, &edits).await.unwrap();
    let expected = [
        EmbeddedPiece::Zone { name: apex(), settings: settings.clone(), serial: 2 },
        EmbeddedPiece::RRset(sets[0].clone()),
        EmbeddedPiece::RRset(set("b.example.com", vec![a(3), a(4)])),
        EmbeddedPiece::Entry(change.clone()),
    ];
    assert_eq!(pieces(&bed.second().await).await, expected);
    bed.store.embedded_set_settings(&apex(), &serde_json::json!({})).await.unwrap();
    assert!(matches!(&pieces(&bed.store).await[0],
        EmbeddedPiece::Zone { settings, .. } if *settings == serde_json::json!({})));
    assert!(bed.store.embedded_set_settings(&name("example.net"), &settings).await.is_err());
    bed.store.embedded_delete(&apex()).await.unwrap();
    bed.store.embedded_delete(&apex()).await.unwrap();
    assert!(pieces(&bed.store).await.is_empty());
}

async fn only_the_newest_serial_can_be_changed(bed: Bed) {
    bed.store.embedded_create(&apex(), &serde_json::json!({}), u32::MAX, &[]).await.unwrap();
    let other = bed.second().await;
    let (one, two) = (entry(u32::MAX, 1, vec![]), entry(u32::MAX, 2, vec![]));
    let apex = apex();
    let both = futures_util::future::join(
        bed.store.embedded_commit(&apex, &one, &[]),
        other.embedded_commit(&apex, &two, &[]),
    );
    let (one, two) = both.await;
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    assert!(matches!(one.and(two), Err(StoreError::Changed { .. })));
    let journal = bed.store.embedded_journal(&apex, u32::MAX).await.unwrap().unwrap();
    assert_eq!(journal.len(), 1);
}

async fn the_journal_is_bounded(bed: Bed) {
    bed.store.embedded_create(&apex(), &serde_json::json!({}), 1, &[]).await.unwrap();
    for serial in 1..=1010 {
        let added = vec![set("a.example.com", vec![a(serial as u8)])];
        bed.store.embedded_commit(&apex(), &entry(serial, serial + 1, added), &[]).await.unwrap();
    }
    assert_eq!(bed.store.embedded_journal(&apex(), 1).await.unwrap(), None);
    assert_eq!(bed.store.embedded_journal(&apex(), 1011).await.unwrap(), Some(Vec::new()));
    let tail = bed.store.embedded_journal(&apex(), 1008).await.unwrap().unwrap();
    assert_eq!(tail.iter().map(|entry| entry.serial_to).collect::<Vec<_>>(), [1009, 1010, 1011]);
    let kept = pieces(&bed.store).await.iter().filter(|p| matches!(p, EmbeddedPiece::Entry(_))).count();
    assert_eq!(kept, 1000);
}
