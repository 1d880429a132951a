//! Wishes come in.

use crate::bed::*;
use crate::on_both;
use zonecast_core::{JobState, Name, OwnerState};
use zonecast_store::*;

on_both! {
    a_wish_is_stored_with_everything_it_touches
    many_at_once_are_the_same_as_one_by_one
    equal_claims_keep_their_age
    one_refused_owner_stops_no_other
    two_at_once_cannot_have_one_name
    a_stale_match_is_refused
    a_removed_owner_goes_when_its_names_are_settled
    a_removed_owner_frees_its_name_at_once
    a_removed_zone_lets_waiting_owners_go
    nothing_touched_is_done_at_once
    a_forgotten_owner_goes_with_the_write_that_removes_it
    an_answer_is_remembered_with_its_write
    records_are_owners_too
    hosts_are_found_by_name_address_and_page
    claims_are_paged_by_whole_names
}

async fn a_wish_is_stored_with_everything_it_touches(bed: Bed) {
    let zone = bed.zone("example.com").await;
    let written = bed.add(zone.id, &["vm-1.example.com"]).await;
    assert_eq!(written.results, [WriteResult::Stored { id: 1, version: 1 }]);
    assert_eq!(written.zones, [zone.id]);
    let host = bed.store.host(1).await.unwrap().unwrap();
    assert_eq!(host.fqdn, name("vm-1.example.com"));
    assert!(host.created_at > 1_600_000_000_000 && host.created_at == host.updated_at);
    let dirty = bed.dirty(zone.id).await;
    assert_eq!(dirty.len(), 1);
    assert!(
        dirty[0].asked && !dirty[0].rewrite && dirty[0].job_id == written.job_id && dirty[0].attempts == 0
    );
    let job = bed.store.job(written.job_id.unwrap()).await.unwrap().unwrap();
    assert_eq!((job.state.as_str(), job.total, job.owner), ("queued", 1, Some(host_id(1))));
    let audit = bed.store.audit_log(&AuditFilter::default(), None, 10).await.unwrap();
    assert_eq!((audit[0].object.as_str(), audit[0].action.as_str()), ("host:1", "host.add"));
    assert_eq!(audit[0].detail["fqdn"], "vm-1.example.com");
    let holders = bed.store.hosts_holding(&[[192, 0, 2, 1].into(), [192, 0, 2, 9].into()]).await.unwrap();
    assert_eq!(holders, [([192, 0, 2, 1].into(), 1)]);
}

async fn many_at_once_are_the_same_as_one_by_one(bed: Bed) {
    let zone = bed.zone("example.com").await;
    let writes: Vec<OwnerWrite> =
        (0..700).map(|n| add(zone.id, &format!("vm-{n}.example.com"), (n % 250) as u8)).collect();
    let bulk = bed.store.write_owners(&writes, &bed.context(true).await).await.unwrap();
    assert!(bulk.results.iter().all(|result| matches!(result, WriteResult::Stored { version: 1, .. })));
    let job = bed.store.job(bulk.job_id.unwrap()).await.unwrap().unwrap();
    assert_eq!((job.total, job.owner), (700, None));
    let together = fingerprint(&bed, zone.id).await;
    let Bed { url: _, .. } = &bed;
    let singly = Bed::sqlite().await;
    let zone = singly.zone("example.com").await;
    for write in &writes {
        singly.store.write_owners(std::slice::from_ref(write), &singly.context(false).await).await.unwrap();
    }
    assert_eq!(together, fingerprint(&singly, zone.id).await);
}

/// Rows without times and jobs.
async fn fingerprint(bed: &Bed, zone: i64) -> (Vec<(i64, Name, Vec<AddressRow>)>, Vec<ClaimRow>, Vec<Name>) {
    let hosts = bed.store.hosts(&OwnerFilter::default(), 0, 10_000).await.unwrap();
    let rows = hosts.into_iter().map(|host| (host.id, host.fqdn, host.addresses)).collect();
    let claims = bed.store.claims_below(&Name::root(), None, 10_000).await.unwrap();
    let mut names: Vec<Name> = bed.dirty(zone).await.into_iter().map(|dirty| dirty.name).collect();
    names.sort();
    (rows, claims, names)
}

