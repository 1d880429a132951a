//! `zonecast domain`: hosted domains with their whole record sets.

use super::connect::Context;
use super::failure::{Done, Failure};
use super::host::ttl_value;
use super::resource::Resource;
use crate::client::Call;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// Hosted domains.
#[derive(Args)]
pub struct DomainArgs {
    #[command(subcommand)]
    command: DomainCommand,
}

#[derive(Subcommand)]
enum DomainCommand {
    /// Add a domain; with addresses and no records it starts from the template
    Add {
        /// Its name
        name: String,
        #[command(flatten)]
        fields: Fields,
    },
    /// All domains
    #[command(alias = "ls")]
    List,
    /// One domain, its records and their state at every zone
    Show {
        /// Id or name
        domain: String,
    },
    /// Change what it is, its addresses or its records
    Set {
        /// Id or name
        domain: String,
        #[command(flatten)]
        fields: Fields,
    },
    /// Read every record afresh and write it again
    Sync {
        /// Id or name
        domain: String,
        /// Replace values of others at its names
        #[arg(long)]
        take_over: bool,
    },
    /// Give it another name; say what becomes of its records
    Rename {
        /// Id or name
        domain: String,
        /// The new name
        name: String,
        /// `update` moves the records along, `erase` takes them away
        #[arg(long, value_name = "CHOICE")]
        records: String,
    },
    /// Replace one address by another in all its records
    Ip {
        /// Id or name
        domain: String,
        /// The address that goes
        from: String,
        /// The address that comes
        to: String,
    },
    /// Apply the record template; --reset drops all other records
    Template {
        /// Id or name
        domain: String,
        /// Only the template's records stay
        #[arg(long)]
        reset: bool,
    },
    /// Take its whole record set from a zone file; the domain is added where it is not there
    Import {
        /// Its name
        name: String,
        /// The zone file
        file: PathBuf,
    },
    /// Remove it with all its records
    #[command(alias = "rm")]
    Remove {
        /// Id or name
        domain: String,
        /// At once, even where records could not be taken out
        #[arg(long)]
        forget: bool,
    },
}

/// What can be said of a domain.
#[derive(Args)]
struct Fields {
    /// One of its addresses (several times)
    #[arg(long = "ip", value_name = "ADDRESS")]
    addresses: Vec<String>,
    /// A record, such as "www A 192.0.2.1" (several times); together they are the whole set
    #[arg(long = "record", value_name = "NAME TYPE VALUE")]
    records: Vec<String>,
    /// subscription, addon, alias, no_hosting, forwarding, subdomain, subdomain_in_parent
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// active, disabled, suspended, secondary, dns_off
    #[arg(long)]
    state: Option<String>,
    /// TTL of records that name none
    #[arg(long, value_name = "SECONDS")]
    ttl: Option<String>,
    /// Make its zone at this connection where it is missing (several times)
    #[arg(long, value_name = "CONNECTION")]
    create_at: Vec<i64>,
    /// owned, or full: its records are the whole zone
    #[arg(long)]
    managed: Option<String>,
}

const DOMAIN: Resource = Resource {
    path: "domains",
    noun: "domain",
    name: "name",
    columns: &[
        ("ID", "/id"),
        ("NAME", "/name_unicode"),
        ("TYPE", "/type"),
        ("STATE", "/state"),
        ("ADDRESSES", "/addresses"),
        ("SYNCHRONISED", "/synchronised"),
    ],
    fields: &[
        ("ID", "/id"),
        ("NAME", "/name"),
        ("IN NATIONAL SCRIPT", "/name_unicode"),
        ("TYPE", "/type"),
        ("STATE", "/state"),
        ("ADDRESSES", "/addresses"),
        ("TTL", "/ttl"),
        ("MANAGED", "/managed"),
        ("SYNCHRONISED", "/synchronised"),
        ("MESSAGES", "/messages"),
        ("NOTES", "/notes"),
        ("CHANGED", "/moved/changed"),
        ("LEFT AS IT IS", "/moved/left"),
    ],
};

