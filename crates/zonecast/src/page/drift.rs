//! Drift: what somebody else changed at a provider.

use super::shell::Shell;
use super::text::{Badge, Label, moment};
use super::visit::{Fields, Shown, Visit, show};
use super::zones::{more, provider_label};
use crate::service::drift::{self, DriftView};
use askama::Template;

/// Lines on one page.
const PAGE: usize = 100;

struct DriftRow {
    zone_id: i64,
    zone: Label,
    provider: Badge,
    name: Label,
    rtype: String,
    kind: Badge,
    detail: String,
    seen: i64,
    since: String,
    healed: Option<String>,
}

impl From<DriftView> for DriftRow {
    fn from(view: DriftView) -> DriftRow {
        DriftRow {
            zone_id: view.zone_id,
            zone: Label::of(&view.zone),
            provider: Badge::plain(provider_label(&view.provider)),
            name: Label::of(&view.name),
            rtype: view.rtype,
            kind: Badge::like("stale", view.kind),
            detail: view.detail,
            seen: view.seen,
            since: moment(&view.first_seen_at),
            healed: view.healed_at.last().map(|time| moment(time)),
        }
    }
}

#[derive(Template)]
#[template(path = "drift.html")]
struct DriftPage {
    shell: Shell,
    rows: Vec<DriftRow>,
    one_zone: Option<i64>,
    next: Option<String>,
}

/// The list; `?zone=` shows those of one zone.
pub async fn show_page(visit: Visit, fields: Fields) -> Shown {
    let one_zone = fields.id("zone");
    let page = drift::list(&visit, one_zone, PAGE, fields.given("cursor").as_deref()).await?;
    show(&DriftPage {
        rows: page.items.into_iter().map(DriftRow::from).collect(),
        one_zone,
        next: page.next_cursor.map(|cursor| more("/drift", &fields, &["zone"], &cursor)),
        shell: visit.shell("Drift", "trouble").await?,
    })
}
