//! `zonecast host`: servers and VMs, and what DNS says about them.

use super::connect::Context;
use super::failure::{Done, Failure};
use super::output::text_at;
use super::resource::Resource;
use super::secrets::pair;
use crate::client::Call;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

/// Servers and VMs.
#[derive(Args)]
pub struct HostArgs {
    #[command(subcommand)]
    command: HostCommand,
}

#[derive(Subcommand)]
enum HostCommand {
    /// Register a host: its names are made at every matching zone
    Add(AddArgs),
    /// All hosts
    #[command(alias = "ls")]
    List {
        /// Only those in this state: active, disabled, suspended, secondary, deleting
        #[arg(long)]
        state: Option<String>,
    },
    /// One host and the state of each of its records
    Show {
        /// Id or name
        host: String,
    },
    /// Change a host
    Set(SetArgs),
    /// Give one of its addresses a reverse name of its own, or take it away
    Rdns {
        /// Id or name
        host: String,
        /// The address
        ip: String,
        /// The reverse name; without it the PTR points to the host again
        name: Option<String>,
    },
    /// Set DNS records: read all zones again and put every record right
    Sync {
        /// Id or name
        host: String,
        /// Replace values that others hold at its names
        #[arg(long)]
        take_over: bool,
    },
    /// Out of service: records that are there stay, and follow its changes; one never synced is not synced
    Disable {
        /// Id or name
        host: String,
    },
    /// Back in service: synced, now and at each change
    Enable {
        /// Id or name
        host: String,
    },
    /// The same as disable, under another word: a panel's suspension
    Suspend {
        /// Id or name
        host: String,
    },
    /// Remove the host and its records
    #[command(alias = "rm")]
    Remove {
        /// Id or name
        host: String,
        /// Do not wait for zones that cannot be reached
        #[arg(long)]
        forget: bool,
    },
}

#[derive(Args)]
struct AddArgs {
    /// The whole name, such as vm-1.example.com; or --name with --main-domain
    fqdn: Option<String>,
    /// The internal name, completed by --main-domain or by the address's pool
    #[arg(long, conflicts_with = "fqdn")]
    name: Option<String>,
    /// What completes --name
    #[arg(long, requires = "name")]
    main_domain: Option<String>,
    #[command(flatten)]
    details: Details,
}

#[derive(Args)]
struct SetArgs {
    /// Id or name
    host: String,
    /// A new name
    #[arg(long)]
    fqdn: Option<String>,
    /// One more address (may be repeated)
    #[arg(long, value_name = "IP", conflicts_with = "ip")]
    add_ip: Vec<String>,
    /// One address less (may be repeated)
    #[arg(long, value_name = "IP", conflicts_with = "ip")]
    remove_ip: Vec<String>,
    #[command(flatten)]
    details: Details,
}

#[derive(Args)]
struct Details {
    /// An address (may be repeated); with `set`, these are all it has
    #[arg(long, value_name = "IP")]
    ip: Vec<String>,
    /// A reverse name of its own, such as 192.0.2.10=mail.example.com (may be repeated)
    #[arg(long, value_name = "IP=NAME")]
    rdns: Vec<String>,
    /// TTL of its records in seconds; `default` goes back to the zone's
    #[arg(long, value_name = "SECONDS")]
    ttl: Option<String>,
    /// Which addresses get forward records: all or first
    #[arg(long, value_name = "POLICY")]
    address_policy: Option<String>,
    /// The panel's word for what is going on
    #[arg(long, value_name = "WORD")]
    vm_status: Option<String>,
}

