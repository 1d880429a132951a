//! An answer with nothing in it is neither believed blindly nor disbelieved for ever (G6), at
//! every kind of service: what stands in its way is only what was confirmed, and that not for long.

use crate::bed::{Bed, until};
use crate::places::{KINDS, Place};
use zonecast::service::{Caller, Expected, hosts};
use zonecast_core::{ConnectionState, Name};
use zonecast_store::AuditFilter;
use zonecast_testbed::{Canned, Fault};

const ZONE: &str = "a.example";
const NEIGHBOUR: &str = "b.example";

/// A place with two zones of one account, and an engine that works there.
struct Scene {
    place: Place,
    bed: Bed,
    zone_id: i64,
}

impl Scene {
    async fn open(kind: &'static str) -> Scene {
        let place = Place::start(kind);
        let bed = Bed::resting(Some(place.connector()), |config| {
            config.engine.call_seconds = 2;
            config.engine.budgets = [("account".to_owned(), 0.0)].into();
        })
        .await;
        let connection = bed.connection("account", "account").await;
        let mut ids = Vec::new();
        for zone in [ZONE, NEIGHBOUR] {
            place.create_zone(zone);
            ids.push(bed.zone(zone, connection).await);
        }
        bed.app.engine.start();
        Scene { place, bed, zone_id: ids[0] }
    }

    /// Waits until it is so, for less than a minute of the store's clock; where a service proves nothing,
    /// for some minutes.
    async fn soon(&self, what: &str, condition: impl AsyncFnMut() -> bool) {
        self.within(if self.place.kind == "godaddy" { 300 } else { 50 }, what, condition).await;
    }

    /// Waits until it is so, for so many seconds of the store's clock.
    async fn within(&self, mut left: u32, what: &str, mut condition: impl AsyncFnMut() -> bool) {
        until(&format!("{}: {what}", self.place.kind), async || {
            if left > 0 {
                self.bed.app.store.shift_clock(1_000);
                self.bed.app.engine.wake();
                left -= 1;
            }
            condition().await
        })
        .await;
    }

    async fn stands(&self, what: &str, zone: &str, names: &[String]) {
        let there = |name: &String| !self.place.there(zone, name).is_empty();
        self.soon(what, async || names.iter().all(there)).await;
    }

    async fn hosts(&self, zone: &str, labels: std::ops::Range<usize>) -> Vec<String> {
        let mut names = Vec::new();
        for n in labels {
            names.push(format!("h{n}.{zone}"));
            self.bed.host(&names[names.len() - 1], &format!("192.0.2.{n}")).await;
        }
        names
    }

    async fn id(&self, name: &str) -> Option<i64> {
        let row = self.bed.app.store.host_by_fqdn(&Name::parse(name).unwrap()).await.unwrap();
        row.map(|row| row.id)
    }

    async fn sync(&self, names: &[String]) {
        for name in names {
            let id = self.id(name).await.unwrap();
            let body = serde_json::json!({});
            hosts::sync(&self.bed.app, &Caller::local("test"), id, &body).await.unwrap();
        }
    }

    async fn remove(&self, name: &str) {
        let (caller, id) = (Caller::local("test"), self.id(name).await.unwrap());
        hosts::remove(&self.bed.app, &caller, id, false, Expected::default()).await.unwrap();
        let gone = async || self.bed.app.store.host(id).await.unwrap().is_none();
        self.soon(&format!("{name} is gone"), gone).await;
    }

    /// What a key says of itself.
    async fn words(&self, name: &str) -> String {
        let keys = self.bed.app.store.keys_at(self.zone_id, &[Name::parse(name).unwrap()]).await.unwrap();
        keys.into_iter().filter_map(|key| key.last_error).collect()
    }
}

