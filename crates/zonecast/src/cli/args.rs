//! The whole command line as data: `--help`, the man page and the completions come from here.

use super::output::Format;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Names follow machines: one place that knows what DNS should say, at every provider.
///
/// Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 conflict, 5 some zones failed, 6 the plan is
/// not empty, 7 no daemon answers, 8 another daemon has the data folder.
#[derive(Parser)]
#[command(name = "zonecast", version, arg_required_else_help = true, max_term_width = 100)]
pub struct Cli {
    /// What all commands understand.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What all commands understand.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Everywhere")]
pub struct Global {
    /// The daemon's address, such as http://127.0.0.1:8053
    #[arg(long, global = true, env = "ZONECAST_URL", value_name = "URL")]
    pub url: Option<String>,
    /// The key that opens it; else the data folder's admin.key
    #[arg(long, global = true, env = "ZONECAST_KEY", value_name = "KEY", hide_env_values = true)]
    pub key: Option<String>,
    /// Data folder: finds the daemon that runs on it, or opens its store
    #[arg(long, global = true, env = "ZONECAST_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Configuration file; zonecast.toml where there is one
    #[arg(long, global = true, env = "ZONECAST_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How answers are printed
    #[arg(long, short = 'o', global = true, value_enum, default_value = "table", value_name = "FORM")]
    pub output: Format,
    /// Wait until the work is done, at most so long
    #[arg(long, global = true, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "30")]
    pub wait: Option<u64>,
    /// Show what would be done, and do nothing
    #[arg(long, global = true)]
    pub dry_run: bool,
    /// Print only what was asked for and errors
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

/// Every command.
#[derive(Subcommand)]
pub enum Command {
    /// A first look: zones, a host and its DNS answers on this machine, in one command
    Quickstart(super::quickstart::QuickstartArgs),
    /// The daemon: API, page, workers and the DNS server
    Serve(super::serve::ServeArgs),
    /// Servers and VMs, and what DNS says about them
    #[command(visible_alias = "hosts")]
    Host(super::host::HostArgs),
    /// Zones, each at one provider
    #[command(visible_alias = "zones")]
    Zone(super::zone::ZoneArgs),
    /// Hosted domains with their whole record sets
    #[command(visible_alias = "domains")]
    Domain(super::domain::DomainArgs),
    /// The custom DNS backend of Plesk: JSON on standard input, exit code 0 or 255
    Plesk(super::plesk::PleskArgs),
    /// Accounts at providers
    #[command(visible_alias = "connections")]
    Connection(super::connection::ConnectionArgs),
    /// Single records beside those of hosts
    #[command(visible_alias = "records")]
    Record(super::record::RecordArgs),
    /// Address prefixes with their hints and patterns
    #[command(visible_alias = "pools")]
    Pool(super::pool::PoolArgs),
    /// The services that can be written to, and their settings
    #[command(visible_alias = "providers")]
    Provider(super::provider::ProviderArgs),
    /// Work in progress and its log
    #[command(visible_alias = "jobs")]
    Job(super::job::JobArgs),
    /// Who did what, and whether the record of it is whole
    Audit(super::audit::AuditArgs),
    /// Which zones a name goes to, and why
    Explain(super::explain::ExplainArgs),
    /// Ask the name servers whether a name is served as wanted
    Verify(super::verify::VerifyArgs),
    /// What would change at the providers; exit code 6 if anything would
    Plan(super::plan::PlanArgs),
    /// Walk from the server to the resolver and say what is wrong
    Doctor(super::doctor::DoctorArgs),
    /// Stop writing; registrations go on
    Pause(super::pause::PauseArgs),
    /// Write again
    Resume(super::pause::PauseArgs),
    /// Let held removals go through
    Approve(super::approve::ApproveArgs),
    /// Keys that open the API
    #[command(visible_alias = "keys")]
    Key(super::key::KeyArgs),
    /// Move in: zones, pools and hosts of another installation, the plan first
    Adopt(super::adopt::AdoptArgs),
    /// The configuration in force
    Config(super::config::ConfigArgs),
    /// A copy of everything but the master key, while the daemon works
    Backup(super::backup::BackupArgs),
    /// Begin anew from a copy: paused, with serials above every known server's
    Restore(super::backup::RestoreArgs),
    /// Measure Zonecast itself
    Bench(super::bench::BenchArgs),
    /// Completions for a shell
    Completions(super::completions::CompletionsArgs),
    /// The manual page
    Man(super::completions::ManArgs),
}

impl Command {
    /// Whether it does something of its own beside calls of the API, which have their dry run there.
    pub fn acts_by_itself(&self) -> bool {
        match self {
            Command::Quickstart(_)
            | Command::Serve(_)
            | Command::Plesk(_)
            | Command::Backup(_)
            | Command::Restore(_)
            | Command::Bench(_)
            | Command::Man(_) => true,
            Command::Host(_)
            | Command::Zone(_)
            | Command::Domain(_)
            | Command::Connection(_)
            | Command::Record(_)
            | Command::Pool(_)
            | Command::Provider(_)
            | Command::Job(_)
            | Command::Audit(_)
            | Command::Explain(_)
            | Command::Verify(_)
            | Command::Plan(_)
            | Command::Doctor(_)
            | Command::Pause(_)
            | Command::Resume(_)
            | Command::Approve(_)
            | Command::Key(_)
            | Command::Adopt(_)
            | Command::Config(_)
            | Command::Completions(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn wait_takes_seconds_or_nothing_and_never_an_argument() {
        let cli = Cli::parse_from(["zonecast", "host", "list", "--wait"]);
        assert_eq!(cli.global.wait, Some(30));
        let cli = Cli::parse_from(["zonecast", "host", "show", "--wait=5", "vm-1.example.com"]);
        assert_eq!(cli.global.wait, Some(5));
    }
}
