//! What a person has to fill in to connect a service: the form, its validation and `provider list`
//! all come from here.
//!
//! [`validate`] takes settings as they came in (API, CLI, file) and gives them back normalised, the
//! secrets apart; [`connect`] makes a [`Provider`] of them. Neither calls anybody.

mod forms;

use crate::coredns;
use crate::embedded::{self, Embedded};
use crate::http::canonical_endpoint;
use crate::powerdns::{self, PowerDns};
use crate::rfc2136::{self, Rfc2136};
use crate::tls::Trust;
use crate::{Provider, ProviderError};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use zonecast_core::Capabilities;
use zonecast_dns::Authority;

/// One field of a service's form.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Field {
    /// The setting's name, as in the API and in files.
    pub name: &'static str,
    /// What the form says.
    pub label: &'static str,
    /// One sentence of help.
    pub help: &'static str,
    /// Whether it must be given.
    pub required: bool,
    /// Whether it is a secret: write-only, never shown.
    pub secret: bool,
    /// Whether it says where the secrets are sent: changing it voids them.
    #[serde(skip)]
    pub is_endpoint: bool,
    /// Used where nothing is given.
    #[serde(skip)]
    pub default: Option<&'static str>,
}

impl Field {
    /// Reads one value; `Err` is a sentence for the form.
    fn read(&self, value: Option<&Value>) -> Result<Option<String>, String> {
        let text = match value {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.trim().to_owned(),
            Some(Value::Number(number)) => number.to_string(),
            Some(_) => return Err(format!("{} is a text", self.label)),
        };
        if text.is_empty() {
            return match (self.required, self.default) {
                (true, _) => Err(format!("{} is required: {}", self.label, self.help)),
                (false, default) => Ok(default.map(str::to_owned)),
            };
        }
        if text.len() > 8192 || text.chars().any(char::is_control) {
            return Err(format!("{} is one line of at most 8192 characters", self.label));
        }
        if self.secret && text == "KEEP" {
            return Err(format!(
                "{} is the word KEEP, and there is none to keep: give the secret",
                self.label
            ));
        }
        match self.name {
            // Name servers are addresses, not URLs; etcd has several.
            "server" => rfc2136::normalise_servers(&text).map(Some),
            "coredns_url" => coredns::parse_coredns_url(&text).map(|_| Some(text)),
            "endpoints" => {
                let parts = text.split([',', ' ']).filter(|part| !part.is_empty());
                let normal: Result<Vec<String>, String> = parts.map(normalise_url).collect();
                normal.map(|parts| Some(parts.join(",")))
            }
            _ if self.is_endpoint => normalise_url(&text).map(Some),
            _ => Ok(Some(text)),
        }
    }
}

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

const POWERDNS_FIELDS: &[Field] = &[
    Field {
        name: "server_url",
        label: "Server URL",
        help: "where the API of PowerDNS answers, such as https://pdns.example.com:8081",
        required: true,
        secret: false,
        is_endpoint: true,
        default: None,
    },
    Field {
        name: "api_key",
        label: "API Key",
        help: "api-key in pdns.conf",
        required: true,
        secret: true,
        is_endpoint: false,
        default: None,
    },
    Field {
        name: "server_id",
        label: "Server ID",
        help: "localhost, unless a proxy in front renames it",
        required: false,
        secret: false,
        is_endpoint: false,
        default: Some("localhost"),
    },
];

