//! Stored JSON that a later version or a hand wrote: what is understood counts, the rest is kept and said.
//!
//! One key that this version does not know must neither undo its neighbours nor vanish with the next
//! change, so a whole value is never read "with the default on error".

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// What is understood of a stored object, and a sentence for each key that is not.
pub fn read<T: DeserializeOwned + Default>(stored: &Map<String, Value>) -> (T, Vec<String>) {
    if let Ok(whole) = serde_json::from_value(Value::Object(stored.clone())) {
        return (whole, Vec::new());
    }
    let mut known = stored.clone();
    let mut notes = Vec::new();
    for (key, value) in stored {
        let Some(words) = trouble::<T>(key, value) else { continue };
        known.remove(key);
        notes.push(match words.starts_with("unknown field") {
            true => format!("{key:?} is stored and not known to this version: it is kept and has no effect"),
            false => {
                format!("{key:?} is stored as {value} and not understood, so its default holds: {words}")
            }
        });
    }
    (serde_json::from_value(Value::Object(known)).unwrap_or_default(), notes)
}

/// The object to store for a value: with what stands there and is not understood.
pub fn over<T: Serialize + DeserializeOwned>(stored: &Map<String, Value>, value: &T) -> Map<String, Value> {
    let Ok(Value::Object(mut new)) = serde_json::to_value(value) else { return stored.clone() };
    for (key, old) in stored {
        if !new.contains_key(key) && trouble::<T>(key, old).is_some() {
            new.insert(key.clone(), old.clone());
        }
    }
    new
}

/// What is wrong with one key by itself.
fn trouble<T: DeserializeOwned>(key: &str, value: &Value) -> Option<String> {
    let one = Map::from_iter([(key.to_owned(), value.clone())]);
    serde_json::from_value::<T>(Value::Object(one)).err().map(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::{DomainOptions, Managed, ZoneSettings};
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    /// Sample 7, B13: every known key counts beside any that is not, whichever stands first.
    #[test]
    fn a_key_that_is_not_understood_undoes_no_other() {
        let whole = object(json!({"ttl": 60, "managed": "full", "match": "longest", "verify_seconds": 34}));
        let (expected, none) = read::<ZoneSettings>(&whole);
        assert!(none.is_empty(), "{none:?}");
        assert_eq!((expected.managed, expected.verify_seconds), (Managed::Full, Some(34)));
        for odd in ["a", "x", "zz"] {
            let mut stored = whole.clone();
            stored.insert(odd.to_owned(), json!({"any": ["thing"]}));
            let (settings, notes) = read::<ZoneSettings>(&stored);
            assert_eq!(settings, expected, "{odd}");
            assert!(notes.len() == 1 && notes[0].contains(odd) && notes[0].contains("kept"), "{notes:?}");
        }
        let mut stored = whole.clone();
        stored.insert("drift".to_owned(), json!("shout"));
        let (settings, notes) = read::<ZoneSettings>(&stored);
        assert_eq!(settings, expected);
        assert!(notes[0].contains("\"drift\" is stored as \"shout\""), "{notes:?}");
    }

    #[test]
    fn what_is_not_understood_stays_in_the_row() {
        let stored = object(json!({"managed": "full", "create_at": [3], "later": 1, "soa": "odd"}));
        let (mut options, notes) = read::<DomainOptions>(&stored);
        assert_eq!((options.create_at.as_slice(), notes.len()), ([3].as_slice(), 2), "{notes:?}");
        options.create_at.clear();
        options.managed = Managed::Owned;
        let new = over(&stored, &options);
        assert_eq!(
            (&new["later"], &new["soa"], &new["managed"]),
            (&json!(1), &json!("odd"), &json!("owned"))
        );
        assert!(!new.contains_key("create_at"), "what is understood and taken away goes: {new:?}");
    }
}