async fn equal_claims_keep_their_age(bed: Bed) {
    let zone = bed.zone("example.com").await;
    bed.add(zone.id, &["vm-1.example.com", "vm-2.example.com"]).await;
    let before = bed.store.claims_of(host_id(1), false).await.unwrap();
    let host = bed.store.host(1).await.unwrap().unwrap();
    let mut wish = claims("vm-1.example.com", 1);
    wish[1].ttl = Some(zonecast_core::Ttl::MAX);
    wish.push(NewClaim { data: a(77), ..wish[0].clone() });
    let update = OwnerAction::Update { expected_version: host.version };
    let write = change(host.clone(), update, wish.clone(), zone.id);
    bed.store.write_owners(&[write], &bed.context(false).await).await.unwrap();
    let after = bed.store.claims_of(host_id(1), false).await.unwrap();
    assert_eq!(after[..1], before[..1]);
    assert_eq!((after[1].id, after[1].ttl), (before[1].id, Some(zonecast_core::Ttl::MAX)));
    assert!(after[2].id > 4 && after[2].data == a(77));
    let host = bed.store.host(1).await.unwrap().unwrap();
    let update = OwnerAction::Update { expected_version: host.version };
    wish.remove(0);
    bed.store.write_owners(&[change(host, update, wish, zone.id)], &bed.context(false).await).await.unwrap();
    let last: Vec<i64> =
        bed.store.claims_of(host_id(1), false).await.unwrap().iter().map(|claim| claim.id).collect();
    assert_eq!(last, [after[1].id, after[2].id]);
}

async fn one_refused_owner_stops_no_other(bed: Bed) {
    let zone = bed.zone("example.com").await;
    bed.add(zone.id, &["vm-1.example.com"]).await;
    let host = bed.store.host(1).await.unwrap().unwrap();
    let missing = HostRow { id: 99, fqdn: name("vm-99.example.com"), ..host.clone() };
    let remove = OwnerAction::Remove { expected_version: 1, forget: false };
    let stale = OwnerAction::Update { expected_version: 7 };
    let writes = [
        add(zone.id, "vm-1.example.com", 9),
        add(zone.id, "vm-2.example.com", 2),
        add(zone.id, "vm-2.example.com", 3),
        change(missing, remove, Vec::new(), zone.id),
        change(host.clone(), stale, claims("vm-1.example.com", 5), zone.id),
        add(zone.id, "vm-4.example.com", 4),
    ];
    let written = bed.store.write_owners(&writes, &bed.context(true).await).await.unwrap();
    let expected = [
        WriteResult::NameTaken { by: 1 },
        WriteResult::Stored { id: 2, version: 1 },
        WriteResult::NameTaken { by: 2 },
        WriteResult::Missing,
        WriteResult::Changed,
        WriteResult::Stored { id: 3, version: 1 },
    ];
    assert_eq!(written.results, expected);
    assert_eq!(bed.store.host(1).await.unwrap().unwrap(), host);
    assert_eq!(bed.store.claims_at(&[name("vm-1.example.com")]).await.unwrap().len(), 1);
    assert_eq!(bed.store.job(written.job_id.unwrap()).await.unwrap().unwrap().total, 2);
    let refused = bed.store.write_owners(&writes[..1], &bed.context(true).await).await.unwrap();
    assert!(refused.job_id.is_none() && refused.zones.is_empty());
}

async fn two_at_once_cannot_have_one_name(bed: Bed) {
    let zone = bed.zone("example.com").await;
    let context = bed.context(false).await;
    let wish = [add(zone.id, "vm-1.example.com", 1)];
    let calls = (0..8).map(|_| bed.store.write_owners(&wish, &context));
    let results = futures_util::future::join_all(calls).await;
    let stored = results
        .iter()
        .filter(|written| matches!(written.as_ref().unwrap().results[0], WriteResult::Stored { .. }))
        .count();
    assert_eq!(stored, 1);
    assert_eq!(bed.store.count_hosts(&OwnerFilter::default()).await.unwrap(), 1);
    assert_eq!(bed.store.claims_at(&[name("vm-1.example.com")]).await.unwrap().len(), 1);
}