const HOST: Resource = Resource {
    path: "hosts",
    noun: "host",
    name: "fqdn",
    columns: &[
        ("ID", "/id"),
        ("NAME", "/fqdn"),
        ("ADDRESSES", "/addresses"),
        ("TTL", "/ttl"),
        ("STATE", "/state"),
    ],
    fields: &[
        ("ID", "/id"),
        ("NAME", "/fqdn"),
        ("ADDRESSES", "/addresses"),
        ("TTL", "/ttl"),
        ("POLICY", "/address_policy"),
        ("STATE", "/state"),
        ("VM", "/vm_status"),
        ("NO MATCHING ZONE", "/no_matching_zone"),
        ("UPDATED", "/updated_at"),
    ],
};

/// Does it.
pub async fn run(args: HostArgs, context: &Context) -> Result<Done, Failure> {
    match args.command {
        HostCommand::Add(args) => HOST.act(context, Call::post("hosts", add_body(&args)?)).await,
        HostCommand::List { state } => HOST.list(context, Call::get("hosts").query_opt("state", state)).await,
        HostCommand::Show { host } => HOST.show(context, &host).await,
        HostCommand::Set(args) => set(context, args).await,
        HostCommand::Rdns { host, ip, name } => rdns(context, &host, &ip, name).await,
        HostCommand::Sync { host, take_over } => {
            let id = HOST.find(context, &host).await?;
            HOST.act(context, Call::post(format!("hosts/{id}/sync"), json!({ "take_over": take_over }))).await
        }
        HostCommand::Disable { host } => state(context, &host, "disabled").await,
        HostCommand::Enable { host } => state(context, &host, "active").await,
        HostCommand::Suspend { host } => state(context, &host, "suspended").await,
        HostCommand::Remove { host, forget } => {
            HOST.remove(context, &host, |call| call.query_opt("forget", forget.then_some("true"))).await
        }
    }
}

fn add_body(args: &AddArgs) -> Result<Value, Failure> {
    if args.fqdn.is_none() && args.name.is_none() && args.details.ip.is_empty() {
        return Err(Failure::Usage("give the host's whole name, such as vm-1.example.com".to_owned()));
    }
    let mut body = details(&args.details)?;
    put(&mut body, "fqdn", &args.fqdn);
    put(&mut body, "name", &args.name);
    put(&mut body, "main_domain", &args.main_domain);
    let addresses = addresses(&args.details.ip, &args.details.rdns)?;
    body.insert("addresses".to_owned(), addresses);
    Ok(Value::Object(body))
}

async fn set(context: &Context, args: SetArgs) -> Result<Done, Failure> {
    let mut body = details(&args.details)?;
    put(&mut body, "fqdn", &args.fqdn);
    if !args.details.ip.is_empty() {
        let all = addresses(&args.details.ip, &args.details.rdns)?;
        body.insert("addresses".to_owned(), all);
        let id = HOST.find(context, &args.host).await?;
        return HOST.act(context, Call::patch(format!("hosts/{id}"), Value::Object(body))).await;
    }
    if args.add_ip.is_empty() && args.remove_ip.is_empty() && args.details.rdns.is_empty() {
        if body.is_empty() {
            return Err(Failure::Usage("nothing to change was given".to_owned()));
        }
        let id = HOST.find(context, &args.host).await?;
        return HOST.act(context, Call::patch(format!("hosts/{id}"), Value::Object(body))).await;
    }
    change_addresses(context, &args.host, body, |all| {
        for ip in &args.remove_ip {
            let before = all.len();
            all.retain(|one| address_of(one) != canonical(ip));
            if all.len() == before {
                return Err(Failure::NotFound(format!("the host has no address {ip}")));
            }
        }
        all.extend(args.add_ip.iter().map(|ip| json!(ip)));
        for text in &args.details.rdns {
            let (ip, name) = pair(text, "--rdns")?;
            rename(all, ip, Some(name))?;
        }
        Ok(())
    })
    .await
}

async fn rdns(context: &Context, host: &str, ip: &str, name: Option<String>) -> Result<Done, Failure> {
    let id = HOST.find(context, host).await?;
    let path = format!("hosts/{id}/addresses/{}/reverse_name", crate::client::escape(ip));
    let call = Call::new(axum::http::Method::PUT, path).body(json!({ "reverse_name": name }));
    HOST.act(context, call).await
}

