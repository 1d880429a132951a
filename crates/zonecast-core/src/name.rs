//! Domain names, kept as their canonical sort key.
//!
//! A [`Name`] holds its labels from the root down, lower case, each ended by a zero byte (bytes 0
//! and 1 inside a label are escaped by 1). Compared as plain bytes this is the canonical order of
//! RFC 4034 section 6.1, and "is below" is "starts with". One representation therefore serves the
//! planner's merge, the index of zones, the authority's ordered map and the database column, in
//! which `BETWEEN key AND key || 0xFF` selects a whole subtree on SQLite and PostgreSQL alike.
//! The road not taken: `domain::base::Name`, whose comparison walks labels from the end each time.

mod reverse;
mod text;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Longest name on the wire, RFC 1035 section 2.3.4.
const MAX_WIRE: usize = 255;
const MAX_LABEL: usize = 63;

/// An absolute domain name; equality, order and hash ignore case.
///
/// `Display` writes it without the final dot (the root is `.`); [`Name::absolute`] writes the dot.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<[u8]>);

/// Why a text or a wire form is not a domain name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing between the dots, or nothing at all.
    #[error("empty label: a name has no two dots in a row and does not begin with one")]
    EmptyLabel,
    /// A label of more than 63 bytes.
    #[error("label longer than 63 bytes")]
    LongLabel,
    /// More than 255 bytes on the wire.
    #[error("name longer than 255 bytes")]
    LongName,
    /// A backslash not followed by a character or three digits up to 255.
    #[error("backslash is not followed by a character or by \\000 to \\255")]
    BadEscape,
    /// White space or a control character, unescaped.
    #[error("{0:?} is not allowed in a name")]
    BadCharacter(char),
    /// Refused by IDNA 2008 (UTS 46, non-transitional).
    #[error("{0:?} is not a valid internationalised label (IDNA 2008)")]
    BadIdn(String),
    /// The wire form ends inside the name, or holds a compression pointer.
    #[error("the wire form of the name is damaged")]
    BadWire,
}

impl Name {
    /// The root, `.`.
    pub fn root() -> Name {
        Name(Arc::from([]))
    }

