//! The library: names of servers from inside a Rust program.
//!
//! ```no_run
//! # async fn provision() -> Result<(), zonecast::manager::DnsError> {
//! use zonecast::DnsManager;
//! let dns_manager = DnsManager::connect("http://127.0.0.1:8053", "the key")?;
//! let outcome = dns_manager.register_server_dns("web-01.example.com", "192.0.2.10".parse().unwrap()).await?;
//! println!("{outcome}");
//! assert!(dns_manager.verify_dns_resolution("web-01.example.com").await?);
//! # Ok(()) }
//! ```
//!
//! A call fails with an `Err` only where nothing was stored: the input is wrong, the key is refused,
//! or the store (or the server that holds it) does not answer. All else is an [`Outcome`] to look at
//! or to ignore: a provider that is down, a value that somebody else holds. What was stored is
//! carried out and retried without the caller, so `?` never ends a workflow because of DNS (X36).

use crate::client::{Answer, Call, Client, ClientError, InProcess};
use crate::config::Config;
pub use crate::outcome::{Outcome, RecordState, Status};
use crate::problem::Problem;
use serde::Deserialize;
use serde_json::{Value, json};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use zonecast_core::host::parse_host_name;
use zonecast_core::{JobState, Name};

/// How often a call is sent again when the server does not answer, with growing pauses.
const RETRIES: u32 = 4;

/// Registers, changes, verifies and removes the DNS names of servers.
pub struct DnsManager {
    client: Client,
    own: Option<InProcess>,
    patience: Duration,
}

/// Why nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum DnsError {
    /// The input is wrong; the problem names each field.
    #[error("{0}")]
    Invalid(Problem),
    /// The key is wrong or may not do this.
    #[error("{0}")]
    Refused(Problem),
    /// The store, or the server that holds it, does not answer.
    #[error("{0}")]
    Unavailable(String),
}

/// One wanted record (S5.9, S5.11).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct DnsRecord {
    /// Its name, without final dot.
    pub name: String,
    /// Its value as a zone file writes it.
    pub value: String,
    /// Its type, such as `A`.
    pub record_type: String,
    /// Its TTL in seconds.
    pub ttl: u32,
}

/// Whether a name is served, and what each name server said (X37).
#[derive(Clone, Debug)]
pub struct Verification {
    /// Every name server that answered serves what is wanted, and at least one answered.
    pub served: bool,
    /// Servers, questions and answers as the API gives them.
    pub detail: Value,
}

impl DnsManager {
    /// A Zonecast inside this process: its own store, its own workers, no listener but a name server
    /// for embedded zones on a free loopback port. Several may share one store.
    pub async fn open(config: Config) -> Result<DnsManager, DnsError> {
        let own = Box::pin(InProcess::open(config, "library")).await;
        let own = own.map_err(|error| DnsError::Unavailable(format!("{error:#}")))?;
        Ok(DnsManager { client: own.client(), own: Some(own), patience: Duration::from_secs(10) })
    }

    /// A client of a server; nothing is sent yet.
    pub fn connect(url: &str, key: &str) -> Result<DnsManager, DnsError> {
        let client = Client::connect(url, key).map_err(refusal)?;
        Ok(DnsManager { client, own: None, patience: Duration::from_secs(10) })
    }

    /// How long a call waits for the zones before it answers [`Status::Pending`]; 10 seconds if not
    /// said otherwise. Zero stores and returns.
    pub fn with_patience(mut self, patience: Duration) -> DnsManager {
        self.patience = patience;
        self
    }

    /// The whole API, for what this type has no method for.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Where embedded zones are served, if this process does it.
    pub fn dns_address(&self) -> Option<SocketAddr> {
        self.own.as_ref().and_then(InProcess::dns)
    }

    /// Lets calls in flight end and closes the store. Without it nothing is lost either.
    pub async fn close(self) {
        if let Some(own) = self.own {
            own.close().await;
        }
    }

