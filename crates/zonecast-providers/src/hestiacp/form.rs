//! The form, and what the server will be told about who we are.
//!
//! HestiaCP knows three ways to log in and asks the same two fields for all of them: which one is
//! meant is seen from their shape. Secrets are sent in the body of every call, so the URL must be
//! TLS; a self-signed panel is trusted by the fingerprint of its certificate and never blindly.

use crate::fields::{Field, FieldError, Settings, normalise_url};
use crate::redact::url_encode;
use crate::tls::Trust;
use secrecy::{ExposeSecret, SecretString};
use std::net::IpAddr;

/// What HestiaCP needs to know (S1.32-36, S2.20-26).
pub(super) const FIELDS: &[Field] = &[
    Field::required(
        "server_url",
        "Server URL",
        "where the panel answers, such as https://hestia.example.com:8083/",
    )
    .endpoint()
    .spelled(normalise_url),
    Field::required(
        "admin_user",
        "Admin User",
        "the admin's name, an access key (20 characters), or api-key for an old API key",
    ),
    Field::required(
        "admin_password",
        "Admin Password",
        "the admin's password, the secret of the access key (40 characters), key:secret, or the old API key",
    )
    .secret(),
    Field::required("user", "User", "the HestiaCP user who owns the zones"),
    Field::optional(
        "server_certificate_sha256",
        "Certificate SHA-256",
        "the fingerprint of a self-signed panel's certificate: 64 hex digits",
    )
    .endpoint(),
];

/// What only this kind checks. The URL comes out with its final slash (S2.23).
pub(super) fn check(settings: &mut Settings) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut wrong = |field: &str, message: String| {
        errors.push(FieldError { field: field.to_owned(), message });
    };
    if let Some(url) = settings.plain.get_mut("server_url") {
        let root = url.trim_end_matches('/');
        *url = format!("{}/", root.strip_suffix("/api").unwrap_or(root));
        if !is_private(url) {
            let words =
                "the password is in every call: write https:// (a self-signed certificate can be pinned)";
            wrong("server_url", words.to_owned());
        }
    }
    if let Some(pin) = settings.plain.get_mut("server_certificate_sha256") {
        match Trust::parse_pin(pin) {
            Some(bytes) => *pin = hex::encode(bytes),
            None => wrong("server_certificate_sha256", "a SHA-256 is 64 hex digits".to_owned()),
        }
    }
    let user = settings.plain.get("admin_user").map(String::as_str).unwrap_or_default();
    let password = settings.secrets.get("admin_password").map(ExposeSecret::expose_secret);
    if let Err((field, message)) = Login::new(user, password.unwrap_or_default()) {
        wrong(field, message.to_owned());
    }
    errors
}