/// Does it.
pub async fn run(args: DomainArgs, context: &Context) -> Result<Done, Failure> {
    match args.command {
        DomainCommand::Add { name, fields } => {
            let mut body = body(&fields, &name)?;
            body.insert("name".to_owned(), json!(name));
            DOMAIN.act(context, Call::post("domains", Value::Object(body))).await
        }
        DomainCommand::List => DOMAIN.list(context, Call::get("domains")).await,
        DomainCommand::Show { domain } => DOMAIN.show(context, &domain).await,
        DomainCommand::Set { domain, fields } => {
            let now = DOMAIN.get(context, &domain).await?.data;
            let body = body(&fields, now.get("name").and_then(Value::as_str).unwrap_or_default())?;
            if body.is_empty() {
                return Err(Failure::Usage("nothing to change was given".to_owned()));
            }
            let id = now.get("id").and_then(Value::as_i64).unwrap_or_default();
            DOMAIN.act(context, Call::patch(format!("domains/{id}"), Value::Object(body))).await
        }
        DomainCommand::Sync { domain, take_over } => {
            post(context, &domain, "sync", json!({ "take_over": take_over })).await
        }
        DomainCommand::Rename { domain, name, records } => {
            post(context, &domain, "rename", json!({ "name": name, "records": records })).await
        }
        DomainCommand::Ip { domain, from, to } => {
            post(context, &domain, "ip", json!({ "from": from, "to": to })).await
        }
        DomainCommand::Template { domain, reset } => {
            let action = if reset { "reset" } else { "apply" };
            post(context, &domain, "template", json!({ "action": action })).await
        }
        DomainCommand::Import { name, file } => import(context, name, &file).await,
        DomainCommand::Remove { domain, forget } => {
            DOMAIN
                .remove(context, &domain, |call| if forget { call.query("forget", "true") } else { call })
                .await
        }
    }
}

async fn post(context: &Context, domain: &str, what: &str, body: Value) -> Result<Done, Failure> {
    let id = DOMAIN.find(context, domain).await?;
    DOMAIN.act(context, Call::post(format!("domains/{id}/{what}"), body)).await
}

async fn import(context: &Context, name: String, file: &std::path::Path) -> Result<Done, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::Usage(format!("cannot read {}: {error}", file.display())))?;
    let call = match DOMAIN.find(context, &name).await {
        Ok(id) => Call::patch(format!("domains/{id}"), json!({ "zone_file": text })),
        Err(Failure::NotFound(_)) => Call::post("domains", json!({ "name": name, "zone_file": text })),
        Err(failure) => return Err(failure),
    };
    DOMAIN.act(context, call).await
}

fn body(fields: &Fields, domain: &str) -> Result<Map<String, Value>, Failure> {
    let mut body = Map::new();
    let mut put = |field: &str, value: Value| drop(body.insert(field.to_owned(), value));
    if !fields.addresses.is_empty() {
        put("addresses", json!(fields.addresses));
    }
    if !fields.records.is_empty() {
        let records =
            fields.records.iter().map(|text| record(text, domain)).collect::<Result<Vec<_>, _>>()?;
        put("records", Value::Array(records));
    }
    for (field, value) in [("type", &fields.kind), ("state", &fields.state), ("managed", &fields.managed)] {
        if let Some(value) = value {
            put(field, json!(value));
        }
    }
    if let Some(ttl) = &fields.ttl {
        put("ttl", ttl_value(ttl)?);
    }
    if !fields.create_at.is_empty() {
        put("create_at", json!(fields.create_at));
    }
    Ok(body)
}

/// `www A 192.0.2.1`: a name without a dot lies below the domain, `@` is the domain.
fn record(text: &str, domain: &str) -> Result<Value, Failure> {
    let mut words = text.trim().splitn(3, char::is_whitespace);
    let (Some(name), Some(rtype), Some(value)) = (words.next(), words.next(), words.next()) else {
        return Err(Failure::Usage(format!("{text:?} is not a record: write it as \"www A 192.0.2.1\"")));
    };
    let name = if name == "@" || name.contains('.') { name.to_owned() } else { format!("{name}.{domain}") };
    Ok(json!({ "name": name, "type": rtype, "values": [value.trim()] }))
}
