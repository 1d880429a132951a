//! Zonecast's own authority, asked over real sockets.

use async_trait::async_trait;
use std::net::Ipv4Addr;
use std::sync::Arc;
use zonecast_core::{Name, RRset, RecordData, RecordType, Ttl};
use zonecast_dns::{Authority, ChangeOptions, Edit, MemoryZoneStore, Server, ServerOptions, ZoneSettings};
use zonecast_providers::conformance::{Looked, Stage, Trouble};
use zonecast_providers::embedded::Embedded;
use zonecast_providers::{Provider, ZoneRef, ZoneSeed};

pub struct EmbeddedStage {
    authority: Authority,
    provider: Arc<dyn Provider>,
    server: Server,
}

impl EmbeddedStage {
    pub async fn start() -> EmbeddedStage {
        let authority = Authority::open(Arc::new(MemoryZoneStore::default())).await.unwrap();
        let options = ServerOptions {
            udp_threads: 1,
            rate_limit: None,
            ..ServerOptions::new((Ipv4Addr::LOCALHOST, 0).into())
        };
        let server = Server::start(authority.clone(), &options).unwrap();
        let listen = server.local_addr().to_string();
        let provider = Arc::new(Embedded::new(authority.clone(), vec![listen]));
        EmbeddedStage { authority, provider, server }
    }
}

#[async_trait]
impl Stage for EmbeddedStage {
    fn provider(&self) -> Arc<dyn Provider> {
        self.provider.clone()
    }

    async fn new_zone(&self, zone: &Name) {
        let server = zone.child("ns1").unwrap();
        let seed = ZoneSeed { primary: server.clone(), mailbox: server.clone(), name_servers: vec![server] };
        self.provider.create_zone(&ZoneRef::new(zone.clone()), &seed).await.unwrap();
        let settings =
            ZoneSettings { allow_transfer: vec!["127.0.0.1/32".parse().unwrap()], ..Default::default() };
        self.authority.set_settings(zone, settings).await.unwrap();
    }

    async fn ask(&self, _zone: &Name, name: &Name, rtype: RecordType) -> Looked {
        super::ask(self.server.local_addr(), name, rtype).await
    }

    async fn zone(&self, zone: &Name) -> Vec<RRset> {
        super::whole(self.server.local_addr(), zone).await
    }

    async fn foreign_put(&self, zone: &Name, name: &Name, rtype: RecordType, ttl: u32, values: &[&str]) {
        let values = values.iter().map(|value| RecordData::parse(rtype, value).unwrap()).collect();
        let set = RRset::new(name.clone(), rtype, Ttl::from_seconds(ttl).unwrap(), values);
        self.authority.apply(zone, vec![Edit::Set(set)], ChangeOptions::default()).await.unwrap();
    }

    async fn broken(&self, _trouble: Trouble) -> Option<Arc<dyn Provider>> {
        // There is no wire between us and it that could break.
        None
    }
}
