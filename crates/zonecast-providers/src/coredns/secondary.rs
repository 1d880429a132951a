//! CoreDNS as our secondary: records go into the embedded authority, which lets CoreDNS transfer the
//! zone and tells it of each change.
//!
//! Its Corefile: `example.org { secondary { transfer from ADDRESS:PORT } }`, ours being the address.
//! The plugin has no TSIG, so it is let in by its address, and pulls only when our serial is greater.
//! After a restart it has nothing until it has transferred again.

use super::{CoreDnsUrl, about, served_serial};
use crate::embedded::Embedded;
use crate::{ErrorClass, Outcome, Provider, ProviderError, TestReport, ZoneRef, ZoneSeed};
use async_trait::async_trait;
use ipnet::IpNet;
use std::net::SocketAddr;
use std::time::Duration;
use zonecast_core::{Capabilities, Change, Name, Observed};
use zonecast_dns::Authority;

/// The embedded authority, and one CoreDNS that copies from it.
pub struct Secondary {
    authority: Authority,
    embedded: Embedded,
    coredns: CoreDnsUrl,
}

impl Secondary {
    /// The provider; nothing is sent.
    pub fn new(authority: Authority, coredns: CoreDnsUrl) -> Secondary {
        let embedded = Embedded::new(authority.clone(), vec![coredns.authority()]);
        Secondary { authority, embedded, coredns }
    }

    async fn addresses(&self, zone: &ZoneRef) -> Result<Vec<SocketAddr>, ProviderError> {
        let place = self.coredns.authority();
        let found = crate::reach::lookup(&place).await;
        let found = found.map_err(|error| {
            about(zone, ErrorClass::Transient, format!("{place} has no address: {error}"))
        })?;
        Ok(found.collect())
    }

    /// Lets CoreDNS transfer the zone and puts it on the list of those who are told; what else the
    /// operator decided stays.
    async fn open_to_coredns(&self, zone: &ZoneRef) -> Result<(), ProviderError> {
        let Some(snapshot) = self.authority.snapshot(&zone.name) else { return Ok(()) };
        let mut settings = snapshot.settings().clone();
        for address in self.addresses(zone).await? {
            let ip = address.ip().to_canonical();
            if !settings.allow_transfer.iter().any(|network| network.contains(&ip)) {
                settings.allow_transfer.push(IpNet::from(ip));
            }
            if !settings.notify.contains(&address) {
                settings.notify.push(address);
            }
        }
        if settings == *snapshot.settings() {
            return Ok(());
        }
        let set = self.authority.set_settings(&zone.name, settings).await;
        set.map_err(|error| about(zone, ErrorClass::Transient, error))
    }
}

#[async_trait]
impl Provider for Secondary {
    fn capabilities(&self) -> Capabilities {
        // NOTIFY and the transfer take a moment; a lost NOTIFY waits for the SOA's refresh.
        Capabilities { settle_seconds: 15, ..crate::embedded::capabilities() }
    }

    async fn test(&self, zone: &ZoneRef) -> TestReport {
        let mut report = self.embedded.test(zone).await;
        if !report.ok {
            return report;
        }
        let ours = self.authority.snapshot(&zone.name).map(|snapshot| snapshot.serial());
        let place = self.coredns.authority();
        match served_serial(&self.coredns, zone, Duration::from_secs(3)).await {
            Ok(theirs) if Some(theirs) == ours => {
                report.message = format!("CoreDNS at {place} serves {} at our serial {theirs}", zone.name);
            }
            Ok(theirs) => {
                report.message = format!("CoreDNS at {place} serves {} at serial {theirs}", zone.name);
                let ours = ours.map_or(String::new(), |serial| serial.to_string());
                report.advice.push(format!(
                    "our serial is {ours}: it may just be transferring, or `transfer from` names another primary"
                ));
            }
            Err(words) => {
                report.ok = false;
                report.reachable = words.contains("does not serve");
                report.zone_matches = false;
                report.message =
                    format!("{words}; its Corefile needs `secondary {{ transfer from ... }}` for the zone");
            }
        }
        report.advice.extend(self.coredns.warning.clone());
        report
    }

    async fn read(&self, zone: &ZoneRef, names: &[Name]) -> Result<Observed, ProviderError> {
        self.embedded.read(zone, names).await
    }

    async fn list(&self, zone: &ZoneRef) -> Result<Observed, ProviderError> {
        self.embedded.list(zone).await
    }

    async fn apply(&self, zone: &ZoneRef, seen: &Observed, changes: &[Change]) -> Vec<Outcome> {
        // A CoreDNS whose name does not resolve now is told later; the zone's truth is ours.
        if let Err(error) = self.open_to_coredns(zone).await {
            tracing::warn!(zone = %zone.name, provider = "coredns", "{error}");
        }
        self.embedded.apply(zone, seen, changes).await
    }

    async fn create_zone(&self, zone: &ZoneRef, seed: &ZoneSeed) -> Result<Option<String>, ProviderError> {
        let id = self.embedded.create_zone(zone, seed).await?;
        self.open_to_coredns(zone).await?;
        Ok(id)
    }

    async fn delete_zone(&self, zone: &ZoneRef) -> Result<(), ProviderError> {
        self.embedded.delete_zone(zone).await
    }

    async fn dns_servers(&self, _zone: &ZoneRef) -> Vec<String> {
        vec![self.coredns.authority()]
    }

    fn physical_id(&self, zone: &ZoneRef) -> String {
        self.embedded.physical_id(zone)
    }
}
