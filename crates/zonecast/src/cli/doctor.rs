//! `zonecast doctor`: walks from the server to the resolver and says at each step what it found and
//! what to do about it (S5.39-46).

use super::args::Global;
use super::connect;
use super::endpoint::Endpoint;
use super::failure::{Done, Failure};
use super::output::{Output, text_at};
use crate::client::{Call, Client, ClientError};
use crate::config::Config;
use clap::Args;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use zonecast_core::{Name, RecordType};
use zonecast_dns::{QueryError, QueryOptions, query};

/// What to look at closely.
#[derive(Args)]
pub struct DoctorArgs {
    /// A name that should resolve, such as vm-1.example.com
    name: Option<String>,
}

/// What a step found.
struct Finding {
    step: &'static str,
    result: &'static str,
    message: String,
    next: String,
}

fn ok(step: &'static str, message: impl Into<String>) -> Finding {
    Finding { step, result: "ok", message: message.into(), next: String::new() }
}

fn warn(step: &'static str, message: impl Into<String>, next: impl Into<String>) -> Finding {
    Finding { step, result: "warn", message: message.into(), next: next.into() }
}

fn fail(step: &'static str, message: impl Into<String>, next: impl Into<String>) -> Finding {
    Finding { step, result: "fail", message: message.into(), next: next.into() }
}

/// Walks; exit code 1 where a step failed.
pub async fn run(args: DoctorArgs, global: &Global) -> Result<Done, Failure> {
    let out = Output::new(global.output, global.quiet);
    let name = match &args.name {
        Some(text) => Some(Name::parse(text).map_err(|error| Failure::Usage(format!("{text}: {error}")))?),
        None => None,
    };
    let config = connect::config(global)?;
    let mut findings = Vec::new();
    let client = server(global, &mut findings).await;
    let endpoint = url(&config, &mut findings);
    let coredns = network(&config, endpoint.as_ref(), &mut findings).await;
    if let Some(client) = &client {
        findings.push(key(client).await);
        findings.push(zones(client).await);
        if let Some(name) = &name {
            findings.push(registered(client, name, config.orchestrator.dns.auto_register).await);
        }
    }
    let embedded = connect::endpoints(&config.data).and_then(|found| found.dns.parse().ok());
    if let Some(name) = &name {
        direct(name, embedded, coredns, &config, &mut findings).await;
    }
    if !findings.iter().any(|one| one.step == "TTL") {
        findings.push(ok(
            "TTL",
            format!("{} s where host, zone and pool name none", config.orchestrator.dns.ttl),
        ));
    }
    resolver(name.as_ref(), &mut findings).await;
    print(&out, &findings)?;
    Ok(if findings.iter().any(|one| one.result == "fail") { Done::Failed } else { Done::Ok })
}

async fn server(global: &Global, findings: &mut Vec<Finding>) -> Option<Client> {
    let step = "server up";
    match connect::find_daemon(global).await {
        Ok(Some(client)) if client.is_alive().await => {
            findings.push(ok(step, format!("Zonecast answers at {}", client.place())));
            Some(client)
        }
        Ok(Some(client)) => {
            let next = "is zonecast serve running there, and does the address have the right port?";
            findings.push(fail(step, format!("nothing answers at {}", client.place()), next));
            None
        }
        Ok(None) => {
            let data = connect::data_folder(global).unwrap_or_default();
            let next = "start one with zonecast serve, or name it by --url or --data";
            findings.push(fail(step, format!("no daemon runs on {}", data.display()), next));
            None
        }
        Err(failure) => {
            findings.push(fail(step, failure.text(), "correct --url or the configuration"));
            None
        }
    }
}

fn url(config: &Config, findings: &mut Vec<Finding>) -> Option<Endpoint> {
    let text = &config.orchestrator.dns.coredns_url;
    match Endpoint::read(text) {
        Ok(endpoint) => {
            findings.push(match endpoint.advice() {
                Some(advice) => warn("coredns_url", text, advice),
                None => ok("coredns_url", text),
            });
            Some(endpoint)
        }
        Err(error) => {
            findings.push(fail("coredns_url", error, "correct [orchestrator.dns] coredns_url"));
            None
        }
    }
}

