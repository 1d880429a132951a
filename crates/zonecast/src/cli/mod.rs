//! The command line.
//!
//! A command builds a request of the REST API, sends it, and prints the answer; nothing is decided
//! here. Every command's file has the same parts in the same order: its arguments, `run`, and how
//! its answer looks as a table. Read `host` and you have read all. What they share: `resource` (list,
//! show, remove, find by name), `wait` (watching a job), `output` (table, JSON, YAML) and `failure`
//! (which exit code a failure has).

mod adopt;
mod approve;
mod args;
mod audit;
mod backup;
mod bench;
mod completions;
mod config;
mod connect;
mod connection;
mod described;
mod doctor;
mod domain;
mod endpoint;
mod explain;
mod failure;
mod host;
mod job;
mod key;
mod output;
mod pause;
mod plan;
mod plesk;
mod pool;
mod provider;
mod quickstart;
mod record;
mod resource;
mod secrets;
mod serve;
mod verify;
mod wait;
mod zone;

pub use args::{Cli, Global};

use args::Command;
use clap::Parser;
use connect::Context;
use failure::{Done, Failure};
use std::process::ExitCode;

/// Reads the command line, does what it says, and gives the exit code of design section 6.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    if cli.global.dry_run && cli.command.acts_by_itself() {
        return Failure::Usage("this command has no dry run: nothing was done".to_owned()).report();
    }
    if let Command::Plesk(args) = &cli.command {
        return plesk::run(args, &cli.global);
    }
    crate::client::install_crypto();
    let runtime = match runtime(&cli.command) {
        Ok(runtime) => runtime,
        Err(error) => return Failure::Other(format!("cannot start: {error}")).report(),
    };
    let result = runtime.block_on(Box::pin(run(cli)));
    // A command without a daemon may leave workers behind; what they have not done is stored.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    match result {
        Ok(done) => done.code(),
        Err(failure) => failure.report(),
    }
}

/// One thread is enough to ask a question; those who serve or measure get all.
fn runtime(command: &Command) -> std::io::Result<tokio::runtime::Runtime> {
    match command {
        Command::Serve(_) | Command::Quickstart(_) | Command::Bench(_) => {
            tokio::runtime::Builder::new_multi_thread().enable_all().build()
        }
        _ => tokio::runtime::Builder::new_current_thread().enable_all().build(),
    }
}

async fn run(cli: Cli) -> Result<Done, Failure> {
    let mut global = cli.global;
    // Whoever moves in sees the plan unless the command says otherwise.
    global.dry_run |= matches!(&cli.command, Command::Adopt(args) if !args.apply);
    match cli.command {
        // These need no daemon and no store.
        Command::Serve(args) => return Box::pin(serve::run(args, &global)).await,
        Command::Quickstart(args) => return Box::pin(quickstart::run(args, &global)).await,
        Command::Bench(args) => return Box::pin(bench::run(args)).await,
        Command::Provider(args) => return provider::run(&args, &global),
        Command::Config(args) => return config::run(&args, &global),
        Command::Backup(args) => return Box::pin(backup::backup(args, &global)).await,
        Command::Restore(args) => return Box::pin(backup::restore(args, &global)).await,
        Command::Completions(args) => return completions::run(&args),
        Command::Man(args) => return completions::man(&args),
        Command::Doctor(args) => return Box::pin(doctor::run(args, &global)).await,
        _ => {}
    }
    let context = Box::pin(Context::open(&global)).await?;
    let work = async {
        match cli.command {
            Command::Host(args) => host::run(args, &context).await,
            Command::Zone(args) => zone::run(args, &context).await,
            Command::Connection(args) => connection::run(args, &context).await,
            Command::Domain(args) => domain::run(args, &context).await,
            Command::Record(args) => record::run(args, &context).await,
            Command::Pool(args) => pool::run(args, &context).await,
            Command::Job(args) => job::run(args, &context).await,
            Command::Audit(args) => audit::run(args, &context).await,
            Command::Explain(args) => explain::run(args, &context).await,
            Command::Verify(args) => verify::run(args, &context).await,
            Command::Plan(args) => plan::run(args, &context).await,
            Command::Pause(args) => pause::pause(args, &context).await,
            Command::Resume(args) => pause::resume(args, &context).await,
            Command::Approve(args) => approve::run(args, &context).await,
            Command::Key(args) => key::run(args, &context).await,
            Command::Adopt(args) => adopt::run(args, &context).await,
            _ => unreachable!("handled above"),
        }
    };
    let result = Box::pin(work).await;
    context.close().await;
    result
}
