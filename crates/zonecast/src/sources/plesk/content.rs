//! One entry of `rr` as DNS data.
//!
//! The rule for most types is `opt`, a space, `value` (S4.89), where `opt` "0" is a value (S4.88). What
//! is odd about a type stands at its match arm.

use std::net::IpAddr;
use zonecast_core::{Name, RecordData, RecordType};

/// An entry as it came, all of it text.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    pub host: String,
    pub shown: String,
    pub rtype: String,
    pub opt: String,
    pub value: String,
}

impl Entry {
    /// How messages name the record: in national script, with its type.
    pub fn called(&self) -> String {
        let shown = if self.shown.trim().is_empty() { &self.host } else { &self.shown };
        format!("{} {}", shown.trim().trim_end_matches('.'), self.rtype.trim())
    }

    /// Plesk's reverse entry of a zone: an address as host and its prefix length as `opt` (S4.90).
    pub fn is_reverse_entry(&self) -> bool {
        let host = self.host.trim().trim_end_matches('.');
        self.rtype.trim().eq_ignore_ascii_case("PTR") && host.parse::<IpAddr>().is_ok()
    }

    /// The name and the data; `Err` says what is wrong.
    pub fn read(&self) -> Result<(Name, RecordData), String> {
        let host = if self.host.trim().is_empty() { &self.shown } else { &self.host };
        if host.trim().is_empty() {
            return Err("has no host".to_owned());
        }
        let name = Name::parse(host.trim()).map_err(|error| error.to_string())?;
        let rtype: RecordType =
            self.rtype.trim().parse().map_err(|error: zonecast_core::RecordError| error.to_string())?;
        self.data(rtype).map(|data| (name, data))
    }

    fn data(&self, rtype: RecordType) -> Result<RecordData, String> {
        let (opt, value) = (self.opt.trim(), self.value.trim());
        let parse = |text: &str| RecordData::parse(rtype, text).map_err(|error| error.to_string());
        match rtype {
            // A text is taken as it stands, spaces and all; only a tab becomes a space, as Plesk's own
            // Route 53 script has it.
            RecordType::TXT | RecordType::SPF => Ok(self.text(rtype)),
            // The value of these is the whole content; `opt` of a PTR is a prefix length.
            RecordType::A | RecordType::AAAA => parse(value),
            _ if rtype.is_single_name() => match value.is_empty() {
                true => Err("has no value".to_owned()),
                false => parse(value),
            },
            RecordType::CAA => parse(&caa(opt, value)),
            _ => parse(&joined(opt, value)),
        }
    }

    fn text(&self, rtype: RecordType) -> RecordData {
        let opt = self.opt.trim();
        let text = self.value.replace('\t', " ");
        // Some panels send a text with its quotes; they are no part of it.
        let quoted = text.trim().len() >= 2 && text.trim().starts_with('"') && text.trim().ends_with('"');
        let unquoted = quoted.then(|| RecordData::parse(RecordType::TXT, text.trim()).ok()).flatten();
        let data = match unquoted {
            Some(data) => data,
            None if opt.is_empty() => RecordData::text(text.as_bytes()),
            None => RecordData::text(format!("{opt} {text}").as_bytes()),
        };
        RecordData::from_canonical(rtype, data.wire())
    }
}

fn joined(opt: &str, value: &str) -> String {
    if opt.is_empty() { value.to_owned() } else { format!("{opt} {value}") }
}

/// `0 issue` and `letsencrypt.org`: the value has no quotes, zone files want them (RFC 8659 section 4.1.1).
fn caa(opt: &str, value: &str) -> String {
    let whole = joined(opt, value);
    let mut fields = whole.splitn(3, char::is_whitespace);
    match (fields.next(), fields.next(), fields.next()) {
        (Some(flags), Some(tag), Some(value)) if !value.trim().starts_with('"') => {
            let value = value.trim().replace('\\', "\\\\").replace('"', "\\\"");
            format!("{flags} {tag} \"{value}\"")
        }
        _ => whole,
    }
}
