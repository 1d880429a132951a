//! `zonecast config`: the configuration in force, and whether a file is right.

use super::args::Global;
use super::connect;
use super::failure::{Done, Failure};
use super::output::Output;
use clap::{Args, Subcommand};

/// The configuration.
#[derive(Args)]
pub struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Whether the file is right, and what is worth a second look
    Check,
    /// Every key with the value in force
    Show,
}

/// Does it.
pub fn run(args: &ConfigArgs, global: &Global) -> Result<Done, Failure> {
    let config = connect::config(global)?;
    let out = Output::new(global.output, global.quiet);
    match args.command {
        ConfigCommand::Show => {
            let data = serde_json::to_value(&config).map_err(|error| Failure::Other(error.to_string()))?;
            out.show(&data, |_| toml::to_string_pretty(&config).unwrap_or_default())?;
        }
        ConfigCommand::Check => {
            for advice in advice(&config) {
                out.note(format!("{} {advice}", out.paint("warn")));
            }
            out.say("the configuration is right");
        }
    }
    Ok(Done::Ok)
}

/// What is allowed and often not meant.
fn advice(config: &crate::config::Config) -> Vec<String> {
    let mut advice = Vec::new();
    let dns = &config.orchestrator.dns;
    match super::endpoint::Endpoint::read(&dns.coredns_url) {
        Ok(endpoint) => advice.extend(endpoint.advice()),
        Err(error) => advice.push(format!("orchestrator.dns.coredns_url: {error}")),
    }
    if !config.http.ip().is_loopback() {
        advice.push(format!("http = {}: the API is plain HTTP there; put a TLS proxy in front", config.http));
    }
    if config.store.starts_with("postgres") {
        advice.push(
            "store: a replicated PostgreSQL keeps what was answered only with synchronous commit".to_owned(),
        );
    }
    advice
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_default_configuration_says_what_port_53_is() {
        let advice = advice(&Config::default());
        assert!(advice.iter().any(|line| line.contains("port 53")), "{advice:?}");
    }

    #[test]
    fn the_shipped_file_has_every_key_and_only_defaults() {
        let text = include_str!("../../../../config.defaults.toml");
        let shipped: Config = toml::from_str(text).unwrap();
        assert_eq!(shipped, Config::default());
        let defaults = toml::Value::try_from(Config::default()).unwrap();
        let file: toml::Value = toml::from_str(text).unwrap();
        for key in keys("", &defaults) {
            let present = keys("", &file).contains(&key)
                || text.lines().any(|line| line.starts_with(&format!("# {key} =")));
            assert!(present, "config.defaults.toml does not name {key}");
        }
    }

    fn keys(path: &str, value: &toml::Value) -> Vec<String> {
        match value {
            toml::Value::Table(table) => {
                table.iter().flat_map(|(key, value)| keys(&format!("{path}.{key}"), value)).collect()
            }
            _ => vec![path.trim_start_matches('.').to_owned()],
        }
    }
}
