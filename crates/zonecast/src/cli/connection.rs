//! `zonecast connection`: accounts at providers.

use super::connect::Context;
use super::failure::{Done, Failure};
use super::resource::Resource;
use super::secrets::SettingArgs;
use crate::client::Call;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

/// Accounts at providers.
#[derive(Args)]
pub struct ConnectionArgs {
    #[command(subcommand)]
    command: ConnectionCommand,
}

#[derive(Subcommand)]
enum ConnectionCommand {
    /// Add an account
    Add {
        /// What you call it
        name: String,
        /// The service (zonecast provider list)
        #[arg(long)]
        provider: String,
        #[command(flatten)]
        settings: SettingArgs,
    },
    /// All accounts
    #[command(alias = "ls")]
    List,
    /// One account, its secrets shown as KEEP
    Show {
        /// Id or name
        connection: String,
    },
    /// Change its settings; a secret that is not named stays
    Set {
        /// Id or name
        connection: String,
        /// A new name
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        settings: SettingArgs,
    },
    /// Whether it can be reached and opens; changes nothing
    Test {
        /// Id or name
        connection: String,
    },
    /// Remove an account that no zone uses
    #[command(alias = "rm")]
    Remove {
        /// Id or name
        connection: String,
    },
}

/// Connections, also for those who look one up.
pub const CONNECTION: Resource = Resource {
    path: "connections",
    noun: "connection",
    name: "name",
    columns: &[
        ("ID", "/id"),
        ("NAME", "/name"),
        ("PROVIDER", "/provider"),
        ("ZONES", "/zones"),
        ("STATE", "/state"),
        ("ERROR", "/last_error"),
    ],
    fields: &[
        ("ID", "/id"),
        ("NAME", "/name"),
        ("PROVIDER", "/provider"),
        ("SETTINGS", "/settings"),
        ("BUDGET GROUP", "/budget_group"),
        ("STATE", "/state"),
        ("ERROR", "/last_error"),
    ],
};

/// Does it.
pub async fn run(args: ConnectionArgs, context: &Context) -> Result<Done, Failure> {
    match args.command {
        ConnectionCommand::Add { name, provider, settings } => {
            let body = json!({ "name": name, "provider": provider, "settings": settings.read()? });
            CONNECTION.act(context, Call::post("connections", body)).await
        }
        ConnectionCommand::List => CONNECTION.list(context, Call::get("connections")).await,
        ConnectionCommand::Show { connection } => CONNECTION.show(context, &connection).await,
        ConnectionCommand::Set { connection, name, settings } => {
            let mut body = Map::new();
            super::host::put(&mut body, "name", &name);
            let settings = settings.read()?;
            if !settings.is_empty() {
                body.insert("settings".to_owned(), Value::Object(settings));
            }
            if body.is_empty() {
                return Err(Failure::Usage("nothing to change was given".to_owned()));
            }
            let id = CONNECTION.find(context, &connection).await?;
            CONNECTION.act(context, Call::patch(format!("connections/{id}"), Value::Object(body))).await
        }
        ConnectionCommand::Test { connection } => {
            let id = CONNECTION.find(context, &connection).await?;
            super::zone::test(context, "connections", id).await
        }
        ConnectionCommand::Remove { connection } => {
            CONNECTION.remove(context, &connection, |call| call).await
        }
    }
}