/// Every kind that can be connected, in the order of the form. `memory` is for tests and not here.
pub fn kinds() -> Vec<Kind> {
    vec![
        Kind {
            name: "embedded",
            label: "Zonecast itself",
            fields: &[],
            capabilities: embedded::capabilities(),
            docs: "docs/providers/embedded.md",
        },
        Kind {
            name: "powerdns",
            label: "PowerDNS",
            fields: POWERDNS_FIELDS,
            capabilities: powerdns::capabilities(),
            docs: "docs/providers/powerdns.md",
        },
        Kind {
            name: "rfc2136",
            label: "RFC 2136 (BIND, Knot, ...)",
            fields: forms::RFC2136,
            capabilities: rfc2136::capabilities(),
            docs: "docs/providers/rfc2136.md",
        },
        Kind {
            name: "coredns",
            label: "CoreDNS",
            fields: forms::COREDNS,
            capabilities: coredns::capabilities(),
            docs: "docs/providers/coredns.md",
        },
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
    if errors.is_empty() { Ok(valid) } else { Err(errors) }
}

/// Makes the provider. Nothing is sent: whether it works is what `test` finds out.
pub fn connect(kind: &str, settings: &Settings, deps: &Deps) -> Result<Arc<dyn Provider>, Vec<FieldError>> {
    let kind = known(kind)?;
    let plain = |name: &str| settings.plain.get(name).map(String::as_str).unwrap_or_default();
    let secret = |name: &str| {
        let value = settings.secrets.get(name).map(ExposeSecret::expose_secret).unwrap_or_default();
        SecretString::from(value)
    };
    match kind.name {
        "powerdns" => {
            let server =
                PowerDns::new(plain("server_url"), plain("server_id"), secret("api_key"), &deps.trust);
            let server = server.map_err(|message| one("server_url", message))?;
            Ok(Arc::new(server))
        }
        "embedded" => match &deps.authority {
            Some(authority) => Ok(Arc::new(Embedded::new(authority.clone(), deps.dns_servers.clone()))),
            None => Err(one("provider", "no authority runs in this process".to_owned())),
        },
        "rfc2136" => {
            let key = rfc2136::parse_key(plain("tsig_name"), plain("tsig_algorithm"), &secret("tsig_secret"));
            let key = key.map_err(|(field, message)| one(field, message))?;
            let server = Rfc2136::new(plain("server"), key).map_err(|message| one("server", message))?;
            Ok(Arc::new(server))
        }
        "coredns" => coredns::connect(settings, deps),
        other => Err(one("provider", format!("{other} cannot be connected"))),
    }
}

/// The whole of `provider list`.
pub fn list_json() -> Value {
    serde_json::to_value(kinds()).unwrap_or_default()
}

fn known(name: &str) -> Result<Kind, Vec<FieldError>> {
    kind(name).ok_or_else(|| {
        let names: Vec<&str> = kinds().iter().map(|kind| kind.name).collect();
        one("provider", unknown_words(&format!("there is no provider {name:?}"), name, &names))
    })
}

fn one(field: &str, message: String) -> Vec<FieldError> {
    vec![FieldError { field: field.to_owned(), message }]
}

impl From<FieldError> for ProviderError {
    fn from(error: FieldError) -> ProviderError {
        ProviderError::new(crate::ErrorClass::Rejected, error.to_string())
    }
}

/// Normalises a URL so that a person sees what will be used: scheme and host in lower case, no slash
/// at the end, the path kept, the port kept as typed.
///
/// `HTTPS://PDNS.example.com:443/api/` becomes `https://pdns.example.com:443/api`.
fn normalise_url(text: &str) -> Result<String, String> {
    if !text.contains("://") {
        return Err(format!("{text:?} has no scheme: write https://{text} or http://{text}"));
    }
    let url = reqwest::Url::parse(text).map_err(|error| format!("{text:?} is not a URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("{}:// is not spoken here: write https:// or http://", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("user and password do not belong into the URL".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("the URL ends before ? and #".to_owned());
    }
    let host = url.host_str().ok_or("the URL names no host")?;
    let rest = text.split_once("://").map(|(_, rest)| rest).unwrap_or_default();
    let authority = rest.split('/').next().unwrap_or_default();
    let typed = authority.rsplit_once(':').map(|(_, port)| port).filter(|port| port.parse::<u16>().is_ok());
    let port = typed.map(|port| format!(":{port}")).unwrap_or_default();
    Ok(format!("{}://{host}{port}{}", url.scheme(), url.path().trim_end_matches('/')))
}

/// A sentence about an unknown word, with the nearest known one.
fn unknown_words(start: &str, word: &str, known: &[&str]) -> String {
    let nearest = known.iter().min_by_key(|candidate| distance(word, candidate));
    match nearest {
        Some(near) if distance(word, near) <= word.len().max(near.len()) / 2 => {
            format!("{start}: did you mean {near}?")
        }
        Some(_) => format!("{start}; it has {}", known.join(", ")),
        None => format!("{start}; it has none"),
    }
}

/// How many letters differ (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let cost = corner + usize::from(left != *right);
            corner = row[j + 1];
            row[j + 1] = cost.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// Whether two URLs lead to the same place, however they are spelled.
pub fn is_same_endpoint(a: &str, b: &str) -> bool {
    canonical_endpoint(a) == canonical_endpoint(b)
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
