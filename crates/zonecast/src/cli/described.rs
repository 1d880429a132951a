//! Flags that come from a resource's description: one for each field, with its meaning as help.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use serde_json::{Map, Value};
use zonecast_engine::describe::{Field, Kind};
use zonecast_engine::settings::ZoneSettings;

/// The policy of a zone, field by field; `default` goes back to the default.
#[derive(Debug, Default)]
pub struct PolicyArgs(pub Map<String, Value>);

impl FromArgMatches for PolicyArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<PolicyArgs, clap::Error> {
        Ok(PolicyArgs(given(ZoneSettings::FIELDS, matches)))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.extend(given(ZoneSettings::FIELDS, matches));
        Ok(())
    }
}

impl Args for PolicyArgs {
    fn augment_args(command: Command) -> Command {
        command.args(ZoneSettings::FIELDS.iter().map(flag))
    }

    fn augment_args_for_update(command: Command) -> Command {
        PolicyArgs::augment_args(command)
    }
}

fn flag(field: &Field) -> Arg {
    let (word, more) = match field.kind {
        Kind::Flag => ("YES", String::new()),
        Kind::Number { .. } => ("NUMBER", String::new()),
        Kind::Line { .. } => ("TEXT", String::new()),
        Kind::Prefix => ("PREFIX", String::new()),
        Kind::Servers => ("ADDRESS:PORT", " (may be repeated; these replace all)".to_owned()),
        Kind::Choice(words) => {
            let words: Vec<String> = words.iter().map(|(word, means)| format!("{word} ({means})")).collect();
            ("WORD", format!(" {}", words.join(", ")))
        }
    };
    // clap wants names that live for ever; a process reads its command line once.
    let long: &'static str = field.flag().leak();
    let arg = Arg::new(field.name).long(long).value_name(word).help_heading("Policy");
    let arg = arg.help(format!("{}{more}", field.meaning));
    match field.kind {
        Kind::Flag => arg.num_args(0..=1).require_equals(true).default_missing_value("true"),
        _ if field.is_list() => arg.action(ArgAction::Append),
        _ => arg,
    }
}

fn given(fields: &[Field], matches: &ArgMatches) -> Map<String, Value> {
    let mut given = Map::new();
    for field in fields {
        if let Some(texts) = matches.get_many::<String>(field.name) {
            let texts: Vec<&str> = texts.map(String::as_str).collect();
            given.insert(field.name.to_owned(), field.of_text(&texts.join(" ")));
        }
    }
    given
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_field_has_a_flag_and_says_what_the_api_takes() {
        let command = || PolicyArgs::augment_args(Command::new("zone"));
        let read = |line: &[&str]| {
            let matches = command().try_get_matches_from([&["zone"], line].concat()).unwrap();
            Value::Object(PolicyArgs::from_arg_matches(&matches).unwrap().0)
        };
        assert_eq!(command().get_arguments().count(), ZoneSettings::FIELDS.len());
        let line = ["--ttl", "60", "--dns-server", "192.0.2.1", "--dns-server", "192.0.2.2:5353"];
        assert_eq!(read(&line), json!({"ttl": "60", "dns_servers": ["192.0.2.1", "192.0.2.2:5353"]}));
        let line = ["--match=longest", "--single-address", "--managed", "default", "--manage-ns-soa=no"];
        let expected =
            json!({"match": "longest", "single_address": true, "managed": null, "manage_ns_soa": false});
        assert_eq!(read(&line), expected);
    }
}