/// A default that nobody answers is no fault: not everybody runs CoreDNS.
async fn network(
    config: &Config,
    endpoint: Option<&Endpoint>,
    findings: &mut Vec<Finding>,
) -> Option<SocketAddr> {
    let step = "network";
    let endpoint = endpoint?;
    let wanted = *config != Config::default()
        && config.orchestrator.dns.coredns_url != Config::default().orchestrator.dns.coredns_url;
    let addresses = match endpoint.addresses() {
        Ok(addresses) if !addresses.is_empty() => addresses,
        _ => {
            findings.push(fail(
                step,
                format!("{} has no address", endpoint.host),
                "correct the host in coredns_url",
            ));
            return None;
        }
    };
    for address in &addresses {
        let options = QueryOptions { timeout: Duration::from_secs(2), ..QueryOptions::default() };
        if let Ok(answer) = query(*address, &Name::root(), RecordType::NS, options).await {
            findings.push(ok(
                step,
                format!("a name server answers at {address} in {} ms", answer.elapsed.as_millis()),
            ));
            return Some(*address);
        }
    }
    let message = format!("no name server answers at {}:{}", endpoint.host, endpoint.port);
    findings.push(if wanted {
        fail(step, message, "is CoreDNS running, and does a firewall let UDP and TCP through?")
    } else {
        warn(step, message, "fine where CoreDNS is not used; else set [orchestrator.dns] coredns_url")
    });
    None
}

async fn key(client: &Client) -> Finding {
    let step = "key";
    match client.send(Call::get("zones").query("limit", 1)).await {
        Ok(_) => ok(step, "the API opens"),
        Err(ClientError::Problem(problem)) if [401, 403].contains(&problem.status) => fail(
            step,
            problem.detail,
            "give a key with --key or ZONECAST_KEY, or --data of the daemon's folder",
        ),
        Err(error) => fail(step, error.to_string(), "look at the daemon's log"),
    }
}

async fn zones(client: &Client) -> Finding {
    let step = "zones";
    match client.list(Call::get("zones")).await {
        Ok(rows) => standing(step, &rows),
        Err(error) => warn(step, error.to_string(), "look at the daemon's log"),
    }
}

/// How the zones stand, as the API lists them.
fn standing(step: &'static str, rows: &[Value]) -> Finding {
    let ill: Vec<String> = rows
        .iter()
        .filter(|row| text_at(row, "/state") != "ok")
        .map(|row| {
            format!("{} {}: {}", text_at(row, "/name"), text_at(row, "/state"), text_at(row, "/last_error"))
        })
        .collect();
    let noted = |row: &Value| {
        let notes = row["notes"].as_array().into_iter().flatten().filter_map(Value::as_str);
        notes.map(|note| format!("{}: {note}", text_at(row, "/name"))).collect::<Vec<_>>()
    };
    let notes: Vec<String> = rows.iter().flat_map(noted).collect();
    match (rows.len(), ill.as_slice()) {
        (_, []) if !notes.is_empty() => {
            warn(step, notes.join("; "), "zonecast zone show ZONE; update Zonecast, or set the field anew")
        }
        (0, _) => warn(
            step,
            "no zone is configured, so nothing is written anywhere",
            "zonecast zone add example.com --provider ...",
        ),
        (n, []) => ok(step, format!("{n} configured, none in trouble")),
        (_, ill) => fail(step, ill.join("; "), "zonecast zone test ZONE says what the provider answers"),
    }
}

/// Whether anybody wants the name, in which state it is, and where its log is.
async fn registered(client: &Client, name: &Name, by_itself: bool) -> Finding {
    let step = "registered";
    let wanted = match client.list(Call::get("dns/records")).await {
        Ok(rows) => rows,
        Err(error) => return warn(step, error.to_string(), "look at the daemon's log"),
    };
    let text = name.to_string();
    let values: Vec<String> = wanted
        .iter()
        .filter(|row| text_at(row, "/name") == text)
        .map(|row| format!("{} {}", text_at(row, "/record_type"), text_at(row, "/value")))
        .collect();
    if values.is_empty() && !by_itself {
        let message = format!("nobody wants {text}; auto_register = false: a host is synced by hand");
        return warn(
            step,
            message,
            "zonecast host sync NAME, or set [orchestrator.dns] auto_register = true",
        );
    }
    if values.is_empty() {
        let next = "register it: zonecast host add; zonecast explain NAME tells which zones it would go to";
        return fail(step, format!("nobody wants {text}"), next);
    }
    let next = "zonecast host show NAME has the state at each zone, zonecast job list the logs";
    Finding { next: next.to_owned(), ..ok(step, values.join(", ")) }
}

