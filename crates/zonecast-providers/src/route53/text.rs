//! Route 53 escapes in octal what zone files escape in decimal.

use zonecast_core::{Name, RecordData, RecordError, RecordType};

/// A name as Route 53 spells it: absolute, everything but letters, digits, `-` and `_` as `\ooo`.
pub(super) fn name_out(name: &Name) -> String {
    let mut out = String::new();
    for label in name.labels() {
        for byte in label {
            match byte {
                b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => out.push(byte as char),
                other => out.push_str(&format!("\\{other:03o}")),
            }
        }
        out.push('.');
    }
    if out.is_empty() { ".".to_owned() } else { out }
}

/// Reads a name; `*` and the like may stand unescaped.
pub(super) fn name_in(text: &str) -> Option<Name> {
    Name::parse(&decimal(text)?).ok()
}

/// A value as Route 53 wants it.
pub(super) fn value_out(value: &RecordData) -> String {
    let text = value.to_zonefile();
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('"') => out.push_str("\\\""),
            Some(first) if first.is_ascii_digit() => {
                let digits: String =
                    [Some(first), chars.next(), chars.next()].into_iter().flatten().collect();
                let byte: u32 = digits.parse().unwrap_or_default();
                out.push_str(&format!("\\{byte:03o}"));
            }
            Some(other) => out.push_str(&format!("\\{:03o}", other as u32)),
            None => {}
        }
    }
    out
}

/// Reads a value.
pub(super) fn value_in(rtype: RecordType, text: &str) -> Result<RecordData, RecordError> {
    let decimal = decimal(text).ok_or_else(|| RecordError::BadValue {
        rtype,
        text: text.to_owned(),
        reason: "an octal escape is not one".to_owned(),
    })?;
    RecordData::parse(rtype, &decimal)
}

/// Octal escapes as decimal ones; other escapes stay.
fn decimal(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(c);
        if c != '\\' {
            continue;
        }
        match chars.next()? {
            first if first.is_ascii_digit() => {
                let digits: String = [first, chars.next()?, chars.next()?].into_iter().collect();
                let byte = u8::from_str_radix(&digits, 8).ok()?;
                out.push_str(&format!("{byte:03}"));
            }
            other => out.push(other),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_out_and_come_back() {
        for (text, octal) in [
            ("*.example.org", "\\052.example.org."),
            ("_sip._udp.example.org", "_sip._udp.example.org."),
            ("0/25.2.0.192.in-addr.arpa", "0\\05725.2.0.192.in-addr.arpa."),
            ("a\\.b.example.org", "a\\056b.example.org."),
            (".", "."),
        ] {
            let name = Name::parse(text).unwrap();
            assert_eq!(name_out(&name), octal);
            assert_eq!(name_in(octal), Some(name));
        }
        assert_eq!(name_in("*.example.org."), name_in("\\052.example.org"));
        assert_eq!(name_in("\\999.example.org."), None);
    }

    #[test]
    fn values_go_out_and_come_back() {
        let accent = RecordData::text(b"caf\xe9 \"x\" \\ ;");
        let octal = r#""caf\351 \"x\" \134 ;""#;
        assert_eq!(value_out(&accent), octal);
        assert_eq!(value_in(RecordType::TXT, octal).unwrap(), accent);
        let mx = value_in(RecordType::MX, "10 mx.example.org").unwrap();
        assert_eq!(value_out(&mx), "10 mx.example.org.");
    }
}
