//! The laws between a wish and its outcome.

use crate::bed::*;
use crate::on_both;
use zonecast_core::{ConnectionState, JobState, KeyState, Name, RecordType, ZoneState};
use zonecast_store::*;

on_both! {
    a_wish_during_a_pass_is_not_lost
    a_stale_holder_stores_nothing
    a_lease_has_one_holder_and_a_growing_fence
    a_failed_name_comes_back_when_due
    far_due_times_count_as_due
    urgent_names_go_first
    parked_and_paused_places_rest
    a_newer_job_takes_names_over
    a_job_counts_its_names_and_can_be_retried
    a_cancelled_job_stops_watching
    an_open_job_gains_names_page_by_page
    keys_history_and_owned_values_follow_the_results
    held_removals_are_approved_once
    verification_never_marks_what_was_rewritten
    results_and_wishes_at_once_lose_nothing
}

async fn a_wish_during_a_pass_is_not_lost(bed: Bed) {
    let zone = bed.zone("example.com").await;
    bed.add(zone.id, &["vm-1.example.com"]).await;
    let lease = bed.lease(&zone, "n1").await;
    let planned = bed.dirty(zone.id).await.remove(0);
    bed.store.raise(zone.id, &[name("vm-1.example.com")], &Raise::derived(Priority::Bulk)).await.unwrap();
    let claims = bed.store.claims_at(&[name("vm-1.example.com")]).await.unwrap();
    let result = done(zone.id, &planned, claims);
    let stored = bed.store.store_results(&lease, zone.id, &[result], &[], &[]).await.unwrap();
    assert_eq!(stored.finished_jobs.len(), 1, "the job's version has its outcome");
    let dirty = bed.dirty(zone.id).await;
    assert_eq!(dirty.len(), 1);
    assert!(dirty[0].wanted > planned.wanted && dirty[0].job_id.is_none());
}

async fn a_stale_holder_stores_nothing(bed: Bed) {
    let zone = bed.zone("example.com").await;
    bed.add(zone.id, &["vm-1.example.com"]).await;
    let old = bed.lease(&zone, "n1").await;
    let planned = bed.dirty(zone.id).await.remove(0);
    bed.store.shift_clock(31_000);
    assert!(!bed.store.check_lease(&old).await.unwrap());
    let new = bed.lease(&zone, "n2").await;
    assert!(new.taken_over && new.fence == old.fence + 1);
    let result = done(zone.id, &planned, Vec::new());
    let log = [(planned.job_id.unwrap(), "late".to_owned())];
    let late = bed.store.store_results(&old, zone.id, std::slice::from_ref(&result), &log, &[]).await;
    assert!(matches!(late, Err(StoreError::Fenced { .. })), "{late:?}");
    assert_eq!(bed.dirty(zone.id).await.len(), 1);
    assert!(bed.store.job_log(planned.job_id.unwrap(), 0, 10).await.unwrap().is_empty());
    let imposter = Lease { holder: "n1".into(), ..new.clone() };
    assert!(
        bed.store.store_results(&imposter, zone.id, std::slice::from_ref(&result), &[], &[]).await.is_err()
    );
    bed.store.reraise_after_fence(zone.id, &[name("vm-1.example.com")]).await.unwrap();
    let dirty = bed.dirty(zone.id).await;
    assert!(dirty[0].rewrite && dirty[0].wanted > planned.wanted);
    bed.store.store_results(&new, zone.id, &[result], &[], &[]).await.unwrap();
    assert_eq!(bed.dirty(zone.id).await.len(), 1, "raised after the plan, so looked at again");
}

