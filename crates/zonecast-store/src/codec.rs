//! Lists inside one column: values of a type, names, RRsets. Lengths are two bytes, big-endian.

use crate::error::StoreError;
use std::str::FromStr;
use zonecast_core::states::UnknownState;
use zonecast_core::{Name, RRset, RecordData, RecordType, Ttl};

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    // Values are at most 65535 bytes and names far shorter, by their types.
    out.extend_from_slice(&(bytes.len() as u16).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// A word of `core::states`.
pub(crate) fn state<T: FromStr<Err = UnknownState>>(word: &str) -> Result<T, StoreError> {
    word.parse().map_err(|error: UnknownState| StoreError::Corrupt(error.to_string()))
}

/// Walks a column; every step fails on a cut.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], StoreError> {
        let (head, rest) = self
            .0
            .split_at_checked(count)
            .ok_or_else(|| StoreError::Corrupt("a list is cut short".into()))?;
        self.0 = rest;
        Ok(head)
    }

    fn short(&mut self) -> Result<u16, StoreError> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn long(&mut self) -> Result<u32, StoreError> {
        Ok(u32::from(self.short()?) << 16 | u32::from(self.short()?))
    }

    fn item(&mut self) -> Result<&'a [u8], StoreError> {
        let length = self.short()?;
        self.take(length.into())
    }
}

pub(crate) fn values(values: &[RecordData]) -> Vec<u8> {
    let mut out = Vec::with_capacity(values.iter().map(|value| value.wire().len() + 2).sum());
    values.iter().for_each(|value| put(&mut out, value.wire()));
    out
}

pub(crate) fn read_values(rtype: RecordType, bytes: &[u8]) -> Result<Vec<RecordData>, StoreError> {
    let mut reader = Reader(bytes);
    let mut values = Vec::new();
    while !reader.0.is_empty() {
        values.push(RecordData::from_canonical(rtype, reader.item()?));
    }
    Ok(values)
}

/// How many values a list holds, without reading them.
pub(crate) fn count_values(bytes: &[u8]) -> Result<i64, StoreError> {
    let mut reader = Reader(bytes);
    let mut count = 0;
    while !reader.0.is_empty() {
        reader.item()?;
        count += 1;
    }
    Ok(count)
}

pub(crate) fn names(names: &[Name]) -> Vec<u8> {
    let mut out = Vec::new();
    names.iter().for_each(|name| put(&mut out, name.key()));
    out
}

pub(crate) fn read_names(bytes: &[u8]) -> Result<Vec<Name>, StoreError> {
    let mut reader = Reader(bytes);
    let mut names = Vec::new();
    while !reader.0.is_empty() {
        names.push(name(reader.item()?)?);
    }
    Ok(names)
}

pub(crate) fn rrsets(sets: &[RRset]) -> Vec<u8> {
    let mut out = Vec::new();
    for set in sets {
        put(&mut out, set.name.key());
        out.extend_from_slice(&set.rtype.0.to_be_bytes());
        out.extend_from_slice(&set.ttl.seconds().to_be_bytes());
        out.extend_from_slice(&(set.values.len() as u16).to_be_bytes());
        set.values.iter().for_each(|value| put(&mut out, value.wire()));
    }
    out
}

pub(crate) fn read_rrsets(bytes: &[u8]) -> Result<Vec<RRset>, StoreError> {
    let mut reader = Reader(bytes);
    let mut sets = Vec::new();
    while !reader.0.is_empty() {
        let name = name(reader.item()?)?;
        let rtype = RecordType(reader.short()?);
        let ttl = ttl(reader.long()?.into())?;
        let mut values = Vec::new();
        for _ in 0..reader.short()? {
            values.push(RecordData::from_canonical(rtype, reader.item()?));
        }
        sets.push(RRset { name, rtype, ttl, values });
    }
    Ok(sets)
}

/// No TTL of its own, where a TTL stands: RFC 2181 keeps the highest bit free.
const NO_TTL: u32 = u32::MAX;

