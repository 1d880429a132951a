//! `zonecast record`: single records beside those that hosts make.

use super::connect::Context;
use super::failure::{Done, Failure};
use super::host::ttl_value;
use super::output::text_at;
use super::resource::Resource;
use crate::client::Call;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

/// Single records.
#[derive(Args)]
pub struct RecordArgs {
    #[command(subcommand)]
    command: RecordCommand,
}

#[derive(Subcommand)]
enum RecordCommand {
    /// Add a record set
    Add {
        /// The whole name, such as www.example.com
        name: String,
        /// The type, such as A, MX, TXT
        #[arg(value_name = "TYPE")]
        rtype: String,
        /// The values as a zone file writes them, such as "10 mail.example.com"
        #[arg(required = true)]
        values: Vec<String>,
        /// TTL in seconds
        #[arg(long, value_name = "SECONDS")]
        ttl: Option<String>,
        /// Only in this zone, by id or name; without it in all that match
        #[arg(long)]
        zone: Option<String>,
    },
    /// All records an operator added; --all shows those of hosts too
    #[command(alias = "ls")]
    List {
        /// Every record that is wanted, whoever wants it
        #[arg(long)]
        all: bool,
    },
    /// One record and its state at every zone
    Show {
        /// Id or name
        record: String,
    },
    /// Change its values or its TTL
    Set {
        /// Id or name
        record: String,
        /// The values it shall have
        values: Vec<String>,
        /// TTL in seconds; `default` goes back to the zone's
        #[arg(long, value_name = "SECONDS")]
        ttl: Option<String>,
    },
    /// Remove it
    #[command(alias = "rm")]
    Remove {
        /// Id or name
        record: String,
    },
}

const RECORD: Resource = Resource {
    path: "records",
    noun: "record",
    name: "name",
    columns: &[
        ("ID", "/id"),
        ("NAME", "/name"),
        ("TYPE", "/type"),
        ("VALUES", "/values"),
        ("TTL", "/ttl"),
        ("ZONE", "/zone_id"),
        ("STATE", "/state"),
    ],
    fields: &[
        ("ID", "/id"),
        ("NAME", "/name"),
        ("TYPE", "/type"),
        ("VALUES", "/values"),
        ("TTL", "/ttl"),
        ("ZONE", "/zone_id"),
        ("STATE", "/state"),
        ("NOTES", "/notes"),
    ],
};

/// Does it.
pub async fn run(args: RecordArgs, context: &Context) -> Result<Done, Failure> {
    match args.command {
        RecordCommand::Add { name, rtype, values, ttl, zone } => {
            let mut body = Map::new();
            body.insert("name".to_owned(), json!(name));
            body.insert("type".to_owned(), json!(rtype));
            body.insert("values".to_owned(), json!(values));
            if let Some(ttl) = ttl {
                body.insert("ttl".to_owned(), ttl_value(&ttl)?);
            }
            if let Some(zone) = zone {
                body.insert("zone_id".to_owned(), json!(super::zone::ZONE.find(context, &zone).await?));
            }
            RECORD.act(context, Call::post("records", Value::Object(body))).await
        }
        RecordCommand::List { all: true } => list_all(context).await,
        RecordCommand::List { all: false } => RECORD.list(context, Call::get("records")).await,
        RecordCommand::Show { record } => RECORD.show(context, &record).await,
        RecordCommand::Set { record, values, ttl } => {
            let mut body = Map::new();
            if !values.is_empty() {
                body.insert("values".to_owned(), json!(values));
            }
            if let Some(ttl) = ttl {
                body.insert("ttl".to_owned(), ttl_value(&ttl)?);
            }
            if body.is_empty() {
                return Err(Failure::Usage("nothing to change was given".to_owned()));
            }
            let id = RECORD.find(context, &record).await?;
            RECORD.act(context, Call::patch(format!("records/{id}"), Value::Object(body))).await
        }
        RecordCommand::Remove { record } => RECORD.remove(context, &record, |call| call).await,
    }
}

/// One row per wanted value, zones collapsed (S5.24).
async fn list_all(context: &Context) -> Result<Done, Failure> {
    let rows = Value::Array(context.client.list(Call::get("dns/records")).await?);
    context.out.show(&rows, |out| {
        let cells = rows.as_array().into_iter().flatten().map(|row| {
            ["/name", "/record_type", "/value", "/ttl"].iter().map(|at| text_at(row, at)).collect()
        });
        out.table(&["NAME", "TYPE", "VALUE", "TTL"], cells.collect())
    })?;
    Ok(Done::Ok)
}
