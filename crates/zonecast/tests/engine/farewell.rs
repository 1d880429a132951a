//! What was removed is gone when no name server answers with it any more (design section 4 "Verify").

use crate::bed::{Bed, until};
use serde_json::json;
use std::sync::Arc;
use zonecast::service::{Caller, Expected, hosts, zones};
use zonecast_core::{JobState, Name, RRset, RecordData, RecordType, Ttl};
use zonecast_dns::{Authority, ChangeOptions, Edit, MemoryZoneStore, Server, ServerOptions};

/// A name server that lags behind the provider: it answers what the test says.
async fn lagging(zone: &Name, host: &Name) -> (Authority, Server) {
    let authority = Authority::open(Arc::new(MemoryZoneStore::default())).await.unwrap();
    let soa = RecordData::parse(RecordType::SOA, "ns.a.example. host.a.example. 1 2 3 4 5").unwrap();
    let ns = RecordData::single_name(RecordType::NS, &Name::parse("ns.a.example").unwrap());
    let address = RecordData::address("192.0.2.1".parse().unwrap());
    let set = |name: &Name, rtype, data| RRset::new(name.clone(), rtype, Ttl::DEFAULT, vec![data]);
    let sets = vec![
        set(zone, RecordType::SOA, soa),
        set(zone, RecordType::NS, ns),
        set(host, RecordType::A, address),
    ];
    authority.create_zone(zone.clone(), sets, Default::default()).await.unwrap();
    let server = Server::start(authority.clone(), &ServerOptions::new(([127, 0, 0, 1], 0).into())).unwrap();
    (authority, server)
}

async fn removed_behind(verify_seconds: u32) -> (Bed, Authority, Server, i64, i64) {
    let bed = Bed::open(|_| {}).await;
    let (apex, name) = (Name::parse("a.example").unwrap(), Name::parse("vm.a.example").unwrap());
    let (authority, server) = lagging(&apex, &name).await;
    let connection = bed.connection("one", "").await;
    let zone = bed.zone("a.example", connection).await;
    let body = json!({ "dns_servers": [server.local_addr().to_string()], "verify_seconds": verify_seconds });
    let caller = Caller::local("test");
    zones::patch(&bed.app, &caller, zone, &body, Expected::default()).await.unwrap();
    let host = bed.host("vm.a.example", "192.0.2.1").await.id;
    until("it stands there", async || !bed.there("a.example", "vm.a.example", "A").is_empty()).await;
    let work = hosts::remove(&bed.app, &caller, host, false, Expected::default()).await.unwrap();
    until("the provider has removed it", async || bed.there("a.example", "vm.a.example", "A").is_empty())
        .await;
    (bed, authority, server, host, work.job_id.unwrap())
}

async fn log(bed: &Bed, job: i64) -> String {
    let lines = bed.app.store.job_log(job, 0, 100).await.unwrap();
    lines.into_iter().map(|line| line.line + "\n").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_host_is_forgotten_when_its_value_is_gone_from_the_servers() {
    let (bed, authority, _server, host, job) = removed_behind(600).await;
    until("the log says why", async || log(&bed, job).await.contains("waiting until")).await;
    assert!(bed.app.store.host(host).await.unwrap().is_some(), "it is still answered");
    assert!(bed.app.store.job(job).await.unwrap().unwrap().finished_at.is_none());
    let gone = Edit::Delete(Name::parse("vm.a.example").unwrap(), RecordType::A);
    let apex = Name::parse("a.example").unwrap();
    authority.apply(&apex, vec![gone], ChangeOptions::default()).await.unwrap();
    until("the host is gone", async || bed.app.store.host(host).await.unwrap().is_none()).await;
    until("the job is done", async || bed.app.store.job(job).await.unwrap().unwrap().state == JobState::Done)
        .await;
    assert!(log(&bed, job).await.contains("gone from the name servers"), "{}", log(&bed, job).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_learns_is_waited_for_no_longer_than_verify_seconds() {
    let (bed, _authority, _server, host, _job) = removed_behind(1).await;
    until("the host is gone", async || bed.app.store.host(host).await.unwrap().is_none()).await;
}
