//! A zone that is taken out is taken out, whatever happens on the way (X46, G2).

use crate::bed::{Bed, until};
use zonecast::service::{Caller, Expected, zone_work};
use zonecast_core::{JobState, ZoneState};
use zonecast_providers::ErrorClass;
use zonecast_providers::memory::Mood;

async fn with_hosts() -> (Bed, i64) {
    let bed = Bed::open(|_| {}).await;
    let connection = bed.connection("one", "").await;
    let zone = bed.zone("a.example", connection).await;
    for n in 1..=5 {
        bed.host(&format!("vm-{n}.a.example"), &format!("192.0.2.{n}")).await;
    }
    until("all hosts stand there", async || {
        (1..=5).all(|n| !bed.there("a.example", &format!("vm-{n}.a.example"), "A").is_empty())
    })
    .await;
    (bed, zone)
}

fn nothing_of_ours(bed: &Bed) -> bool {
    (1..=5).all(|n| bed.there("a.example", &format!("vm-{n}.a.example"), "A").is_empty())
}

#[tokio::test]
async fn a_zone_taken_out_while_its_provider_is_down_goes_when_it_is_back_also_after_a_restart() {
    let (mut bed, zone) = with_hosts().await;
    bed.memory.set_mood(Mood::Down);
    let caller = Caller::local("test");
    let work = zone_work::remove(&bed.app, &caller, zone, true, Expected::default()).await.unwrap();
    assert!(work.job_id.is_some());
    bed.restart().await;
    assert_eq!(bed.app.store.zone(zone).await.unwrap().unwrap().state, ZoneState::Deleting);
    bed.restart().await;
    bed.memory.set_mood(Mood::Well);
    until("the zone is gone, and so is what we wrote", async || {
        bed.app.store.shift_clock(16 * 60 * 1000);
        bed.app.engine.wake();
        nothing_of_ours(&bed) && bed.app.store.zone(zone).await.unwrap().is_none()
    })
    .await;
    let job = bed.app.store.job(work.job_id.unwrap()).await.unwrap().unwrap();
    assert!(job.finished_at.is_some(), "{job:?}");
    assert_eq!(bed.there("a.example", "a.example", "NS").len(), 1, "what was there before stays");
}

#[tokio::test]
async fn the_answer_of_a_removal_is_its_job_and_asking_twice_is_the_same_job() {
    let (bed, zone) = with_hosts().await;
    let caller = Caller::local("test");
    bed.memory.set_mood(Mood::Slow(std::time::Duration::from_millis(50)));
    let first = zone_work::remove(&bed.app, &caller, zone, true, Expected::default()).await.unwrap();
    let second = zone_work::remove(&bed.app, &caller, zone, true, Expected::default()).await.unwrap();
    assert_eq!(first.job_id, second.job_id);
    until("the job ends", async || {
        let job = bed.app.store.job(first.job_id.unwrap()).await.unwrap().unwrap();
        job.state == JobState::Done
    })
    .await;
    assert!(nothing_of_ours(&bed) && bed.app.store.zone(zone).await.unwrap().is_none());
}

#[tokio::test]
async fn a_zone_that_is_gone_at_the_provider_is_forgotten() {
    let (bed, zone) = with_hosts().await;
    bed.memory.set_mood(Mood::Refusing(ErrorClass::NoSuchZone));
    let caller = Caller::local("test");
    zone_work::remove(&bed.app, &caller, zone, true, Expected::default()).await.unwrap();
    until("the zone is forgotten", async || bed.app.store.zone(zone).await.unwrap().is_none()).await;
}