    /// Registers a server's address: A or AAAA, and the PTR.
    ///
    /// Called again with the same address it changes nothing. An address of the other family is
    /// added. Another address of the same family is [`Status::Conflict`] and changes nothing: say
    /// [`update_dns_record`](Self::update_dns_record) to replace it or
    /// [`add_server_address`](Self::add_server_address) to have both (X35).
    pub async fn register_server_dns(&self, hostname: &str, ip: IpAddr) -> Result<Outcome, DnsError> {
        self.put_address(hostname, ip, |addresses| {
            match addresses.iter().find(|one| ip_of(one).is_some_and(|have| have.is_ipv4() == ip.is_ipv4())) {
                Some(other) => Err(format!("{hostname} has the address {} already", text(other))),
                None => Ok(addresses.iter().cloned().chain([json!(ip.to_string())]).collect()),
            }
        })
        .await
    }

    /// Adds one more address, also of a family it has already.
    pub async fn add_server_address(&self, hostname: &str, ip: IpAddr) -> Result<Outcome, DnsError> {
        self.put_address(hostname, ip, |addresses| {
            Ok(addresses.iter().cloned().chain([json!(ip.to_string())]).collect())
        })
        .await
    }

    /// Replaces the server's address, or addresses, of this family. An own reverse name goes along to
    /// the new address. A server that is not registered stays so ([`Status::NotRegistered`]).
    pub async fn update_dns_record(&self, hostname: &str, new_ip: IpAddr) -> Result<Outcome, DnsError> {
        let name = check(hostname)?;
        for _ in 0..RETRIES {
            let Some(host) = self.host(&name).await? else { return Ok(not_registered(&name)) };
            let (old, mut addresses): (Vec<Value>, Vec<Value>) = addresses_of(&host.data)
                .into_iter()
                .partition(|one| ip_of(one).is_some_and(|ip| ip.is_ipv4() == new_ip.is_ipv4()));
            if let [one] = old.as_slice()
                && ip_of(one) == Some(new_ip)
            {
                return Ok(Outcome::of_host(&host.data, None, Status::Unchanged));
            }
            let reverse = old.iter().find_map(|one| one.get("reverse_name").cloned());
            addresses.push(match reverse.filter(|name| !name.is_null()) {
                Some(name) => json!({ "ip": new_ip.to_string(), "reverse_name": name }),
                None => json!(new_ip.to_string()),
            });
            if let Some(outcome) = self.patch(&host, addresses).await? {
                return Ok(outcome);
            }
        }
        Ok(contended(&name))
    }

    /// Removes a server and its records. One that is not registered is [`Status::Unchanged`].
    pub async fn unregister_server_dns(&self, hostname: &str) -> Result<Outcome, DnsError> {
        let name = check(hostname)?;
        let Some(host) = self.host(&name).await? else {
            return Ok(Outcome::plain(Status::Unchanged, format!("{name} is not registered")));
        };
        match self.send(Call::delete(format!("hosts/{}", id_of(&host.data)))).await {
            Ok(answer) => Ok(self.settle(&answer, None).await),
            Err(ClientError::Problem(problem)) if problem.status == 404 => {
                Ok(Outcome::plain(Status::Unchanged, format!("{name} is not registered")))
            }
            Err(error) => conflict_or(error),
        }
    }

    /// Whether the zone's own name servers serve what is wanted at this name. False can mean not yet,
    /// wrong or unreachable: [`verify_dns_detailed`](Self::verify_dns_detailed) tells them apart.
    pub async fn verify_dns_resolution(&self, name: &str) -> Result<bool, DnsError> {
        Ok(self.verify_dns_detailed(name).await?.served)
    }

    /// The same, with what each server was asked and answered.
    pub async fn verify_dns_detailed(&self, name: &str) -> Result<Verification, DnsError> {
        let name = check(name)?;
        match self.send(Call::get("verify").query("name", &name)).await {
            Ok(answer) => Ok(Verification { served: is_served(&answer.data), detail: answer.data }),
            Err(ClientError::Problem(problem)) if problem.status == 404 => {
                Ok(Verification { served: false, detail: json!({ "message": problem.detail }) })
            }
            Err(error) => Err(refusal(error)),
        }
    }

    /// Every wanted record, one row per value, ordered.
    pub async fn list_records(&self) -> Result<Vec<DnsRecord>, DnsError> {
        let rows = self.client.list(Call::get("dns/records")).await.map_err(refusal)?;
        serde_json::from_value(Value::Array(rows)).map_err(|error| DnsError::Unavailable(error.to_string()))
    }