pub(crate) fn domain_sets(sets: &[crate::model::DomainSet]) -> Vec<u8> {
    let mut out = Vec::new();
    for set in sets {
        put(&mut out, set.name.key());
        out.extend_from_slice(&set.rtype.0.to_be_bytes());
        out.extend_from_slice(&set.ttl.map_or(NO_TTL, |ttl| ttl.seconds()).to_be_bytes());
        out.extend_from_slice(&(set.values.len() as u16).to_be_bytes());
        set.values.iter().for_each(|value| put(&mut out, value.wire()));
    }
    out
}

pub(crate) fn read_domain_sets(bytes: &[u8]) -> Result<Vec<crate::model::DomainSet>, StoreError> {
    let mut reader = Reader(bytes);
    let mut sets = Vec::new();
    while !reader.0.is_empty() {
        let name = name(reader.item()?)?;
        let rtype = RecordType(reader.short()?);
        let ttl = match reader.long()? {
            NO_TTL => None,
            seconds => Some(ttl(seconds.into())?),
        };
        let mut values = Vec::new();
        for _ in 0..reader.short()? {
            values.push(RecordData::from_canonical(rtype, reader.item()?));
        }
        sets.push(crate::model::DomainSet { name, rtype, ttl, values });
    }
    Ok(sets)
}

pub(crate) fn name(key: &[u8]) -> Result<Name, StoreError> {
    Name::from_key(key).map_err(|error| StoreError::Corrupt(format!("a name: {error}")))
}

pub(crate) fn optional_name(key: Option<Vec<u8>>) -> Result<Option<Name>, StoreError> {
    key.map(|key| name(&key)).transpose()
}

pub(crate) fn ttl(seconds: i64) -> Result<Ttl, StoreError> {
    let ttl = u32::try_from(seconds).ok().and_then(|seconds| Ttl::from_seconds(seconds).ok());
    ttl.ok_or_else(|| StoreError::Corrupt(format!("a TTL of {seconds}")))
}

pub(crate) fn optional_ttl(seconds: Option<i64>) -> Result<Option<Ttl>, StoreError> {
    seconds.map(ttl).transpose()
}

pub(crate) fn rtype(number: i64) -> Result<RecordType, StoreError> {
    let number = u16::try_from(number);
    number.map(RecordType).map_err(|_| StoreError::Corrupt("a record type above 65535".into()))
}

pub(crate) fn json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Corrupt(format!("JSON: {error}")))
}

pub(crate) fn to_json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Corrupt(format!("JSON: {error}")))
}

/// The end of the subtree that begins at `key`: sorts after everything below it and before the rest.
pub(crate) fn subtree_end(key: &[u8]) -> Vec<u8> {
    [key, &[0xff]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_come_back_as_they_went_in() {
        let name = Name::parse("vm-1.example.com").unwrap();
        let text = RecordData::text(&[b'x'; 600]);
        let sets = vec![
            RRset::new(
                name.clone(),
                RecordType::TXT,
                Ttl::DEFAULT,
                vec![text.clone(), RecordData::text(b"")],
            ),
            RRset::new(Name::root(), RecordType::A, Ttl::MAX, vec![]),
        ];
        assert_eq!(read_rrsets(&rrsets(&sets)).unwrap(), sets);
        let list = values(&[text.clone(), text.clone()]);
        assert_eq!(read_values(RecordType::TXT, &list).unwrap(), vec![text.clone(), text]);
        assert_eq!(count_values(&list).unwrap(), 2);
        let set = |ttl| crate::model::DomainSet {
            name: name.clone(),
            rtype: RecordType::TXT,
            ttl,
            values: vec![RecordData::text(b"x")],
        };
        let domain = vec![set(None), set(Some(Ttl::MAX))];
        assert_eq!(read_domain_sets(&domain_sets(&domain)).unwrap(), domain);
        let both = [name, Name::root()];
        assert_eq!(read_names(&names(&both)).unwrap(), both);
        assert!(read_values(RecordType::TXT, &list[..list.len() - 1]).is_err());
    }
}