async fn a_lease_has_one_holder_and_a_growing_fence(bed: Bed) {
    let other = bed.second().await;
    let takes = (0..6).map(|n| {
        let store = if n % 2 == 0 { &bed.store } else { &other };
        let holder = format!("n{n}");
        async move { store.acquire_lease("g", &holder, 10_000).await.unwrap() }
    });
    let taken: Vec<Lease> = futures_util::future::join_all(takes).await.into_iter().flatten().collect();
    assert_eq!(taken.len(), 1);
    let mut lease = taken[0].clone();
    assert!(!lease.taken_over && bed.store.check_lease(&lease).await.unwrap());
    assert!(bed.store.acquire_lease("g", &lease.holder, 10_000).await.unwrap().is_none());
    let end = lease.expires_at;
    assert!(other.renew_lease(&mut lease, 20_000).await.unwrap() && lease.expires_at > end);
    bed.store.release_lease(&lease).await.unwrap();
    assert!(!bed.store.renew_lease(&mut lease, 1).await.unwrap());
    let next = bed.store.acquire_lease("g", "n9", 10_000).await.unwrap().unwrap();
    assert!(next.fence == lease.fence + 1 && !next.taken_over, "released: nobody to wait for");
    bed.store.depose("g", "somebody else").await.unwrap();
    assert!(bed.store.check_lease(&next).await.unwrap());
    bed.store.depose("g", "n9").await.unwrap();
    assert!(bed.store.acquire_lease("g", "n1", 10_000).await.unwrap().unwrap().taken_over);
}

fn retry(dirty: &DirtyName, at: Millis, watched: bool) -> NameResult {
    NameResult {
        name: dirty.name.clone(),
        planned: dirty.wanted,
        done: false,
        retry_at: Some(at),
        on_its_way: Vec::new(),
        keys: Vec::new(),
        ok: false,
        job_id: dirty.job_id.filter(|_| !watched),
        removed_derived: 0,
    }
}

async fn a_failed_name_comes_back_when_due(bed: Bed) {
    let zone = bed.zone("example.com").await;
    let job = bed.add(zone.id, &["vm-1.example.com"]).await.job_id.unwrap();
    let lease = bed.lease(&zone, "n1").await;
    let dirty = bed.dirty(zone.id).await.remove(0);
    let now = bed.store.now().await.unwrap();
    let result = retry(&dirty, now + 60_000, true);
    bed.store.store_results(&lease, zone.id, &[result], &[], &[]).await.unwrap();
    assert!(bed.dirty(zone.id).await.is_empty());
    assert!(bed.store.dirty_groups(now + 30_000).await.unwrap().is_empty());
    assert_eq!(bed.store.next_due(now).await.unwrap(), Some(now + 60_000));
    assert!(bed.store.job(job).await.unwrap().unwrap().finished_at.is_none(), "it watches on");
    bed.store.shift_clock(60_000);
    let again = bed.dirty(zone.id).await.remove(0);
    assert_eq!((again.attempts, again.job_id, again.asked), (1, Some(job), true));
    let now = bed.store.now().await.unwrap();
    let result = retry(&again, now + 60_000, false);
    let stored = bed.store.store_results(&lease, zone.id, &[result], &[], &[]).await.unwrap();
    assert_eq!(stored.finished_jobs[0].state, JobState::Failed);
    bed.store.raise(zone.id, &[name("vm-1.example.com")], &Raise::asked(Priority::Bulk)).await.unwrap();
    assert_eq!(bed.dirty(zone.id).await[0].attempts, 0, "a new wish is due at once");
}

async fn far_due_times_count_as_due(bed: Bed) {
    let zone = bed.zone("example.com").await;
    bed.add(zone.id, &["vm-1.example.com"]).await;
    bed.store.shift_clock(-3_600_000);
    let now = bed.store.now().await.unwrap();
    assert_eq!(bed.store.dirty_groups(now).await.unwrap().len(), 1);
    assert_eq!(bed.dirty(zone.id).await.len(), 1);
    assert_eq!(bed.store.next_due(now).await.unwrap(), Some(now + 15 * 60 * 1000));
}

