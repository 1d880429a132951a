//! The wanted content of a zone as one file, sorted as the planner wants it.
//!
//! Names are stored as their sort key and values in canonical wire form, so that loading parses
//! nothing. One RRset after the other: name length and name, type, TTL, number of values, and each
//! value with its length; numbers are little-endian.

use anyhow::{Context, bail, ensure};
use std::io::Write;
use std::path::Path;
use zonecast_core::{Name, RRset, RecordData, RecordType, Ttl};

const MAGIC: &[u8; 8] = b"ZCWANT01";

/// One RRset as the job writes it.
type Row = (String, String, u32, Vec<String>);

/// Reads the job's JSON, checks every value, and writes the sorted form.
pub fn import(json: &Path, to: &Path) -> anyhow::Result<()> {
    let text = std::fs::read(json).with_context(|| format!("cannot read {}", json.display()))?;
    let rows: Vec<Row> =
        serde_json::from_slice(&text).with_context(|| format!("{} is not a zone", json.display()))?;
    let mut sets = Vec::with_capacity(rows.len());
    for (name, rtype, ttl, values) in rows {
        let rtype: RecordType = rtype.parse()?;
        let values = values.iter().map(|value| RecordData::parse(rtype, value)).collect::<Result<_, _>>()?;
        sets.push(RRset::new(Name::parse(&name)?, rtype, Ttl::from_seconds(ttl)?, values));
    }
    sets.sort_by(|a, b| a.name.cmp(&b.name).then(a.rtype.cmp(&b.rtype)));
    let mut out = std::io::BufWriter::new(std::fs::File::create(to)?);
    out.write_all(MAGIC)?;
    out.write_all(&u32::try_from(sets.len())?.to_le_bytes())?;
    for set in &sets {
        write_set(&mut out, set)?;
    }
    out.flush()?;
    Ok(())
}

fn write_set(out: &mut impl Write, set: &RRset) -> anyhow::Result<()> {
    out.write_all(&u16::try_from(set.name.key().len())?.to_le_bytes())?;
    out.write_all(set.name.key())?;
    out.write_all(&set.rtype.0.to_le_bytes())?;
    out.write_all(&set.ttl.seconds().to_le_bytes())?;
    out.write_all(&u16::try_from(set.values.len())?.to_le_bytes())?;
    for value in &set.values {
        out.write_all(&u16::try_from(value.wire().len())?.to_le_bytes())?;
        out.write_all(value.wire())?;
    }
    Ok(())
}

/// Loads all of it, or only what stands at `names` (sorted).
pub fn load(path: &Path, names: Option<&[Name]>) -> anyhow::Result<Vec<RRset>> {
    let bytes = std::fs::read(path)
        .with_context(|| format!("{} is not there: run zonecast bench prepare first", path.display()))?;
    let mut reader = Reader { rest: &bytes };
    ensure!(reader.take(8)? == MAGIC, "{} was not written by zonecast bench prepare", path.display());
    let count = reader.u32()? as usize;
    let mut sets = Vec::with_capacity(if names.is_some() { 0 } else { count });
    for _ in 0..count {
        let key = reader.text()?;
        let wanted = names.is_none_or(|names| names.binary_search_by(|name| name.key().cmp(key)).is_ok());
        let (rtype, ttl, values) = (RecordType(reader.u16()?), reader.u32()?, reader.u16()?);
        if !wanted {
            for _ in 0..values {
                reader.text()?;
            }
            continue;
        }
        let mut data = Vec::with_capacity(usize::from(values));
        for _ in 0..values {
            data.push(RecordData::from_canonical(rtype, reader.text()?));
        }
        // Sorted and without duplicates already: `RRset::new` would do it again.
        sets.push(RRset { name: Name::from_key(key)?, rtype, ttl: Ttl::from_seconds(ttl)?, values: data });
    }
    Ok(sets)
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> anyhow::Result<&'a [u8]> {
        let Some((taken, rest)) = self.rest.split_at_checked(count) else {
            bail!("the wanted file is cut short")
        };
        self.rest = rest;
        Ok(taken)
    }

    fn u16(&mut self) -> anyhow::Result<u16> {
        Ok(u16::from_le_bytes(self.take(2)?.try_into()?))
    }

    fn u32(&mut self) -> anyhow::Result<u32> {
        Ok(u32::from_le_bytes(self.take(4)?.try_into()?))
    }

    fn text(&mut self) -> anyhow::Result<&'a [u8]> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_imported_is_loaded_sorted_and_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let (json, file) = (dir.path().join("z.json"), dir.path().join("z"));
        std::fs::write(
            &json,
            r#"[["b.example.", "A", 300, ["192.0.2.2", "192.0.2.1"]], ["a.example.", "TXT", 60, ["x y"]]]"#,
        )
        .unwrap();
        import(&json, &file).unwrap();
        let all = load(&file, None).unwrap();
        assert_eq!(
            all.iter().map(|set| set.name.to_string()).collect::<Vec<_>>(),
            ["a.example", "b.example"]
        );
        assert_eq!(all[1].values.len(), 2);
        let one = load(&file, Some(&[Name::parse("b.example").unwrap()])).unwrap();
        assert_eq!(one, all[1..]);
        std::fs::write(&file, &std::fs::read(&file).unwrap()[..30]).unwrap();
        assert!(load(&file, None).is_err());
    }
}
