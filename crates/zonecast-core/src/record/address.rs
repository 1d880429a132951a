//! An address inside a record's data, wherever its type may hold one: another is put in its place, and
//! what only mentions it can be told.
//!
//! A, AAAA and L32 hold one as such; SVCB and HTTPS as a hint, APL as a prefix of one, IPSECKEY as a
//! gateway, SPF (RFC 7208) as `ip4:` and `ip6:`. Other texts are people's, and no network is an address.

use super::form::{Field, form};
use super::{RecordData, RecordType};
use crate::name::Name;
use std::net::IpAddr;

impl RecordData {
    /// The same data with `to` wherever `from` stands as an address; `None` where it does not.
    pub fn with_address(&self, from: IpAddr, to: IpAddr) -> Option<RecordData> {
        let holds = |field: &Field| {
            matches!(field, Field::V4 | Field::V6 | Field::Parameters | Field::Prefixes | Field::Gateway)
        };
        let holds = form(self.rtype()).is_some_and(|fields| fields.iter().any(holds)) || self.is_spf();
        let text = if holds { self.to_text() } else { return None };
        let mut swapped = String::with_capacity(text.len());
        let mut rest = 0;
        for found in addresses(&text).filter(|found| found.address == from && found.is_whole) {
            swapped.push_str(text.get(rest..found.at)?);
            swapped.push_str(&to.to_string());
            rest = found.end;
        }
        swapped.push_str(text.get(rest..)?);
        if rest == 0 { None } else { RecordData::parse(self.rtype(), &swapped).ok() }
    }

    /// Whether its text speaks of the address: as itself, with a prefix length, or by its reverse name.
    pub fn mentions(&self, address: IpAddr) -> bool {
        let joined = self.as_text().map(|text| String::from_utf8_lossy(&text).into_owned());
        let text = joined.unwrap_or_else(|| self.to_text());
        addresses(&text).any(|found| found.address == address)
            || text.contains(&Name::reverse_of(address).to_string())
    }

    fn is_spf(&self) -> bool {
        matches!(self.rtype(), RecordType::TXT | RecordType::SPF)
            && self.as_text().is_some_and(|text| text == b"v=spf1" || text.starts_with(b"v=spf1 "))
    }
}

/// An address in a text.
struct Found {
    address: IpAddr,
    at: usize,
    end: usize,
    /// No prefix length makes a network of it.
    is_whole: bool,
}

/// The addresses in a text, also behind a word or a number and a colon (`ip6:`, `2:` of APL).
fn addresses(text: &str) -> impl Iterator<Item = Found> + '_ {
    let part = |c: char| c.is_ascii_hexdigit() || c == ':' || c == '.';
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let begin = from + text.get(from..)?.find(part)?;
            let rest = text.get(begin..)?;
            let end = begin + rest.find(|c| !part(c)).unwrap_or(rest.len());
            from = end;
            // The end of a sentence is no part of it.
            let word = text.get(begin..end)?.trim_end_matches('.');
            let end = begin + word.len();
            let in_word = text.get(..begin)?.chars().next_back().is_some_and(char::is_alphanumeric);
            let length = text.get(end..)?.strip_prefix('/');
            let family = length.is_some() && (word.starts_with("1:") || word.starts_with("2:"));
            let word = match word.split_once(':') {
                Some((_, behind)) if in_word || family => behind,
                _ => word,
            };
            let Ok(address) = word.parse::<IpAddr>() else { continue };
            let at = end - word.len();
            let whole = if address.is_ipv4() { "32" } else { "128" };
            let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
            let is_whole = length.is_none_or(|length| digits(length) == whole);
            return Some(Found { address, at, end, is_whole });
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_replaced_wherever_a_type_holds_one() {
        let (four, six) = (["192.0.2.80", "192.0.2.81"], ["2001:db8::80", "2001:db8::81"]);
        for (rtype, text, [from, to], expected) in [
            ("A", "192.0.2.80", four, Some("192.0.2.81")),
            ("AAAA", "2001:db8:0:0::80", six, Some("2001:db8::81")),
            (
                "HTTPS",
                "1 . alpn=h2 ipv4hint=192.0.2.8,192.0.2.80 ipv6hint=2001:db8::80",
                four,
                Some("1 . alpn=h2 ipv4hint=192.0.2.8,192.0.2.81 ipv6hint=2001:db8::80"),
            ),
            (
                "SVCB",
                "1 svc.example. ipv6hint=2001:db8::80",
                six,
                Some("1 svc.example. ipv6hint=2001:db8::81"),
            ),
            ("APL", "1:192.0.2.80/32 !1:192.0.2.80/28", four, Some("1:192.0.2.81/32 !1:192.0.2.80/28")),
            ("TXT", "\"v=spf1 ip4:192.0.2.80 -all\"", four, Some("\"v=spf1 ip4:192.0.2.81 -all\"")),
            (
                "TXT",
                "\"v=spf1 ip6:2001:db8::80/128 -all\"",
                six,
                Some("\"v=spf1 ip6:2001:db8::81/128 -all\""),
            ),
            ("TXT", "\"v=spf1 ip4:192.0.2.80/24 -all\"", four, None),
            ("TXT", "\"we were at 192.0.2.80\"", four, None),
            ("A", "192.0.2.8", four, None),
            ("MX", "10 mail.example.", four, None),
        ] {
            let data = |text| RecordData::parse(rtype.parse().unwrap(), text).unwrap();
            let swapped = data(text).with_address(from.parse().unwrap(), to.parse().unwrap());
            assert_eq!(swapped, expected.map(data), "{rtype} {text}");
        }
    }

    #[test]
    fn what_mentions_an_address_is_known() {
        let mentions = |rtype: &str, text: &str| {
            RecordData::parse(rtype.parse().unwrap(), text).unwrap().mentions([192, 0, 2, 80].into())
        };
        for (rtype, text) in [
            ("TXT", "\"we were at 192.0.2.80.\""),
            ("TXT", "\"v=spf1 ip4:192.0.2.80/24\""),
            ("TXT", "\"192.0.\" \"2.80\""),
            ("CNAME", "80.2.0.192.in-addr.arpa."),
        ] {
            assert!(mentions(rtype, text), "{rtype} {text}");
        }
        assert!(!mentions("TXT", "\"192.0.2.8 and 192.0.2.801\""));
    }
}
