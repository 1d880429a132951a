//! An orchestrator that creates and deletes servers and keeps their names right.
//!
//! DNS is one step of five, and never the step that breaks the others: a call is an `Err` only where
//! the input is wrong or nothing could be stored; trouble at a DNS provider is an `Outcome` that the
//! workflow notes and leaves to Zonecast, which goes on trying.
//!
//! ```sh
//! zonecast quickstart                                       # in one terminal
//! cargo run --example orchestrator -- http://127.0.0.1:8053 "$(cat zonecast-data/admin.key)"
//! ```

use std::net::IpAddr;
use zonecast::DnsManager;

/// What the program knows; the manager is one object in it.
struct State {
    dns_manager: DnsManager,
    inventory: Vec<Server>,
}

struct Server {
    hostname: String,
    ip: IpAddr,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let (Some(url), Some(key)) = (args.next(), args.next()) else {
        anyhow::bail!("give the address of a Zonecast and a key");
    };
    let mut state = State { dns_manager: DnsManager::connect(&url, &key)?, inventory: Vec::new() };

    create_server(&mut state, "web-01.example.com").await?;
    for record in state.dns_manager.list_records().await? {
        say(&format!("  {} {} {} (TTL {})", record.name, record.record_type, record.value, record.ttl));
    }
    delete_server(&mut state, "web-01.example.com").await
}

async fn create_server(state: &mut State, hostname: &str) -> anyhow::Result<()> {
    // 1. Create the server through its provider's API.
    let ip: IpAddr = "192.0.2.101".parse()?;
    say(&format!("{hostname} created with {ip}"));
    // 2. Wait until it is ready.
    say("ready");
    // 3. Register its name. A DNS provider that is down is an outcome, not an error.
    match state.dns_manager.register_server_dns(hostname, ip).await {
        Ok(outcome) => say(&format!("DNS: {outcome}")),
        Err(error) => say(&format!("DNS was not registered: {error}")),
    }
    // 4. Look whether it resolves; `false` is worth a line in the log and no more.
    match state.dns_manager.verify_dns_resolution(hostname).await {
        Ok(true) => say("it resolves"),
        Ok(false) => say("it does not resolve yet; Zonecast goes on trying"),
        Err(error) => say(&format!("it could not be verified: {error}")),
    }
    // 5. Go on, whatever DNS did.
    state.inventory.push(Server { hostname: hostname.to_owned(), ip });
    Ok(())
}

async fn delete_server(state: &mut State, hostname: &str) -> anyhow::Result<()> {
    // 1. Stop its services.
    say("services stopped");
    // 2. Take its names away.
    match state.dns_manager.unregister_server_dns(hostname).await {
        Ok(outcome) => say(&format!("DNS: {outcome}")),
        Err(error) => say(&format!("its names were not removed: {error}")),
    }
    // 3. Delete it through its provider's API.
    say(&format!("{hostname} deleted"));
    // 4. Update the inventory.
    state.inventory.retain(|server| server.hostname != hostname);
    say(&format!(
        "{} servers left",
        state.inventory.iter().filter(|server| !server.ip.is_unspecified()).count()
    ));
    Ok(())
}

#[allow(clippy::print_stdout)] // An example speaks to whoever runs it.
fn say(text: &str) {
    println!("{text}");
}
