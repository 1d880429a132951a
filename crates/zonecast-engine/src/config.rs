//! The configuration file, its defaults and what the environment and the command line put over it.
//!
//! One TOML file with a format version; unknown keys are refused. Every default lives here and in
//! `config.defaults.toml`, and a test holds the two together.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use zonecast_core::{Name, Ttl};

/// Everything a daemon needs to know before it opens its store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Format of this file.
    pub version: u32,
    /// Data folder.
    pub data: PathBuf,
    /// `sqlite` (in the data folder) or `postgres://...`.
    pub store: String,
    /// Where the API and the page listen.
    pub http: SocketAddr,
    /// Where the embedded authority listens.
    pub dns: SocketAddr,
    /// How the work is done.
    pub engine: EngineConfig,
    /// What new embedded zones start with.
    pub authority: AuthorityConfig,
    /// Limits of the API.
    pub api: ApiConfig,
    /// Where providers may be.
    pub providers: ProvidersConfig,
    /// The old endpoint of the WHMCS module.
    pub legacy: LegacyConfig,
    /// The provisioning side (S5.19-22).
    pub orchestrator: Orchestrator,
    /// The door for Plesk (S4.1-96).
    pub plesk: PleskConfig,
}

/// How the work is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineConfig {
    /// How long a lease on a budget group lasts; another node takes over after that.
    pub lease_seconds: u64,
    /// The longest a provider call may take; always inside the lease.
    pub call_seconds: u64,
    /// Most names in one pass over a zone.
    pub batch_names: usize,
    /// How often due work is looked for when nobody signals.
    pub poll_millis: u64,
    /// Most calls a second to one budget group, where the provider names no limit of its own.
    pub calls_per_second: u32,
    /// Calls a second by budget group, before what the provider and `calls_per_second` say. A
    /// connection without a group of its own is `connection:ID`.
    pub budgets: BTreeMap<String, f64>,
}

/// What new embedded zones start with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthorityConfig {
    /// Name servers of new zones; the first one is the SOA's primary. Empty: `ns1.<zone>`.
    pub name_servers: Vec<Name>,
    /// Mailbox of the SOA, as a name. Empty: `hostmaster.<zone>`.
    pub mailbox: Option<Name>,
    /// Answers a second to one client network before answers are withheld; 0 switches it off.
    pub answers_per_second: u32,
}

/// Limits of the API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiConfig {
    /// Calls a second one key may make; 0 switches the limit off.
    pub calls_per_second: u32,
    /// Largest body taken, in bytes.
    pub body_bytes_max: usize,
    /// Proxies in front of Zonecast: their `X-Forwarded-For` says who logs in, and they may have as many
    /// connections as there are.
    pub trusted_proxies: Vec<Network>,
}

/// Where providers may be (link-local addresses never are).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProvidersConfig {
    /// Providers may have private and loopback addresses.
    pub private_addresses: bool,
}

impl Default for ProvidersConfig {
    fn default() -> ProvidersConfig {
        ProvidersConfig { private_addresses: true }
    }
}

/// Who may read `/modules/servers/puqProxmoxKVM/lib/dns/dns.php` (S2.79-81, X41).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LegacyConfig {
    /// Addresses and networks that may; nobody else.
    pub allow: Vec<Network>,
    /// Proxies whose `X-Forwarded-For` is believed; nobody else's is.
    pub trusted_proxies: Vec<Network>,
}

/// A network, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network(pub ipnet::IpNet);

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Network, String> {
        let address = || text.parse::<std::net::IpAddr>().map(ipnet::IpNet::from);
        let wrong = |_| format!("{text:?} is not an address or a network such as 192.0.2.0/24");
        text.parse()
            .or_else(|_| address())
            .map(|network: ipnet::IpNet| Network(network.trunc()))
            .map_err(wrong)
    }
}

impl From<Network> for String {
    fn from(network: Network) -> String {
        network.0.to_string()
    }
}

/// The table `[orchestrator]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Orchestrator {
    /// `[orchestrator.dns]`.
    pub dns: OrchestratorDns,
}

