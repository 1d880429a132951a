//! `zonecast quickstart`: from nothing to answered DNS queries in one command.
//!
//! Everything is on loopback and on unprivileged ports, nothing outside the data folder is touched,
//! and nothing is pretended: what is printed as an answer came out of a DNS packet.

use super::args::Global;
use super::connect;
use super::failure::{Done, Failure};
use super::output::{Output, text_at};
use super::{serve, wait};
use crate::client::{Call, Client, ClientError};
use crate::daemon::{Daemon, Roles};
use crate::service::Caller;
use clap::Args;
use serde_json::{Value, json};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::time::Duration;
use zonecast_core::{Name, RecordType};
use zonecast_dns::{QueryOptions, query};

const ZONES: [&str; 3] = ["example.com", "2.0.192.in-addr.arpa", "8.b.d.0.1.0.0.2.ip6.arpa"];
const HOST: &str = "vm-1.example.com";
const ADDRESSES: [&str; 4] = ["192.0.2.10", "192.0.2.11", "2001:db8::10", "2001:db8::11"];
const MAIL: (&str, &str) = ("192.0.2.11", "mail.example.com");

/// Where the first look listens.
#[derive(Args)]
pub struct QuickstartArgs {
    /// Where the API and the page listen; a free port where it is taken
    #[arg(long, value_name = "ADDRESS:PORT")]
    http: Option<SocketAddr>,
    /// Where the name server listens; a free port where it is taken
    #[arg(long, value_name = "ADDRESS:PORT")]
    dns: Option<SocketAddr>,
    /// Stop when the answers were shown instead of serving on
    #[arg(long)]
    once: bool,
}

/// Does it.
pub async fn run(args: QuickstartArgs, global: &Global) -> Result<Done, Failure> {
    serve::logs("warn", false);
    let out = Output::new(super::output::Format::Table, false);
    let data = connect::data_folder(global)?;
    if let (Some(client), Some(endpoints)) = (connect::find_daemon(global).await?, connect::endpoints(&data))
    {
        out.print(&format!("A Zonecast runs on {} already; this is what it says.\n", data.display()));
        let well = story(&out, &client, &endpoints.dns).await?;
        goodbye(&out, &endpoints.http, &endpoints.dns, &connect::key(global, &data));
        return Ok(if well { Done::Ok } else { Done::Failed });
    }
    let mut config = connect::config(global)?;
    config.http = free(&out, "HTTP", args.http.unwrap_or(config.http), false);
    config.dns = free(&out, "DNS", args.dns.unwrap_or(config.dns), true);
    out.print(&format!("Data folder  {}", shown(&data)));
    let daemon = Box::pin(Daemon::start(config, Roles::default())).await?;
    let client = Client::in_process(crate::api::router(daemon.app.clone()), Caller::local("cli"));
    let well = story(&out, &client, &daemon.endpoints.dns).await;
    if let Ok(well) = &well {
        goodbye(&out, &daemon.endpoints.http, &daemon.endpoints.dns, &connect::key(global, &data));
        if !args.once {
            out.print("\nServing until Ctrl-C; the same command goes on from here.");
            serve::until_told().await?;
        }
        daemon.stop().await;
        return Ok(if *well { Done::Ok } else { Done::Failed });
    }
    daemon.stop().await;
    well.map(|_| Done::Ok)
}

/// Zones, a host, and what DNS says about it.
async fn story(out: &Output, client: &Client, dns: &str) -> Result<bool, Failure> {
    for zone in ZONES {
        if find(client, "zones", "name", zone).await?.is_none() {
            client.send(Call::post("zones", json!({ "name": zone, "provider": "embedded" }))).await?;
        }
    }
    out.print(&format!("Zones        {} (served by Zonecast itself)", ZONES.join(", ")));
    let job = register(client).await?;
    out.print(&format!("Host         {HOST} with {}", ADDRESSES.join(", ")));
    out.print(&format!("             {} has the reverse name {}", MAIL.0, MAIL.1));
    if let Some(job) = job {
        let job = wait::watch(client, job, Duration::from_secs(20), |_| {}).await?;
        out.print(&format!("Job          {} {}", text_at(&job, "/id"), text_at(&job, "/state")));
    }
    ask_all(out, dns).await
}