async fn urgent_names_go_first(bed: Bed) {
    let zone = bed.zone("example.com").await;
    let names: Vec<Name> = ["a", "b", "c", "d"].map(|l| name(&format!("{l}.example.com"))).to_vec();
    for (name, priority) in names.iter().zip([Priority::Background, Priority::Bulk, Priority::Bulk]) {
        bed.store.raise(zone.id, std::slice::from_ref(name), &Raise::derived(priority)).await.unwrap();
        bed.store.shift_clock(1);
    }
    bed.store.raise(zone.id, &names[3..], &Raise::asked(Priority::Interactive)).await.unwrap();
    bed.store.raise(zone.id, &names[3..], &Raise::derived(Priority::Background)).await.unwrap();
    let order: Vec<Name> = bed.dirty(zone.id).await.into_iter().map(|dirty| dirty.name).collect();
    assert_eq!(order, [&names[3], &names[1], &names[2], &names[0]].map(Clone::clone));
    let groups = bed.store.dirty_groups(bed.store.now().await.unwrap()).await.unwrap();
    assert_eq!(groups.iter().map(|g| (g.priority, g.count)).collect::<Vec<_>>(), [(0, 1), (1, 2), (2, 1)]);
    assert!(groups.iter().all(|group| group.zone_id == zone.id && group.connection_id == zone.connection_id));
    let limited = bed.store.dirty_names(zone.id, bed.store.now().await.unwrap(), 2).await.unwrap();
    assert_eq!(limited.len(), 2);
}

async fn parked_and_paused_places_rest(bed: Bed) {
    let (one, two) = (bed.zone("example.com").await, bed.zone("example.net").await);
    for zone in [&one, &two] {
        bed.store.raise(zone.id, &[name("x.example.com")], &Raise::asked(Priority::Bulk)).await.unwrap();
    }
    let now = bed.store.now().await.unwrap() + 1;
    let zones = async || {
        let groups = bed.store.dirty_groups(now).await.unwrap();
        groups.into_iter().map(|group| group.zone_id).collect::<Vec<_>>()
    };
    assert_eq!(zones().await, [one.id, two.id]);
    bed.store.note_zone(one.id, ZoneState::Parked, Some("403"), 3, now + 9_000).await.unwrap();
    assert_eq!(zones().await, [two.id]);
    assert_eq!(bed.store.next_due(now).await.unwrap(), Some(now + 9_000));
    bed.store.end_waits(&[one.id]).await.unwrap();
    assert_eq!(zones().await, [one.id, two.id], "somebody asked for it");
    bed.store.note_zone(one.id, ZoneState::Parked, Some("403"), 3, now + 365 * 24 * 3_600_000).await.unwrap();
    assert_eq!(zones().await, [one.id, two.id], "noted by a clock that was a year ahead (S1)");
    bed.store.set_zone_state(one.id, ZoneState::Paused, None).await.unwrap();
    assert_eq!(zones().await, [two.id]);
    bed.store
        .set_connection_state(two.connection_id, ConnectionState::Unreachable, Some("down"), 3, now + 9_000)
        .await
        .unwrap();
    assert!(zones().await.is_empty());
    assert_eq!(bed.store.next_due(now).await.unwrap(), Some(now + 9_000));
    bed.store
        .set_connection_state(two.connection_id, ConnectionState::Unreachable, Some("down"), 3, now)
        .await
        .unwrap();
    bed.store.set_zone_state(one.id, ZoneState::Ok, None).await.unwrap();
    assert_eq!(zones().await, [one.id, two.id], "an open breaker that is due is probed");
    let connection = bed.store.connection(two.connection_id).await.unwrap().unwrap();
    assert_eq!(
        (connection.failures, connection.version, connection.last_error.as_deref()),
        (3, 1, Some("down"))
    );
}

async fn a_newer_job_takes_names_over(bed: Bed) {
    let zone = bed.zone("example.com").await;
    let first = bed.add(zone.id, &["vm-1.example.com", "vm-2.example.com"]).await.job_id.unwrap();
    let host = bed.store.host(1).await.unwrap().unwrap();
    let touch = change(host, OwnerAction::Touch, Vec::new(), zone.id);
    let write = bed.store.write_owners(std::slice::from_ref(&touch), &bed.context(true).await).await.unwrap();
    let second = write.job_id.unwrap();
    let job = bed.store.job(first).await.unwrap().unwrap();
    assert_eq!((job.superseded_by, job.finished_at), (Some(second), None));
    let third = bed.store.write_owners(&[touch], &bed.context(true).await).await.unwrap().job_id.unwrap();
    let job = bed.store.job(second).await.unwrap().unwrap();
    assert_eq!((job.state.as_str(), job.superseded_by), ("superseded", Some(third)));
    assert!(job.finished_at.is_some());
    let finished = bed.settle(&zone).await.finished_jobs;
    let states: Vec<(i64, &str, i64)> =
        finished.iter().map(|job| (job.id, job.state.as_str(), job.succeeded)).collect();
    assert_eq!(states, [(first, "done", 1), (third, "done", 1)]);
}

