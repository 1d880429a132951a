//! What a person has to fill in to connect a service: the form, its validation and `provider list`
//! all come from here, and each form stands in the file of its adapter.
//!
//! [`validate`] takes settings as they came in (API, CLI, file) and gives them back normalised, the
//! secrets apart; [`connect`] makes a [`Provider`] of them. Neither calls anybody.

mod field;
mod url;
mod words;

pub use field::Field;
pub use url::{is_same_endpoint, normalise_url, normalise_urls};

use crate::tls::Trust;
use crate::{Provider, ProviderError};
use crate::{cloudflare, coredns, embedded, hestiacp, powerdns, rfc2136, route53};
use crate::{desec, digitalocean, gandi, godaddy, hetzner, ovh};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use words::unknown_words;
use zonecast_core::Capabilities;
use zonecast_dns::Authority;

/// Makes a provider of valid settings, or says which field cannot be.
pub type Connect = fn(&Settings, &Deps) -> Result<Arc<dyn Provider>, Vec<FieldError>>;

/// A kind of service.
#[derive(Clone, Serialize)]
pub struct Kind {
    /// Its name in settings, such as `powerdns`.
    #[serde(rename = "kind")]
    pub name: &'static str,
    /// Its name for people.
    pub label: &'static str,
    /// Its form.
    pub fields: &'static [Field],
    /// What it can hold.
    pub capabilities: Capabilities,
    /// Its page in `docs/`.
    #[serde(skip)]
    pub docs: &'static str,
    /// What no field can check alone; may spell a setting anew.
    #[serde(skip)]
    pub check: fn(&mut Settings) -> Vec<FieldError>,
    /// Makes the provider of settings that passed [`validate`].
    #[serde(skip)]
    pub connect: Connect,
}

/// For kinds whose fields can be checked one by one.
pub(crate) fn no_more_to_check(_: &mut Settings) -> Vec<FieldError> {
    Vec::new()
}

/// What is wrong with one field.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, thiserror::Error)]
#[error("{field}: {message}")]
pub struct FieldError {
    /// The setting's name.
    pub field: String,
    /// One sentence.
    pub message: String,
}

/// Settings that passed [`validate`], defaults filled in.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// What may be shown.
    pub plain: BTreeMap<String, String>,
    /// What may not.
    pub secrets: BTreeMap<String, SecretString>,
}

impl Settings {
    /// A plain setting; empty where none is given.
    pub fn plain(&self, name: &str) -> &str {
        self.plain.get(name).map(String::as_str).unwrap_or_default()
    }

    /// A secret; empty where none is given.
    pub fn secret(&self, name: &str) -> SecretString {
        self.secrets.get(name).map(ExposeSecret::expose_secret).unwrap_or_default().into()
    }
}

/// What a provider may need of its surroundings.
#[derive(Clone, Default)]
pub struct Deps {
    /// Whom to trust over TLS.
    pub trust: Trust,
    /// The authority behind `embedded`; without it that kind cannot be connected.
    pub authority: Option<Authority>,
    /// Where that authority answers, as `ip:port`.
    pub dns_servers: Vec<String>,
}

/// Every kind that can be connected, in the order of the form. `memory` is for tests and not here.
pub fn kinds() -> Vec<Kind> {
    vec![
        embedded::kind(),
        powerdns::kind(),
        cloudflare::kind(),
        hestiacp::kind(),
        route53::kind(),
        coredns::kind(),
        rfc2136::kind(),
        desec::kind(),
        hetzner::kind(),
        gandi::kind(),
        digitalocean::kind(),
        godaddy::kind(),
        ovh::kind(),
    ]
}

/// The kind of this name.
pub fn kind(name: &str) -> Option<Kind> {
    kinds().into_iter().find(|kind| kind.name == name)
}

/// Checks settings against a kind's form; every wrong field is in the errors. Secrets must be there
/// (the rule for `KEEP` in edit forms is the caller's, before this). Validating twice changes nothing.
pub fn validate(kind: &str, settings: &Map<String, Value>) -> Result<Settings, Vec<FieldError>> {
    let kind = known(kind)?;
    let mut errors = Vec::new();
    for key in settings.keys().filter(|key| !kind.fields.iter().any(|field| field.name == **key)) {
        let names: Vec<&str> = kind.fields.iter().map(|field| field.name).collect();
        let message = unknown_words(&format!("{} has no setting {key:?}", kind.label), key, &names);
        errors.push(FieldError { field: key.clone(), message });
    }
    let mut valid = Settings::default();
    for field in kind.fields {
        match field.read(settings.get(field.name)) {
            Ok(Some(text)) if field.secret => {
                valid.secrets.insert(field.name.to_owned(), text.into());
            }
            Ok(Some(text)) => {
                valid.plain.insert(field.name.to_owned(), text);
            }
            Ok(None) => {}
            Err(message) => errors.push(FieldError { field: field.name.to_owned(), message }),
        }
    }
    if errors.is_empty() {
        errors = (kind.check)(&mut valid);
    }
    if errors.is_empty() { Ok(valid) } else { Err(errors) }
}

