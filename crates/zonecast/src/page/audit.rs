//! The audit: who did what. It is read here, never changed.

use super::shell::Shell;
use super::text::moment;
use super::visit::{Fields, Shown, Visit, show};
use super::zones::more;
use crate::service::audit::{self, ChainView, ListAudit};
use crate::service::view::AuditView;
use askama::Template;

/// Lines on one page.
const PAGE: usize = 100;

struct AuditRow {
    at: String,
    actor: String,
    source: String,
    action: String,
    object: String,
    link: Option<String>,
    detail: String,
    sealed: bool,
}

impl From<AuditView> for AuditRow {
    fn from(view: AuditView) -> AuditRow {
        let numbered = view.object.split_once(':').filter(|(_, id)| id.parse::<i64>().is_ok());
        let link = numbered.and_then(|(kind, id)| match kind {
            "zone" => Some(format!("/zones/{id}")),
            "host" => Some(format!("/hosts/{id}")),
            "domain" => Some(format!("/domains/{id}")),
            _ => None,
        });
        let detail = match &view.detail {
            serde_json::Value::Null => String::new(),
            serde_json::Value::Object(fields) if fields.is_empty() => String::new(),
            other => other.to_string(),
        };
        AuditRow {
            at: moment(&view.at),
            actor: view.actor,
            source: view.source,
            action: view.action,
            object: view.object,
            link,
            detail,
            sealed: view.hash.is_some(),
        }
    }
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    shell: Shell,
    rows: Vec<AuditRow>,
    actor: String,
    action: String,
    object: String,
    chain: Option<ChainView>,
    next: Option<String>,
}

/// The lines, newest first.
pub async fn show_page(visit: Visit, fields: Fields) -> Shown {
    let query = ListAudit {
        actor: fields.given("actor"),
        action: fields.given("action"),
        object: fields.given("object"),
        limit: PAGE,
        cursor: fields.given("cursor"),
    };
    let page = audit::list(&visit, &query).await?;
    let chain = if fields.is_on("verify") { Some(audit::verify(&visit).await?) } else { None };
    show(&AuditPage {
        rows: page.items.into_iter().map(AuditRow::from).collect(),
        actor: query.actor.unwrap_or_default(),
        action: query.action.unwrap_or_default(),
        object: query.object.unwrap_or_default(),
        chain,
        next: page.next_cursor.map(|cursor| more("/audit", &fields, &["actor", "action", "object"], &cursor)),
        shell: visit.shell("Audit", "audit").await?,
    })
}
