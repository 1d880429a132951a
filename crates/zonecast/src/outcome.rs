//! What became of a wish, as a program that uses the library looks at it.

use serde::Deserialize;
use serde_json::{Value, json};
use std::fmt;
use std::net::IpAddr;
use zonecast_core::{KeyState, Name};

/// What became of a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Every zone has it.
    Done,
    /// It was so already.
    Unchanged,
    /// Stored; the zones have not all answered yet.
    Pending,
    /// Some zones have it, others failed and are retried.
    Partial,
    /// No zone has it yet; it is retried.
    Failed,
    /// Something else stands in the way; nothing of it was changed.
    Conflict,
    /// Stored; no configured zone holds its name or one of its addresses, so nothing is served.
    NoMatchingZone,
    /// No such server is registered.
    NotRegistered,
}

/// What became of a wish, for whoever wants to look.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// In one word.
    pub status: Status,
    /// In one sentence.
    pub message: String,
    /// The job that carries it out.
    pub job_id: Option<i64>,
    /// Each record at each zone.
    pub records: Vec<RecordState>,
}

/// One record at one zone.
#[derive(Clone, Debug, Deserialize)]
pub struct RecordState {
    /// The zone's name.
    #[serde(default)]
    pub zone: String,
    /// The service it lives at.
    #[serde(default)]
    pub provider: String,
    /// The record's name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub record_type: String,
    /// Its values.
    #[serde(default)]
    pub values: Vec<String>,
    /// Where it stands.
    pub state: KeyState,
    /// The provider's own words.
    #[serde(default)]
    pub last_error: Option<String>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Outcome {
    /// Whether nothing needs a second look.
    pub fn is_well(&self) -> bool {
        matches!(self.status, Status::Done | Status::Unchanged)
    }

    pub(crate) fn plain(status: Status, message: impl Into<String>) -> Outcome {
        Outcome { status, message: message.into(), job_id: None, records: Vec::new() }
    }

    /// The outcome that a host's answer shows, where its job ended so.
    pub(crate) fn of_host(host: &Value, job_id: Option<i64>, status: Status) -> Outcome {
        let rows = host.get("records").cloned().unwrap_or_else(|| json!([]));
        let records: Vec<RecordState> = serde_json::from_value(rows).unwrap_or_default();
        let conflict = records.iter().find(|record| record.state == KeyState::Conflict);
        let nowhere = host["no_matching_zone"] == json!(true) && host["state"] == "active";
        let status = match (status, conflict) {
            (Status::Done | Status::Unchanged | Status::Pending, _) if nowhere => Status::NoMatchingZone,
            (Status::Done | Status::Partial | Status::Failed, Some(_)) => Status::Conflict,
            (status, _) => status,
        };
        let trouble: Vec<String> = records
            .iter()
            .filter_map(|one| {
                let error = one.last_error.as_ref()?;
                Some(format!("{} {} at {} ({}): {error}", one.name, one.record_type, one.zone, one.provider))
            })
            .collect();
        let mut message = match status {
            Status::Done => "every zone has it".to_owned(),
            Status::Unchanged => "it was so already".to_owned(),
            Status::Pending => "stored; the zones have not all answered yet".to_owned(),
            Status::Partial => "some zones have it, the others are retried".to_owned(),
            Status::Failed => "stored; no zone has it yet, it is retried".to_owned(),
            Status::Conflict => "values of others stand in the way".to_owned(),
            Status::NoMatchingZone => "stored; no configured zone holds it, so nothing is served".to_owned(),
            Status::NotRegistered => "not registered".to_owned(),
        };
        if !trouble.is_empty() {
            message = format!("{message}: {}", trouble.join("; "));
        }
        Outcome { status, message, job_id, records }
    }

    /// An address that was refused, as one more row beside those that stand: whoever lists the host's
    /// records sees it too, and not only whoever reads logs (S5.36).
    pub(crate) fn refused(mut self, name: &Name, ip: IpAddr, words: String) -> Outcome {
        self.records.push(RecordState {
            zone: String::new(),
            provider: String::new(),
            name: name.to_string(),
            record_type: if ip.is_ipv4() { "A".to_owned() } else { "AAAA".to_owned() },
            values: vec![ip.to_string()],
            state: KeyState::Conflict,
            last_error: Some(words.clone()),
        });
        self.message = words;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_address_stands_among_the_records() {
        let host = json!({ "records": [{ "name": "vm.example.com", "type": "A", "values": ["192.0.2.1"],
            "state": "served" }] });
        let name = Name::parse("vm.example.com").unwrap();
        let outcome = Outcome::of_host(&host, None, Status::Conflict);
        let outcome = outcome.refused(&name, "192.0.2.9".parse().unwrap(), "has another".to_owned());
        assert_eq!((outcome.status, outcome.message.as_str()), (Status::Conflict, "has another"));
        let states: Vec<_> = outcome.records.iter().map(|row| (row.state, &row.values[0])).collect();
        assert_eq!(
            states,
            [(KeyState::Served, &"192.0.2.1".to_owned()), (KeyState::Conflict, &"192.0.2.9".to_owned())]
        );
        assert!(!outcome.is_well());
    }

    /// Sample 5 (D21): nothing went wrong, and nothing is served.
    #[test]
    fn a_host_without_a_zone_is_not_well() {
        let nowhere = json!({ "state": "active", "no_matching_zone": true });
        for status in [Status::Done, Status::Unchanged, Status::Pending] {
            let outcome = Outcome::of_host(&nowhere, None, status);
            assert_eq!((outcome.status, outcome.is_well()), (Status::NoMatchingZone, false));
        }
        let going = json!({ "state": "deleting", "no_matching_zone": true });
        assert!(Outcome::of_host(&going, None, Status::Done).is_well());
    }
}
