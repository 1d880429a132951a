//! `zonecast pool`: address prefixes with their hints and patterns.

use super::connect::Context;
use super::failure::{Done, Failure};
use super::host::{put, ttl_value};
use super::resource::Resource;
use crate::client::Call;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

/// Address prefixes.
#[derive(Args)]
pub struct PoolArgs {
    #[command(subcommand)]
    command: PoolCommand,
}

#[derive(Subcommand)]
enum PoolCommand {
    /// Add a prefix
    Add {
        /// The prefix, such as 192.0.2.0/24
        prefix: String,
        #[command(flatten)]
        hints: Hints,
    },
    /// All prefixes
    #[command(alias = "ls")]
    List,
    /// One prefix
    Show {
        /// Id or prefix
        pool: String,
    },
    /// Change its hints
    Set {
        /// Id or prefix
        pool: String,
        #[command(flatten)]
        hints: Hints,
    },
    /// Remove it; hosts inside stay
    #[command(alias = "rm")]
    Remove {
        /// Id or prefix
        pool: String,
    },
}

#[derive(Args)]
struct Hints {
    /// Completes bare host names
    #[arg(long, value_name = "NAME")]
    main_domain: Option<String>,
    /// Names hosts that come without one, such as ip-{address}
    #[arg(long, value_name = "PATTERN")]
    name_pattern: Option<String>,
    /// TTL of records of addresses inside
    #[arg(long, value_name = "SECONDS")]
    ttl: Option<String>,
    /// Reverse name of addresses without one of their own, such as {address}.pool.example.com
    #[arg(long, value_name = "PATTERN")]
    ptr_pattern: Option<String>,
}

const POOL: Resource = Resource {
    path: "pools",
    noun: "pool",
    name: "prefix",
    columns: &[
        ("ID", "/id"),
        ("PREFIX", "/prefix"),
        ("MAIN DOMAIN", "/main_domain"),
        ("NAMES", "/name_pattern"),
        ("PTR", "/ptr_pattern"),
        ("TTL", "/ttl"),
        ("REVERSE ZONES", "/reverse_zones"),
    ],
    fields: &[
        ("ID", "/id"),
        ("PREFIX", "/prefix"),
        ("REVERSE ZONE", "/reverse_zone"),
        ("MAIN DOMAIN", "/main_domain"),
        ("NAMES", "/name_pattern"),
        ("PTR", "/ptr_pattern"),
        ("TTL", "/ttl"),
    ],
};

/// Does it.
pub async fn run(args: PoolArgs, context: &Context) -> Result<Done, Failure> {
    match args.command {
        PoolCommand::Add { prefix, hints } => {
            let mut body = hints.body()?;
            body.insert("prefix".to_owned(), json!(prefix));
            POOL.act(context, Call::post("pools", Value::Object(body))).await
        }
        PoolCommand::List => POOL.list(context, Call::get("pools")).await,
        PoolCommand::Show { pool } => POOL.show(context, &pool).await,
        PoolCommand::Set { pool, hints } => {
            let body = hints.body()?;
            if body.is_empty() {
                return Err(Failure::Usage("nothing to change was given".to_owned()));
            }
            let id = POOL.find(context, &pool).await?;
            POOL.act(context, Call::patch(format!("pools/{id}"), Value::Object(body))).await
        }
        PoolCommand::Remove { pool } => POOL.remove(context, &pool, |call| call).await,
    }
}

impl Hints {
    fn body(&self) -> Result<Map<String, Value>, Failure> {
        let mut body = Map::new();
        put(&mut body, "main_domain", &self.main_domain);
        put(&mut body, "name_pattern", &self.name_pattern);
        put(&mut body, "ptr_pattern", &self.ptr_pattern);
        if let Some(ttl) = &self.ttl {
            body.insert("ttl".to_owned(), ttl_value(ttl)?);
        }
        Ok(body)
    }
}
