//! `zonecast job`: work in progress and its log.

use super::connect::Context;
use super::failure::{Done, Failure};
use super::resource::Resource;
use super::wait;
use crate::client::{Call, ClientError};
use clap::{Args, Subcommand};
use serde_json::json;
use std::time::Duration;

/// Jobs.
#[derive(Args)]
pub struct JobArgs {
    #[command(subcommand)]
    command: JobCommand,
}

#[derive(Subcommand)]
enum JobCommand {
    /// The latest jobs
    #[command(alias = "ls")]
    List {
        /// Only those in this state: queued, running, done, no_matching_zone, partial, failed, superseded, cancelled
        #[arg(long)]
        state: Option<String>,
    },
    /// One job
    Show {
        /// Its id
        job: i64,
    },
    /// Print its log until it ends; the exit code says how it went
    Follow {
        /// Its id
        job: i64,
    },
    /// Try again now what did not succeed
    Retry {
        /// Its id
        job: i64,
    },
    /// Stop watching; what is wanted stays wanted
    Cancel {
        /// Its id
        job: i64,
    },
}

const JOB: Resource = Resource {
    path: "jobs",
    noun: "job",
    name: "id",
    columns: &[
        ("ID", "/id"),
        ("WHAT", "/title"),
        ("STATE", "/state"),
        ("OK", "/succeeded"),
        ("NOT", "/failed"),
        ("OF", "/total"),
        ("BEGAN", "/created_at"),
        ("ENDED", "/finished_at"),
    ],
    fields: &[
        ("ID", "/id"),
        ("WHAT", "/title"),
        ("STATE", "/state"),
        ("OK", "/succeeded"),
        ("NOT", "/failed"),
        ("OF", "/total"),
        ("SUPERSEDED BY", "/superseded_by"),
        ("BEGAN", "/created_at"),
        ("ENDED", "/finished_at"),
    ],
};

/// Does it.
pub async fn run(args: JobArgs, context: &Context) -> Result<Done, Failure> {
    match args.command {
        JobCommand::List { state } => JOB.list(context, Call::get("jobs").query_opt("state", state)).await,
        JobCommand::Show { job } => JOB.show(context, &job.to_string()).await,
        JobCommand::Follow { job } => follow(context, job).await,
        JobCommand::Retry { job } => {
            JOB.act(context, Call::post(format!("jobs/{job}/retry"), json!({}))).await
        }
        JobCommand::Cancel { job } => {
            JOB.act(context, Call::post(format!("jobs/{job}/cancel"), json!({}))).await
        }
    }
}

/// Asks for the log again and again and prints what is new: the same over HTTP and in process.
async fn follow(context: &Context, id: i64) -> Result<Done, Failure> {
    let limit = Duration::from_secs(context.global.wait.unwrap_or(u64::from(u32::MAX)));
    let end = std::time::Instant::now() + limit;
    let mut printed = 0;
    loop {
        let job = context.client.send(Call::get(format!("jobs/{id}"))).await?.data;
        let over = wait::is_over(&job) || std::time::Instant::now() >= end;
        let log = match context.client.text(Call::get(format!("jobs/{id}/log"))).await {
            Err(ClientError::Problem(problem)) if problem.status == 404 => String::new(),
            other => other?,
        };
        let lines: Vec<&str> = log.lines().collect();
        if context.out.is_for_people() {
            lines.iter().skip(printed).for_each(|line| context.out.print(line));
        }
        printed = lines.len();
        if over {
            context
                .out
                .show(&job, |out| format!("job {id}: {}", out.paint(job["state"].as_str().unwrap_or("?"))))?;
            return Ok(wait::verdict(&job));
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}
