//! Names that somebody did not write out: asked for, with the one that is meant.
//!
//! A door takes whole names only (RFC 9499): what is below what is known to a zone file, and not to a
//! call. `www` would be a top-level name, published nowhere, and `10 mail` a mail server that is none.

use crate::catalog::View;
use zonecast_core::{Name, RecordType, bare_names};

/// What is wrong with a record's name, where it is one label or none and no zone here holds it.
pub(super) fn wrong_name(name: &Name, zone_id: Option<i64>, view: &View) -> Option<String> {
    if name.label_count() > 1 || view.zones.values().any(|zone| name.is_within(&zone.row.name)) {
        return None;
    }
    let mut forward = view.zones.values().filter(|zone| !zone.zone.is_reverse());
    let zone = match (zone_id, forward.next(), forward.next()) {
        (Some(id), _, _) => view.zone(id),
        (None, Some(only), None) => Some(only),
        _ => None,
    };
    let meant = zone.map(|zone| &zone.row.name);
    let label = name.labels().pop().map(|label| String::from_utf8_lossy(&label).into_owned());
    Some(match (label.filter(|label| label != "@"), meant) {
        (Some(label), Some(zone)) => format!("{label:?} is not a whole name: did you mean {label}.{zone}?"),
        (Some(label), None) => {
            format!("{label:?} is not a whole name: write all of it, such as {label}.example.com")
        }
        (None, Some(zone)) => format!("must be a whole name: did you mean {zone}?"),
        (None, None) => "must be a whole name, such as www.example.com".to_owned(),
    })
}

/// What is wrong with the names in a value.
pub(super) fn wrong_value(rtype: RecordType, text: &str, below: Option<&Name>) -> Option<String> {
    let bare = *bare_names(rtype, text).first()?;
    let below = below.map_or_else(|| "example.com".to_owned(), ToString::to_string);
    let meant = if bare == "@" { below } else { format!("{bare}.{below}") };
    Some(format!(
        "{bare:?} is not a whole name: write all of it, such as {meant}; or {bare}. if the top-level name is meant"
    ))
}
