//! CoreDNS's three sources: a real etcd under the eyes of a reader of SkyDNS keys, zone files that a
//! real BIND loads, and a real BIND in CoreDNS's place as our secondary.

use super::skydns::SkyDns;
use async_trait::async_trait;
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use zonecast_core::{Name, RRset, RecordData, RecordType, Serial, Ttl};
use zonecast_dns::{
    Authority, ChangeOptions, Edit, MemoryZoneStore, Notifier, NotifyOptions, Server, ServerOptions, Soa,
    parse_zonefile, write_zonefile,
};
use zonecast_providers::conformance::{Looked, Stage, Trouble};
use zonecast_providers::fields::{Deps, connect, validate};
use zonecast_providers::{Provider, ZoneRef, ZoneSeed};
use zonecast_testbed::{Bind, Etcd, Fault, FaultProxy, dig, free_port, until};

use super::rfc2136::ZONES;

pub fn connected(settings: Value, deps: &Deps) -> Arc<dyn Provider> {
    let settings = validate("coredns", settings.as_object().unwrap()).unwrap();
    connect("coredns", &settings, deps).unwrap()
}

pub struct EtcdStage {
    pub etcd: Etcd,
    provider: Arc<dyn Provider>,
    proxies: Mutex<Vec<FaultProxy>>,
}

impl EtcdStage {
    pub fn start(members: usize) -> EtcdStage {
        let etcd = Etcd::start_cluster(members);
        let endpoints = etcd.endpoints().join(",");
        let provider = connected(json!({ "backend": "etcd", "endpoints": endpoints }), &Deps::default());
        EtcdStage { etcd, provider, proxies: Mutex::default() }
    }

    pub fn eyes(&self, zone: &Name) -> SkyDns {
        SkyDns { zone: zone.clone(), keys: self.etcd.dump("/skydns/").into_iter().collect() }
    }
}

#[async_trait]
impl Stage for EtcdStage {
    fn provider(&self) -> Arc<dyn Provider> {
        self.provider.clone()
    }

    async fn new_zone(&self, _zone: &Name) {}

    async fn ask(&self, zone: &Name, name: &Name, rtype: RecordType) -> Looked {
        self.eyes(zone).ask(name, rtype)
    }

    async fn zone(&self, zone: &Name) -> Vec<RRset> {
        self.eyes(zone).whole()
    }

    /// Another writer in external-dns's manner: `targetstrip`, keys of its own. What is there with the
    /// right value stays, whoever wrote it, with the new TTL.
    async fn foreign_put(&self, zone: &Name, name: &Name, rtype: RecordType, ttl: u32, values: &[&str]) {
        let mut folder =
            format!("/skydns/{}", name.to_string().split('.').rev().collect::<Vec<_>>().join("/"));
        if name == zone {
            folder.push_str("/dns/apex");
        }
        let service = |value: &str| match rtype {
            RecordType::TXT => json!({ "text": value.trim_matches('"'), "ttl": ttl, "targetstrip": 1 }),
            RecordType::MX => {
                let (priority, host) = value.split_once(' ').unwrap();
                let (priority, host) = (priority.parse::<u16>().unwrap(), host.trim_end_matches('.'));
                json!({ "host": host, "mail": true, "priority": priority, "ttl": ttl, "targetstrip": 1 })
            }
            _ => json!({ "host": value.trim_end_matches('.'), "ttl": ttl, "targetstrip": 1 }),
        };
        let same = |a: &Value, b: &Value| ["host", "text", "mail"].iter().all(|f| a.get(*f) == b.get(*f));
        let mut wanted: Vec<Value> = values.iter().map(|value| service(value)).collect();
        for (key, value) in self.etcd.dump(&format!("{folder}/")) {
            let mut there: Value = serde_json::from_str(&value).unwrap();
            let is_type = match rtype {
                RecordType::TXT => there.get("text").is_some(),
                RecordType::MX => there.get("mail").is_some(),
                _ => there["host"].as_str().is_some_and(|host| host.parse::<std::net::IpAddr>().is_ok()),
            };
            match wanted.iter().position(|value| same(value, &there)) {
                Some(at) => {
                    wanted.remove(at);
                    if there["ttl"] != ttl {
                        there["ttl"] = ttl.into();
                        self.etcd.put(&key, &there.to_string());
                    }
                }
                None if is_type => self.etcd.delete(&key),
                None => {}
            }
        }
        for (n, value) in wanted.into_iter().enumerate() {
            self.etcd.put(&format!("{folder}/x{rtype}{n}{}", free_port()), &value.to_string());
        }
    }

