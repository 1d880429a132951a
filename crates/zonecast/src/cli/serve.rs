//! `zonecast serve`: the daemon.

use super::args::Global;
use super::connect;
use super::failure::{Done, Failure};
use super::output::Output;
use crate::daemon::{Daemon, Roles};
use clap::{Args, ValueEnum};
use std::io::IsTerminal;
use std::net::SocketAddr;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// How the daemon runs.
#[derive(Args)]
pub struct ServeArgs {
    /// What this process does (several by comma); all by default
    #[arg(long, value_enum, value_delimiter = ',')]
    role: Vec<Role>,
    /// Where the API and the page listen; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS:PORT")]
    http: Option<SocketAddr>,
    /// Where the name server listens; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS:PORT")]
    dns: Option<SocketAddr>,
    /// Log lines as text or as JSON
    #[arg(long, value_enum, default_value = "text")]
    log: LogForm,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Role {
    Api,
    Worker,
    Dns,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogForm {
    Text,
    Json,
}

/// Serves until it is told to stop.
pub async fn run(args: ServeArgs, global: &Global) -> Result<Done, Failure> {
    logs("info", args.log == LogForm::Json);
    let mut config = connect::config(global)?;
    config.http = args.http.unwrap_or(config.http);
    config.dns = args.dns.unwrap_or(config.dns);
    let data = config.data.clone();
    let daemon = Box::pin(Daemon::start(config, roles(&args.role))).await?;
    let out = Output::new(global.output, global.quiet);
    out.say(format!("API and page at {}, DNS at {}", daemon.endpoints.http, daemon.endpoints.dns));
    if let Some(key) = &daemon.new_admin_key {
        let file = data.join("admin.key");
        // Into a journal a secret would go for good.
        match std::io::stdout().is_terminal() {
            true => out.say(format!("the admin key, shown once (also in {}):\n{key}", file.display())),
            false => out.say(format!("the admin key is in {}", file.display())),
        }
    }
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    until_told().await?;
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    daemon.stop().await;
    Ok(Done::Ok)
}

fn roles(asked: &[Role]) -> Roles {
    if asked.is_empty() {
        return Roles::default();
    }
    Roles {
        api: asked.contains(&Role::Api),
        worker: asked.contains(&Role::Worker),
        dns: asked.contains(&Role::Dns),
    }
}

/// Waits for Ctrl-C or for the service manager.
pub async fn until_told() -> std::io::Result<()> {
    let mut stop = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = stop.recv() => Ok(()),
    }
}

/// Logs on stderr, so that answers on stdout stay clean; `ZONECAST_LOG` says how much.
pub fn logs(usual: &str, json: bool) {
    let filter = EnvFilter::try_from_env("ZONECAST_LOG").unwrap_or_else(|_| EnvFilter::new(usual));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second call (tests, the library inside another program) keeps the first subscriber.
    let _ = if json { builder.json().try_init() } else { builder.with_target(false).try_init() };
}
