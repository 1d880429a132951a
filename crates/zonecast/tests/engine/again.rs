//! Set DNS records in a zone that asks for a literal delete and create (S2.33, X9).

use crate::bed::{Bed, until};
use serde_json::json;
use zonecast::service::{Caller, Expected, zone_work, zones};
use zonecast_core::{JobState, Name, ObservedRRset, RecordData, RecordType};

#[tokio::test]
async fn what_is_deleted_and_created_stands_there_afterwards_every_time_and_an_operators_value_too() {
    let bed = Bed::open(|_| {}).await;
    let connection = bed.connection("one", "").await;
    let zone = bed.zone("a.example", connection).await;
    let (caller, policy) = (Caller::local("test"), json!({ "delete_then_create": true }));
    zones::patch(&bed.app, &caller, zone, &policy, Expected::default()).await.unwrap();
    bed.host("alone.a.example", "192.0.2.1").await;
    bed.host("shared.a.example", "192.0.2.2").await;
    let there = |host: &str| bed.there("a.example", &format!("{host}.a.example"), "A");
    until("both stand there", async || !there("alone").is_empty() && !there("shared").is_empty()).await;
    let apex = Name::parse("a.example").unwrap();
    let shared = |set: &ObservedRRset| set.name.to_string() == "shared.a.example";
    let mut set = bed.memory.zone(&apex).into_iter().find(shared).unwrap();
    set.values.push(RecordData::parse(RecordType::A, "198.51.100.1").unwrap().into());
    bed.memory.foreign_put(&apex, set);
    for round in 1..=3 {
        let before = bed.memory.calls().iter().filter(|call| **call == "apply").count();
        let work = zone_work::sync(&bed.app, &caller, zone).await.unwrap();
        until("the job ends", async || {
            let job = bed.app.store.job(work.job_id.unwrap()).await.unwrap().unwrap();
            job.finished_at.is_some()
        })
        .await;
        let job = bed.app.store.job(work.job_id.unwrap()).await.unwrap().unwrap();
        assert_eq!(job.state, JobState::Done, "round {round}: {job:?}");
        let sent = bed.memory.calls().iter().filter(|call| **call == "apply").count() - before;
        assert_eq!(sent, 2, "what is ours went, and came again");
        assert_eq!(there("alone"), ["192.0.2.1"], "round {round}");
        assert_eq!(there("shared"), ["192.0.2.2", "198.51.100.1"], "round {round}");
    }
}
