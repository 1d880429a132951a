//! The body of a zone: its name, where it lives, the provider's fields and its policy.

use super::input::{Errors, Field, Form};
use crate::describe;
use crate::settings::ZoneSettings;
use ipnet::IpNet;
use serde_json::{Map, Value};
use std::net::{IpAddr, SocketAddr};
use zonecast_core::Name;
use zonecast_dns::{TsigAlgorithm, TsigKey};

/// Fields of a provider's form that are the zone's and not the connection's.
const ZONE_ID_FIELDS: &[&str] = &["zone_id", "hosted_zone_id"];
/// What answers carry and a body may send back.
const SHOWN: &[&str] = &[
    "id",
    "name_unicode",
    "connection",
    "reverse",
    "state",
    "connection_state",
    "last_error",
    "serial",
    "listed_at",
    "matching",
    "conflicts",
    "created_at",
    "updated_at",
    "version",
    "notes",
    "job_id",
];

/// A zone's body.
#[derive(Debug, Default)]
pub struct ZoneForm {
    /// The zone's name.
    pub name: Field<Name>,
    /// The provider's kind.
    pub provider: Field<String>,
    /// The connection it lives at.
    pub connection_id: Field<i64>,
    /// The provider's own id of the zone.
    pub provider_zone_id: Field<String>,
    /// The provider's fields (without the zone's own id).
    pub settings: Field<Map<String, Value>>,
    /// A new zone is paused from its first moment on.
    pub paused: bool,
    /// The policy's fields that were given, already understood one by one.
    pub policy: Map<String, Value>,
}

impl ZoneForm {
    /// Reads a body.
    pub fn read(mut form: Form<'_>, errors: &mut Errors) -> ZoneForm {
        let mut zone = ZoneForm {
            name: form.parsed("name", errors, super::zone_names::parse),
            provider: form.parsed("provider", errors, super::secrets::provider_word),
            connection_id: form.number("connection_id", 1..=i64::MAX, errors),
            provider_zone_id: form.line("provider_zone_id", 255, errors),
            settings: match form.object("settings", errors) {
                Field::Is(settings) => Field::Is(settings.clone()),
                Field::Null | Field::Absent => Field::Absent,
            },
            // Answers carry a state too: any other one, and any in a change, says nothing.
            paused: matches!(form.raw("state"), Field::Is(Value::String(state)) if state == "paused"),
            policy: Map::new(),
        };
        for field in ZoneSettings::FIELDS {
            let read = match form.raw(field.name) {
                Field::Is(value) => field.read(value),
                Field::Null => Ok(Value::Null),
                Field::Absent => continue,
            };
            match read {
                Ok(value) => drop(zone.policy.insert(field.name.to_owned(), value)),
                Err(words) => errors.add(form.pointer(field.name), words),
            }
        }
        form.ignore(SHOWN);
        form.finish(errors);
        zone.take_zone_id();
        zone
    }

    /// The provider's zone id may stand among the provider's fields, where its form has it.
    fn take_zone_id(&mut self) {
        let Field::Is(settings) = &mut self.settings else { return };
        for field in ZONE_ID_FIELDS {
            if let Some(Value::String(id)) = settings.remove(*field)
                && !id.trim().is_empty()
                && !self.provider_zone_id.is_given()
            {
                self.provider_zone_id = Field::Is(id.trim().to_owned());
            }
        }
    }

    /// Puts the policy's fields over stored ones; `null` goes back to the default.
    pub fn policy_over(&self, stored: &Map<String, Value>) -> Map<String, Value> {
        let mut policy = stored.clone();
        for (field, value) in &self.policy {
            match value {
                Value::Null => drop(policy.remove(field)),
                value => drop(policy.insert(field.clone(), value.clone())),
            }
        }
        policy
    }
}

/// The name under which the provider's form holds the zone's own id, if it has one.
pub fn zone_id_field(kind: &zonecast_providers::fields::Kind) -> Option<&'static str> {
    kind.fields.iter().map(|field| field.name).find(|name| ZONE_ID_FIELDS.contains(name))
}

/// The settings of a zone at the embedded authority, put over what it has.
pub fn embedded_over(
    given: &Map<String, Value>,
    stored: &zonecast_dns::ZoneSettings,
    errors: &mut Errors,
) -> zonecast_dns::ZoneSettings {
    let mut settings = stored.clone();
    let mut form = Form::nested(given, "/settings".to_owned());
    match super::forms::texts(&mut form, "allow_transfer", 1_000, errors) {
        Field::Is(texts) => settings.allow_transfer = each(&texts, "allow_transfer", errors, network),
        Field::Null => settings.allow_transfer = Vec::new(),
        Field::Absent => {}
    }
    match super::forms::texts(&mut form, "notify", 1_000, errors) {
        Field::Is(texts) => settings.notify = each(&texts, "notify", errors, socket),
        Field::Null => settings.notify = Vec::new(),
        Field::Absent => {}
    }
    settings.tsig_key = tsig_over(&mut form, stored.tsig_key.as_ref(), errors);
    form.finish(errors);
    settings
}

fn each<T>(
    texts: &[String],
    field: &str,
    errors: &mut Errors,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Vec<T> {
    let mut values = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        match parse(text) {
            Ok(value) => values.push(value),
            Err(words) => errors.add(format!("/settings/{field}/{index}"), words),
        }
    }
    values
}

fn network(text: &str) -> Result<IpNet, String> {
    let single = text.parse::<IpAddr>().map(IpNet::from);
    single.or_else(|_| text.parse()).map_err(|_| format!("{text:?} is not an address or a network"))
}