    /// Adds an address to a host, or registers the host with it. `join` gives the new addresses of a
    /// host that is there, or the sentence why not.
    async fn put_address(
        &self,
        hostname: &str,
        ip: IpAddr,
        join: impl Fn(&[Value]) -> Result<Vec<Value>, String>,
    ) -> Result<Outcome, DnsError> {
        let name = check(hostname)?;
        for _ in 0..RETRIES {
            let Some(host) = self.host(&name).await? else {
                let body = json!({ "fqdn": name.to_string(), "addresses": [ip.to_string()] });
                match self.send(Call::post("hosts", body)).await {
                    Ok(answer) => return Ok(self.settle(&answer, Some(id_of(&answer.data))).await),
                    // Somebody registered it between our look and our call: look again.
                    Err(ClientError::Problem(problem)) if problem.status == 409 => continue,
                    Err(error) => return conflict_or(error),
                }
            };
            let addresses = addresses_of(&host.data);
            if addresses.iter().any(|one| ip_of(one) == Some(ip)) {
                return Ok(Outcome::of_host(&host.data, None, Status::Unchanged));
            }
            let joined = match join(&addresses) {
                Ok(joined) => joined,
                Err(message) => {
                    tracing::warn!(host.name = %name, %ip, "{message}");
                    let stands = Outcome::of_host(&host.data, None, Status::Conflict);
                    return Ok(stands.refused(&name, ip, message));
                }
            };
            if let Some(outcome) = self.patch(&host, joined).await? {
                return Ok(outcome);
            }
        }
        Ok(contended(&name))
    }

    /// Nothing where the host was changed between our look and our call.
    async fn patch(&self, host: &Answer, addresses: Vec<Value>) -> Result<Option<Outcome>, DnsError> {
        let id = id_of(&host.data);
        let mut call = Call::patch(format!("hosts/{id}"), json!({ "addresses": addresses }));
        if let Some(etag) = &host.etag {
            call = call.header("if-match", etag.clone());
        }
        match self.send(call).await {
            Ok(answer) => Ok(Some(self.settle(&answer, Some(id)).await)),
            Err(ClientError::Problem(problem)) if [404, 412].contains(&problem.status) => Ok(None),
            Err(error) => conflict_or(error).map(Some),
        }
    }

    async fn host(&self, name: &Name) -> Result<Option<Answer>, DnsError> {
        let text = name.to_string();
        let rows = self.send(Call::get("hosts").query("fqdn", &text)).await.map_err(refusal)?.data;
        let found = rows.as_array().into_iter().flatten().find(|row| {
            row.get("fqdn").and_then(Value::as_str) == Some(&text)
                && row.get("state").and_then(Value::as_str) != Some("deleting")
        });
        let Some(id) = found.map(id_of) else { return Ok(None) };
        match self.send(Call::get(format!("hosts/{id}"))).await {
            Ok(answer) => Ok(Some(answer)),
            Err(ClientError::Problem(problem)) if problem.status == 404 => Ok(None),
            Err(error) => Err(refusal(error)),
        }
    }

    /// Waits for the job, then tells how the host's records stand.
    async fn settle(&self, answer: &Answer, host: Option<i64>) -> Outcome {
        let mut status = Status::Pending;
        if let Some(job) = answer.job_id() {
            status = self.watch(job).await;
        }
        let now = match host {
            Some(id) => self.send(Call::get(format!("hosts/{id}"))).await.ok(),
            None => None,
        };
        Outcome::of_host(&now.as_ref().unwrap_or(answer).data, answer.job_id(), status)
    }

    async fn watch(&self, job: i64) -> Status {
        let end = Instant::now() + self.patience;
        let mut pause = Duration::from_millis(10);
        loop {
            let state = match self.send(Call::get(format!("jobs/{job}"))).await {
                Ok(answer) => answer.data["state"].as_str().and_then(|state| state.parse().ok()),
                Err(_) => return Status::Pending,
            };
            match state {
                Some(JobState::Done | JobState::Superseded) => return Status::Done,
                Some(JobState::NoMatchingZone) => return Status::NoMatchingZone,
                Some(JobState::Partial) => return Status::Partial,
                Some(JobState::Failed | JobState::Cancelled) => return Status::Failed,
                _ if Instant::now() >= end => return Status::Pending,
                _ => tokio::time::sleep(pause).await,
            }
            pause = (pause * 2).min(Duration::from_millis(250));
        }
    }

