//! The one rule for secrets in forms (S2.65-71, X17, X18).
//!
//! A secret goes in and never comes out: every answer shows `KEEP`. On save an absent, empty or `KEEP`
//! field keeps what is stored, a new text replaces it, `null` clears it. Whoever can edit a form could
//! point the endpoint at a server of his own and have the secret sent there, so a changed endpoint (or
//! a changed trust in its certificate) voids what is stored: it has to be typed again.

use super::input::Errors;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use zonecast_providers::fields::{Field, Kind, Settings, is_same_endpoint, kind, kinds, validate};

/// What every answer shows in place of a secret.
pub const KEEP: &str = "KEEP";

/// What is stored now.
#[derive(Clone, Copy)]
pub struct Stored<'a> {
    /// The settings without secrets.
    pub plain: &'a Map<String, Value>,
    /// The secrets.
    pub secrets: &'a BTreeMap<String, SecretString>,
}

/// A provider's kind as somebody wrote it, in any case.
pub(super) fn provider_word(text: &str) -> Result<String, String> {
    match text.trim() {
        word if word.len() <= 50 && !word.chars().any(char::is_control) => Ok(word.to_ascii_lowercase()),
        _ => Err("is not the name of a provider".to_owned()),
    }
}

/// The kind of this name, or an error that names the field.
pub fn known_kind(name: &str, errors: &mut Errors) -> Option<Kind> {
    let found = kind(name);
    if found.is_none() {
        let names: Vec<&str> = kinds().iter().map(|kind| kind.name).collect();
        errors.add("/provider", format!("{name:?} is not a provider; there are {}", names.join(", ")));
    }
    found
}

/// The settings in force after a save: `given` over what is `stored` (nothing is, for a new
/// connection), checked against the provider's form. `None` when anything is wrong; the errors stand
/// at `/settings/<field>`.
pub fn save(
    kind: &Kind,
    given: &Map<String, Value>,
    stored: Option<Stored<'_>>,
    errors: &mut Errors,
) -> Option<Settings> {
    let before = errors.count();
    let merged = match stored {
        None => given.clone(),
        Some(stored) => over(kind, given, stored, errors),
    };
    match validate(kind.name, &merged) {
        Ok(settings) if errors.count() == before => Some(settings),
        Ok(_) => None,
        Err(wrong) => {
            for error in wrong {
                let field = format!("/settings/{}", error.field);
                if !errors.names(&field) {
                    errors.add(field, error.message);
                }
            }
            None
        }
    }
}

fn over(
    kind: &Kind,
    given: &Map<String, Value>,
    stored: Stored<'_>,
    errors: &mut Errors,
) -> Map<String, Value> {
    let mut merged = stored.plain.clone();
    for (name, value) in given.iter().filter(|(name, _)| !is_secret(kind, name)) {
        match value {
            Value::Null => drop(merged.remove(name)),
            value => drop(merged.insert(name.clone(), value.clone())),
        }
    }
    let moved = kind.fields.iter().find(|field| leads_elsewhere(field, stored.plain, &merged));
    for field in kind.fields.iter().filter(|field| field.secret) {
        let kept = match given.get(field.name) {
            Some(Value::Null) => continue,
            Some(Value::String(text)) if !is_kept(text) => {
                merged.insert(field.name.to_owned(), Value::String(text.clone()));
                continue;
            }
            None | Some(Value::String(_)) => stored.secrets.get(field.name),
            Some(other) => {
                merged.insert(field.name.to_owned(), other.clone());
                continue;
            }
        };
        match (kept, moved) {
            (Some(_), Some(moved)) => errors.add(
                format!("/settings/{}", field.name),
                format!(
                    "must be given again: {} has changed, so the stored one no longer counts",
                    moved.name
                ),
            ),
            (Some(secret), None) => {
                merged.insert(field.name.to_owned(), Value::String(secret.expose_secret().to_owned()));
            }
            (None, _) => {}
        }
    }
    merged
}

fn is_secret(kind: &Kind, name: &str) -> bool {
    kind.fields.iter().any(|field| field.secret && field.name == name)
}

/// Whether a text in a secret field means "unchanged".
pub fn is_kept(text: &str) -> bool {
    text.trim().is_empty() || text.trim() == KEEP
}