/// Makes the provider. Nothing is sent: whether it works is what `test` finds out.
pub fn connect(kind: &str, settings: &Settings, deps: &Deps) -> Result<Arc<dyn Provider>, Vec<FieldError>> {
    (known(kind)?.connect)(settings, deps)
}

/// The whole of `provider list`.
pub fn list_json() -> Value {
    serde_json::to_value(kinds()).unwrap_or_default()
}

fn known(name: &str) -> Result<Kind, Vec<FieldError>> {
    if let Some(words) = gone(name) {
        return Err(one("provider", words.to_owned()));
    }
    kind(name).ok_or_else(|| {
        let names: Vec<&str> = kinds().iter().map(|kind| kind.name).collect();
        one("provider", unknown_words(&format!("there is no provider {name:?}"), name, &names))
    })
}

/// What became of a service that people still have in their notes (Plesk's text names DynECT).
fn gone(name: &str) -> Option<&'static str> {
    let is_dyn = ["dyn", "dynect"].iter().any(|known| name.eq_ignore_ascii_case(known));
    is_dyn.then_some(
        "Dyn (DynECT Managed DNS) was shut down by Oracle in 2023 and cannot be connected; Oracle's replacement is OCI DNS, which Zonecast does not write to: move the zone to another provider, such as route53 or cloudflare",
    )
}

/// One field is wrong.
pub(crate) fn one(field: &str, message: String) -> Vec<FieldError> {
    vec![FieldError { field: field.to_owned(), message }]
}

impl From<FieldError> for ProviderError {
    fn from(error: FieldError) -> ProviderError {
        ProviderError::new(crate::ErrorClass::Rejected, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(settings: Value) -> Result<Settings, Vec<FieldError>> {
        validate("powerdns", settings.as_object().unwrap())
    }

    #[test]
    fn settings_are_normalised_and_secrets_set_apart() {
        let valid =
            check(json!({ "server_url": " HTTPS://PDNS.Example.com:443/x/ ", "api_key": "k" })).unwrap();
        assert_eq!(valid.plain["server_url"], "https://pdns.example.com:443/x");
        assert_eq!(valid.plain["server_id"], "localhost");
        assert!(!valid.plain.contains_key("api_key") && !format!("{valid:?}").contains("\"k\""));
        assert!(connect("powerdns", &valid, &Deps::default()).is_ok());
    }

    #[test]
    fn each_wrong_field_is_named() {
        let errors = check(json!({ "server_ulr": "x", "server_url": "pdns.example.com" })).unwrap_err();
        let words = |field: &str| errors.iter().find(|error| error.field == field).unwrap().message.clone();
        assert!(words("server_ulr").contains("did you mean server_url?"));
        assert!(words("server_url").contains("write https://pdns.example.com"));
        assert!(words("api_key").contains("required"));
        for bad in ["ftp://x", "https://u:p@x", "https://x/?a=b", "https://"] {
            assert!(check(json!({ "server_url": bad, "api_key": "k" })).is_err(), "{bad}");
        }
        assert!(check(json!({ "server_url": "http://x", "api_key": "KEEP" })).is_err());
        assert!(check(json!({ "server_url": ["x"], "api_key": "k" })).is_err());
        let unknown = validate("powerdsn", &Map::new()).unwrap_err();
        assert!(unknown[0].message.contains("did you mean powerdns?"));
    }

    #[test]
    fn one_endpoint_has_one_canonical_form() {
        assert!(is_same_endpoint("https://x.example/", "HTTPS://X.example:443"));
        assert!(!is_same_endpoint("https://x.example", "http://x.example"));
        assert!(!is_same_endpoint("https://x.example/a", "https://x.example/b"));
    }

    #[test]
    fn the_list_shows_the_form_and_no_more() {
        let list = list_json();
        let powerdns = list.as_array().unwrap().iter().find(|kind| kind["kind"] == "powerdns").unwrap();
        assert_eq!(powerdns["fields"][1]["secret"], true);
        assert!(powerdns["fields"][0].get("is_endpoint").is_none() && powerdns["capabilities"].is_object());
    }
}