    /// Sends, and sends again while the server cannot be reached: 0.1, 0.2, 0.4, 0.8 seconds later
    /// (S5.35). A POST carries a key of its own, so twice is the same as once.
    async fn send(&self, call: Call) -> Result<Answer, ClientError> {
        let call = call.header("idempotency-key", idempotency_key());
        for attempt in 0..RETRIES {
            match self.client.send(call.clone()).await {
                Err(ClientError::Unreachable { .. }) if !self.client.is_in_process() => {
                    tokio::time::sleep(Duration::from_millis(100 << attempt)).await;
                }
                other => return other,
            }
        }
        self.client.send(call).await
    }
}

/// The one boolean of a verification.
pub fn is_served(data: &Value) -> bool {
    ["/served", "/ok"].iter().filter_map(|at| data.pointer(at)).any(|value| *value == json!(true))
}

fn check(name: &str) -> Result<Name, DnsError> {
    parse_host_name(name).map_err(|error| DnsError::Invalid(Problem::field("hostname", error.to_string())))
}

fn refusal(error: ClientError) -> DnsError {
    match error {
        ClientError::Problem(problem) => match problem.status {
            401 | 403 => DnsError::Refused(problem),
            500.. => DnsError::Unavailable(problem.to_string()),
            _ => DnsError::Invalid(problem),
        },
        other => DnsError::Unavailable(other.to_string()),
    }
}

/// A conflict is something to look at, not an error.
fn conflict_or(error: ClientError) -> Result<Outcome, DnsError> {
    match error {
        ClientError::Problem(problem) if problem.status == 409 => {
            Ok(Outcome::plain(Status::Conflict, problem.to_string()))
        }
        other => Err(refusal(other)),
    }
}

fn not_registered(name: &Name) -> Outcome {
    Outcome::plain(Status::NotRegistered, format!("{name} is not registered"))
}

fn contended(name: &Name) -> Outcome {
    Outcome::plain(
        Status::Conflict,
        format!("{name} is being changed by others all the time; nothing was changed"),
    )
}

/// A host's addresses as a body may hold them: what the answer tells beyond that is left out.
pub fn addresses_of(host: &Value) -> Vec<Value> {
    let all = host.get("addresses").and_then(Value::as_array);
    let bare = |one: &Value| match one.get("reverse_name").filter(|name| !name.is_null()) {
        Some(name) => json!({ "ip": text(one), "reverse_name": name }),
        None => json!(text(one)),
    };
    all.into_iter().flatten().map(bare).collect()
}

fn ip_of(address: &Value) -> Option<IpAddr> {
    text(address).parse().ok()
}

fn text(value: &Value) -> String {
    value.as_str().or_else(|| value.get("ip")?.as_str()).unwrap_or_default().to_owned()
}

fn id_of(value: &Value) -> i64 {
    value.get("id").and_then(Value::as_i64).unwrap_or_default()
}

fn idempotency_key() -> String {
    let mut bytes = [0_u8; 16];
    // Without randomness there is no key worth sending; time still tells calls of this process apart.
    if getrandom::fill(&mut bytes).is_err() {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        bytes = now.as_nanos().to_le_bytes();
    }
    hex::encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_names_and_addresses_are_no_host_names() {
        for bad in ["web-01", "", "192.0.2.1", "a b.example.com"] {
            assert!(matches!(check(bad), Err(DnsError::Invalid(_))), "{bad}");
        }
        assert_eq!(check("Web-01.Example.com.").unwrap().to_string(), "web-01.example.com");
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_an_error_and_a_wrong_name_is_never_sent() {
        let dns = DnsManager::connect("http://127.0.0.1:1", "k").unwrap();
        assert!(matches!(dns.verify_dns_resolution("x").await, Err(DnsError::Invalid(_))));
        assert!(matches!(dns.list_records().await, Err(DnsError::Unavailable(_))));
    }
}
