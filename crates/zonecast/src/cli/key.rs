//! `zonecast key`: keys that open the API.

use super::connect::Context;
use super::failure::{Done, Failure};
use super::output::text_at;
use super::resource::Resource;
use crate::client::Call;
use clap::{Args, Subcommand};
use serde_json::json;

/// Keys.
#[derive(Args)]
pub struct KeyArgs {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Subcommand)]
enum KeyCommand {
    /// Make a key; it is shown once
    Add {
        /// What you call it
        name: String,
        /// admin, operator or viewer
        #[arg(long, default_value = "operator")]
        role: String,
        /// When it ends, such as 2027-01-01T00:00:00Z
        #[arg(long, value_name = "TIME")]
        expires_at: Option<String>,
    },
    /// All keys, without what opens
    #[command(alias = "ls")]
    List,
    /// Take a key out of force at once
    #[command(alias = "rm")]
    Remove {
        /// Id or name
        key: String,
    },
}

const KEY: Resource = Resource {
    path: "keys",
    noun: "key",
    name: "name",
    columns: &[
        ("ID", "/id"),
        ("NAME", "/name"),
        ("ROLE", "/role"),
        ("CREATED", "/created_at"),
        ("EXPIRES", "/expires_at"),
    ],
    fields: &[("ID", "/id"), ("NAME", "/name"), ("ROLE", "/role"), ("EXPIRES", "/expires_at")],
};

/// Does it.
pub async fn run(args: KeyArgs, context: &Context) -> Result<Done, Failure> {
    match args.command {
        KeyCommand::Add { name, role, expires_at } => {
            let mut body = json!({ "name": name, "role": role });
            if let Some(end) = expires_at {
                body["expires_at"] = json!(end);
            }
            let data = context.client.send(Call::post("keys", body)).await?.data;
            context.out.show(&data, |out| {
                if !out.is_quiet() {
                    out.note("This key is shown once and kept nowhere in plain text:");
                }
                text_at(&data, "/key")
            })?;
            Ok(Done::Ok)
        }
        KeyCommand::List => KEY.list(context, Call::get("keys")).await,
        KeyCommand::Remove { key } => KEY.remove(context, &key, |call| call).await,
    }
}
