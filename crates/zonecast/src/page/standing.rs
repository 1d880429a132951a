//! How a record stands in a zone, as every table of records shows it.

use super::text::{Badge, Label, moment};
use super::zones::provider_label;
use crate::service::view::KeyView;
use askama::Template;
use askama::filters::HtmlSafe;
use zonecast_core::KeyState;

/// State, last error, next attempt.
#[derive(Template)]
#[template(path = "standing.html")]
pub struct Standing {
    state: Badge,
    verified: Option<Badge>,
    error: Option<String>,
    attempts: i64,
    next: Option<String>,
    /// The zone.
    pub zone_id: i64,
    /// What it is called.
    pub zone: Label,
    /// Where it is.
    pub provider: Badge,
    /// When its servers were last seen to answer.
    pub verified_at: Option<String>,
}

// Its template escapes what it holds.
impl HtmlSafe for Standing {}

impl From<&KeyView> for Standing {
    fn from(key: &KeyView) -> Standing {
        Standing {
            // `served` says already that the servers were seen to answer.
            verified: key
                .verified
                .as_deref()
                .filter(|seen| *seen != key.state.as_str())
                .map(|seen| Badge::like(seen, seen)),
            state: Badge::of(key.state),
            error: key.last_error.clone(),
            attempts: key.attempts,
            next: key.next_attempt_at.as_deref().map(moment),
            zone_id: key.zone_id,
            zone: Label::of(&key.zone),
            provider: Badge::plain(provider_label(&key.provider)),
            verified_at: key.verified_at.as_deref().map(moment),
        }
    }
}

/// Seconds until a table of these records looks again.
pub fn again(keys: &[KeyView]) -> u32 {
    let moves = |key: &KeyView| {
        matches!(key.state, KeyState::Pending | KeyState::Retrying)
            || (key.state == KeyState::Applied && key.verified.is_none())
    };
    if keys.iter().any(moves) { 1 } else { 5 }
}

/// A value as people read it: a target in national script, all else as it is.
pub fn value_label(rtype: &str, text: &str) -> Label {
    match rtype {
        "PTR" | "CNAME" => Label::of(text.trim_end_matches('.')),
        _ => Label::new(text, text),
    }
}
