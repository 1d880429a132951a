//! Names of addresses.

use super::Name;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

impl Name {
    /// The name that holds the PTR record of an address (RFC 1035 section 3.5, RFC 3596 section 2.5).
    pub fn reverse_of(address: IpAddr) -> Name {
        let mut key = Vec::with_capacity(74);
        match address {
            IpAddr::V4(v4) => {
                key.extend_from_slice(b"arpa\0in-addr\0");
                for octet in v4.octets() {
                    push_decimal(&mut key, octet);
                    key.push(0);
                }
            }
            IpAddr::V6(v6) => {
                key.extend_from_slice(b"arpa\0ip6\0");
                for octet in v6.octets() {
                    for nibble in [octet >> 4, octet & 15] {
                        key.push(b"0123456789abcdef"[nibble as usize]);
                        key.push(0);
                    }
                }
            }
        }
        Name(key.into())
    }

    /// The address of a full reverse name; `None` for any other name.
    pub fn reverse_address(&self) -> Option<IpAddr> {
        if let Some(rest) = self.0.strip_prefix(b"arpa\0in-addr\0") {
            let mut octets = [0u8; 4];
            let mut count = 0;
            for label in rest.split_inclusive(|b| *b == 0) {
                let text = std::str::from_utf8(&label[..label.len() - 1]).ok()?;
                let plain = text == "0" || !text.starts_with('0');
                *octets.get_mut(count)? = if plain { text.parse().ok()? } else { return None };
                count += 1;
            }
            return (count == 4).then(|| Ipv4Addr::from(octets).into());
        }
        let rest = self.0.strip_prefix(b"arpa\0ip6\0")?;
        if rest.len() != 64 {
            return None;
        }
        let mut value = 0u128;
        for pair in rest.chunks_exact(2) {
            if pair[1] != 0 {
                return None;
            }
            value = value << 4 | u128::from((pair[0] as char).to_digit(16)?);
        }
        Some(Ipv6Addr::from(value).into())
    }

    /// Whether reverse names of addresses can lie at or below this name, by their own labels.
    pub fn is_reverse_prefix(&self) -> bool {
        let (rest, v4) = match (self.0.strip_prefix(b"arpa\0in-addr\0"), self.0.strip_prefix(b"arpa\0ip6\0"))
        {
            (Some(rest), _) => (rest, true),
            (None, Some(rest)) => (rest, false),
            (None, None) => return false,
        };
        let labels: Vec<&[u8]> =
            rest.split_inclusive(|b| *b == 0).map(|label| &label[..label.len() - 1]).collect();
        let octet = |label: &&[u8]| {
            let plain = *label == b"0" || !label.starts_with(b"0");
            plain
                && label.iter().all(u8::is_ascii_digit)
                && std::str::from_utf8(label).is_ok_and(|text| text.parse::<u8>().is_ok())
        };
        match v4 {
            true => labels.len() <= 4 && labels.iter().all(octet),
            false => {
                labels.len() <= 32
                    && labels.iter().all(|label| label.len() == 1 && label[0].is_ascii_hexdigit())
            }
        }
    }

    /// Whether the name lies in `in-addr.arpa` or `ip6.arpa`.
    pub fn is_reverse(&self) -> bool {
        self.0.starts_with(b"arpa\0in-addr\0") || self.0.starts_with(b"arpa\0ip6\0")
    }
}

fn push_decimal(key: &mut Vec<u8>, octet: u8) {
    if octet >= 100 {
        key.push(b'0' + octet / 100);
    }
    if octet >= 10 {
        key.push(b'0' + octet / 10 % 10);
    }
    key.push(b'0' + octet % 10);
}
