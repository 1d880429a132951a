//! Plans as people read them: one line a change, one line for each key that waits.

use super::{KeyVerdict, Plan};
use crate::observed::Change;
use crate::record::RRset;
use std::fmt;

/// One change on one line.
///
/// ```text
/// + www.example.com 300 A 192.0.2.1
/// ~ www.example.com 300 A 192.0.2.1 -> 192.0.2.2
/// ~ www.example.com 300 A 192.0.2.1 -> 60 A 192.0.2.1
/// - old.example.com 300 A 192.0.2.9
/// ```
pub fn change_line(change: &Change) -> String {
    match change {
        Change::Create(set) => format!("+ {}", rrset_text(set)),
        Change::Delete(set) => format!("- {}", rrset_text(set)),
        Change::Replace { old, new } if old.ttl == new.ttl => {
            format!("~ {} -> {}", rrset_text(old), values_text(new))
        }
        Change::Replace { old, new } => {
            format!("~ {} -> {} {} {}", rrset_text(old), new.ttl, new.rtype, values_text(new))
        }
    }
}

/// A set on one line: name, TTL, type, values with commas between.
pub fn rrset_text(set: &RRset) -> String {
    format!("{} {} {} {}", set.name, set.ttl, set.rtype, values_text(set))
}

fn values_text(set: &RRset) -> String {
    set.values.iter().map(|value| value.to_text()).collect::<Vec<_>>().join(", ")
}

impl Plan {
    /// The whole plan for people: its changes, what is in conflict or held, and the counts.
    pub fn explain(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for change in &self.changes {
            writeln!(f, "{}", change_line(change))?;
        }
        for key in &self.keys {
            let about = match &key.verdict {
                KeyVerdict::Conflict(conflict) => {
                    format!("conflict with {}; {}", conflict.theirs.join(", "), conflict.because.reason())
                }
                KeyVerdict::Held => "removal waits for approval".to_owned(),
                KeyVerdict::Unsupported => "not supported by this provider".to_owned(),
                KeyVerdict::Adopted => "was there already, adopted".to_owned(),
                KeyVerdict::Equal | KeyVerdict::Change | KeyVerdict::Occluded if key.note.is_some() => {
                    String::new()
                }
                _ => continue,
            };
            let parts: Vec<&str> = [about.as_str(), key.note.as_deref().unwrap_or_default()]
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect();
            writeln!(f, "! {} {}: {}", key.name, key.rtype, parts.join("; "))?;
        }
        let counts = self.counts();
        write!(f, "{} to create, {} to change, {} to delete", counts.creates, counts.replaces, counts.deletes)
    }
}
