//! Why a name goes where it goes, and who asked for what at it.

use super::shell::Shell;
use super::text::{Badge, Label};
use super::visit::{Fields, Shown, Visit, show};
use super::zones::provider_label;
use crate::service::explain::{ExplainView, explain};
use askama::Template;

/// Zones shown; a name that is asked about matches few, and the others have few reasons.
const ZONES_SHOWN: usize = 100;

struct ZoneLine {
    id: i64,
    name: Label,
    provider: Badge,
    takes: bool,
    reason: String,
}

#[derive(Template)]
#[template(path = "explain.html")]
struct ExplainPage {
    shell: Shell,
    name: String,
    rtype: String,
    error: String,
    found: Option<ExplainView>,
    label: Label,
    zones: Vec<ZoneLine>,
    others: usize,
}

/// Asks, and shows the answer below the question.
pub async fn show_page(visit: Visit, fields: Fields) -> Shown {
    let (name, rtype) = (fields.get("name").to_owned(), fields.get("type").to_owned());
    let asked = match name.is_empty() {
        true => Ok(None),
        false => explain(&visit, &name, fields.given("type").as_deref()).await.map(Some),
    };
    let (mut found, error) = match asked {
        Ok(found) => (found, String::new()),
        Err(problem) => (None, super::error::sentence(&problem)),
    };
    let zones = found.as_mut().map(|found| std::mem::take(&mut found.zones)).unwrap_or_default();
    let others = zones.len().saturating_sub(ZONES_SHOWN);
    let line = |zone: crate::service::explain::ExplainZone| ZoneLine {
        id: zone.zone_id,
        name: Label::of(&zone.zone),
        provider: Badge::plain(provider_label(&zone.provider)),
        takes: zone.matches,
        reason: zone.reason,
    };
    show(&ExplainPage {
        label: Label::of(found.as_ref().map_or("", |found| found.name.as_str())),
        zones: zones.into_iter().take(ZONES_SHOWN).map(line).collect(),
        others,
        name,
        rtype,
        error,
        found,
        shell: visit.shell("Explain a name", "explain").await?,
    })
}
