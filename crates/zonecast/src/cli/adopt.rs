//! `zonecast adopt`: moving in. The plan is shown first; `--apply` carries it out.

use super::connect::Context;
use super::failure::{Done, Failure};
use super::output::Output;
use super::secrets;
use crate::client::ClientError;
use crate::problem::Problem;
use crate::sources::adopt::{self, Adoption, Found, State, Step};
use crate::sources::puq::Export;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::io::IsTerminal;
use std::path::PathBuf;

/// Things of one state that are shown as a table; all of them are in `--output json`.
const SHOWN: usize = 100;

/// Moving in.
#[derive(Args)]
pub struct AdoptArgs {
    /// Add what the plan shows; without it nothing is stored
    #[arg(long, global = true)]
    pub apply: bool,
    #[command(subcommand)]
    command: AdoptCommand,
}

#[derive(Subcommand)]
enum AdoptCommand {
    /// Zones, pools and VMs of PUQ's Proxmox KVM module for WHMCS, from an export of its tables
    Puq {
        /// SQL dumps, JSON or CSV files, the answer of dns.php
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Completes VMs whose service has no whole name, such as vps.example.com
        #[arg(long, value_name = "NAME")]
        main_domain: Option<String>,
    },
    /// Hosts that stand in a zone already: names whose address has a PTR back to them
    Zone {
        /// Forward zones that are here, by id or name; their reverse zones are found
        #[arg(required = true, value_name = "ZONE")]
        zones: Vec<String>,
    },
}

/// Does it.
pub async fn run(args: AdoptArgs, context: &Context) -> Result<Done, Failure> {
    let found = match &args.command {
        AdoptCommand::Puq { files, main_domain } => from_puq(context, files, main_domain.as_deref())?,
        AdoptCommand::Zone { zones } => {
            let mut ids = Vec::new();
            for zone in zones {
                ids.push(super::zone::ZONE.find(context, zone).await?);
            }
            adopt::pairs(&context.client, &ids).await?
        }
    };
    adopt_all(context, &found).await
}

fn from_puq(context: &Context, files: &[PathBuf], main_domain: Option<&str>) -> Result<Found, Failure> {
    let mut export = Export::default();
    for file in files {
        let bytes = std::fs::read(file)
            .map_err(|error| Failure::Usage(format!("cannot read {}: {error}", file.display())))?;
        export.add(&file.display().to_string(), &bytes).map_err(Failure::Usage)?;
    }
    let mut found = export.found(main_domain);
    if !context.global.dry_run {
        ask_for_secrets(&mut found)?;
    }
    Ok(found)
}

/// Asks for what the export does not have, where somebody is there to answer.
fn ask_for_secrets(found: &mut Found) -> Result<(), Failure> {
    if !std::io::stdin().is_terminal() {
        return Ok(());
    }
    for wanted in found.wanted() {
        let secret = secrets::ask(&format!("{} of {}", wanted.label, wanted.account))?;
        found.give(&wanted.account, wanted.field, &secret);
    }
    Ok(())
}

/// Shows the plan or carries it out. As with every plan, exit code 6 says that there is something to
/// do; 5 that something is left out.
async fn adopt_all(context: &Context, found: &Found) -> Result<Done, Failure> {
    let mut adoption = adopt::plan(&context.client, found).await?;
    if !context.global.dry_run {
        if let Some(words) = adoption.at_once() {
            return Err(Failure::Client(ClientError::Problem(Problem::new(409, words))));
        }
        adopt::carry_out(&context.client, &mut adoption).await?;
    }
    context.out.show(&view(&adoption), |out| text(out, &adoption, context.global.dry_run))?;
    Ok(match (adoption.has(State::New), adoption.has(State::LeftOut)) {
        (true, _) => Done::PlanNotEmpty,
        (false, true) => Done::Partial,
        (false, false) => Done::Ok,
    })
}

fn view(adoption: &Adoption) -> Value {
    let states = [State::New, State::Added, State::There, State::LeftOut, State::PassedOver];
    let of = |kind: &str| states.map(|state| (json!(state).to_string(), adoption.count(kind, state)));
    let counts = ["zone", "pool", "host"].map(|kind| {
        let counts = of(kind).map(|(state, count)| (state.trim_matches('"').to_owned(), json!(count)));
        (format!("{kind}s"), Value::Object(counts.into_iter().collect()))
    });
    let mut view = json!(adoption);
    view["counts"] = Value::Object(counts.into_iter().collect());
    view
}

fn text(out: &Output, adoption: &Adoption, dry: bool) -> String {
    let mut lines = Vec::new();
    let columns = [("KIND", "/kind"), ("NAME", "/name"), ("WHAT", "/detail"), ("FROM", "/place")];
    for (state, words) in [(State::New, "to add"), (State::Added, "added")] {
        let rows: Vec<Value> = adoption.in_state(state).take(SHOWN).map(|step| json!(step)).collect();
        if rows.is_empty() {
            continue;
        }
        lines.push(out.rows(&columns, &rows));
        let more = adoption.in_state(state).count() - rows.len();
        if more > 0 {
            lines.push(format!("... and {more} more {words}; --output json shows all"));
        }
    }
    lines.extend(adoption.in_state(State::PassedOver).map(|step| format!("passed over: {}", reason(step))));
    lines.extend(adoption.in_state(State::LeftOut).map(|step| format!("left out: {}", reason(step))));
    let counted = |state| adoption.counted(state);
    let already = format!("here already: {}", counted(State::There));
    lines.push(match (dry, adoption.has(State::New), adoption.has(State::Added)) {
        (true, true, _) => {
            format!("to add: {}; {already}; nothing was stored, --apply adds it", counted(State::New))
        }
        (_, _, true) => format!("added: {}; {already}", counted(State::Added)),
        _ => format!("nothing to add; {already}"),
    });
    if adoption.has(State::LeftOut) {
        lines.push(format!("left out: {}", counted(State::LeftOut)));
    }
    if adoption.count("zone", State::Added) > 0 {
        lines.push("the new zones are paused: zonecast zone plan ZONE shows what would be written, zonecast zone resume ZONE lets it be written".to_owned());
    }
    lines.extend(adoption.at_once());
    lines.join("\n")
}

fn reason(step: &Step) -> String {
    let what = format!("{} {} ({})", step.kind, step.name, step.place);
    format!("{}: {}", what.replace("  ", " "), step.reason.as_deref().unwrap_or_default())
}
