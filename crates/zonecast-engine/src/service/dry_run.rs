//! A dry run: the operation itself, up to the point where it would store, and what that would do.
//!
//! No operation knows of it. The door wraps the call in [`of`]; the store then rolls back what is
//! written meanwhile (`zonecast_store::hands_tied`), and where owners are written the plan of just those
//! writes is kept here instead. So an operation that exists or comes has a dry run if its work is to
//! write owners, and is refused if it stores something else.

use super::plan::{self, PlanView};
use crate::app::App;
use crate::catalog::View;
use crate::problem::{FieldProblem, Problem};
use std::cell::RefCell;
use zonecast_store::{OwnerWrite, Raise, WriteResult, Written};

tokio::task_local! {
    /// What the owners' writes of this task would do.
    static PLANNED: RefCell<Planned>;
}

#[derive(Default)]
struct Planned {
    plan: Option<PlanView>,
    left_out: Vec<FieldProblem>,
}

/// What became of an operation that was run dry.
pub struct DryRun<T> {
    /// What it gave; worth nothing where it was stopped by a plan.
    pub gave: T,
    /// What its writes would do; nothing where it wrote no owners.
    pub plan: Option<PlanView>,
    /// It wanted to store something, and nothing was.
    pub would_store: bool,
}

/// Runs an operation dry.
pub async fn of<T>(operation: impl Future<Output = T>) -> DryRun<T> {
    let planned = PLANNED.scope(RefCell::default(), async {
        let gave = operation.await;
        (gave, PLANNED.with(RefCell::take))
    });
    let ((gave, Planned { plan, left_out }), would_store) = zonecast_store::hands_tied(planned).await;
    DryRun { gave, plan: plan.map(|plan| PlanView { left_out, ..plan }), would_store }
}

/// Tells in the plan what an operation leaves out; without effect outside a dry run.
pub fn leave_out(what: impl IntoIterator<Item = FieldProblem>) {
    // Outside of a dry run there is nobody to tell: the operation's own answer says it.
    let _ = PLANNED.try_with(|planned| planned.borrow_mut().left_out.extend(what));
}

/// Ends an operation whose writes were rolled back: with the plan of those that would be stored, or, if
/// none would, with what the store said, so that the operation finds its own words.
pub(super) async fn end(
    app: &App,
    view: &View,
    how: Raise,
    writes: Vec<OwnerWrite>,
    written: Written,
) -> Result<Written, Problem> {
    let (mut good, mut refused) = (Vec::new(), Vec::new());
    for (write, result) in writes.into_iter().zip(&written.results) {
        match result {
            WriteResult::Stored { .. } => good.push(write),
            WriteResult::NameTaken { by } => refused.push(FieldProblem {
                field: write.row.name().to_string(),
                message: format!("is registered already, with the id {by}"),
            }),
            WriteResult::Changed | WriteResult::Missing => refused.push(FieldProblem {
                field: write.row.name().to_string(),
                message: "was changed meanwhile".to_owned(),
            }),
        }
    }
    if good.is_empty() && !refused.is_empty() {
        return Ok(written);
    }
    leave_out(refused);
    let plan = plan::of_raise(app, view, how, &good).await?;
    let _ = PLANNED.try_with(|planned| planned.borrow_mut().plan = Some(plan));
    Err(Problem::new(409, "this is a dry run: nothing was stored"))
}