fn socket(text: &str) -> Result<SocketAddr, String> {
    describe::server(text).ok_or_else(|| format!("{text:?} is not ip:port"))
}

fn tsig_over(form: &mut Form<'_>, stored: Option<&TsigKey>, errors: &mut Errors) -> Option<TsigKey> {
    let name = form.parsed("tsig_name", errors, Name::parse);
    let algorithm = form.parsed("tsig_algorithm", errors, str::parse::<TsigAlgorithm>);
    let secret = match form.text("tsig_secret", errors) {
        Field::Is(text) if super::secrets::is_kept(text) && stored.is_none() && !text.trim().is_empty() => {
            errors
                .add("/settings/tsig_secret", "is the word KEEP, and there is none to keep: give the secret");
            Field::Absent
        }
        Field::Is(text) if super::secrets::is_kept(text) => Field::Absent,
        other => other,
    };
    if matches!(name, Field::Null) || matches!(secret, Field::Null) {
        return None;
    }
    let given = secret.is_given();
    let name = name.value().or_else(|| stored.map(|key| key.name().clone()));
    let algorithm = algorithm.value().or_else(|| stored.map(TsigKey::algorithm)).unwrap_or_default();
    let key = match (name, secret, stored) {
        (None, Field::Absent, _) => return None,
        (None, _, _) => {
            errors.add("/settings/tsig_name", "is missing: a secret needs the name of its key");
            return None;
        }
        (Some(name), Field::Is(text), _) => TsigKey::from_base64(name, algorithm, text),
        (Some(name), _, Some(stored)) => TsigKey::new(name, algorithm, stored.secret().to_vec()),
        (Some(_), _, None) => {
            errors.add("/settings/tsig_secret", "is missing: a key has a secret in base64");
            return None;
        }
    };
    key.map_err(|error| {
        let field = if given { "/settings/tsig_secret" } else { "/settings/tsig_name" };
        errors.add(field, error.to_string());
    })
    .ok()
}

/// The settings of a zone at the embedded authority, as every answer shows them.
pub fn embedded_shown(settings: &zonecast_dns::ZoneSettings) -> Map<String, Value> {
    let mut shown = Map::new();
    if !settings.allow_transfer.is_empty() {
        shown.insert("allow_transfer".to_owned(), texts_of(&settings.allow_transfer));
    }
    if !settings.notify.is_empty() {
        shown.insert("notify".to_owned(), texts_of(&settings.notify));
    }
    if let Some(key) = &settings.tsig_key {
        shown.insert("tsig_name".to_owned(), key.name().to_string().into());
        shown.insert("tsig_algorithm".to_owned(), key.algorithm().to_string().into());
        shown.insert("tsig_secret".to_owned(), super::secrets::KEEP.into());
    }
    shown
}

fn texts_of<T: ToString>(items: &[T]) -> Value {
    items.iter().map(|item| Value::String(item.to_string())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(body: Value) -> (ZoneForm, Vec<String>) {
        let mut errors = Errors::default();
        let form = ZoneForm::read(Form::body(&body).unwrap(), &mut errors);
        (
            form,
            errors.below("").into_iter().map(|error| format!("{} {}", error.field, error.message)).collect(),
        )
    }

    #[test]
    fn policy_errors_name_their_field() {
        let (_, errors) =
            read(json!({"name": "example.com", "dns_servers": ["x"], "ttl": -1, "match": "some"}));
        assert_eq!(errors.len(), 3, "{errors:?}");
        assert!(errors[0].starts_with("/dns_servers must be"), "{errors:?}");
        assert!(errors[2].starts_with("/match "), "{errors:?}");
    }

    #[test]
    fn a_server_without_a_port_is_asked_at_53() {
        let (form, errors) = read(json!({"dns_servers": ["192.0.2.53", "2001:db8::53", "192.0.2.1:5300"]}));
        assert!(errors.is_empty(), "{errors:?}");
        let expected = json!(["192.0.2.53:53", "[2001:db8::53]:53", "192.0.2.1:5300"]);
        assert_eq!(form.policy["dns_servers"], expected);
    }

    #[test]
    fn an_embedded_key_is_kept_replaced_or_cleared() {
        let old =
            TsigKey::from_base64(Name::parse("k.example").unwrap(), Default::default(), "c2VjcmV0").unwrap();
        let stored = zonecast_dns::ZoneSettings { tsig_key: Some(old), ..Default::default() };
        let save = |given: Value| {
            let mut errors = Errors::default();
            let settings = embedded_over(given.as_object().unwrap(), &stored, &mut errors);
            (settings.tsig_key.map(|key| key.secret().to_vec()), errors.is_empty())
        };
        let kept = (Some(b"secret".to_vec()), true);
        assert_eq!(save(json!({"tsig_secret": "KEEP"})), kept);
        assert_eq!(save(json!({"tsig_name": "other.example"})), kept);
        assert_eq!(save(json!({"tsig_secret": "bmV3"})), (Some(b"new".to_vec()), true));
        assert_eq!(save(json!({"tsig_secret": null})), (None, true));
        assert!(!save(json!({"tsig_secret": "not base64!"})).1);
    }

    #[test]
    fn a_new_key_needs_name_and_secret() {
        for given in [
            json!({"tsig_secret": "bmV3"}),
            json!({"tsig_name": "k"}),
            json!({"tsig_name": "k", "tsig_secret": "KEEP"}),
        ] {
            let mut errors = Errors::default();
            embedded_over(given.as_object().unwrap(), &zonecast_dns::ZoneSettings::default(), &mut errors);
            assert!(!errors.is_empty(), "{given}");
        }
    }
}