/// The host as the story wants it; a second run finds it there.
async fn register(client: &Client) -> Result<Option<i64>, Failure> {
    if find(client, "hosts", "fqdn", HOST).await?.is_some() {
        return Ok(None);
    }
    let addresses = ADDRESSES
        .map(|ip| if ip == MAIL.0 { json!({ "ip": ip, "reverse_name": MAIL.1 }) } else { json!(ip) });
    let body = json!({ "fqdn": HOST, "addresses": addresses, "ttl": 300 });
    Ok(client.send(Call::post("hosts", body)).await?.job_id())
}

async fn find(client: &Client, path: &str, field: &str, name: &str) -> Result<Option<Value>, ClientError> {
    let rows = client.list(Call::get(path).query(field, name)).await?;
    Ok(rows.into_iter().find(|row| text_at(row, &format!("/{field}")) == name))
}

async fn ask_all(out: &Output, dns: &str) -> Result<bool, Failure> {
    let server: SocketAddr = dns.parse().map_err(|_| Failure::Other(format!("{dns} is not an address")))?;
    out.print(&format!("\nWhat DNS answers at {server}:"));
    let host = Name::parse(HOST).map_err(|error| Failure::Other(error.to_string()))?;
    let mut questions = vec![(host.clone(), RecordType::A), (host, RecordType::AAAA)];
    for ip in ADDRESSES.iter().filter_map(|ip| ip.parse().ok()) {
        questions.push((Name::reverse_of(ip), RecordType::PTR));
    }
    let mut well = true;
    for (name, rtype) in questions {
        let answer = ask(server, &name, rtype).await;
        well &= answer.is_ok();
        let (Ok(text) | Err(text)) = answer;
        out.print(&format!("  {} {rtype}\n    -> {text}", name));
    }
    Ok(well)
}

/// The answer in words; a name server needs a moment to serve what was just written.
async fn ask(server: SocketAddr, name: &Name, rtype: RecordType) -> Result<String, String> {
    let mut last = String::new();
    for _ in 0..20 {
        match query(server, name, rtype, QueryOptions::default()).await {
            Ok(answer) => match answer.rrset(name, rtype) {
                Some(set) => {
                    return Ok(set
                        .values
                        .iter()
                        .map(zonecast_core::RecordData::to_text)
                        .collect::<Vec<_>>()
                        .join(", "));
                }
                None => last = format!("no such record ({:?})", answer.rcode),
            },
            Err(error) => last = error.to_string(),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(last)
}

fn goodbye(out: &Output, http: &str, dns: &str, key: &str) {
    let (host, port) = dns.rsplit_once(':').unwrap_or((dns, "53"));
    let key = if key.is_empty() { "made earlier; admin.key was deleted" } else { key };
    out.print(&format!("\nPage and API {http}/  (API: {http}/api/v1/)\nKey          {key}"));
    out.print(&format!("\nTry          dig @{host} -p {port} {HOST} A +short"));
    out.print(&format!("             zonecast host show {HOST}"));
    out.print(&format!("             curl -H 'Authorization: Bearer {key}' {http}/api/v1/dns/records"));
}

/// The wanted port, or a free one where it is taken; says so.
fn free(out: &Output, what: &str, wanted: SocketAddr, udp: bool) -> SocketAddr {
    let bind = |at: SocketAddr| TcpListener::bind(at).is_ok() && (!udp || UdpSocket::bind(at).is_ok());
    if wanted.port() == 0 || bind(wanted) {
        return wanted;
    }
    out.print(&format!("Port {} is taken; {what} gets a free one.", wanted.port()));
    SocketAddr::new(wanted.ip(), 0)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