/// The first read of a new name fails once; then it works. Also for a zone next door.
async fn first_read_fails(scene: &Scene) {
    let faults = [Fault::Answer(Canned::json(500, "{}")), Fault::Refuse, Fault::Hang];
    for (n, fault) in faults.into_iter().enumerate() {
        scene.place.proxy.set(fault);
        let names = scene.hosts(ZONE, n..n + 1).await;
        until(&format!("{}: its read failed", scene.place.kind), async || {
            // The breaker may still be open from before.
            scene.bed.app.store.shift_clock(1_000);
            scene.bed.app.engine.wake();
            !scene.words(&names[0]).await.is_empty()
        })
        .await;
        let next_door = scene.hosts(NEIGHBOUR, n..n + 1).await;
        scene.place.proxy.set(Fault::Pass);
        // The longest step of a breaker: on a busy machine it failed more than once until here.
        let there = |name: &String| !scene.place.there(ZONE, name).is_empty();
        let all = async || names.iter().all(there);
        scene.within(1_000, "a new name whose first read failed", all).await;
        scene.stands("and a name of the neighbour zone", NEIGHBOUR, &next_door).await;
    }
}

/// Somebody deletes our records there, one, then all of them: they come back, and a host goes.
async fn deleted_there(scene: &Scene) {
    let names: Vec<String> = (0..3).map(|n| format!("h{n}.{ZONE}")).collect();
    scene.place.delete(ZONE, &names[0]);
    scene.sync(&names[..1]).await;
    scene.stands("a record that was deleted there", ZONE, &names[..1]).await;
    names.iter().for_each(|name| scene.place.delete(ZONE, name));
    scene.sync(&names).await;
    scene.stands("a zone that was emptied there", ZONE, &names).await;
    names.iter().for_each(|name| scene.place.delete(ZONE, name));
    scene.remove(&names[0]).await;
    scene.sync(&names[1..]).await;
    scene.stands("the others", ZONE, &names[1..]).await;
    assert!(scene.place.there(ZONE, &names[0]).is_empty());
}

/// Many confirmed values and suddenly none: where nothing proves that, it is disbelieved for a while,
/// here and not next door, and then believed and told.
async fn many_gone_at_once(scene: &Scene) {
    let names = scene.hosts(ZONE, 10..25).await;
    scene.stands("many hosts", ZONE, &names).await;
    let all: Vec<String> = (1..3).map(|n| format!("h{n}.{ZONE}")).chain(names).collect();
    all.iter().for_each(|name| scene.place.delete(ZONE, name));
    scene.sync(&all).await;
    let next_door = scene.hosts(NEIGHBOUR, 10..11).await;
    scene.stands("the neighbour goes on", NEIGHBOUR, &next_door).await;
    until(&format!("{}: all come back", scene.place.kind), async || {
        scene.bed.app.store.shift_clock(5_000);
        scene.bed.app.engine.wake();
        all.iter().all(|name| !scene.place.there(ZONE, name).is_empty())
    })
    .await;
    let filter = AuditFilter { action: "zone.empty_believed".into(), ..AuditFilter::default() };
    let told = scene.bed.app.store.audit_log(&filter, None, 10).await.unwrap();
    let proves_itself = matches!(scene.place.kind, "powerdns" | "hetzner");
    assert_eq!(told.is_empty(), proves_itself, "{}: {told:?}", scene.place.kind);
    let connections = scene.bed.app.store.connections().await.unwrap();
    assert_eq!(
        connections[0].state,
        ConnectionState::Ok,
        "what is doubted of one zone is not held against the account"
    );
}

async fn story(kind: &'static str) {
    let scene = Scene::open(kind).await;
    first_read_fails(&scene).await;
    deleted_there(&scene).await;
    many_gone_at_once(&scene).await;
}

macro_rules! stories {
    ($($kind:ident),*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $kind() {
            story(stringify!($kind)).await;
        })*

        #[test]
        fn every_place_tells_it() {
            assert_eq!(KINDS, [$(stringify!($kind)),*]);
        }
    };
}

stories!(cloudflare, coredns, powerdns, hetzner, desec, gandi, digitalocean, godaddy);
