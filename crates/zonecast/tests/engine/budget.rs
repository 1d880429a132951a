//! How often an account is called (S5.55, X48).

use crate::bed::{Bed, until};
use std::sync::Arc;
use std::time::{Duration, Instant};
use zonecast::catalog::Connector;
use zonecast_core::{Capabilities, ConnectionState, Guard, Name};
use zonecast_providers::memory::{Memory, Mood};
use zonecast_providers::{ErrorClass, Provider};

const ZONES: [&str; 3] = ["a.example", "b.example", "c.example"];

#[tokio::test]
async fn an_account_is_never_called_more_often_than_its_budget_allows() {
    let bed = Bed::open(|config| config.engine.budgets = [("account".to_owned(), 20.0)].into()).await;
    for zone in ZONES {
        let connection = bed.connection(zone, "account").await;
        bed.zone(zone, connection).await;
    }
    let begun = Instant::now();
    for zone in ZONES {
        bed.host(&format!("vm.{zone}"), "192.0.2.1").await;
    }
    until("all three zones have it", async || {
        ZONES.iter().all(|zone| bed.there(zone, &format!("vm.{zone}"), "A") == ["192.0.2.1"])
    })
    .await;
    let turns = u32::try_from(bed.memory.calls().len()).unwrap() - 1;
    assert!(turns >= 5, "a read and a write for each zone");
    assert!(begun.elapsed() >= Duration::from_millis(50) * turns, "{turns} turns in {:?}", begun.elapsed());
}

/// A call that takes several requests waits as long as they may.
#[tokio::test]
async fn the_budget_counts_requests_and_not_calls() {
    let bed = Bed::open(|config| config.engine.budgets = [("account".to_owned(), 20.0)].into()).await;
    bed.memory.set_requests_per_call(5);
    let connection = bed.connection("a", "account").await;
    bed.zone("a.example", connection).await;
    let begun = Instant::now();
    bed.host("one.a.example", "192.0.2.1").await;
    until("it is there", async || !bed.there("a.example", "one.a.example", "A").is_empty()).await;
    let before = u32::try_from(bed.memory.calls().len()).unwrap() - 1;
    assert!(before >= 1, "a read before the write");
    let least = Duration::from_millis(50) * 5 * before;
    assert!(begun.elapsed() >= least, "{before} calls before it in {:?}", begun.elapsed());
}

/// What a service cannot do in one call's time goes in several calls; one in trouble gets no more of them.
#[tokio::test]
async fn many_changes_go_in_portions() {
    let limits = Capabilities { batch_changes_max: 10, guard: Guard::None, ..Capabilities::unlimited() };
    let memory = Memory::with_capabilities(limits);
    let there = memory.clone();
    let elsewhere: Connector = Arc::new(move |_| Ok(Arc::new(there.clone()) as Arc<dyn Provider>));
    let bed = Bed::resting(Some(elsewhere), |_| {}).await;
    let connection = bed.connection("a", "").await;
    bed.zone("a.example", connection).await;
    memory.add_zone(&Name::parse("a.example").unwrap());
    for n in 1..=35 {
        bed.host(&format!("h{n}.a.example"), &format!("192.0.2.{n}")).await;
    }
    memory.next_moods([Mood::Well, Mood::Well, Mood::Down]);
    bed.app.engine.start();
    until("the first look is over", async || memory.calls().len() >= 3).await;
    let applied = memory.zone(&Name::parse("a.example").unwrap()).len() - 2;
    assert_eq!((memory.calls()[..3].to_vec(), applied), (vec!["read", "apply", "apply"], 10));
    bed.app.store.shift_clock(60_000);
    bed.app.engine.wake();
    until("all are there", async || memory.zone(&Name::parse("a.example").unwrap()).len() == 37).await;
    let writes = memory.calls().iter().filter(|call| **call == "apply").count();
    assert!((5..=7).contains(&writes), "{:?}", memory.calls());
}

#[tokio::test]
async fn too_many_calls_stops_the_whole_group_and_a_restart_does_not_forget_it() {
    let mut bed = Bed::open(|_| {}).await;
    let first = bed.connection("first", "account").await;
    let second = bed.connection("second", "account").await;
    let stranger = bed.connection("stranger", "another").await;
    bed.zone("a.example", first).await;
    bed.zone("b.example", second).await;
    bed.zone("c.example", stranger).await;
    let asked = Duration::from_secs(100);
    bed.memory.next_moods([Mood::Refusing(ErrorClass::RateLimited { retry_after: Some(asked) })]);
    bed.host("vm.a.example", "192.0.2.1").await;
    until("the group is held", async || {
        let rows = bed.app.store.connections().await.unwrap();
        rows.iter()
            .filter(|row| row.budget_group == "account")
            .all(|row| row.state == ConnectionState::Unreachable)
    })
    .await;
    let calls = bed.memory.calls().len();
    bed.restart().await;
    bed.host("vm.b.example", "192.0.2.2").await;
    bed.host("vm.c.example", "192.0.2.3").await;
    until("another account goes on", async || !bed.there("c.example", "vm.c.example", "A").is_empty()).await;
    assert_eq!(bed.memory.calls().len(), calls + 2, "one read and one write, both for the other account");
    bed.app.store.shift_clock(101_000);
    bed.app.engine.wake();
    until("both go on when the time is over", async || {
        !bed.there("a.example", "vm.a.example", "A").is_empty()
            && !bed.there("b.example", "vm.b.example", "A").is_empty()
    })
    .await;
}

#[tokio::test]
async fn a_wish_does_not_wait_for_the_end_of_our_own_lease() {
    let bed = Bed::open(|_| {}).await;
    let connection = bed.connection("first", "").await;
    bed.zone("a.example", connection).await;
    bed.host("one.a.example", "192.0.2.1").await;
    until("the first", async || !bed.there("a.example", "one.a.example", "A").is_empty()).await;
    // Less than a call's time is left of the lease now.
    bed.app.store.shift_clock(20_000);
    let begun = Instant::now();
    bed.host("two.a.example", "192.0.2.2").await;
    until("the second", async || !bed.there("a.example", "two.a.example", "A").is_empty()).await;
    assert!(begun.elapsed() < Duration::from_secs(3), "took {:?}", begun.elapsed());
}
