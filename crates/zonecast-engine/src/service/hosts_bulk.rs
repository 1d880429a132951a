//! Many hosts in one call: one transaction, one job, one result per item.

use super::forms::HostForm;
use super::input::{Errors, Field, Form, kind};
use super::owners::{new_write, taken};
use super::write::{self, Wish};
use super::{Caller, Work};
use crate::app::App;
use crate::catalog::View;
use crate::problem::{FieldProblem, Problem};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use zonecast_store::{HostRow, Priority, WriteResult};

/// Most hosts of one bulk call.
pub const BULK_MAX: usize = 10_000;

/// What became of one item of a bulk call.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BulkItem {
    /// Its place in the call, from 0.
    pub index: usize,
    /// Whether it is stored.
    pub success: bool,
    /// The host's id, where it is stored.
    pub id: Option<i64>,
    /// Its name, where that could be read.
    pub fqdn: Option<String>,
    /// What is wrong with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
}

/// What became of a bulk call.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BulkView {
    /// How many are stored.
    pub stored: usize,
    /// How many are not.
    pub refused: usize,
    /// One result per item, in order.
    pub items: Vec<BulkItem>,
}

/// Registers up to 10,000 hosts; one job watches them all, and a wrong item stops no other.
pub async fn register_bulk(app: &App, caller: &Caller, body: &Value) -> Result<Work<BulkView>, Problem> {
    let items = bulk_items(body)?;
    let view = app.catalog.view();
    let mut results: Vec<BulkItem> = Vec::with_capacity(items.len());
    let mut rows: Vec<(usize, HostRow)> = Vec::with_capacity(items.len());
    let mut names = std::collections::HashSet::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let (row, mut errors) = bulk_row(item, &view);
        let mut result = BulkItem { index, success: false, id: None, fqdn: None, errors: Vec::new() };
        if let Some(row) = row {
            result.fqdn = Some(row.fqdn.to_string());
            if names.insert(row.fqdn.clone()) {
                rows.push((index, row));
            } else {
                errors.add("/fqdn", format!("{} is in this call twice", row.fqdn));
            }
        }
        result.errors = errors.below(&format!("/hosts/{index}"));
        super::dry_run::leave_out(result.errors.iter().cloned());
        results.push(result);
    }
    let job_id = if rows.is_empty() { None } else { store_bulk(app, caller, &rows, &mut results).await? };
    let stored = results.iter().filter(|item| item.success).count();
    let data = BulkView { stored, refused: results.len() - stored, items: results };
    Ok(Work { job_id, data })
}

fn bulk_items(body: &Value) -> Result<&[Value], Problem> {
    let items = match body {
        Value::Array(items) => items.as_slice(),
        body => {
            let mut errors = Errors::default();
            let mut form = Form::body(body)?;
            let items = form.list("hosts", BULK_MAX, &mut errors);
            if !matches!(items, Field::Is(_)) && errors.is_empty() {
                errors.add("/hosts", "is missing: give the list of hosts");
            }
            form.finish(&mut errors);
            errors.into_result(items.value().unwrap_or_default())?
        }
    };
    if items.len() > BULK_MAX {
        return Err(Problem::field("", format!("has {} hosts; the most is {BULK_MAX}", items.len())));
    }
    Ok(items)
}

fn bulk_row(item: &Value, view: &View) -> (Option<HostRow>, Errors) {
    let mut errors = Errors::default();
    let Ok(form) = Form::body(item) else {
        errors.add("", format!("must be a host, not {}", kind(item)));
        return (None, errors);
    };
    let row = HostForm::read(form, &mut errors).into_new(view, &mut errors);
    (errors.is_empty().then_some(row), errors)
}

async fn store_bulk(
    app: &App,
    caller: &Caller,
    rows: &[(usize, HostRow)],
    results: &mut [BulkItem],
) -> Result<Option<i64>, Problem> {
    let wish = Wish {
        priority: Priority::Bulk,
        ..Wish::new(caller, "host.add", format!("register {} hosts", rows.len()))
    };
    let written = write::many(app, &wish, |view| {
        Ok(rows.iter().map(|(_, row)| new_write(app, view, row.clone())).collect())
    })
    .await?;
    for ((index, row), result) in rows.iter().zip(&written.results) {
        let item = &mut results[*index];
        let refused = match result {
            WriteResult::Stored { id, .. } => {
                item.success = true;
                item.id = Some(*id);
                continue;
            }
            WriteResult::NameTaken { by } => taken(row, *by),
            WriteResult::Changed | WriteResult::Missing => "was changed meanwhile: send it again".to_owned(),
        };
        item.errors.push(FieldProblem { field: format!("/hosts/{index}/fqdn"), message: refused });
    }
    Ok(written.job_id)
}