async fn a_job_counts_its_names_and_can_be_retried(bed: Bed) {
    let zone = bed.zone("example.com").await;
    let names = ["a.example.com", "b.example.com", "c.example.com"];
    let job = bed.add(zone.id, &names).await.job_id.unwrap();
    assert_eq!(bed.store.names_of_job(job, 10).await.unwrap().len(), 3);
    let lease = bed.lease(&zone, "n1").await;
    let mut results: Vec<NameResult> =
        bed.dirty(zone.id).await.iter().map(|dirty| done(zone.id, dirty, Vec::new())).collect();
    results[0].ok = false;
    let failed = results[0].name.clone();
    let log: Vec<(i64, String)> = (1..=3).map(|n| (job, format!("line {n}"))).collect();
    let stored = bed.store.store_results(&lease, zone.id, &results, &log, &[]).await.unwrap();
    let ended = &stored.finished_jobs[0];
    assert_eq!((ended.state.as_str(), ended.total, ended.succeeded, ended.failed), ("partial", 3, 2, 1));
    bed.store.append_log(&[(job, "line 4".into()), (12_345, "nobody's".into())]).await.unwrap();
    let lines = bed.store.job_log(job, 2, 10).await.unwrap();
    assert_eq!(
        lines.iter().map(|l| (l.id, l.line.as_str())).collect::<Vec<_>>(),
        [(3, "line 3"), (4, "line 4")]
    );
    assert_eq!(bed.store.retry_job(job).await.unwrap(), 1);
    let running = bed.store.job(job).await.unwrap().unwrap();
    assert_eq!(
        (running.state.as_str(), running.total, running.failed, running.finished_at),
        ("running", 3, 0, None)
    );
    let again: Vec<NameResult> =
        bed.dirty(zone.id).await.iter().map(|dirty| done(zone.id, dirty, Vec::new())).collect();
    assert_eq!(again[0].name, failed);
    let stored = bed.store.store_results(&lease, zone.id, &again, &[], &[]).await.unwrap();
    assert_eq!((stored.finished_jobs[0].state.as_str(), stored.finished_jobs[0].succeeded), ("done", 3));
    bed.store.shift_clock(1000);
    assert_eq!(bed.store.prune_jobs(bed.store.now().await.unwrap(), 10).await.unwrap(), 1);
    assert!(bed.store.job_log(job, 0, 10).await.unwrap().is_empty());
}

async fn a_cancelled_job_stops_watching(bed: Bed) {
    let zone = bed.zone("example.com").await;
    let job = bed.add(zone.id, &["a.example.com"]).await.job_id.unwrap();
    assert!(bed.store.cancel_job(job).await.unwrap());
    assert!(!bed.store.cancel_job(job).await.unwrap());
    assert_eq!(bed.store.job(job).await.unwrap().unwrap().state, JobState::Cancelled);
    let dirty = bed.dirty(zone.id).await;
    assert!(dirty.len() == 1 && dirty[0].job_id.is_none(), "the wish stays");
    let filter =
        JobFilter { state: Some(JobState::Cancelled), owner: Some(host_id(1)), ..JobFilter::default() };
    assert_eq!(bed.store.jobs(&filter, None, 10).await.unwrap().len(), 1);
}