async fn state(context: &Context, host: &str, state: &str) -> Result<Done, Failure> {
    let id = HOST.find(context, host).await?;
    HOST.act(context, Call::patch(format!("hosts/{id}"), json!({ "state": state }))).await
}

/// A merge patch replaces arrays whole, so the present one is read and the version it had is named:
/// if somebody changes the host in between, the answer is 412 and nothing is lost.
async fn change_addresses(
    context: &Context,
    host: &str,
    mut body: Map<String, Value>,
    change: impl FnOnce(&mut Vec<Value>) -> Result<(), Failure>,
) -> Result<Done, Failure> {
    let now = HOST.get(context, host).await?;
    let mut all = crate::manager::addresses_of(&now.data);
    change(&mut all)?;
    body.insert("addresses".to_owned(), Value::Array(all));
    let mut call = Call::patch(format!("hosts/{}", text_at(&now.data, "/id")), Value::Object(body));
    if let Some(etag) = now.etag {
        call = call.header("if-match", etag);
    }
    HOST.act(context, call).await
}

fn details(args: &Details) -> Result<Map<String, Value>, Failure> {
    let mut body = Map::new();
    put(&mut body, "address_policy", &args.address_policy);
    put(&mut body, "vm_status", &args.vm_status);
    if let Some(ttl) = &args.ttl {
        body.insert("ttl".to_owned(), ttl_value(ttl)?);
    }
    Ok(body)
}

/// A TTL as the API takes it; `default` is null.
pub fn ttl_value(text: &str) -> Result<Value, Failure> {
    match text {
        "default" => Ok(Value::Null),
        number => number
            .parse::<u32>()
            .map(|seconds| json!(seconds))
            .map_err(|_| Failure::Usage(format!("--ttl {text}: give seconds, or default"))),
    }
}

/// Puts a text into a body, if there is one.
pub fn put(body: &mut Map<String, Value>, field: &str, value: &Option<String>) {
    if let Some(value) = value {
        body.insert(field.to_owned(), Value::String(value.clone()));
    }
}

fn addresses(ips: &[String], rdns: &[String]) -> Result<Value, Failure> {
    let mut all: Vec<Value> = ips.iter().map(|ip| json!(ip)).collect();
    for text in rdns {
        let (ip, name) = pair(text, "--rdns")?;
        rename(&mut all, ip, Some(name))?;
    }
    Ok(Value::Array(all))
}

fn rename(all: &mut [Value], ip: &str, name: Option<&str>) -> Result<(), Failure> {
    let wanted = canonical(ip);
    let Some(one) = all.iter_mut().find(|one| address_of(one) == wanted) else {
        return Err(Failure::Usage(format!("{ip} is not one of the host's addresses")));
    };
    *one = match name {
        Some(name) => json!({ "ip": wanted, "reverse_name": name }),
        None => json!(wanted),
    };
    Ok(())
}

fn address_of(value: &Value) -> String {
    canonical(value.as_str().unwrap_or(&text_at(value, "/ip")))
}

/// Two spellings of one IPv6 address are one address; what is none is left to the API's words.
fn canonical(ip: &str) -> String {
    ip.parse::<std::net::IpAddr>().map_or_else(|_| ip.to_owned(), |ip| ip.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reverse_name_finds_its_address_in_any_spelling() {
        let ips = ["192.0.2.10".to_owned(), "2001:db8::10".to_owned()];
        let all = addresses(&ips, &["2001:0db8:0::10=mail.example.com".to_owned()]).unwrap();
        assert_eq!(all, json!(["192.0.2.10", {"ip": "2001:db8::10", "reverse_name": "mail.example.com"}]));
        assert!(addresses(&ips, &["192.0.2.11=x.example".to_owned()]).is_err());
    }
}