async fn a_stale_match_is_refused(bed: Bed) {
    let zone = bed.zone("example.com").await;
    let context = bed.context(true).await;
    bed.zone("example.net").await;
    let refused = bed.store.write_owners(&[add(zone.id, "vm-1.example.com", 1)], &context).await;
    assert!(matches!(refused, Err(StoreError::StaleEpoch { now }) if now == context.epoch + 1));
    assert_eq!(bed.store.count_hosts(&OwnerFilter::default()).await.unwrap(), 0);
    assert!(bed.dirty(zone.id).await.is_empty());
}

async fn remove(bed: &Bed, zone: i64, id: i64) -> Written {
    let host = bed.store.host(id).await.unwrap().unwrap();
    let action = OwnerAction::Remove { expected_version: host.version, forget: false };
    let write = change(host, action, Vec::new(), zone);
    bed.store.write_owners(&[write], &bed.context(true).await).await.unwrap()
}

async fn a_removed_owner_goes_when_its_names_are_settled(bed: Bed) {
    let zone = bed.zone("example.com").await;
    bed.add(zone.id, &["vm-1.example.com", "vm-2.example.com"]).await;
    bed.settle(&zone).await;
    remove(&bed, zone.id, 1).await;
    assert_eq!(bed.store.host(1).await.unwrap().unwrap().state, OwnerState::Deleting);
    assert!(bed.store.claims_at(&[name("vm-1.example.com")]).await.unwrap().is_empty());
    assert_eq!(bed.store.claims_of(host_id(1), true).await.unwrap().len(), 2);
    assert!(bed.store.hosts_holding(&[[192, 0, 2, 1].into()]).await.unwrap().is_empty());
    assert_eq!(bed.store.reap().await.unwrap(), 0, "it still waits");
    let stored = bed.settle(&zone).await;
    assert_eq!(stored.reaped, [host_id(1)]);
    assert_eq!(stored.finished_jobs.len(), 1);
    assert!(bed.store.host(1).await.unwrap().is_none());
    assert!(bed.store.claims_of(host_id(1), true).await.unwrap().is_empty());
    assert!(bed.store.keys_at(zone.id, &[name("vm-1.example.com")]).await.unwrap().is_empty());
    let touched = [(zone.id, name("vm-1.example.com"))];
    assert!(bed.store.progress(&touched).await.unwrap().is_empty(), "a settled name without keys has no row");
    assert!(bed.store.host(2).await.unwrap().is_some());
}

async fn a_removed_owner_frees_its_name_at_once(bed: Bed) {
    let zone = bed.zone("example.com").await;
    bed.add(zone.id, &["vm-1.example.com"]).await;
    remove(&bed, zone.id, 1).await;
    let again = bed.add(zone.id, &["vm-1.example.com"]).await;
    assert_eq!(again.results, [WriteResult::Stored { id: 2, version: 1 }]);
    assert_eq!(bed.store.host_by_fqdn(&name("vm-1.example.com")).await.unwrap().unwrap().id, 2);
    bed.store.forget(host_id(1), &[]).await.unwrap();
    assert!(bed.store.host(1).await.unwrap().is_none());
    assert!(bed.store.forget(host_id(2), &[]).await.is_err(), "only what is being removed can be forgotten");
    assert_eq!(bed.store.claims_of(host_id(2), false).await.unwrap().len(), 2);
}

async fn a_removed_zone_lets_waiting_owners_go(bed: Bed) {
    let zone = bed.zone("example.com").await;
    let added = bed.add(zone.id, &["vm-1.example.com", "vm-2.example.com"]).await;
    remove(&bed, zone.id, 1).await;
    bed.store.remove_zone(zone.id, &[]).await.unwrap();
    assert!(bed.store.host(1).await.unwrap().is_none());
    assert!(bed.store.host(2).await.unwrap().is_some());
    let job = bed.store.job(added.job_id.unwrap()).await.unwrap().unwrap();
    assert!(job.finished_at.is_some(), "a job never waits for a zone that is gone: {job:?}");
}