/// Whether nobody on the way can read along: TLS, or this very machine.
fn is_private(url: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(url) else { return false };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    url.scheme() == "https" || host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// How we log in.
pub(super) enum Login {
    /// The admin's name and password: an old way that the server must allow with `API='yes'`.
    Password(String, SecretString),
    /// The name of a key file: as old, and as much to be allowed.
    ApiKey(SecretString),
    /// An access key and its secret, with the rights of its permission lists.
    AccessKey(String, SecretString),
}

impl Login {
    /// Tells the ways apart (X22). `Err` is the wrong field and a sentence.
    pub(super) fn new(user: &str, password: &str) -> Result<Login, (&'static str, &'static str)> {
        let is_key = |text: &str| text.len() == 20 && text.bytes().all(|b| b.is_ascii_alphanumeric());
        let is_secret = |text: &str| text.len() == 40 && !text.contains([' ', ':']);
        if user.contains(':') {
            return Err((
                "admin_user",
                "a key with its secret belongs into Admin Password, where it is kept secret",
            ));
        }
        match password.split_once(':') {
            Some((key, secret)) if is_key(key) && is_secret(secret) => match is_key(user) && user != key {
                true => Err(("admin_user", "Admin User names one access key and Admin Password another")),
                false => Ok(Login::AccessKey(key.to_owned(), secret.into())),
            },
            _ if is_key(user) && is_secret(password) => {
                Ok(Login::AccessKey(user.to_owned(), password.into()))
            }
            _ if user == "api-key" && password.len() < 16 => {
                Err(("admin_password", "an API key has at least 16 characters"))
            }
            _ if user == "api-key" => Ok(Login::ApiKey(password.into())),
            _ => Ok(Login::Password(user.to_owned(), password.into())),
        }
    }

    /// The first fields of every call.
    pub(super) fn fields(&self) -> String {
        let hidden = |secret: &SecretString| url_encode(secret.expose_secret());
        match self {
            Login::Password(user, password) => {
                format!("user={}&password={}", url_encode(user), hidden(password))
            }
            Login::ApiKey(key) => format!("hash={}", hidden(key)),
            Login::AccessKey(key, secret) => format!("access_key={key}&secret_key={}", hidden(secret)),
        }
    }

    /// Whether the server answers in the new way: real statuses, and the exit code in a header.
    pub(super) fn is_access_key(&self) -> bool {
        matches!(self, Login::AccessKey(..))
    }

    /// What must never be shown, in the forms in which it travels.
    pub(super) fn secrets(&self) -> Vec<String> {
        match self {
            Login::Password(_, secret) | Login::ApiKey(secret) => vec![secret.expose_secret().to_owned()],
            Login::AccessKey(key, secret) => {
                let secret = secret.expose_secret();
                vec![secret.to_owned(), format!("{key}:{secret}")]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::validate;
    use serde_json::{Value, json};

    fn read(changes: Value) -> Result<Settings, Vec<FieldError>> {
        let mut settings = json!({ "server_url": "https://Hestia.example.com:8083", "admin_user": "admin",
            "admin_password": "secret", "user": "dns" });
        for (name, value) in changes.as_object().unwrap() {
            settings[name] = value.clone();
        }
        validate("hestiacp", settings.as_object().unwrap())
    }

    #[test]
    fn the_final_slash_is_added_and_seen() {
        for typed in ["https://Hestia.example.com:8083", "https://hestia.example.com:8083/api/"] {
            let valid = read(json!({ "server_url": typed })).unwrap();
            assert_eq!(valid.plain["server_url"], "https://hestia.example.com:8083/");
            let again = read(json!({ "server_url": valid.plain["server_url"] })).unwrap();
            assert_eq!(again.plain["server_url"], valid.plain["server_url"]);
        }
    }

    #[test]
    fn a_password_does_not_travel_in_the_open() {
        let errors = read(json!({ "server_url": "http://hestia.example.com:8083/" })).unwrap_err();
        assert!(errors[0].field == "server_url" && errors[0].message.contains("https://"));
        assert!(read(json!({ "server_url": "http://127.0.0.1:8083/" })).is_ok());
        assert!(read(json!({ "server_url": "http://[::1]:8083/" })).is_ok());
        assert!(read(json!({ "server_url": "http://127.0.0.1.example.com/" })).is_err());
    }

    #[test]
    fn a_pin_is_a_fingerprint() {
        let colons = ["AB"; 32].join(":");
        let valid = read(json!({ "server_certificate_sha256": colons })).unwrap();
        assert_eq!(valid.plain["server_certificate_sha256"], "ab".repeat(32));
        assert_eq!(
            read(json!({ "server_certificate_sha256": "ab" })).unwrap_err()[0].field,
            "server_certificate_sha256"
        );
    }

    #[test]
    fn the_three_ways_to_log_in_are_told_apart() {
        let (key, secret) = ("A".repeat(20), format!("{}+/=", "s".repeat(37)));
        let fields = |user: &str, password: &str| Login::new(user, password).map(|login| login.fields());
        assert_eq!(fields("admin", "p&w"), Ok("user=admin&password=p%26w".to_owned()));
        assert_eq!(fields("api-key", &"k".repeat(32)), Ok(format!("hash={}", "k".repeat(32))));
        let pair = format!("access_key={key}&secret_key={}%2B%2F%3D", "s".repeat(37));
        assert_eq!(fields(&key, &secret), Ok(pair.clone()));
        assert_eq!(fields("admin", &format!("{key}:{secret}")), Ok(pair.clone()));
        assert_eq!(fields(&key, &format!("{key}:{secret}")), Ok(pair));
        assert!(fields(&"B".repeat(20), &format!("{key}:{secret}")).is_err());
        assert!(fields(&format!("{key}:{secret}"), "x").is_err(), "a secret in a field that is shown");
        assert!(fields("api-key", "short").is_err());
    }
}