/// Whether the field says where secrets are sent, or to whom they are trusted, and says it anew.
fn leads_elsewhere(field: &Field, before: &Map<String, Value>, after: &Map<String, Value>) -> bool {
    let guards = field.is_endpoint || field.name.starts_with("tls") || field.name.starts_with("ca_");
    let text = |map: &Map<String, Value>| match map.get(field.name) {
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(Value::Null) | None => field.default.unwrap_or_default().to_owned(),
        Some(other) => other.to_string(),
    };
    let (before, after) = (text(before), text(after));
    guards && before != after && !is_same_endpoint(&before, &after)
}

/// The settings as every answer shows them.
pub fn masked(plain: &Map<String, Value>, secrets: &BTreeMap<String, SecretString>) -> Map<String, Value> {
    let mut shown = plain.clone();
    shown.extend(secrets.keys().map(|name| (name.clone(), Value::from(KEEP))));
    shown
}

/// Settings as a row holds them.
pub fn plain_map(settings: &Settings) -> Map<String, Value> {
    settings.plain.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect()
}

/// Whether two sets of secrets are the same.
pub fn same_secrets(a: &BTreeMap<String, SecretString>, b: &BTreeMap<String, SecretString>) -> bool {
    a.len() == b.len()
        && a.iter().zip(b).all(|((name, secret), (other_name, other))| {
            name == other_name
                && bool::from(subtle::ConstantTimeEq::ct_eq(
                    secret.expose_secret().as_bytes(),
                    other.expose_secret().as_bytes(),
                ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn saved(given: Value) -> Result<Settings, Vec<String>> {
        let plain = json!({"server_url": "https://pdns.example.com:8081", "server_id": "localhost"});
        let secrets = BTreeMap::from([("api_key".to_owned(), SecretString::from("s3cret"))]);
        let stored = Stored { plain: plain.as_object().unwrap(), secrets: &secrets };
        run(given, Some(stored))
    }

    fn run(given: Value, stored: Option<Stored<'_>>) -> Result<Settings, Vec<String>> {
        let mut errors = Errors::default();
        let kind = kind("powerdns").unwrap();
        let settings = save(&kind, given.as_object().unwrap(), stored, &mut errors);
        let problems = errors.below("").into_iter().map(|error| format!("{} {}", error.field, error.message));
        settings.ok_or_else(|| problems.collect())
    }

    fn key_of(settings: &Settings) -> &str {
        settings.secrets["api_key"].expose_secret()
    }

    #[test]
    fn absent_empty_and_keep_keep_the_secret() {
        for given in [json!({}), json!({"api_key": ""}), json!({"api_key": " "}), json!({"api_key": "KEEP"})]
        {
            assert_eq!(key_of(&saved(given.clone()).unwrap()), "s3cret", "{given}");
        }
        assert_eq!(key_of(&saved(json!({"api_key": "new"})).unwrap()), "new");
    }

    #[test]
    fn null_clears_so_a_required_secret_is_missed() {
        let errors = saved(json!({"api_key": null})).unwrap_err();
        assert!(errors[0].starts_with("/settings/api_key "), "{errors:?}");
    }

    #[test]
    fn a_changed_endpoint_voids_the_secret() {
        for url in
            ["https://evil.example.net:8081", "http://pdns.example.com:8081", "https://pdns.example.com:9"]
        {
            for key in [json!("KEEP"), json!("")] {
                let errors = saved(json!({"server_url": url, "api_key": key})).unwrap_err();
                assert_eq!(errors.len(), 1, "{errors:?}");
                assert!(
                    errors[0].starts_with("/settings/api_key must be given again: server_url"),
                    "{errors:?}"
                );
            }
            assert_eq!(key_of(&saved(json!({"server_url": url, "api_key": "new"})).unwrap()), "new");
        }
        let same = json!({"server_url": "HTTPS://PDNS.example.com:8081/"});
        assert_eq!(key_of(&saved(same).unwrap()), "s3cret");
    }

    #[test]
    fn a_new_connection_has_nothing_to_keep() {
        let given = json!({"server_url": "https://pdns.example.com:8081", "api_key": "KEEP"});
        let errors = run(given, None).unwrap_err();
        assert!(errors[0].starts_with("/settings/api_key "), "{errors:?}");
    }

    #[test]
    fn no_answer_shows_a_secret() {
        let plain = json!({"server_url": "https://x.example"});
        let secrets = BTreeMap::from([("api_key".to_owned(), SecretString::from("s3cret"))]);
        let shown = Value::Object(masked(plain.as_object().unwrap(), &secrets)).to_string();
        assert_eq!(shown, r#"{"api_key":"KEEP","server_url":"https://x.example"}"#);
    }
}