async fn an_open_job_gains_names_page_by_page(bed: Bed) {
    let zone = bed.zone("example.com").await;
    assert_eq!(zone.rematch_after, Some(Vec::new()));
    let new = NewJob { kind: "zone.rematch".into(), title: "t".into() };
    let job = bed.store.open_job(&new, None).await.unwrap();
    let how = Raise { job_id: Some(job), ..Raise::derived(Priority::Bulk) };
    let (one, two) = ([name("a.example.com")], [name("a.example.com"), name("b.example.com")]);
    let cursor = Some(one[0].key().to_vec());
    bed.store.raise_page(zone.id, &one, cursor.clone(), &how).await.unwrap();
    assert_eq!(bed.store.zone(zone.id).await.unwrap().unwrap().rematch_after, cursor);
    assert!(bed.settle(&zone).await.finished_jobs.is_empty(), "more may come");
    bed.store.raise_page(zone.id, &two, None, &how).await.unwrap();
    bed.store.raise(zone.id, &two, &how).await.unwrap();
    assert_eq!(bed.store.zone(zone.id).await.unwrap().unwrap().rematch_after, None);
    assert!(bed.store.close_job(job).await.unwrap().is_none());
    let ended = bed.settle(&zone).await.finished_jobs;
    assert_eq!(
        (ended[0].id, ended[0].state.as_str(), ended[0].total, ended[0].succeeded),
        (job, "done", 3, 3)
    );
    assert!(bed.store.raise(zone.id, &one, &how).await.is_err(), "an ended job gains nothing");
}

async fn keys_history_and_owned_values_follow_the_results(bed: Bed) {
    let zone = bed.zone("example.com").await;
    let at = name("a.example.com");
    let lease = bed.lease(&zone, "n1").await;
    let pass = async |keys: Vec<KeyRow>, removed: i64| {
        bed.store.shift_clock(10);
        bed.store.raise(zone.id, std::slice::from_ref(&at), &Raise::asked(Priority::Bulk)).await.unwrap();
        let dirty = bed.dirty(zone.id).await.remove(0);
        let result = NameResult { keys, removed_derived: removed, ..done(zone.id, &dirty, Vec::new()) };
        bed.store.store_results(&lease, zone.id, &[result], &[], &[]).await.unwrap();
    };
    let start = bed.store.now().await.unwrap();
    let row = |state: KeyState, values| key(zone.id, &at, RecordType::A, state, values);
    pass(
        vec![
            row(KeyState::Applied, vec![a(1), a(2)]),
            key(zone.id, &at, RecordType::TXT, KeyState::Failed, vec![]),
        ],
        0,
    )
    .await;
    assert_eq!(bed.store.owned_values(zone.id).await.unwrap(), 2);
    let first = bed.store.keys_at(zone.id, std::slice::from_ref(&at)).await.unwrap();
    assert_eq!(first.len(), 2);
    assert_eq!(bed.store.keys_in_state(zone.id, KeyState::Failed, None, 10).await.unwrap().len(), 1);
    pass(vec![row(KeyState::Applied, vec![a(1), a(2)])], 3).await;
    let same = bed.store.keys_at(zone.id, std::slice::from_ref(&at)).await.unwrap();
    assert_eq!(same, first[..1], "an equal result changes nothing, a key that is not named is gone");
    assert!(bed.store.outcomes(zone.id, &at, RecordType::A).await.unwrap().is_empty());
    for n in 0..25 {
        pass(vec![row(KeyState::Applied, vec![a(n)])], 0).await;
    }
    let history = bed.store.outcomes(zone.id, &at, RecordType::A).await.unwrap();
    assert_eq!(history.len(), 20);
    assert_eq!((&history[0].applied, &history[19].applied), (&vec![a(23)], &vec![a(4)]));
    assert_eq!(bed.store.owned_values(zone.id).await.unwrap(), 1);
    assert_eq!(bed.store.removed_recently(zone.id, start).await.unwrap(), 3);
    pass(Vec::new(), 0).await;
    assert_eq!(bed.store.owned_values(zone.id).await.unwrap(), 0);
    assert!(bed.store.outcomes(zone.id, &at, RecordType::A).await.unwrap().is_empty());
    let now = bed.store.now().await.unwrap() + 1;
    assert_eq!(bed.store.removed_recently(zone.id, now).await.unwrap(), 0);
}

