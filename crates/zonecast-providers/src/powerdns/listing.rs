//! Reads a zone while it arrives. PowerDNS has no pages: 100,000 RRsets are one body of 14 MB. Each
//! object of its `rrsets` array is handed on as soon as its last byte is there; what is left when
//! they are taken out is the zone's own fields, small, and valid JSON only if the body was whole.
//! The road not taken: `serde_json::from_reader` on a blocking thread, which reads byte by byte.

/// The longest single RRset.
const ELEMENT_MAX: usize = 16 << 20;
/// The longest zone object without its RRsets.
const ENVELOPE_MAX: usize = 1 << 20;

/// Cuts `{..., "rrsets": [{..}, {..}], ...}` into its RRsets and the rest.
#[derive(Default)]
pub(super) struct Splitter {
    /// Everything but the RRsets.
    envelope: Vec<u8>,
    /// The RRset that has begun and not ended.
    element: Vec<u8>,
    depth: usize,
    in_rrsets: bool,
    in_string: bool,
    escaped: bool,
}

impl Splitter {
    /// Takes the next bytes; calls `each` for every RRset that ends in them. `Err` means that this
    /// is no zone: an RRset or the rest is absurdly long, or `each` could not read it.
    pub(super) fn feed(
        &mut self,
        chunk: &[u8],
        mut each: impl FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut start = 0;
        for (at, byte) in chunk.iter().enumerate() {
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => start = self.open(chunk, start, at),
                b'}' | b']' => start = self.close(chunk, start, at, &mut each)?,
                _ => {}
            }
        }
        let rest = &chunk[start..];
        match (self.in_rrsets, self.depth) {
            (true, 3..) => self.element.extend_from_slice(rest),
            (true, _) => self.envelope.extend(rest.iter().filter(|byte| **byte != b',')),
            _ => self.envelope.extend_from_slice(rest),
        }
        match self.element.len() > ELEMENT_MAX || self.envelope.len() > ENVELOPE_MAX {
            true => Err("it is far longer than a zone is".to_owned()),
            false => Ok(()),
        }
    }

    /// A bracket opens at `at`; gives where the part begins that is not handed on yet.
    fn open(&mut self, chunk: &[u8], mut start: usize, at: usize) -> usize {
        if self.in_rrsets && self.depth == 2 {
            self.envelope.extend(chunk[start..at].iter().filter(|byte| **byte != b','));
            start = at;
        }
        self.depth += 1;
        if !self.in_rrsets && self.depth == 2 && chunk[at] == b'[' {
            self.envelope.extend_from_slice(&chunk[start..=at]);
            start = at + 1;
            self.in_rrsets = opens_rrsets(&self.envelope);
        }
        start
    }

    /// A bracket closes at `at`: an RRset may be whole, or the array of them.
    fn close(
        &mut self,
        chunk: &[u8],
        start: usize,
        at: usize,
        each: &mut impl FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<usize, String> {
        self.depth = self.depth.checked_sub(1).ok_or("the brackets do not match")?;
        match (self.in_rrsets, self.depth) {
            (true, 2) if self.element.is_empty() => {
                each(&chunk[start..=at])?;
                Ok(at + 1)
            }
            (true, 2) => {
                self.element.extend_from_slice(&chunk[start..=at]);
                each(&self.element)?;
                self.element.clear();
                Ok(at + 1)
            }
            (true, 1) => {
                self.envelope.extend(chunk[start..at].iter().filter(|byte| **byte != b','));
                self.in_rrsets = false;
                Ok(at)
            }
            _ => Ok(start),
        }
    }

    /// The zone object with an empty `rrsets`; not valid JSON when the body was cut.
    pub(super) fn finish(self) -> Vec<u8> {
        self.envelope
    }
}

/// Whether what was read so far ends in `"rrsets": [`.
fn opens_rrsets(envelope: &[u8]) -> bool {
    let mut kept = envelope.iter().rev().filter(|byte| !byte.is_ascii_whitespace());
    b"\"rrsets\":[".iter().rev().all(|expected| kept.next() == Some(expected))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn split(body: &[u8], size: usize) -> (Vec<Value>, Vec<u8>) {
        let (mut splitter, mut elements) = (Splitter::default(), Vec::new());
        for chunk in body.chunks(size) {
            let each = |element: &[u8]| {
                elements.push(serde_json::from_slice(element).map_err(|error| error.to_string())?);
                Ok(())
            };
            splitter.feed(chunk, each).unwrap();
        }
        (elements, splitter.finish())
    }

    #[test]
    fn rrsets_come_out_whole_wherever_the_body_is_cut() {
        let rrsets = json!([
            { "name": "a.", "records": [{ "content": "\"quo\\\"te ]} \\\\\"" }, { "content": "x" }] },
            { "name": "b.", "comments": [], "records": [] },
        ]);
        let body =
            json!({ "account": "[", "masters": [["x"]], "rrsets": rrsets, "serial": 7, "z": { "y": [] } });
        for text in [body.to_string(), serde_json::to_string_pretty(&body).unwrap()] {
            for size in [1, 2, 3, 7, 50, 10_000] {
                let (elements, envelope) = split(text.as_bytes(), size);
                assert_eq!(json!(elements), rrsets, "chunks of {size}");
                let envelope: Value = serde_json::from_slice(&envelope).unwrap();
                assert_eq!(envelope["serial"], 7);
                assert_eq!(envelope["rrsets"], json!([]));
            }
        }
    }

    #[test]
    fn a_torn_body_leaves_no_valid_envelope() {
        let text = br#"{"name":"a.","rrsets":[{"name":"a."},{"name":"b."}],"serial":1}"#;
        for end in 0..text.len() {
            let (_, envelope) = split(&text[..end], 5);
            assert!(serde_json::from_slice::<Value>(&envelope).is_err(), "cut at {end}");
        }
        assert_eq!(split(text, 5).0.len(), 2);
    }
}
