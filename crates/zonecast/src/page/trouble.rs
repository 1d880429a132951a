//! Records that are not well, and removals that wait for approval.

use super::shell::Shell;
use super::standing::value_label;
use super::text::{Badge, Label, moment};
use super::visit::{Fields, Shown, Visit, show};
use super::zones::provider_label;
use crate::service::trouble::{self, TroubleView};
use askama::Template;
use zonecast_core::KeyState;

/// Records shown at once.
const MOST: usize = 200;

/// A record in trouble as rows show it.
pub struct TroubleRow {
    pub(super) zone_id: i64,
    pub(super) zone: Label,
    pub(super) provider: Badge,
    pub(super) name: Label,
    pub(super) plain_name: String,
    pub(super) rtype: String,
    pub(super) values: Vec<Label>,
    pub(super) state: Badge,
    pub(super) error: Option<String>,
    pub(super) attempts: i64,
    pub(super) next: Option<String>,
    pub(super) since: String,
}

impl From<TroubleView> for TroubleRow {
    fn from(view: TroubleView) -> TroubleRow {
        TroubleRow {
            zone_id: view.zone_id,
            zone: Label::of(&view.zone),
            provider: Badge::plain(provider_label(&view.provider)),
            name: Label::of(&view.name),
            plain_name: super::text::encode(&view.name),
            values: view.values.iter().map(|text| value_label(&view.rtype, text)).collect(),
            rtype: view.rtype,
            state: Badge::of(view.state),
            error: view.last_error,
            attempts: view.attempts,
            next: view.next_attempt_at.as_deref().map(moment),
            since: moment(&view.since),
        }
    }
}

#[derive(Template)]
#[template(path = "trouble.html")]
struct TroublePage {
    shell: Shell,
    rows: Vec<TroubleRow>,
    state: Option<KeyState>,
    states: Vec<KeyState>,
    /// Zones with held removals: id, name, how many.
    held: Vec<(i64, Label, usize)>,
    full: bool,
}

/// The newest records in trouble.
pub async fn show_page(visit: Visit, fields: Fields) -> Shown {
    let state = fields
        .given("state")
        .and_then(|state| state.parse().ok())
        .filter(|state: &KeyState| state.is_trouble());
    let rows = trouble::list(&visit, state, fields.id("zone"), MOST).await?;
    let mut held: Vec<(i64, Label, usize)> = Vec::new();
    for row in trouble::list(&visit, Some(KeyState::Held), None, MOST).await? {
        if !held.iter().any(|(id, _, _)| *id == row.zone_id) {
            let count = trouble::held_in(&visit, row.zone_id).await?;
            held.push((row.zone_id, Label::of(&row.zone), count));
        }
    }
    show(&TroublePage {
        full: rows.len() == MOST,
        rows: rows.into_iter().map(TroubleRow::from).collect(),
        state,
        states: KeyState::ALL.iter().copied().filter(|state| state.is_trouble()).collect(),
        held,
        shell: visit.shell("Trouble", "trouble").await?,
    })
}