async fn direct(
    name: &Name,
    embedded: Option<SocketAddr>,
    coredns: Option<SocketAddr>,
    config: &Config,
    findings: &mut Vec<Finding>,
) {
    for (step, server) in [("direct query", embedded), ("CoreDNS query", coredns)] {
        let Some(server) = server else { continue };
        let (answers, trouble) = ask(server, name, false).await;
        if answers.is_empty() {
            let next = "zonecast verify NAME asks the zone's own servers";
            let message = format!("{server} has no address or reverse name for {name}{trouble}");
            findings.push(if step == "direct query" {
                warn(step, message, next)
            } else {
                warn(step, message, "does CoreDNS serve this zone?")
            });
            continue;
        }
        let texts: Vec<String> = answers.iter().map(|(text, _)| text.clone()).collect();
        findings.push(ok(step, format!("{server}: {}", texts.join(", "))));
        let ttl: Vec<String> = answers.iter().map(|(_, ttl)| format!("{ttl} s")).collect();
        findings.push(ok(
            "TTL",
            format!(
                "{} in the answer; {} s where nothing names one",
                ttl.join(", "),
                config.orchestrator.dns.ttl
            ),
        ));
    }
}

async fn resolver(name: Option<&Name>, findings: &mut Vec<Finding>) {
    let step = "resolver";
    let text = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let servers: Vec<&str> =
        text.lines().filter_map(|line| line.trim().strip_prefix("nameserver")).map(str::trim).collect();
    let Some(first) = servers.first() else {
        findings.push(warn(
            step,
            "/etc/resolv.conf names no server",
            "programs on this machine resolve nothing by DNS",
        ));
        return;
    };
    let said = format!("programs here ask {} (Zonecast's own checks never do)", servers.join(", "));
    let (Some(name), Ok(ip)) = (name, first.parse()) else {
        findings.push(ok(step, said));
        return;
    };
    let (answers, trouble) = ask(SocketAddr::new(ip, 53), name, true).await;
    findings.push(if answers.is_empty() {
        warn(
            step,
            format!("{said}; it does not know {name}{trouble}"),
            "the zone is not delegated to the server, or an old answer is cached",
        )
    } else {
        let texts: Vec<String> =
            answers.into_iter().map(|(text, ttl)| format!("{text} (TTL {ttl})")).collect();
        ok(step, format!("{said}; it answers {}", texts.join(", ")))
    });
}

/// Every A, AAAA and PTR a server has at a name, each with its TTL; and what went wrong.
async fn ask(server: SocketAddr, name: &Name, recursion_desired: bool) -> (Vec<(String, u32)>, String) {
    let types = if name.is_reverse() { vec![RecordType::PTR] } else { vec![RecordType::A, RecordType::AAAA] };
    let options =
        QueryOptions { timeout: Duration::from_secs(2), recursion_desired, ..QueryOptions::default() };
    let (mut found, mut trouble) = (Vec::new(), String::new());
    for rtype in types {
        match query(server, name, rtype, options).await {
            Ok(answer) => match answer.rrset(name, rtype) {
                Some(set) => found.extend(
                    set.values
                        .iter()
                        .map(|value| (format!("{rtype} {}", value.to_text()), set.ttl.seconds())),
                ),
                None => trouble = format!(" ({:?})", answer.rcode),
            },
            Err(QueryError::Timeout(_)) => return (found, " (it does not answer)".to_owned()),
            Err(error) => trouble = format!(" ({error})"),
        }
    }
    (found, trouble)
}

fn print(out: &Output, findings: &[Finding]) -> Result<(), Failure> {
    let rows: Vec<Value> = findings
        .iter()
        .map(
            |one| json!({ "step": one.step, "result": one.result, "message": one.message, "next": one.next }),
        )
        .collect();
    let data = Value::Array(rows);
    out.show(&data, |out| {
        let lines = findings.iter().map(|one| {
            let next =
                if one.next.is_empty() { String::new() } else { format!("\n{:22}-> {}", "", one.next) };
            let pad = " ".repeat(5 - one.result.len());
            format!("{}{pad} {:15} {}{next}", out.paint(one.result), one.step, one.message)
        });
        lines.collect::<Vec<_>>().join("\n")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_with_a_note_is_warned_of() {
        let zone = json!({ "name": "example.com", "state": "ok" });
        assert_eq!(standing("zones", std::slice::from_ref(&zone)).result, "ok");
        let noted = json!({ "name": "example.net", "state": "ok", "notes": ["\"x\" is stored"] });
        let found = standing("zones", &[zone, noted]);
        assert_eq!((found.result, found.message.as_str()), ("warn", "example.net: \"x\" is stored"));
    }
}