/// The table `[orchestrator.dns]` (S5.19-22, X1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OrchestratorDns {
    /// Where CoreDNS answers, in any spelling: `http://host:53`, `dns://host:53`, `host:53`.
    pub coredns_url: String,
    /// How records get to CoreDNS, as the provider `coredns` calls it. Empty: `secondary`, so the
    /// embedded authority serves the zones and CoreDNS copies them.
    pub coredns_backend: String,
    /// What that backend needs besides: settings of the provider `coredns`. `env:NAME` is what the
    /// environment variable holds.
    pub coredns_settings: BTreeMap<String, String>,
    /// Zones that are there after each start; one taken off the list stays.
    pub zones: Vec<Name>,
    /// Hosts are written when they are registered; else only when they are synced.
    pub auto_register: bool,
    /// TTL of records whose host, zone and pool name none.
    pub ttl: Ttl,
}

/// The table `[plesk]`: what the custom DNS backend does with what Plesk sends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PleskConfig {
    /// Off: every call ends at once with exit code 0 and touches nothing.
    pub enabled: bool,
    /// Connections (by id) at which a domain's zone is made where it is missing (X31).
    pub create_at: Vec<i64>,
    /// `owned` touches our values only; `full` makes what Plesk sends the whole zone.
    pub managed: crate::settings::Managed,
    /// Also SOA and the NS of the apex follow Plesk (S4.92).
    pub manage_ns_soa: bool,
    /// Seconds a call waits for the work to be done before it answers "queued" (X8).
    pub wait: u64,
    /// Another backend's command line that gets the same input; what it returns does not count.
    pub pass_through: String,
}

impl Default for PleskConfig {
    fn default() -> PleskConfig {
        PleskConfig {
            enabled: true,
            create_at: Vec::new(),
            managed: crate::settings::Managed::Owned,
            manage_ns_soa: false,
            wait: 5,
            pass_through: String::new(),
        }
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            version: 1,
            data: PathBuf::from("./zonecast-data"),
            store: "sqlite".to_owned(),
            http: SocketAddr::from(([127, 0, 0, 1], 8053)),
            dns: SocketAddr::from(([127, 0, 0, 1], 5300)),
            engine: EngineConfig::default(),
            authority: AuthorityConfig::default(),
            api: ApiConfig::default(),
            providers: ProvidersConfig::default(),
            legacy: LegacyConfig::default(),
            orchestrator: Orchestrator::default(),
            plesk: PleskConfig::default(),
        }
    }
}

impl AuthorityConfig {
    /// What a new zone starts with.
    pub fn seed(&self, zone: &Name) -> zonecast_providers::ZoneSeed {
        let below = |label: &str| zone.child(label).unwrap_or_else(|_| zone.clone());
        let name_servers = match self.name_servers.is_empty() {
            true => vec![below("ns1")],
            false => self.name_servers.clone(),
        };
        let primary = name_servers.first().cloned().unwrap_or_else(|| zone.clone());
        let mailbox = self.mailbox.clone().unwrap_or_else(|| below("hostmaster"));
        zonecast_providers::ZoneSeed { primary, mailbox, name_servers }
    }
}

impl Default for EngineConfig {
    fn default() -> EngineConfig {
        EngineConfig {
            lease_seconds: 30,
            call_seconds: 15,
            batch_names: 5_000,
            poll_millis: 1_000,
            calls_per_second: 0,
            budgets: BTreeMap::new(),
        }
    }
}

impl Default for ApiConfig {
    fn default() -> ApiConfig {
        ApiConfig { calls_per_second: 0, body_bytes_max: 8 * 1024 * 1024, trusted_proxies: Vec::new() }
    }
}

impl Default for OrchestratorDns {
    fn default() -> OrchestratorDns {
        OrchestratorDns {
            coredns_url: "http://localhost:53".to_owned(),
            coredns_backend: String::new(),
            coredns_settings: BTreeMap::new(),
            zones: Vec::new(),
            auto_register: true,
            ttl: Ttl::DEFAULT,
        }
    }
}

impl Config {
    /// Reads a file; the error shows the line and says what is not known there.
    pub fn read(path: &Path) -> anyhow::Result<Config> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| anyhow::anyhow!("cannot read {}: {error}", path.display()))?;
        let config: Config =
            toml::from_str(&text).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
        anyhow::ensure!(
            config.version == 1,
            "{}: version {} is newer than this program",
            path.display(),
            config.version
        );
        Ok(config)
    }

    /// What to open as the store: the URL, or the path of the SQLite file.
    pub fn store_url(&self) -> String {
        match self.store.as_str() {
            "sqlite" => self.data.join("zonecast.db").display().to_string(),
            url => url.to_owned(),
        }
    }
}