    async fn broken(&self, trouble: Trouble) -> Option<Arc<dyn Provider>> {
        let proxy = FaultProxy::start(self.etcd.addr());
        match trouble {
            Trouble::AnswerLost => proxy.rule("POST", "/txn", 1, Fault::LoseAnswer),
            Trouble::Down => proxy.set(Fault::Refuse),
            _ => return None,
        }
        let provider = connected(json!({ "backend": "etcd", "endpoints": proxy.url() }), &Deps::default());
        self.proxies.lock().unwrap().push(proxy);
        Some(provider)
    }
}

/// BIND stands for CoreDNS: it loads the same files, and it is as strict about serials.
pub struct FileStage {
    bind: Bind,
    provider: Arc<dyn Provider>,
}

impl FileStage {
    pub fn start() -> FileStage {
        let extra = "allow-transfer { 127.0.0.0/8; }; check-integrity no; max-records-per-type 0;";
        let bind = Bind::start_with(&[], &ZONES.map(|zone| (zone, extra)));
        let settings = json!({
            "backend": "file",
            "directory": bind.folder().to_str(),
            "coredns_url": bind.dns_addr().to_string(),
        });
        let provider = connected(settings, &Deps::default());
        FileStage { bind, provider }
    }

    fn sets(&self, zone: &Name) -> Vec<RRset> {
        let text = std::fs::read_to_string(self.bind.folder().join(format!("db.{zone}"))).unwrap();
        parse_zonefile(&text, zone, Ttl::DEFAULT).unwrap()
    }

    /// Waits until BIND serves the file's serial.
    fn follow(&self, zone: &Name) {
        let soa = self.sets(zone).into_iter().find(|set| set.rtype == RecordType::SOA).unwrap();
        let wanted = Soa::from_data(&soa.values[0]).unwrap().serial;
        if served(&self.bind, zone) == Some(wanted) {
            return;
        }
        self.bind.reload();
        until("BIND to load the file", Duration::from_secs(20), || served(&self.bind, zone) == Some(wanted));
    }
}

fn served(bind: &Bind, zone: &Name) -> Option<Serial> {
    let reply = dig(bind.dns_addr(), &zone.absolute(), "SOA").ok()?;
    let data = RecordData::from_wire(RecordType::SOA, &reply.answers.first()?.rdata).ok()?;
    Some(Soa::from_data(&data)?.serial)
}

#[async_trait]
impl Stage for FileStage {
    fn provider(&self) -> Arc<dyn Provider> {
        self.provider.clone()
    }

    async fn new_zone(&self, zone: &Name) {
        assert!(ZONES.contains(&zone.to_string().as_str()), "{zone} is in no configuration");
    }

    async fn ask(&self, zone: &Name, name: &Name, rtype: RecordType) -> Looked {
        tokio::task::block_in_place(|| self.follow(zone));
        super::ask(self.bind.dns_addr(), name, rtype).await
    }

    async fn zone(&self, zone: &Name) -> Vec<RRset> {
        tokio::task::block_in_place(|| self.follow(zone));
        super::whole(self.bind.dns_addr(), zone).await
    }

