//! The audit: who did what, when, and whether anybody has touched the book since.

use super::input::Errors;
use super::view::AuditView;
use super::{Page, cursor_in};
use crate::app::App;
use crate::problem::Problem;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zonecast_store::AuditFilter;

/// Which lines a list shows.
#[derive(Clone, Debug, Default)]
pub struct ListAudit {
    /// By whom.
    pub actor: Option<String>,
    /// What, such as `host.add`.
    pub action: Option<String>,
    /// On what, such as `host:12`.
    pub object: Option<String>,
    /// Items on a page.
    pub limit: usize,
    /// Where the page begins.
    pub cursor: Option<String>,
}

/// Whether the chain holds.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ChainView {
    /// Every sealed line fits the one before it.
    pub ok: bool,
    /// Lines looked at.
    pub checked: i64,
    /// The first line that does not fit.
    pub broken_at: Option<i64>,
    /// One sentence.
    pub message: String,
}

/// A page of the audit, newest first.
pub async fn list(app: &App, query: &ListAudit) -> Result<Page<AuditView>, Problem> {
    let mut errors = Errors::default();
    let before = cursor_in(query.cursor.as_deref(), &mut errors);
    errors.into_result(())?;
    let filter = AuditFilter {
        actor: query.actor.clone().unwrap_or_default(),
        action: query.action.clone().unwrap_or_default(),
        object: query.object.clone().unwrap_or_default(),
        ..AuditFilter::default()
    };
    let rows = app.store.audit_log(&filter, (before > 0).then_some(before), query.limit + 1).await?;
    let (rows, next_cursor) = super::cut(rows, query.limit, |row| row.id);
    Ok(Page { items: rows.into_iter().map(AuditView::from).collect(), next_cursor })
}

/// Walks the chain from its beginning.
pub async fn verify(app: &App) -> Result<ChainView, Problem> {
    let report = app.store.verify_chain().await?;
    let message = match report.broken_at {
        None => format!("{} lines, every one fits the one before it", report.checked),
        Some(id) => format!("line {id} does not fit the one before it: the book was changed"),
    };
    Ok(ChainView {
        ok: report.broken_at.is_none(),
        checked: report.checked,
        broken_at: report.broken_at,
        message,
    })
}
