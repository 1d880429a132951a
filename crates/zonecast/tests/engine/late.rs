//! A write that was given up and lands later is our own and no neighbour's (S1, G9): what is wanted by
//! then is there again within four call times, for a changed, for a removed and for a synced host, and
//! also where another node has taken over meanwhile.

use crate::bed::{Bed, until};
use crate::places::Place;
use serde_json::json;
use zonecast::app::App;
use zonecast::service::{Caller, Expected, hosts};
use zonecast_core::{Guard, KeyState, Name};
use zonecast_providers::Provider;
use zonecast_providers::memory::{Memory, Mood};

const ZONE: &str = "a.example";
const HOST: &str = "vm.a.example";
/// Seconds a provider call may take.
const CALL: i64 = 2;

async fn address(app: &App, id: i64, ip: &str) {
    let body = json!({ "addresses": [ip] });
    hosts::patch(app, &Caller::local("test"), id, &body, Expected::default()).await.unwrap();
}

/// The clock goes on in small steps; what is not so after four call times and a little is not so.
async fn within_four_calls(app: &App, what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let mut left = 4 * CALL * 2 + 4;
    until(what, async || {
        if left > 0 {
            app.store.shift_clock(500);
            left -= 1;
        }
        condition().await
    })
    .await;
}

async fn states(app: &App, zone: i64) -> Vec<String> {
    let keys = app.store.keys_at(zone, &[Name::parse(HOST).unwrap()]).await.unwrap();
    keys.into_iter().map(|key| format!("{} {}", key.state, key.last_error.unwrap_or_default())).collect()
}

/// The write of `late` hangs past its time; meanwhile `newer` is wanted and written.
async fn overtaken(place: &Place, bed: &Bed, id: i64, late: &str, newer: &str) {
    place.hold_next_write();
    address(&bed.app, id, late).await;
    until("the write is held", async || place.proxy.held() == 1).await;
    until("and given up", async || {
        let key = bed.app.store.keys_at(1, &[Name::parse(HOST).unwrap()]).await.unwrap();
        key.iter().any(|key| key.state == KeyState::Retrying)
    })
    .await;
    address(&bed.app, id, newer).await;
    until("the newer wish is there", async || {
        bed.app.store.shift_clock(200);
        place.there(ZONE, HOST) == [newer]
    })
    .await;
}

async fn story(kind: &'static str) {
    let place = Place::start(kind);
    let bed = Bed::resting(Some(place.connector()), |config| {
        config.engine.call_seconds = CALL as u64;
        config.engine.budgets = [("account".to_owned(), 0.0)].into();
    })
    .await;
    let connection = bed.connection("account", "account").await;
    place.create_zone(ZONE);
    let zone = bed.zone(ZONE, connection).await;
    bed.app.engine.start();
    let id = bed.host(HOST, "192.0.2.1").await.id;
    until("it is there", async || place.there(ZONE, HOST) == ["192.0.2.1"]).await;

    overtaken(&place, &bed, id, "192.0.2.2", "192.0.2.3").await;
    place.proxy.release();
    within_four_calls(&bed.app, &format!("{kind}: the newer wish is there again"), async || {
        place.there(ZONE, HOST) == ["192.0.2.3"]
            && states(&bed.app, zone).await.iter().all(|state| state == "applied " || state == "served ")
    })
    .await;

    overtaken(&place, &bed, id, "192.0.2.4", "192.0.2.5").await;
    // All looks are over when it lands, and somebody presses the button.
    bed.app.store.shift_clock(8 * CALL * 1000);
    place.proxy.release();
    hosts::sync(&bed.app, &Caller::local("test"), id, &json!({})).await.unwrap();
    within_four_calls(&bed.app, &format!("{kind}: Set DNS records knows its own value"), async || {
        place.there(ZONE, HOST) == ["192.0.2.5"]
    })
    .await;
    assert!(!states(&bed.app, zone).await.concat().contains("conflict"));

    overtaken(&place, &bed, id, "192.0.2.6", "192.0.2.7").await;
    hosts::remove(&bed.app, &Caller::local("test"), id, false, Expected::default()).await.unwrap();
    until("the host is gone", async || bed.app.store.host(id).await.unwrap().is_none()).await;
    assert!(place.there(ZONE, HOST).is_empty());
    place.proxy.release();
    within_four_calls(&bed.app, &format!("{kind}: what was removed stays removed"), async || {
        place.there(ZONE, HOST).is_empty()
            && bed
                .app
                .store
                .intents_at(zone, &[Name::parse(HOST).unwrap()])
                .await
                .unwrap()
                .iter()
                .all(|intent| intent.look_at.is_none())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cloudflare() {
    story("cloudflare").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn coredns() {
    story("coredns").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn powerdns() {
    story("powerdns").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hetzner() {
    story("hetzner").await;
}

/// The holder's write is on its way when it is stopped for good; another node takes over, and five of
/// five names end as they are wanted.
#[tokio::test(flavor = "multi_thread")]
async fn a_take_over_knows_what_the_dead_holder_may_have_written() {
    let memory = Memory::new(Guard::None);
    let there = memory.clone();
    let elsewhere: zonecast::catalog::Connector =
        std::sync::Arc::new(move |_| Ok(std::sync::Arc::new(there.clone()) as std::sync::Arc<dyn Provider>));
    let bed = Bed::resting(Some(elsewhere), |config| config.engine.call_seconds = CALL as u64).await;
    let apex = Name::parse(ZONE).unwrap();
    memory.add_zone(&apex);
    let connection = bed.connection("one", "").await;
    bed.zone(ZONE, connection).await;
    let names: Vec<String> = (1..=5).map(|n| format!("h{n}.{ZONE}")).collect();
    let values = |name: &str| -> Vec<String> {
        let values = memory.values(&apex, &Name::parse(name).unwrap(), zonecast_core::RecordType::A);
        values.iter().map(|value| value.to_text()).collect()
    };
    let mut ids = Vec::new();
    for name in &names {
        ids.push(bed.host(name, "192.0.2.1").await.id);
    }
    // The holder lives in a runtime of its own, so that it can be stopped between a write and its result.
    let holder = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    memory.set_mood(Mood::LandsLate);
    let engine = bed.app.engine.clone();
    holder.spawn(async move { engine.start() }).await.unwrap();
    until("the write is on its way", async || memory.calls().contains(&"apply")).await;
    holder.shutdown_background();
    memory.set_mood(Mood::Well);

    let next = bed.neighbour().await;
    next.store.shift_clock(31_000);
    for id in &ids {
        address(&next, *id, "192.0.2.2").await;
    }
    until("the newer wish is there", async || {
        next.store.shift_clock(200);
        names.iter().all(|name| values(name) == ["192.0.2.2"])
    })
    .await;
    assert!(memory.land() >= 1);
    within_four_calls(&next, "five of five are as they are wanted", async || {
        names.iter().all(|name| values(name) == ["192.0.2.2"])
    })
    .await;
    next.engine.stop(std::time::Duration::from_secs(1)).await;
}