    async fn foreign_put(&self, zone: &Name, name: &Name, rtype: RecordType, ttl: u32, values: &[&str]) {
        let mut sets = self.sets(zone);
        sets.retain(|set| set.name != *name || set.rtype != rtype);
        let values: Vec<RecordData> =
            values.iter().map(|value| RecordData::parse(rtype, value).unwrap()).collect();
        sets.push(RRset::new(name.clone(), rtype, Ttl::from_seconds(ttl).unwrap(), values));
        for set in sets.iter_mut().filter(|set| set.rtype == RecordType::SOA) {
            let mut soa = Soa::from_data(&set.values[0]).unwrap();
            soa.serial = soa.serial.next();
            set.values = vec![soa.to_data()];
        }
        let path = self.bind.folder().join(format!("db.{zone}"));
        std::fs::write(path, write_zonefile(zone, sets)).unwrap();
    }

    async fn broken(&self, _trouble: Trouble) -> Option<Arc<dyn Provider>> {
        None
    }
}

pub struct SecondaryStage {
    authority: Authority,
    provider: Arc<dyn Provider>,
    bind: Bind,
    _server: Server,
    _notifier: Notifier,
}

impl SecondaryStage {
    pub async fn start() -> SecondaryStage {
        let authority = Authority::open(Arc::new(MemoryZoneStore::default())).await.unwrap();
        let options = ServerOptions {
            udp_threads: 1,
            rate_limit: None,
            ..ServerOptions::new((Ipv4Addr::LOCALHOST, 0).into())
        };
        let server = Server::start(authority.clone(), &options).unwrap();
        let notifier = Notifier::start(authority.clone(), NotifyOptions::default());
        let deps = Deps { authority: Some(authority.clone()), ..Deps::default() };
        let port = free_port();
        let url = format!("http://127.0.0.1:{port}");
        let provider = connected(json!({ "backend": "secondary", "coredns_url": url }), &deps);
        for zone in ZONES {
            let zone = ZoneRef::new(Name::parse(zone).unwrap());
            let ns = Name::parse("ns1.example.net").unwrap();
            let seed = ZoneSeed { primary: ns.clone(), mailbox: ns.clone(), name_servers: vec![ns] };
            // This opens the zones to the secondary, else it would come up empty.
            provider.create_zone(&zone, &seed).await.unwrap();
        }
        let primary = server.local_addr();
        let bind = tokio::task::spawn_blocking(move || Bind::start_secondary(&ZONES, primary, port));
        let bind = bind.await.unwrap();
        SecondaryStage { authority, provider, bind, _server: server, _notifier: notifier }
    }

    async fn follow(&self, zone: &Name) {
        let wanted = self.authority.snapshot(zone).map(|snapshot| snapshot.serial());
        tokio::task::block_in_place(|| {
            until("the secondary to follow", Duration::from_secs(20), || served(&self.bind, zone) == wanted);
        });
    }
}

#[async_trait]
impl Stage for SecondaryStage {
    fn provider(&self) -> Arc<dyn Provider> {
        self.provider.clone()
    }

    async fn new_zone(&self, zone: &Name) {
        self.follow(zone).await;
    }

    async fn ask(&self, zone: &Name, name: &Name, rtype: RecordType) -> Looked {
        self.follow(zone).await;
        super::ask(self.bind.dns_addr(), name, rtype).await
    }

    async fn zone(&self, zone: &Name) -> Vec<RRset> {
        self.follow(zone).await;
        super::whole(self.bind.dns_addr(), zone).await
    }

    async fn foreign_put(&self, zone: &Name, name: &Name, rtype: RecordType, ttl: u32, values: &[&str]) {
        let values = values.iter().map(|value| RecordData::parse(rtype, value).unwrap()).collect();
        let set = RRset::new(name.clone(), rtype, Ttl::from_seconds(ttl).unwrap(), values);
        self.authority.apply(zone, vec![Edit::Set(set)], ChangeOptions::default()).await.unwrap();
    }

    async fn broken(&self, _trouble: Trouble) -> Option<Arc<dyn Provider>> {
        None
    }
}
