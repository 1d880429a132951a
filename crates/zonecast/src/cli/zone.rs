//! `zonecast zone`: zones, each at one provider.

use super::connect::Context;
use super::described::PolicyArgs;
use super::failure::{Done, Failure};
use super::output::text_at;
use super::resource::Resource;
use super::secrets::SettingArgs;
use crate::client::Call;
use crate::settings::ZoneSettings;
use axum::http::Method;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value, json};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Zones.
#[derive(Args)]
pub struct ZoneArgs {
    #[command(subcommand)]
    command: ZoneCommand,
}

#[derive(Subcommand)]
enum ZoneCommand {
    /// Add a zone: every name below it is written there
    Add(AddArgs),
    /// All zones
    #[command(alias = "ls")]
    List {
        /// Only those of this provider
        #[arg(long)]
        provider: Option<String>,
    },
    /// One zone
    Show {
        /// Id or name
        zone: String,
    },
    /// Change its settings
    Set(SetArgs),
    /// Whether it can be reached, read and written; changes nothing
    Test {
        /// Id or name
        zone: String,
    },
    /// What would change; exit code 6 if anything would
    Plan {
        /// Id or name
        zone: String,
    },
    /// Look at every name again and put it right
    Sync {
        /// Id or name
        zone: String,
    },
    /// Take the records of a zone file as wanted records of this zone
    Import {
        /// Id or name
        zone: String,
        /// The zone file; - is standard input
        file: PathBuf,
    },
    /// The zone as a zone file
    Export {
        /// Id or name
        zone: String,
        /// Write here instead of standard output
        file: Option<PathBuf>,
    },
    /// DS and DNSKEY for the registrar, where the service signs the zone
    Dnssec {
        /// Id or name
        zone: String,
    },
    /// What the daily comparison found otherwise than we wrote it
    Drift {
        /// Id or name; every zone without it
        zone: Option<String>,
    },
    /// Write nothing there for now
    Pause {
        /// Id or name
        zone: String,
    },
    /// Write there again
    Resume {
        /// Id or name
        zone: String,
    },
    /// No longer manage it
    #[command(alias = "rm")]
    Remove {
        /// Id or name
        zone: String,
        /// What becomes of the records we made there
        #[arg(long, value_enum, default_value = "keep")]
        records: Records,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Records {
    Keep,
    Remove,
}

#[derive(Args)]
struct AddArgs {
    /// The zone's name, such as example.com or 2.0.192.in-addr.arpa
    name: String,
    /// The service it lives at (zonecast provider list)
    #[arg(long, required_unless_present = "connection")]
    provider: Option<String>,
    /// An account that is there already, by id or name
    #[arg(long, conflicts_with = "provider")]
    connection: Option<String>,
    #[command(flatten)]
    settings: SettingArgs,
    #[command(flatten)]
    policy: PolicyArgs,
}

#[derive(Args)]
struct SetArgs {
    /// Id or name
    zone: String,
    #[command(flatten)]
    settings: SettingArgs,
    #[command(flatten)]
    policy: PolicyArgs,
}

/// Zones, also for those who look one up.
pub const ZONE: Resource = Resource {
    path: "zones",
    noun: "zone",
    name: "name",
    columns: &[
        ("ID", "/id"),
        ("ZONE", "/name"),
        ("PROVIDER", "/provider"),
        ("CONNECTION", "/connection"),
        ("STATE", "/state"),
        ("ERROR", "/last_error"),
    ],
    fields: &[
        ("ID", "/id"),
        ("ZONE", "/name"),
        ("PROVIDER", "/provider"),
        ("CONNECTION", "/connection"),
        ("COMMENT", "/comment"),
        ("DNS SERVERS", "/dns_servers"),
        ("SETTINGS", "/settings"),
        ("NOTES", "/notes"),
        ("SERIAL", "/serial"),
        ("STATE", "/state"),
        ("ERROR", "/last_error"),
    ],
};

/// What an import did.
const IMPORT: Resource = Resource {
    fields: &[
        ("RECORDS", "/records"),
        ("DOUBLES", "/doubles"),
        ("ADDED", "/added"),
        ("CHANGED", "/changed"),
        ("UNCHANGED", "/unchanged"),
        ("SKIPPED", "/skipped"),
        ("FAILED", "/failed"),
        ("TTLS DIFFER", "/ttls_differ"),
    ],
    ..ZONE
};

/// Differences, only ever listed.
const DRIFT: Resource = Resource {
    path: "drift",
    noun: "difference",
    name: "name",
    columns: &[
        ("ZONE", "/zone"),
        ("PROVIDER", "/provider"),
        ("NAME", "/name"),
        ("TYPE", "/rtype"),
        ("KIND", "/kind"),
        ("DETAIL", "/detail"),
        ("SINCE", "/first_seen_at"),
    ],
    fields: &[],
};

/// Does it.
pub async fn run(args: ZoneArgs, context: &Context) -> Result<Done, Failure> {
    match args.command {
        ZoneCommand::Add(args) => {
            ZONE.act(context, Call::post("zones", add_body(&args, context).await?)).await
        }
        ZoneCommand::List { provider } => {
            ZONE.list(context, Call::get("zones").query_opt("provider", provider)).await
        }
        ZoneCommand::Show { zone } => ZONE.show(context, &zone).await,
        ZoneCommand::Set(args) => set(context, args).await,
        ZoneCommand::Test { zone } => test(context, "zones", ZONE.find(context, &zone).await?).await,
        ZoneCommand::Plan { zone } => {
            let id = ZONE.find(context, &zone).await?;
            super::plan::ask(context, Some(id)).await
        }
        ZoneCommand::Sync { zone } => post(context, &zone, "sync").await,
        ZoneCommand::Import { zone, file } => import(context, &zone, &file).await,
        ZoneCommand::Export { zone, file } => export(context, &zone, file.as_deref()).await,
        ZoneCommand::Dnssec { zone } => dnssec(context, &zone).await,
        ZoneCommand::Drift { zone } => {
            let id = match zone {
                Some(zone) => Some(ZONE.find(context, &zone).await?.to_string()),
                None => None,
            };
            DRIFT.list(context, Call::get("drift").query_opt("zone_id", id)).await
        }
        ZoneCommand::Pause { zone } => post(context, &zone, "pause").await,
        ZoneCommand::Resume { zone } => post(context, &zone, "resume").await,
        ZoneCommand::Remove { zone, records } => {
            let records = match records {
                Records::Keep => "keep",
                Records::Remove => "remove",
            };
            ZONE.remove(context, &zone, |call| call.query("records", records)).await
        }
    }
}

/// Prints what goes to the registrar, line by line.
async fn dnssec(context: &Context, zone: &str) -> Result<Done, Failure> {
    let id = ZONE.find(context, zone).await?;
    let data = context.client.send(Call::get(format!("zones/{id}/dnssec"))).await?.data;
    context.out.show(&data, |_| {
        let mut lines = Vec::new();
        for key in data["keys"].as_array().into_iter().flatten() {
            lines.push(format!("DNSKEY {}", text_at(key, "/dnskey")));
            let ds = key["ds"].as_array().into_iter().flatten().filter_map(Value::as_str);
            lines.extend(ds.map(|ds| format!("DS {ds}")));
        }
        if lines.is_empty() { "the zone is not signed".to_owned() } else { lines.join("\n") }
    })?;
    Ok(Done::Ok)
}

async fn add_body(args: &AddArgs, context: &Context) -> Result<Value, Failure> {
    let mut body = Map::new();
    body.insert("name".to_owned(), json!(args.name));
    if let Some(provider) = &args.provider {
        body.insert("provider".to_owned(), json!(provider));
    }
    if let Some(connection) = &args.connection {
        let id = super::connection::CONNECTION.find(context, connection).await?;
        body.insert("connection_id".to_owned(), json!(id));
    }
    settings(&mut body, &args.settings, args.policy.0.clone())?;
    Ok(Value::Object(body))
}

/// A policy's field may be given by `--set` too; all other settings are the provider's.
fn settings(
    body: &mut Map<String, Value>,
    args: &SettingArgs,
    policy: Map<String, Value>,
) -> Result<(), Failure> {
    let is_policy = |key: &String| ZoneSettings::FIELDS.iter().any(|field| field.name == key);
    let (set, settings): (Map<_, _>, Map<_, _>) =
        args.read()?.into_iter().partition(|(key, _)| is_policy(key));
    body.extend(set);
    body.extend(policy);
    if !settings.is_empty() {
        body.insert("settings".to_owned(), Value::Object(settings));
    }
    Ok(())
}

async fn set(context: &Context, args: SetArgs) -> Result<Done, Failure> {
    let mut body = Map::new();
    settings(&mut body, &args.settings, args.policy.0.clone())?;
    if body.is_empty() {
        return Err(Failure::Usage("nothing to change was given".to_owned()));
    }
    let id = ZONE.find(context, &args.zone).await?;
    ZONE.act(context, Call::patch(format!("zones/{id}"), Value::Object(body))).await
}

async fn post(context: &Context, zone: &str, verb: &str) -> Result<Done, Failure> {
    let id = ZONE.find(context, zone).await?;
    ZONE.act(context, Call::post(format!("zones/{id}/{verb}"), json!({}))).await
}

/// Prints the four findings and the sentence; a failed test is exit code 1.
pub async fn test(context: &Context, path: &str, id: i64) -> Result<Done, Failure> {
    let data = context.client.send(Call::post(format!("{path}/{id}/test"), json!({}))).await?.data;
    context.out.show(&data, |out| {
        let findings = [
            ("REACHABLE", "/reachable"),
            ("AUTHORISED", "/authorised"),
            ("ZONE MATCHES", "/zone_matches"),
            ("CAN WRITE", "/can_write"),
            ("ADVICE", "/advice"),
        ];
        let verdict = if data["ok"] == json!(true) { out.paint("ok") } else { out.paint("failed") };
        format!("{verdict}: {}\n{}", text_at(&data, "/message"), out.fields(&findings, &data))
    })?;
    Ok(if data["ok"] == json!(true) { Done::Ok } else { Done::Failed })
}

async fn import(context: &Context, zone: &str, file: &Path) -> Result<Done, Failure> {
    let id = ZONE.find(context, zone).await?;
    let mut text = String::new();
    if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text)?;
    } else {
        text = std::fs::read_to_string(file)
            .map_err(|error| Failure::Usage(format!("cannot read {}: {error}", file.display())))?;
    }
    let call = Call::new(Method::POST, format!("zones/{id}/import")).text(text);
    if context.global.dry_run {
        return IMPORT.act(context, call).await;
    }
    let answer = context.client.send(call).await?;
    let done = IMPORT.follow(context, &answer).await?;
    let failed = answer.data["failed"].as_array().is_some_and(|failed| !failed.is_empty());
    Ok(if failed && done == Done::Ok { Done::Partial } else { done })
}

/// Prints or writes the zone file; what it leaves out is told on stderr, and the exit code is 5.
async fn export(context: &Context, zone: &str, file: Option<&Path>) -> Result<Done, Failure> {
    let id = ZONE.find(context, zone).await?;
    let call = Call::get(format!("zones/{id}/export")).query("format", "json");
    let data = context.client.send(call).await?.data;
    let text = text_at(&data, "/zone_file");
    match file {
        Some(_) if context.global.dry_run => {
            return Err(Failure::Usage(
                "with --dry-run no file is written: leave it out to see it".to_owned(),
            ));
        }
        Some(path) => std::fs::write(path, text)?,
        None => context.out.print(text.trim_end()),
    }
    let left_out = data["left_out"].as_array().map(Vec::as_slice).unwrap_or_default();
    if left_out.is_empty() {
        return Ok(Done::Ok);
    }
    context.out.note(format!(
        "{} records written; {} things are no record and stand in the file as comments:",
        text_at(&data, "/records"),
        left_out.len()
    ));
    for one in left_out {
        let [name, what, reason] = ["/name", "/what", "/reason"].map(|at| text_at(one, at));
        context.out.note(format!("  {name} {what}: {reason}"));
    }
    Ok(Done::Partial)
}
