//! Keys of the API: who may come in. For admins only; the guard sees to that.

use super::ask::Ask;
use super::inputs::{Input, owned};
use super::shell::Shell;
use super::text::{Badge, Label, moment};
use super::visit::{Fields, Id, Shown, Visit, show};
use crate::problem::Problem;
use crate::service::keys;
use crate::service::view::KeyInfoView;
use askama::Template;
use axum::response::Response;
use serde_json::json;

struct KeyRow {
    id: i64,
    name: String,
    role: Badge,
    made: String,
    ends: Option<String>,
}

impl From<KeyInfoView> for KeyRow {
    fn from(key: KeyInfoView) -> KeyRow {
        KeyRow {
            id: key.id,
            name: key.name,
            role: Badge::plain(key.role),
            made: moment(&key.created_at),
            ends: key.expires_at.as_deref().map(moment),
        }
    }
}

#[derive(Template)]
#[template(path = "keys.html")]
struct KeysPage {
    shell: Shell,
    keys: Vec<KeyRow>,
    /// A key that was just made: its name and its text, which no page shows again.
    fresh: Option<(String, String)>,
}

async fn page(visit: &Visit, fresh: Option<(String, String)>) -> Shown {
    show(&KeysPage {
        keys: keys::list(visit).await?.into_iter().map(KeyRow::from).collect(),
        fresh,
        shell: visit.shell("API keys", "keys").await?,
    })
}

/// The list, without secrets.
pub async fn list_page(visit: Visit) -> Shown {
    page(&visit, None).await
}

fn path() -> Vec<(String, Label)> {
    vec![("/keys".to_owned(), Label::new("API keys", "API keys"))]
}

async fn form(visit: &Visit, fields: &Fields, problem: Option<&Problem>) -> Shown {
    let roles = owned(&[
        ("viewer", "viewer: looks"),
        ("operator", "operator: works with hosts, domains and zones"),
        ("admin", "admin: also accounts, secrets and keys"),
    ]);
    let ask = Ask {
        title: "Add API key".to_owned(),
        section: "keys",
        path: path(),
        words: "The key is shown once, on the next page.".to_owned(),
        inputs: vec![
            Input::text("name", "Name", fields.get("name")).required(true).hint("billing"),
            Input::select("role", "Role", fields.get("role"), roles),
            Input::text("expires_at", "Ends", fields.get("expires_at"))
                .hint("2027-01-31T00:00:00Z")
                .help("empty: never"),
        ],
        action: "/keys".to_owned(),
        button: "Add key",
        ..Ask::default()
    };
    ask.show(visit, Some(fields), problem).await
}

/// The empty form.
pub async fn new_page(visit: Visit, fields: Fields) -> Shown {
    form(&visit, &fields, None).await
}

/// Makes a key; this answer is the only one that shows it, so it leads nowhere else.
pub async fn add(visit: Visit, fields: Fields) -> Shown {
    let mut body = json!({});
    for name in ["name", "role", "expires_at"] {
        if let Some(value) = fields.given(name) {
            body[name] = value.into();
        }
    }
    match keys::create_from(&visit, &visit.caller, &body).await {
        Ok(key) => page(&visit, key.key.map(|text| (key.name, text))).await,
        Err(problem) => form(&visit, &fields, Some(&problem)).await,
    }
}

/// Asks before a key ends.
pub async fn delete_page(visit: Visit, Id(id): Id) -> Shown {
    let key = keys::get(&visit, id).await?;
    let ask = Ask {
        title: format!("Revoke the key {}", key.name),
        section: "keys",
        path: path(),
        words: format!(
            "Key {id} ({}) opens nothing from then on; its sessions at this page end too.",
            key.role
        ),
        action: format!("/keys/{id}/delete"),
        button: "Revoke key",
        danger: true,
        ..Ask::default()
    };
    ask.show(&visit, None, None).await
}

/// Ends a key.
pub async fn delete(visit: Visit, Id(id): Id) -> Response {
    let result = keys::remove(&visit, &visit.caller, id).await;
    visit.done(result.map(|()| format!("key {id} is revoked")), "/keys")
}