async fn held_removals_are_approved_once(bed: Bed) {
    let zone = bed.zone("example.com").await;
    bed.add(zone.id, &["a.example.com", "b.example.com"]).await;
    let lease = bed.lease(&zone, "n1").await;
    let mut results: Vec<NameResult> =
        bed.dirty(zone.id).await.iter().map(|dirty| done(zone.id, dirty, Vec::new())).collect();
    results[0].keys = vec![key(zone.id, &results[0].name, RecordType::A, KeyState::Held, vec![a(1)])];
    bed.store.store_results(&lease, zone.id, &results, &[], &[]).await.unwrap();
    assert!(bed.dirty(zone.id).await.is_empty());
    assert_eq!(bed.store.held_names(zone.id).await.unwrap(), [results[0].name.clone()]);
    assert_eq!(bed.store.approve(zone.id, &[]).await.unwrap(), 1);
    let dirty = bed.dirty(zone.id).await;
    assert!(dirty.len() == 1 && dirty[0].approved && !dirty[0].asked);
    bed.store.raise(zone.id, &[dirty[0].name.clone()], &Raise::derived(Priority::Bulk)).await.unwrap();
    assert!(!bed.dirty(zone.id).await[0].approved, "a new wish was not approved");
}

async fn verification_never_marks_what_was_rewritten(bed: Bed) {
    let zone = bed.zone("example.com").await;
    bed.add(zone.id, &["a.example.com", "b.example.com"]).await;
    bed.settle(&zone).await;
    let now = bed.store.now().await.unwrap();
    let due = bed.store.verify_due(now, 10).await.unwrap();
    assert_eq!(due.len(), 2);
    let seen = |key: &KeyRow, again_at| Verified {
        zone_id: zone.id,
        name: key.name.clone(),
        rtype: key.rtype,
        seen_updated_at: key.updated_at,
        state: KeyState::Served,
        verified: Some("served".into()),
        again_at,
    };
    let rewritten = Verified { seen_updated_at: due[1].updated_at - 1, ..seen(&due[1], None) };
    assert_eq!(bed.store.store_verified(&[seen(&due[0], None), rewritten]).await.unwrap(), 1);
    let keys = bed.store.keys_below(zone.id, None, 10).await.unwrap();
    assert_eq!(keys.iter().filter(|key| key.state == KeyState::Served).count(), 1);
    assert_eq!(bed.store.verify_due(now, 10).await.unwrap().len(), 1);
    bed.store.store_verified(&[seen(&due[1], Some(now + 5_000))]).await.unwrap();
    assert_eq!(bed.store.next_verify().await.unwrap(), Some(now + 5_000));
    let day = 26 * 3_600_000;
    assert_eq!(bed.store.verify_due(now + day, 10).await.unwrap().len(), 2, "each is looked at daily");
    assert_eq!(bed.store.keys_below(zone.id, None, 1).await.unwrap().len(), 1);
}

/// Wishes and results race; in the end every version that was wanted is done, and every job ended.
async fn results_and_wishes_at_once_lose_nothing(bed: Bed) {
    let zone = bed.zone("example.com").await;
    let names: Vec<String> = (0..20).map(|n| format!("vm-{n}.example.com")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    bed.add(zone.id, &names).await;
    let hosts = bed.store.hosts(&OwnerFilter::default(), 0, 100).await.unwrap();
    let context = bed.context(true).await;
    let wishes = async {
        for round in 0..15usize {
            let touch = |host: &HostRow| change(host.clone(), OwnerAction::Touch, Vec::new(), zone.id);
            let writes: Vec<OwnerWrite> = hosts.iter().skip(round % 3).map(touch).collect();
            bed.store.write_owners(&writes, &context).await.unwrap();
        }
    };
    let passes = async {
        for _ in 0..15 {
            bed.settle(&zone).await;
        }
    };
    futures_util::future::join(wishes, passes).await;
    bed.settle(&zone).await;
    assert!(bed.dirty(zone.id).await.is_empty());
    let jobs = bed.store.jobs(&JobFilter::default(), None, 100).await.unwrap();
    assert_eq!(jobs.len(), 16);
    for job in &jobs {
        assert!(job.finished_at.is_some(), "{job:?}");
        assert!(job.succeeded + job.failed <= job.total, "{job:?}");
    }
    assert_eq!(jobs[0].succeeded, jobs[0].total);
}
