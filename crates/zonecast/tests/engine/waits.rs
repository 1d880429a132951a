//! Waiting after a refusal ends when what kept the work was put right: at once where somebody asks
//! (every operation that says "do it now", whatever the refusal was), else by itself in steps that grow
//! from seconds, also where the clock was wrong meanwhile (S1, S4).

use crate::bed::{Bed, until};
use serde_json::json;
use std::time::Duration;
use zonecast::service::{Caller, connections, hosts, jobs, pause, zone_work, zones};
use zonecast_core::ZoneState;
use zonecast_providers::ErrorClass;
use zonecast_providers::memory::Mood;

/// S2.60: that "Set DNS records" is queued shows in the host's `vm_status`, which is the panel's again
/// when it is through.
#[tokio::test(flavor = "multi_thread")]
async fn set_dns_records_shows_in_the_hosts_vm_status_while_it_is_under_way() {
    let bed = Bed::open(|_| {}).await;
    let connection = bed.connection("one", "").await;
    bed.zone("a.example", connection).await;
    let caller = Caller::local("test");
    let body = json!({ "fqdn": "vm.a.example", "addresses": ["192.0.2.1"], "vm_status": "running" });
    let host = hosts::register(&bed.app, &caller, &body).await.unwrap().data.id;
    let status = async || hosts::get(&bed.app, host).await.unwrap().vm_status;
    until("the record is there", async || !bed.there("a.example", "vm.a.example", "A").is_empty()).await;
    assert_eq!(status().await.as_deref(), Some("running"));
    bed.memory.set_mood(Mood::Slow(Duration::from_millis(300)));
    let work = hosts::sync(&bed.app, &caller, host, &json!({})).await.unwrap();
    assert_eq!(work.data.vm_status.as_deref(), Some("set_dns_records"));
    jobs::wait(&bed.app, work.job_id.unwrap(), Duration::from_secs(20)).await.unwrap();
    assert_eq!(status().await.as_deref(), Some("running"));
}

const YEAR: i64 = 365 * 24 * 3_600_000;
const HOUR: Duration = Duration::from_secs(3_600);

/// A zone whose only host waits because the provider refuses.
struct Waiting {
    bed: Bed,
    connection: i64,
    zone: i64,
    host: i64,
    job: i64,
}

/// Every way a provider refuses.
fn moods() -> Vec<Mood> {
    let classes = [
        ErrorClass::Unauthorized,
        ErrorClass::Forbidden,
        ErrorClass::NoSuchZone,
        ErrorClass::RateLimited { retry_after: Some(HOUR) },
    ];
    let of_reads = classes.iter().cloned().map(Mood::Refusing);
    of_reads.chain(classes.iter().cloned().map(Mood::ReadOnly)).chain([Mood::Down]).collect()
}

impl Waiting {
    /// Refused so often that the next call is minutes away.
    async fn long(mood: &Mood) -> Waiting {
        let waiting = Waiting::new(mood).await;
        waiting.refused(1).await;
        waiting.as_after_many().await;
        waiting
    }

    async fn new(mood: &Mood) -> Waiting {
        let bed = Bed::open(|_| {}).await;
        let connection = bed.connection("one", "").await;
        let zone = bed.zone("a.example", connection).await;
        bed.memory.set_mood(mood.clone());
        let body = json!({ "fqdn": "vm.a.example", "addresses": ["192.0.2.1"] });
        let work = hosts::register(&bed.app, &Caller::local("test"), &body).await.unwrap();
        Waiting { connection, zone, host: work.data.id, job: work.job_id.unwrap(), bed }
    }

    /// As it is after eight refusals: tried again in ten minutes.
    async fn as_after_many(&self) {
        let store = &self.bed.app.store;
        let (at, words) = (store.now().await.unwrap() + 600_000, Some("refused"));
        let zone = store.zone(self.zone).await.unwrap().unwrap();
        let state = store.connection(self.connection).await.unwrap().unwrap().state;
        match zone.state {
            ZoneState::Parked => store.note_zone(self.zone, ZoneState::Parked, words, 8, at).await.unwrap(),
            _ => store.note_connection(self.connection, state, words, 8, at).await.unwrap(),
        }
        self.bed.app.catalog.reload().await.unwrap();
    }

    /// Refused until it was tried so often.
    async fn refused(&self, times: i64) {
        for time in 1..=times {
            until("it is refused once more", async || {
                let (failures, due) = self.failures_and_due().await;
                if failures < time || due <= 0 {
                    self.to_the_next_try().await;
                }
                failures >= time && due > 0
            })
            .await;
        }
    }

    /// The clock goes on to when something is due; nothing where it is being tried now.
    async fn to_the_next_try(&self) {
        let store = &self.bed.app.store;
        let now = store.now().await.unwrap();
        if let Some(due) = store.next_due(now).await.unwrap() {
            store.shift_clock(due - now + 1);
            self.bed.app.engine.wake();
        }
    }