async fn nothing_touched_is_done_at_once(bed: Bed) {
    let zone = bed.zone("example.com").await;
    let write = OwnerWrite { touched: Vec::new(), ..add(zone.id, "vm-1.example.org", 1) };
    let written = bed.store.write_owners(&[write], &bed.context(true).await).await.unwrap();
    let job = bed.store.job(written.job_id.unwrap()).await.unwrap().unwrap();
    assert_eq!((job.state, job.total), (JobState::NoMatchingZone, 0));
    assert!(job.finished_at.is_some());
    let host = bed.store.host(1).await.unwrap().unwrap();
    let action = OwnerAction::Remove { expected_version: 1, forget: false };
    let write = OwnerWrite { row: OwnerRow::Host(host), action, claims: Vec::new(), touched: Vec::new() };
    let removed = bed.store.write_owners(&[write], &bed.context(true).await).await.unwrap();
    assert!(bed.store.host(1).await.unwrap().is_none(), "nothing to wait for");
    let job = bed.store.job(removed.job_id.unwrap()).await.unwrap().unwrap();
    assert_eq!(job.state, JobState::Done, "who goes misses no zone");
}

async fn a_forgotten_owner_goes_with_the_write_that_removes_it(bed: Bed) {
    let zone = bed.zone("example.com").await;
    bed.add(zone.id, &["vm-1.example.com"]).await;
    let host = bed.store.host(1).await.unwrap().unwrap();
    let action = OwnerAction::Remove { expected_version: 1, forget: true };
    let remove = change(host, action, Vec::new(), zone.id);
    bed.store.write_owners(&[remove], &bed.context(true).await).await.unwrap();
    assert!(bed.store.host(1).await.unwrap().is_none(), "its row goes at once");
    assert!(bed.store.claims_of(host_id(1), true).await.unwrap().is_empty());
    assert_eq!(bed.dirty(zone.id).await.len(), 1, "its name is cleaned up all the same");
    let audit = bed.store.audit_log(&AuditFilter::default(), None, 10).await.unwrap();
    assert!(audit.iter().any(|line| line.action == "host.forget" && line.object == "host:1"), "{audit:?}");
}

async fn an_answer_is_remembered_with_its_write(bed: Bed) {
    let zone = bed.zone("example.com").await;
    let answer = |written: &Written| (202, format!("job {}", written.job_id.unwrap_or(0)));
    let remember = Remember { key: "k1", principal: "key:1", body_hash: [7; 32], answer: &answer };
    let context = bed.context(true).await;
    let writes = [add(zone.id, "vm-1.example.com", 1)];
    bed.store.write_owners_once(&writes, &context, Some(&remember)).await.unwrap();
    let answered = bed.store.recall("k1", "key:1").await.unwrap().unwrap();
    assert_eq!((answered.status, answered.body.as_str(), answered.body_hash), (202, "job 1", [7; 32]));
    assert!(bed.store.recall("k1", "key:2").await.unwrap().is_none());
    let writes = [add(zone.id, "vm-2.example.com", 2)];
    let again = bed.store.write_owners_once(&writes, &context, Some(&remember)).await;
    assert!(matches!(again, Err(StoreError::AlreadyAnswered)), "{again:?}");
    assert_eq!(bed.store.count_hosts(&OwnerFilter::default()).await.unwrap(), 1, "nothing is half-stored");
    bed.store.remember("k2", "key:1", [8; 32], 201, "{}").await.unwrap();
    assert_eq!(bed.store.forget_answers(bed.store.now().await.unwrap() + 1).await.unwrap(), 2);
}