    /// Builds a name from its labels, leaf first, each the raw bytes of one label.
    pub fn from_labels<'a>(labels: impl DoubleEndedIterator<Item = &'a [u8]>) -> Result<Name, NameError> {
        let mut key = Vec::with_capacity(64);
        let mut wire = 1;
        for label in labels.rev() {
            wire += 1 + push_label(&mut key, label)?;
        }
        if wire > MAX_WIRE {
            return Err(NameError::LongName);
        }
        Ok(Name(key.into()))
    }

    /// Takes a key made by [`Name::key`], as the database gives it back.
    pub fn from_key(key: &[u8]) -> Result<Name, NameError> {
        if key.last().is_some_and(|last| *last != 0) {
            return Err(NameError::BadWire);
        }
        Ok(Name(key.into()))
    }

    /// The canonical sort key: the form to store and to compare.
    pub fn key(&self) -> &[u8] {
        &self.0
    }

    /// Reads an uncompressed wire form at the start of `wire`; gives the name and its length there.
    pub fn from_wire(wire: &[u8]) -> Result<(Name, usize), NameError> {
        let mut labels: [(u8, u8); 128] = [(0, 0); 128];
        let (mut at, mut count) = (0, 0);
        loop {
            let length = *wire.get(at).ok_or(NameError::BadWire)? as usize;
            if length == 0 {
                break;
            }
            if length > MAX_LABEL || at + length + 1 >= MAX_WIRE || at + length >= wire.len() {
                return Err(NameError::BadWire);
            }
            labels[count] = (at as u8 + 1, length as u8);
            count += 1;
            at += length + 1;
        }
        let mut key = Vec::with_capacity(at + 1);
        for (start, length) in labels[..count].iter().rev() {
            push_label(&mut key, &wire[*start as usize..*start as usize + *length as usize])?;
        }
        Ok((Name(key.into()), at + 1))
    }

    /// Appends the uncompressed wire form, lower case.
    pub fn compose(&self, wire: &mut Vec<u8>) {
        for label in self.raw_labels().rev() {
            wire.push(unescaped_len(label) as u8);
            wire.extend(unescaped(label));
        }
        wire.push(0);
    }

    /// The wire form, lower case.
    pub fn to_wire(&self) -> Vec<u8> {
        let mut wire = Vec::with_capacity(self.0.len() + 2);
        self.compose(&mut wire);
        wire
    }

    /// The labels, leaf first, unescaped.
    pub fn labels(&self) -> Vec<Vec<u8>> {
        self.raw_labels().rev().map(|label| unescaped(label).collect()).collect()
    }

    /// How many labels; the root has none.
    pub fn label_count(&self) -> usize {
        self.0.iter().filter(|b| **b == 0).count()
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this name is `zone` or below it, by whole labels.
    pub fn is_within(&self, zone: &Name) -> bool {
        self.0.starts_with(&zone.0)
    }

    /// Whether the leftmost label is `*`.
    pub fn is_wildcard(&self) -> bool {
        self.0.ends_with(b"*\0") && (self.0.len() == 2 || self.0[self.0.len() - 3] == 0)
    }

    /// The name without its leftmost label; the root has no parent.
    pub fn parent(&self) -> Option<Name> {
        let rest = self.0.strip_suffix(&[0])?;
        let end = rest.iter().rposition(|b| *b == 0).map_or(0, |at| at + 1);
        Some(Name(self.0[..end].into()))
    }

    /// The name with one more label in front.
    pub fn child(&self, label: &str) -> Result<Name, NameError> {
        let mut key = self.0.to_vec();
        push_label(&mut key, label.as_bytes())?;
        let name = Name(key.into());
        if name.wire_len() > MAX_WIRE { Err(NameError::LongName) } else { Ok(name) }
    }

    /// Itself, then each ancestor up to and including `apex`; nothing when it is not within `apex`.
    pub fn up_to(&self, apex: &Name) -> Vec<Name> {
        let mut names = Vec::new();
        let mut here = self.is_within(apex).then(|| self.clone());
        while let Some(name) = here {
            here = if name == *apex { None } else { name.parent() };
            names.push(name);
        }
        names
    }

    /// Bytes on the wire.
    pub fn wire_len(&self) -> usize {
        1 + self.raw_labels().map(|label| 1 + unescaped_len(label)).sum::<usize>()
    }

    /// With the final dot, the form zone files and most services want.
    pub fn absolute(&self) -> String {
        let mut text = String::with_capacity(self.0.len() + 1);
        self.write_text(&mut text);
        if !self.is_root() {
            text.push('.');
        }
        text
    }

    /// In national script where a label is internationalised, without the final dot.
    pub fn unicode(&self) -> String {
        let text = self.to_string();
        if !text.contains("xn--") {
            return text;
        }
        let parts: Vec<String> = text
            .split('.')
            .map(|label| match idna::domain_to_unicode(label) {
                (unicode, Ok(())) => unicode,
                _ => label.to_owned(),
            })
            .collect();
        parts.join(".")
    }

    fn raw_labels(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.0.split_inclusive(|b| *b == 0).map(|label| &label[..label.len() - 1])
    }

    fn write_text(&self, out: &mut impl fmt::Write) {
        if self.is_root() {
            let _ = out.write_char('.');
            return;
        }
        for (index, label) in self.raw_labels().rev().enumerate() {
            if index > 0 {
                let _ = out.write_char('.');
            }
            if label.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'*' | b'/')) {
                let _ = out.write_str(std::str::from_utf8(label).unwrap_or_default());
                continue;
            }
            for byte in unescaped(label) {
                let _ = match byte {
                    b'.' | b'\\' | b'"' | b'(' | b')' | b';' | b'@' | b'$' => {
                        write!(out, "\\{}", byte as char)
                    }
                    0x21..=0x7e => out.write_char(byte as char),
                    other => write!(out, "\\{other:03}"),
                };
            }
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_text(f);
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Name {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Name, NameError> {
        Name::parse(text)
    }
}

impl serde::Serialize for Name {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Name {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Name, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Name::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Appends one label to a key; gives its unescaped length.
fn push_label(key: &mut Vec<u8>, label: &[u8]) -> Result<usize, NameError> {
    match label.len() {
        0 => return Err(NameError::EmptyLabel),
        1..=MAX_LABEL => {}
        _ => return Err(NameError::LongLabel),
    }
    for byte in label {
        match byte.to_ascii_lowercase() {
            small @ (0 | 1) => key.extend_from_slice(&[1, small + 2]),
            byte => key.push(byte),
        }
    }
    key.push(0);
    Ok(label.len())
}

fn unescaped(label: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = label.iter();
    std::iter::from_fn(move || match rest.next()? {
        1 => rest.next().map(|byte| byte.saturating_sub(2)),
        other => Some(*other),
    })
}

fn unescaped_len(label: &[u8]) -> usize {
    label.len() - label.iter().filter(|b| **b == 1).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    #[test]
    fn the_final_dot_and_the_case_do_not_matter() {
        assert_eq!(name("WWW.Example.COM."), name("www.example.com"));
        assert_eq!(name("www.example.com").absolute(), "www.example.com.");
        assert_eq!(Name::root().to_string(), ".");
    }

    #[test]
    fn names_are_within_by_whole_labels_only() {
        assert!(name("vm.puqcloud.com").is_within(&name("puqcloud.com")));
        assert!(name("puqcloud.com").is_within(&name("puqcloud.com")));
        assert!(!name("vm.xpuqcloud.com").is_within(&name("puqcloud.com")));
    }

    #[test]
    fn national_script_becomes_a_labels_and_comes_back() {
        let bread = name("www.bücher.example");
        assert_eq!(bread.to_string(), "www.xn--bcher-kva.example");
        assert_eq!(bread.unicode(), "www.bücher.example");
        assert_eq!(name("faß.example").to_string(), "xn--fa-hia.example", "non-transitional");
    }

    #[test]
    fn damaged_names_say_what_is_wrong() {
        assert_eq!(Name::parse("a..b"), Err(NameError::EmptyLabel));
        assert_eq!(Name::parse(""), Err(NameError::EmptyLabel));
        assert_eq!(Name::parse("a b"), Err(NameError::BadCharacter(' ')));
        assert_eq!(Name::parse(&"a".repeat(64)), Err(NameError::LongLabel));
        assert_eq!(Name::parse(&"abcdefg.".repeat(40)), Err(NameError::LongName));
    }

    #[test]
    fn order_is_the_canonical_order_of_rfc_4034() {
        let sorted = [
            "example",
            "a.example",
            "yljkjljk.a.example",
            "Z.a.example",
            "zABC.a.EXAMPLE",
            "z.example",
            "\\001.z.example",
            "*.z.example",
            "\\200.z.example",
        ];
        let names: Vec<Name> = sorted.iter().map(|text| name(text)).collect();
        assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "{names:?}");
    }

    #[test]
    fn reverse_names_round_trip() {
        for text in ["192.0.2.10", "10.0.0.255", "2001:db8::10", "::1"] {
            let address: std::net::IpAddr = text.parse().unwrap();
            let reverse = Name::reverse_of(address);
            assert_eq!(reverse.reverse_address(), Some(address));
            assert_eq!(name(&reverse.to_string()), reverse);
        }
        assert_eq!(Name::reverse_of("192.0.2.10".parse().unwrap()).to_string(), "10.2.0.192.in-addr.arpa");
        assert_eq!(name("010.2.0.192.in-addr.arpa").reverse_address(), None);
    }
}