    /// Of the connection or the zone, whichever waits: failures, and how far away the next call is.
    async fn failures_and_due(&self) -> (i64, i64) {
        let store = &self.bed.app.store;
        let row = store.connection(self.connection).await.unwrap().unwrap();
        let zone = store.zone(self.zone).await.unwrap().unwrap().waiting;
        let due = row.open_until.max(zone.until) - store.now().await.unwrap();
        (row.failures.max(zone.failures), due)
    }

    fn is_there(&self) -> bool {
        self.bed.there("a.example", "vm.a.example", "A") == ["192.0.2.1"]
    }
}

/// Everything that asks for the work, or finds that it can be done.
const OPERATIONS: [&str; 7] = [
    "zone test",
    "connection test",
    "zone sync",
    "host sync",
    "job retry",
    "connection resume",
    "zone resume",
];

async fn carry_out(operation: &str, waiting: &Waiting) {
    let (app, caller) = (&waiting.bed.app, Caller::local("test"));
    match operation {
        "zone test" => assert!(zones::test(app, waiting.zone).await.unwrap().ok),
        "connection test" => {
            assert!(connections::test(app, waiting.connection, &json!({})).await.unwrap().ok);
        }
        "zone sync" => drop(zone_work::sync(app, &caller, waiting.zone).await.unwrap()),
        "host sync" => drop(hosts::sync(app, &caller, waiting.host, &json!({})).await.unwrap()),
        "job retry" => drop(jobs::retry(app, waiting.job).await.unwrap()),
        "connection resume" => {
            drop(pause::connection(app, &caller, waiting.connection, false).await.unwrap());
        }
        "zone resume" => drop(pause::zone(app, &caller, waiting.zone, false).await.unwrap()),
        other => panic!("no such operation: {other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_put_right_goes_on_when_somebody_asks_whatever_was_refused_and_however_they_ask() {
    for mood in moods() {
        for operation in OPERATIONS {
            let waiting = Waiting::long(&mood).await;
            waiting.bed.memory.set_mood(Mood::Well);
            carry_out(operation, &waiting).await;
            until(&format!("{operation} after {mood:?}"), async || waiting.is_there()).await;
            until(&format!("{operation} after {mood:?}: nothing waits any more"), async || {
                waiting.failures_and_due().await.0 == 0
            })
            .await;
        }
    }
}

/// What was written name by name and refused waits by itself too, and goes on with the others.
#[tokio::test]
async fn names_that_wait_by_themselves_go_on_when_somebody_asks() {
    for operation in OPERATIONS {
        let waiting = Waiting::new(&Mood::ReadOnly(ErrorClass::Forbidden)).await;
        waiting.refused(5).await;
        waiting.bed.memory.set_mood(Mood::Well);
        carry_out(operation, &waiting).await;
        until(operation, async || waiting.is_there()).await;
    }
}

/// A probe that is asked for and refused again begins with seconds, not with the cap.
#[tokio::test]
async fn the_steps_begin_anew_where_somebody_asked() {
    for mood in moods().into_iter().filter(|mood| !format!("{mood:?}").contains("RateLimited")) {
        let waiting = Waiting::long(&mood).await;
        let calls = waiting.bed.memory.calls().len();
        zone_work::sync(&waiting.bed.app, &Caller::local("test"), waiting.zone).await.unwrap();
        until(&format!("{mood:?}: it is tried, refused, and tried again in seconds"), async || {
            let (failures, due) = waiting.failures_and_due().await;
            waiting.bed.memory.calls().len() > calls && failures < 8 && due < 16_000
        })
        .await;
    }
}

/// What a provider says may lengthen a wait, never shorten it.
#[tokio::test]
async fn a_provider_that_asks_for_no_wait_is_not_hammered() {
    for asked in [Some(Duration::ZERO), Some(Duration::from_secs(1)), None] {
        let waiting = Waiting::new(&Mood::Refusing(ErrorClass::RateLimited { retry_after: asked })).await;
        waiting.refused(5).await;
        let (calls, (_, due)) = (waiting.bed.memory.calls().len(), waiting.failures_and_due().await);
        assert!((5..=8).contains(&calls), "{asked:?}: each wait was waited for, {calls} calls");
        assert!(due > 16_000, "{asked:?}: and it is longer each time, {due} ms");
    }
}

/// A refusal that was noted while the clock was a year ahead parks nothing for a year.
#[tokio::test]
async fn a_due_time_beyond_the_cap_is_due() {
    for mood in moods() {
        let bed = Bed::open(|_| {}).await;
        let connection = bed.connection("one", "").await;
        let zone = bed.zone("a.example", connection).await;
        bed.app.store.shift_clock(YEAR);
        bed.memory.set_mood(mood.clone());
        let host = bed.host("vm.a.example", "192.0.2.1").await.id;
        let waiting = Waiting { bed, connection, zone, host, job: 0 };
        until("it is refused", async || waiting.failures_and_due().await.0 > 0).await;
        waiting.bed.app.store.shift_clock(-YEAR);
        waiting.bed.memory.set_mood(Mood::Well);
        until(&format!("it goes on after {mood:?}"), async || {
            waiting.to_the_next_try().await;
            waiting.is_there()
        })
        .await;
    }
}
