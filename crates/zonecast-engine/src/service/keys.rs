//! Keys that open the API: `zc_<id>_<secret>`, of which only the SHA-256 of the secret is stored.
//!
//! The secret is 32 random bytes, so a fast hash is enough: there is no dictionary to try.

use super::input::{Errors, Form};
use super::view::{KeyInfoView, time};
use super::write::audit;
use super::{Caller, Role};
use crate::app::App;
use crate::problem::Problem;
use serde_json::Value;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zonecast_store::{ApiKeyRow, Millis, StoreError};

/// Every key, without its secret.
pub async fn list(app: &App) -> Result<Vec<KeyInfoView>, Problem> {
    Ok(app.store.api_keys().await?.iter().map(view_of).collect())
}

/// One key, without its secret.
pub async fn get(app: &App, id: i64) -> Result<KeyInfoView, Problem> {
    let row = app.store.api_key(id).await?.ok_or_else(|| Problem::missing("key", id))?;
    Ok(view_of(&row))
}

fn view_of(row: &ApiKeyRow) -> KeyInfoView {
    KeyInfoView {
        id: row.id,
        name: row.name.clone(),
        role: row.role.clone(),
        key: None,
        created_at: time(row.created_at),
        expires_at: row.expires_at.map(time),
    }
}

/// Makes a key and gives its text, which nobody can be told again.
pub async fn create(
    app: &App,
    name: &str,
    role: &str,
    expires_at: Option<Millis>,
) -> Result<String, Problem> {
    let role: Role = role.parse().map_err(|words: String| Problem::field("/role", words))?;
    Ok(make(app, &Caller::local("start"), name, role, expires_at).await?.1)
}

async fn make(
    app: &App,
    caller: &Caller,
    name: &str,
    role: Role,
    expires_at: Option<Millis>,
) -> Result<(i64, String), Problem> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| {
        tracing::error!(%error, "no random numbers");
        Problem::new(500, "this machine gives no random numbers")
    })?;
    let secret = hex::encode(secret);
    let row = ApiKeyRow {
        id: 0,
        name: name.to_owned(),
        role: role.as_str().to_owned(),
        hash: hash(&secret),
        created_at: 0,
        expires_at,
    };
    let line = audit(caller, "key.add", format!("key:{name}"));
    let id = app.store.add_api_key(&row, &[line]).await.map_err(|error| match error {
        StoreError::Constraint { .. } => Problem::conflict("/name", "a key of this name exists already"),
        error => error.into(),
    })?;
    Ok((id, format!("zc_{id}_{secret}")))
}

/// Makes a key as a body describes it; the answer is the only one that shows it.
pub async fn create_from(app: &App, caller: &Caller, body: &Value) -> Result<KeyInfoView, Problem> {
    let mut errors = Errors::default();
    let mut form = Form::body(body)?;
    let name = form.line("name", 100, &mut errors).value();
    let role = form.parsed("role", &mut errors, str::parse::<Role>).value();
    let expires_at = form.parsed("expires_at", &mut errors, parse_time).value();
    form.finish(&mut errors);
    if name.is_none() && !errors.names("/name") {
        errors.add("/name", "is missing");
    }
    if role.is_none() && !errors.names("/role") {
        errors.add("/role", "is missing: admin, operator or viewer");
    }
    errors.into_result(())?;
    let (Some(name), Some(role)) = (name, role) else {
        return Err(Problem::new(422, "the key is not complete"));
    };
    let (id, text) = make(app, caller, &name, role, expires_at).await?;
    Ok(KeyInfoView { key: Some(text), ..get(app, id).await? })
}

fn parse_time(text: &str) -> Result<Millis, String> {
    let time: jiff::Timestamp =
        text.parse().map_err(|_| format!("{text:?} is not a time such as 2027-01-31T00:00:00Z"))?;
    Ok(time.as_millisecond())
}

/// Ends a key.
pub async fn remove(app: &App, caller: &Caller, id: i64) -> Result<(), Problem> {
    let keys = app.store.api_keys().await?;
    let key = keys.iter().find(|key| key.id == id).ok_or_else(|| Problem::missing("key", id))?;
    let admins = keys.iter().filter(|key| key.role == Role::Admin.as_str()).count();
    if key.role == Role::Admin.as_str() && admins == 1 {
        return Err(Problem::new(409, "this is the last admin key: make another one first"));
    }
    app.store.remove_api_key(id, &[audit(caller, "key.remove", format!("key:{id}"))]).await?;
    Ok(())
}

/// The id of the key that this text is, if it opens anything: a log-in, which the audit remembers.
pub async fn log_in(app: &App, text: &str, source: &str) -> Result<Option<i64>, Problem> {
    let Some((id, secret)) = parts(text) else { return Ok(None) };
    let Some(row) = app.store.api_key(id).await?.filter(|row| holds(row, secret)) else { return Ok(None) };
    let Some(mut caller) = caller_of(&row) else { return Ok(None) };
    caller.source = source.to_owned();
    app.store.audit(&[audit(&caller, "key.log_in", format!("key:{id}"))]).await?;
    Ok(Some(id))
}

/// Who calls with the key of this id, while it opens anything.
pub async fn holder(app: &App, id: i64) -> Result<Option<Caller>, Problem> {
    let row = app.store.api_key(id).await?;
    Ok(row.filter(is_in_time).and_then(|row| caller_of(&row)))
}

fn caller_of(row: &ApiKeyRow) -> Option<Caller> {
    let role = row.role.parse().ok()?;
    Some(Caller { actor: format!("key:{}", row.name), role, source: "api".to_owned(), once: None })
}

fn is_in_time(row: &ApiKeyRow) -> bool {
    row.expires_at.is_none_or(|end| jiff::Timestamp::now().as_millisecond() < end)
}

/// The id and the secret of a key's text.
pub fn parts(text: &str) -> Option<(i64, &str)> {
    let (id, secret) = text.strip_prefix("zc_")?.split_once('_')?;
    let id = id.parse().ok().filter(|id| *id > 0)?;
    (!secret.is_empty() && secret.len() <= 200).then_some((id, secret))
}

/// Whether the secret is the key's, and the key has not ended.
pub fn holds(row: &ApiKeyRow, secret: &str) -> bool {
    let right = bool::from(hash(secret).ct_eq(&row.hash));
    right && is_in_time(row)
}

fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_its_id_and_its_secret() {
        assert_eq!(parts("zc_12_abc"), Some((12, "abc")));
        for bad in ["", "zc_", "zc_1", "zc_1_", "zc_x_a", "zc_-1_a", "ZC_1_a", "12_abc"] {
            assert_eq!(parts(bad), None, "{bad}");
        }
    }

    #[test]
    fn only_the_right_secret_opens_and_only_in_time() {
        let row = |expires_at| ApiKeyRow {
            id: 1,
            name: "k".to_owned(),
            role: "admin".to_owned(),
            hash: hash("right"),
            created_at: 0,
            expires_at,
        };
        assert!(holds(&row(None), "right"));
        assert!(!holds(&row(None), "wrong"));
        assert!(!holds(&row(Some(1)), "right"));
    }
}
