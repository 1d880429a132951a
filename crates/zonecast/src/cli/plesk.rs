//! `zonecast plesk`: the custom DNS backend of Plesk, started by the panel for every change.
//!
//! A start has to be cheap and must lose nothing. The input is read here first, so damaged input needs
//! no daemon and an empty list does no work. Then it goes as it came to the daemon, which stores it
//! before it answers; where none runs, this process stores it itself, in the same store and with the
//! same leases. It takes its own way through `main`: no threads, and no TLS unless the daemon's address
//! asks for it.

use super::args::Global;
use super::connect;
use crate::client::{Call, Client, ClientError, InProcess};
use crate::config::Config;
use crate::service::Caller;
use crate::sources::plesk::{self, PleskView, Severity};
use clap::Args;
use std::io::{Read, Write};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

/// Most bytes taken from standard input.
const INPUT_MAX: u64 = 64 * 1024 * 1024;

/// What Plesk starts: JSON on standard input, exit code 0 or 255, lines for its log.
#[derive(Args)]
pub struct PleskArgs {
    /// Another backend that gets the same input; what it returns does not count
    #[arg(long, value_name = "COMMAND")]
    pass_through: Option<String>,
}

/// Does it.
pub fn run(args: &PleskArgs, global: &Global) -> ExitCode {
    let mut view = PleskView::default();
    let mut input = Vec::new();
    if let Err(error) = std::io::stdin().lock().take(INPUT_MAX).read_to_end(&mut input) {
        view.say(Severity::Error, format!("standard input could not be read: {error}"));
        return print(&view);
    }
    let config = match connect::config(global) {
        Ok(config) => config,
        Err(failure) => {
            view.say(Severity::Error, failure.text());
            return print(&view);
        }
    };
    let command = args.pass_through.as_deref().unwrap_or(&config.plesk.pass_through);
    let other = pass_on(command, &input, &mut view);
    if config.plesk.enabled {
        hand_over(&input, global, config, &mut view);
    } else {
        view.say(Severity::Info, "the Plesk backend of Zonecast is switched off; nothing was done");
    }
    if let Some(other) = other {
        await_other(other, &mut view);
    }
    print(&view)
}

/// Starts the other backend with the same input; it runs while we do our own work.
fn pass_on(command: &str, input: &[u8], view: &mut PleskView) -> Option<Child> {
    if command.trim().is_empty() {
        return None;
    }
    let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    match Command::new(shell).args([flag, command]).stdin(Stdio::piped()).spawn() {
        Ok(mut child) => {
            if let Some(mut stdin) = child.stdin.take() {
                let input = input.to_vec();
                // It may read slowly or not at all; that must not hold us up.
                std::thread::spawn(move || stdin.write_all(&input));
            }
            Some(child)
        }
        Err(error) => {
            view.say(Severity::Warn, format!("{command} could not be started: {error}"));
            None
        }
    }
}

fn await_other(mut other: Child, view: &mut PleskView) {
    match other.wait() {
        Ok(status) if !status.success() => {
            view.say(
                Severity::Warn,
                format!("the other backend ended with {status}; that does not count here"),
            );
        }
        Ok(_) => {}
        Err(error) => view.say(Severity::Warn, format!("the other backend was lost: {error}")),
    }
}

/// Gives the input to the daemon, or does its work; the view says what became of it.
fn hand_over(input: &[u8], global: &Global, config: Config, view: &mut PleskView) {
    match plesk::read(input) {
        Err(error) => return view.say(Severity::Error, error.to_string()),
        Ok(commands) if commands.is_empty() => return,
        Ok(_) => {}
    }
    // What was read is JSON, so it is text.
    let text = String::from_utf8_lossy(input).into_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return view.say(Severity::Error, format!("cannot start: {error}")),
    };
    let work = deliver(text, global, config);
    let done = runtime.block_on(work);
    runtime.shutdown_timeout(Duration::from_secs(2));
    match done {
        Ok(done) => {
            view.exit = view.exit.max(done.exit);
            view.lines.extend(done.lines);
        }
        Err(words) => view.say(Severity::Error, format!("nothing was stored: {words}")),
    }
}

async fn deliver(text: String, global: &Global, config: Config) -> Result<PleskView, String> {
    let named = global.url.clone();
    let url = named.clone().or_else(|| connect::endpoints(&config.data).map(|endpoints| endpoints.http));
    if let Some(url) = url {
        let client = Client::connect(&url, &connect::key(global, &config.data)).map_err(|e| e.to_string())?;
        let mut call = Call::post("plesk", serde_json::Value::Null).text(text.clone());
        call = call.query_opt("wait", global.wait.map(|seconds| format!("{seconds}s")));
        match client.send(call).await {
            Ok(answer) => return serde_json::from_value(answer.data).map_err(|error| error.to_string()),
            // A daemon that died left its address behind. Whatever it had stored of this input is
            // stored again the same: sets are "make it so", never steps.
            Err(ClientError::Unreachable { .. }) if named.is_none() => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    let own = Box::pin(InProcess::open(config, "plesk")).await.map_err(|error| format!("{error:#}"))?;
    let wait = global.wait.map(Duration::from_secs);
    let view = Box::pin(plesk::carry_out(&own.app, &Caller::local("plesk"), text.as_bytes(), wait)).await;
    own.close().await;
    Ok(view)
}

/// Infos on stdout, the rest on stderr; Plesk shows both in its log.
fn print(view: &PleskView) -> ExitCode {
    for line in &view.lines {
        let _ = match line.starts_with("info:") {
            true => writeln!(std::io::stdout(), "{line}"),
            false => writeln!(std::io::stderr(), "{line}"),
        };
    }
    ExitCode::from(view.exit)
}
