//! `zonecast provider`: the services that can be written to; needs no daemon.

use super::args::Global;
use super::failure::{Done, Failure};
use super::output::{Output, text_at};
use clap::{Args, Subcommand};
use serde_json::Value;

/// The services.
#[derive(Args)]
pub struct ProviderArgs {
    #[command(subcommand)]
    command: ProviderCommand,
}

#[derive(Subcommand)]
enum ProviderCommand {
    /// Every service with its settings and what it can hold
    #[command(alias = "ls")]
    List,
    /// One service with the meaning of each setting
    Show {
        /// Its kind, such as powerdns
        kind: String,
    },
}

/// Does it.
pub fn run(args: &ProviderArgs, global: &Global) -> Result<Done, Failure> {
    let out = Output::new(global.output, global.quiet);
    let all = zonecast_providers::fields::list_json();
    match &args.command {
        ProviderCommand::List => {
            let rows = all.as_array().into_iter().flatten().map(|kind| {
                let types = text_at(kind, "/capabilities/types");
                vec![
                    text_at(kind, "/kind"),
                    settings(kind),
                    if types.is_empty() { "all".to_owned() } else { types },
                ]
            });
            out.show(&all, |out| out.table(&["PROVIDER", "SETTINGS (* required)", "TYPES"], rows.collect()))?;
        }
        ProviderCommand::Show { kind } => {
            let found = all
                .as_array()
                .into_iter()
                .flatten()
                .find(|one| text_at(one, "/kind").eq_ignore_ascii_case(kind));
            let one = found.ok_or_else(|| Failure::NotFound(format!("there is no provider {kind}")))?;
            let columns = [
                ("SETTING", "/name"),
                ("REQUIRED", "/required"),
                ("SECRET", "/secret"),
                ("MEANING", "/help"),
            ];
            let none = Vec::new();
            let fields = one.get("fields").and_then(Value::as_array).unwrap_or(&none);
            out.show(one, |out| out.rows(&columns, fields))?;
        }
    }
    Ok(Done::Ok)
}

fn settings(kind: &Value) -> String {
    let fields = kind.get("fields").and_then(Value::as_array).into_iter().flatten();
    let names = fields.map(|field| {
        let star = if field["required"] == Value::Bool(true) { "*" } else { "" };
        format!("{}{star}", text_at(field, "/name"))
    });
    names.collect::<Vec<_>>().join(", ")
}
