//! `zonecast audit`: who did what, and whether the record of it is whole.

use super::connect::Context;
use super::failure::{Done, Failure};
use super::output::{Column, text_at};
use crate::client::Call;
use clap::{Args, Subcommand};
use serde_json::json;

/// The audit.
#[derive(Args)]
pub struct AuditArgs {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Subcommand)]
enum AuditCommand {
    /// The latest lines
    #[command(alias = "ls")]
    List {
        /// Only lines about this, such as host:12 or a name
        #[arg(long)]
        object: Option<String>,
        /// How many
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// Whether the chain of hashes is unbroken
    Verify,
}

const COLUMNS: &[Column] = &[
    ("ID", "/id"),
    ("AT", "/at"),
    ("WHO", "/actor"),
    ("DOOR", "/source"),
    ("ACTION", "/action"),
    ("ON", "/object"),
    ("DETAIL", "/detail"),
];

/// Does it.
pub async fn run(args: AuditArgs, context: &Context) -> Result<Done, Failure> {
    match args.command {
        AuditCommand::List { object, limit } => {
            let call = Call::get("audit").query("limit", limit).query_opt("object", object);
            let data = context.client.send(call).await?.data;
            let none = Vec::new();
            context.out.show(&data, |out| out.rows(COLUMNS, data.as_array().unwrap_or(&none)))?;
            Ok(Done::Ok)
        }
        AuditCommand::Verify => {
            let data = context.client.send(Call::get("audit/verify")).await?.data;
            let whole = data["ok"] == json!(true);
            context.out.show(&data, |out| match whole {
                true => format!(
                    "{}: {} lines, the chain is unbroken",
                    out.paint("ok"),
                    text_at(&data, "/checked")
                ),
                false => format!("{}: {}", out.paint("failed"), text_at(&data, "/message")),
            })?;
            Ok(if whole { Done::Ok } else { Done::Failed })
        }
    }
}
