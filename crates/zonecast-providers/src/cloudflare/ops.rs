//! From changes to Cloudflare's operations on single records.

use super::record::{AUTOMATIC, Handle, body_of};
use serde_json::{Map, Value, json};
use zonecast_core::{Change, ObservedRRset, RecordData, RecordType};

/// One operation on one record.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Op {
    Delete {
        id: String,
    },
    /// Fields that are not named stay: comment, tags, settings.
    Patch {
        id: String,
        body: Map<String, Value>,
    },
    Post {
        body: Map<String, Value>,
    },
}

/// The operations of one change, and whether a value it speaks of was not read.
pub(super) fn steps(change: &Change, present: Option<&ObservedRRset>) -> (Vec<Op>, bool) {
    let before: &[RecordData] = change.before().map_or(&[], |set| &set.values);
    let after: &[RecordData] = change.after().map_or(&[], |set| &set.values);
    let mut lacks = false;
    let handles: Vec<(&RecordData, Handle)> = present
        .into_iter()
        .flat_map(|set| &set.values)
        .filter_map(|value| match Handle::of(value) {
            Some(handle) => Some((&value.data, handle)),
            None => {
                lacks = true;
                None
            }
        })
        .collect();
    let find = |data: &RecordData| -> Vec<Handle> {
        handles.iter().filter(|(held, _)| *held == data).map(|(_, handle)| handle.clone()).collect()
    };
    lacks |= before.iter().any(|value| find(value).is_empty());
    let mut gone = before.iter().filter(|value| !after.contains(value)).flat_map(find);
    let proxied = handles.iter().any(|(_, handle)| handle.proxied);
    let mut ops = Vec::new();
    let ttl = change.after().map_or(AUTOMATIC, |set| set.ttl.seconds());
    for value in after {
        if !find(value).is_empty() {
            continue;
        }
        let mut body = body_of(change.name(), value);
        // In place where something gives way: the record keeps comment, tags and proxying.
        match gone.next() {
            Some(handle) => {
                body.insert("ttl".into(), json!(if handle.proxied { AUTOMATIC } else { ttl }));
                ops.push(Op::Patch { id: handle.id.clone(), body });
            }
            None => {
                // Beside a proxied value a plain one would give the origin away.
                body.insert("ttl".into(), json!(if proxied { AUTOMATIC } else { ttl }));
                if matches!(value.rtype(), RecordType::A | RecordType::AAAA | RecordType::CNAME) {
                    body.insert("proxied".into(), json!(proxied));
                }
                ops.push(Op::Post { body });
            }
        }
    }
    ops.extend(gone.map(|handle| Op::Delete { id: handle.id }));
    if change.before().is_none_or(|set| set.ttl.seconds() != ttl) {
        for (data, handle) in handles.iter().filter(|(data, _)| after.contains(data)) {
            if handle.served() != ttl && !handle.proxied {
                let mut body = body_of(change.name(), data);
                body.insert("ttl".into(), json!(ttl));
                ops.push(Op::Patch { id: handle.id.clone(), body });
            }
        }
    }
    (ops, lacks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use zonecast_core::{Name, ObservedValue, RRset, Ttl};

    fn set(ttl: u32, values: &[&str]) -> RRset {
        let parse = |text: &&str| RecordData::parse(RecordType::A, text).unwrap();
        let ttl = Ttl::from_seconds(ttl).unwrap();
        RRset::new(
            Name::parse("www.example.org").unwrap(),
            RecordType::A,
            ttl,
            values.iter().map(parse).collect(),
        )
    }

    fn held(ttl: u32, proxied: bool, values: &[&str]) -> ObservedRRset {
        let plain = set(if ttl == AUTOMATIC { 300 } else { ttl }, values);
        let value = |data: &RecordData| {
            let handle = Handle { id: format!("id-{}", data.to_text()), ttl, proxied };
            let raw = Some(serde_json::to_string(&handle).unwrap().into());
            ObservedValue { data: data.clone(), raw, disabled: false }
        };
        let values = plain.values.iter().map(value).collect();
        ObservedRRset::new(plain.name, plain.rtype, plain.ttl, values)
    }

    #[test]
    fn a_changed_value_keeps_its_record() {
        let change = Change::Replace { old: set(300, &["192.0.2.1"]), new: set(300, &["192.0.2.2"]) };
        let (ops, lacks) = steps(&change, Some(&held(AUTOMATIC, true, &["192.0.2.1", "198.51.100.1"])));
        assert!(!lacks && ops.len() == 1, "{ops:?}");
        let Op::Patch { id, body } = &ops[0] else { panic!("{ops:?}") };
        assert_eq!(
            (id.as_str(), &body["ttl"], &body["content"]),
            ("id-192.0.2.1", &json!(1), &json!("192.0.2.2"))
        );
        assert!(!body.contains_key("proxied") && !body.contains_key("comment"));
    }

    #[test]
    fn only_what_differs_is_touched() {
        let present = held(600, false, &["192.0.2.1", "198.51.100.1"]);
        let ttl = Change::Replace { old: set(600, &["192.0.2.1"]), new: set(300, &["192.0.2.1"]) };
        let (ops, _) = steps(&ttl, Some(&present));
        assert!(
            matches!(&ops[..], [Op::Patch { id, body }] if id == "id-192.0.2.1" && body["ttl"] == 300),
            "{ops:?}"
        );
        let (ops, lacks) = steps(&Change::Delete(set(600, &["192.0.2.1"])), Some(&present));
        assert!(!lacks && ops == [Op::Delete { id: "id-192.0.2.1".into() }]);
        let (ops, lacks) = steps(&Change::Delete(set(600, &["192.0.2.9"])), Some(&present));
        assert!(lacks && ops.is_empty());
        let automatic = held(AUTOMATIC, false, &["192.0.2.1"]);
        let same =
            Change::Replace { old: set(300, &["192.0.2.1"]), new: set(300, &["192.0.2.1", "192.0.2.2"]) };
        let (ops, _) = steps(&same, Some(&automatic));
        assert!(
            matches!(&ops[..], [Op::Post { body }] if body["ttl"] == 300 && body["proxied"] == false),
            "{ops:?}"
        );
    }
}