async fn records_are_owners_too(bed: Bed) {
    let zone = bed.zone("example.com").await;
    let row = RecordRow {
        id: 0,
        name: name("www.example.com"),
        rtype: zonecast_core::RecordType::A,
        values: vec![a(1), a(2)],
        ttl: None,
        zone_id: Some(zone.id),
        source: "api".into(),
        state: OwnerState::Active,
        created_at: 0,
        updated_at: 0,
        version: 0,
    };
    let claim = |data| NewClaim {
        name: row.name.clone(),
        data,
        ttl: None,
        zone_id: Some(zone.id),
        domain: None,
        derived: false,
    };
    let write = OwnerWrite {
        row: OwnerRow::Record(row.clone()),
        action: OwnerAction::Insert,
        claims: vec![claim(a(1)), claim(a(2))],
        touched: vec![(zone.id, row.name.clone())],
    };
    let written =
        bed.store.write_owners(std::slice::from_ref(&write), &bed.context(true).await).await.unwrap();
    assert_eq!(written.results, [WriteResult::Stored { id: 1, version: 1 }]);
    let stored = bed.store.record(1).await.unwrap().unwrap();
    assert_eq!((&stored.values, stored.zone_id), (&row.values, Some(zone.id)));
    let filter = OwnerFilter { search: "www".into(), zone_id: Some(zone.id), ..OwnerFilter::default() };
    assert_eq!(bed.store.records(&filter, 0, 10).await.unwrap(), std::slice::from_ref(&stored));
    assert_eq!(bed.store.count_records(&filter).await.unwrap(), 1);
    bed.settle(&zone).await;
    let action = OwnerAction::Remove { expected_version: 1, forget: false };
    let write = OwnerWrite { row: OwnerRow::Record(stored), action, claims: Vec::new(), ..write };
    bed.store.write_owners(&[write], &bed.context(true).await).await.unwrap();
    bed.settle(&zone).await;
    assert!(bed.store.record(1).await.unwrap().is_none());
}

async fn hosts_are_found_by_name_address_and_page(bed: Bed) {
    let zone = bed.zone("example.com").await;
    bed.add(zone.id, &["vm-1.example.com", "vm-2.example.com", "db.example.net", "x_y.example.net"]).await;
    let found = async |filter: OwnerFilter| {
        let hosts = bed.store.hosts(&filter, 0, 10).await.unwrap();
        assert_eq!(bed.store.count_hosts(&filter).await.unwrap(), hosts.len() as i64);
        hosts.iter().map(|host| host.id).collect::<Vec<_>>()
    };
    let search = |text: &str| OwnerFilter { search: text.into(), ..OwnerFilter::default() };
    assert_eq!(found(search("VM-")).await, [1, 2]);
    assert_eq!(found(search("example.net")).await, [3, 4]);
    assert!(found(OwnerFilter { prefix: true, ..search("example.net") }).await.is_empty());
    assert_eq!(found(search("192.0.2.3")).await, [3]);
    assert_eq!(found(search("x_y")).await, [4]);
    assert!(found(search("%")).await.is_empty());
    assert_eq!(
        found(OwnerFilter { below: Some(name("example.net")), ..OwnerFilter::default() }).await,
        [3, 4]
    );
    let exactly = |text: &str| OwnerFilter { exact: Some(name(text)), ..OwnerFilter::default() };
    assert_eq!(
        (found(exactly("db.example.net")).await, found(exactly("example.net")).await),
        (vec![3], vec![])
    );
    assert!(
        found(OwnerFilter { state: Some(OwnerState::Disabled), ..OwnerFilter::default() }).await.is_empty()
    );
    let page = bed.store.hosts(&OwnerFilter::default(), 1, 2).await.unwrap();
    assert_eq!(page.iter().map(|host| host.id).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(bed.store.hosts_by_ids(&[4, 1, 77]).await.unwrap().len(), 2);
}

async fn claims_are_paged_by_whole_names(bed: Bed) {
    let zone = bed.zone("example.com").await;
    bed.add(zone.id, &["a.example.com", "b.example.com", "example.com", "c.example.org"]).await;
    let mut extra = add(zone.id, "z.example.com", 9);
    extra.claims.push(NewClaim { name: name("a.example.com"), ..extra.claims[0].clone() });
    bed.store.write_owners(&[extra], &bed.context(false).await).await.unwrap();
    let (mut after, mut pages) = (Some(Vec::new()), Vec::new());
    loop {
        let page = bed.store.claims_below(&name("example.com"), after.as_deref(), 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.name.key().to_vec());
        pages.push(page.iter().map(|claim| claim.name.to_string()).collect::<Vec<_>>());
    }
    assert_eq!(pages[0], ["example.com", "a.example.com", "a.example.com"]);
    assert_eq!(pages[1], ["b.example.com", "z.example.com"]);
    assert_eq!(pages.len(), 2);
}
