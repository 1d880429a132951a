//! SkyDNS keys: which key holds which record, and back.
//!
//! `www.example.org A 192.0.2.1` is `/skydns/org/example/www/zc-<hash>` with
//! `{"host":"192.0.2.1","ttl":300,"group":"www.example.org"}`. A lookup takes the whole subtree, so
//! every value has a key of its own below its owner, and `group` keeps deeper names' values out of
//! the owner's answers. PTR, and CNAME asked for as CNAME, are looked up at exactly the owner's key.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use zonecast_core::{Name, RecordData, RecordType, Ttl};

/// Who wrote a key of ours; other tools use the field alike, CoreDNS ignores it.
const OWNER: &str = "zonecast";
/// The last part of a guard's key.
const GUARD: &str = "zc0";
/// The longest text that goes out as one string whatever is in it.
const TEXT_PLAIN_MAX: usize = 4096;

/// What stands in a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Service {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) host: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) port: u16,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) priority: u16,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) weight: u16,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) text: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) mail: bool,
    pub(super) ttl: u32,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) targetstrip: u16,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) group: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) owner: String,
}

fn is_zero(number: &u16) -> bool {
    *number == 0
}

/// One record read from a key.
pub(super) struct Held {
    pub(super) name: Name,
    pub(super) ttl: Ttl,
    /// `None` where the key holds something that is no record we know.
    pub(super) data: Option<RecordData>,
}

/// Where a zone's keys are.
pub(super) struct Layout {
    path: String,
    zone: Name,
}

impl Layout {
    pub(super) fn new(path: &str, zone: &Name) -> Layout {
        Layout { path: path.to_owned(), zone: zone.clone() }
    }

    /// The key of exactly this name; `Err` where its labels cannot stand in a key.
    pub(super) fn exact(&self, name: &Name) -> Result<String, String> {
        let mut key = self.path.clone();
        for label in name.labels().iter().rev() {
            let plain = label.iter().all(|b| b.is_ascii_graphic() && !b"/\\*".contains(b));
            if !plain {
                return Err(format!("{name} has a label that cannot stand in a key of etcd"));
            }
            key.push('/');
            key.push_str(std::str::from_utf8(label).unwrap_or_default());
        }
        Ok(key)
    }

    /// Below this the name's values are.
    pub(super) fn folder(&self, name: &Name) -> Result<String, String> {
        let exact = self.exact(name)?;
        // CoreDNS looks for the apex here; at its own key it would answer with the whole zone.
        Ok(if *name == self.zone { format!("{exact}/dns/apex/") } else { format!("{exact}/") })
    }

    /// The keys and values that a set's value is kept in.
    pub(super) fn write(
        &self,
        name: &Name,
        ttl: Ttl,
        data: &RecordData,
    ) -> Result<Vec<(String, String)>, String> {
        let service = Service {
            ttl: ttl.seconds(),
            group: name.to_string(),
            owner: OWNER.to_owned(),
            ..self.service(name, data)?
        };
        let json = serde_json::to_string(&service).unwrap_or_default();
        Ok(self.keys(name, data)?.into_iter().map(|key| (key, json.clone())).collect())
    }

    /// The keys that a value of ours is kept in.
    pub(super) fn keys(&self, name: &Name, data: &RecordData) -> Result<Vec<String>, String> {
        let exact = self.exact(name)?;
        let digest = Sha256::new().chain_update(data.rtype().0.to_be_bytes()).chain_update(data.wire());
        let hash = hex::encode(&digest.finalize()[..8]);
        let own = format!("{}zc-{hash}", self.folder(name)?);
        Ok(match data.rtype() {
            RecordType::PTR => vec![exact],
            // Asked for as CNAME it is looked for at the exact key. Deeper down that key would lie
            // among the values of the name above and join its answers.
            RecordType::CNAME if name.label_count() == self.zone.label_count() + 1 => vec![exact, own],
            _ => vec![own],
        })
    }

    /// The guard of a name that holds nothing and has names below it: without one it would answer
    /// with theirs. It is a CNAME to itself, which CoreDNS leaves out.
    pub(super) fn guard(&self, name: &Name) -> Option<(String, String)> {
        let service = Service {
            host: name.to_string(),
            group: name.to_string(),
            ttl: Ttl::DEFAULT.seconds(),
            owner: OWNER.to_owned(),
            ..Service::default()
        };
        let key = format!("{}{GUARD}", self.folder(name).ok()?);
        Some((key, serde_json::to_string(&service).ok()?))
    }

    fn service(&self, name: &Name, data: &RecordData) -> Result<Service, String> {
        let rtype = data.rtype();
        if let Some(address) = data.as_address() {
            return Ok(Service { host: address.to_string(), ..Service::default() });
        }
        if let Some(text) = data.as_text() {
            return Ok(Service { text: escape(&text)?, ..Service::default() });
        }
        let host = |target: Name| match target.is_root()
            || target.labels().iter().any(|l| !l.iter().all(u8::is_ascii_graphic))
        {
            true => Err(format!("{target} cannot be a target in etcd")),
            false => Ok(target.to_string()),
        };
        if let Some(target) = data.as_name() {
            // A name in a reverse key is read as PTR, a name elsewhere as CNAME.
            if (rtype == RecordType::PTR) != name.is_reverse() {
                return Err(format!("{rtype} cannot be told from its opposite in this zone of etcd"));
            }
            if target == *name {
                return Err("a name cannot point to itself".to_owned());
            }
            return Ok(Service { host: host(target)?, ..Service::default() });
        }
        let words = data.to_zonefile();
        let words: Vec<&str> = words.split(' ').collect();
        let number =
            |index: usize| words.get(index).and_then(|word| word.parse::<u16>().ok()).unwrap_or_default();
        let target = words.last().and_then(|word| Name::parse(word).ok()).ok_or("no target")?;
        if number(0) == 0 {
            return Err(format!("CoreDNS serves {rtype} priority 0 as 10: write 10, or 1"));
        }
        match rtype {
            RecordType::MX => {
                Ok(Service { host: host(target)?, priority: number(0), mail: true, ..Service::default() })
            }
            RecordType::SRV if number(2) == 0 => {
                Err("an SRV record without a port cannot be kept".to_owned())
            }
            RecordType::SRV => Ok(Service {
                host: host(target)?,
                priority: number(0),
                weight: number(1),
                port: number(2),
                ..Service::default()
            }),
            _ => Err(format!("{rtype} records cannot be kept in etcd")),
        }
    }

    /// What a key holds; `None` for keys that are no records of this zone's names (guards, NS).
    pub(super) fn read(&self, key: &str, value: &[u8]) -> Option<Held> {
        let parts: Vec<&str> = key.strip_prefix(self.path.as_str())?.strip_prefix('/')?.split('/').collect();
        let service: Option<Service> = serde_json::from_slice(value).ok();
        let depth = self.zone.label_count();
        let is_apex = parts.get(depth..depth + 2) == Some(&["dns", "apex"]);
        if parts.get(depth..depth + 2) == Some(&["dns", "ns"]) {
            return None;
        }
        let Some(service) = service else {
            let name = name_of(&parts)?;
            return Some(Held { name, ttl: Ttl::DEFAULT, data: None });
        };
        let above = parts.split_last().map(|(_, above)| above).and_then(name_of);
        let name = if is_apex {
            self.zone.clone()
        } else if service.owner == OWNER && !service.group.is_empty() {
            Name::parse(&service.group).ok()?
        } else if service.targetstrip > 0 {
            name_of(parts.get(..parts.len().checked_sub(usize::from(service.targetstrip))?)?)?
        } else {
            match above {
                Some(above) if service.group == above.to_string() => above,
                _ => name_of(&parts)?,
            }
        };
        if !name.is_within(&self.zone)
            || (service.host == name.to_string() && service.port == 0 && !service.mail)
        {
            return None;
        }
        let ttl = Ttl::from_seconds(if service.ttl == 0 { 300 } else { service.ttl }).unwrap_or(Ttl::MAX);
        let data = service.data(&name);
        Some(Held { name, ttl, data })
    }
}

impl Service {
    fn data(&self, name: &Name) -> Option<RecordData> {
        if let Ok(address) = self.host.parse::<IpAddr>() {
            let plain = self.port == 0 && !self.mail;
            return plain.then(|| RecordData::address(address));
        }
        if self.host.is_empty() {
            return (!self.text.is_empty()).then(|| RecordData::text(&unescape(&self.text)));
        }
        let target = Name::parse(&self.host).ok()?;
        let priority = if self.priority == 0 { 10 } else { self.priority };
        let (rtype, text) = match (self.mail, self.port) {
            (true, _) => (RecordType::MX, format!("{priority} {}", target.absolute())),
            (false, 0) if name.is_reverse() => (RecordType::PTR, target.absolute()),
            (false, 0) => (RecordType::CNAME, target.absolute()),
            (false, port) => {
                (RecordType::SRV, format!("{priority} {} {port} {}", self.weight, target.absolute()))
            }
        };
        RecordData::parse(rtype, &text).ok()
    }
}

fn name_of(parts: &[&str]) -> Option<Name> {
    Name::from_labels(parts.iter().rev().map(|part| part.as_bytes())).ok()
}

/// A text as the field wants it. CoreDNS hands it to a library that reads `\` as the start of an
/// escape and cuts every 255 characters, so a text that needs escapes must fit before the first cut.
fn escape(text: &[u8]) -> Result<String, String> {
    let plain = |byte: u8| (0x20..=0x7e).contains(&byte) && byte != b'\\';
    if text.is_empty() {
        return Err("an empty text cannot be kept in etcd".to_owned());
    }
    if text.iter().all(|byte| plain(*byte)) {
        return match text.len() <= TEXT_PLAIN_MAX {
            true => Ok(text.iter().map(|byte| *byte as char).collect()),
            false => Err(format!("a text of more than {TEXT_PLAIN_MAX} bytes cannot be kept in etcd")),
        };
    }
    let escaped: String = text
        .iter()
        .map(|byte| match byte {
            b'\\' => "\\\\".to_owned(),
            byte if plain(*byte) => (*byte as char).to_string(),
            byte => format!("\\{byte:03}"),
        })
        .collect();
    match escaped.len() < 255 {
        true => Ok(escaped),
        false => Err("a text with bytes beyond ASCII or with backslashes must be short in etcd".to_owned()),
    }
}

fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        if *byte != b'\\' {
            out.push(*byte);
            continue;
        }
        let digits = tail.get(..3).filter(|digits| digits.iter().all(u8::is_ascii_digit));
        let value = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u8>().ok());
        match (value, tail.first()) {
            (Some(value), _) => {
                out.push(value);
                rest = &tail[3..];
            }
            (None, Some(byte)) => {
                out.push(*byte);
                rest = &tail[1..];
            }
            (None, None) => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(zone: &str) -> Layout {
        Layout::new("/skydns", &Name::parse(zone).unwrap())
    }

    fn data(rtype: RecordType, text: &str) -> RecordData {
        RecordData::parse(rtype, text).unwrap()
    }

    #[test]
    fn keys_are_where_coredns_looks() {
        let (org, arpa) = (layout("example.org"), layout("2.0.192.in-addr.arpa"));
        let key = |layout: &Layout, name: &str, rtype, text: &str| {
            layout.keys(&Name::parse(name).unwrap(), &data(rtype, text)).unwrap()
        };
        let www = key(&org, "www.example.org", RecordType::A, "192.0.2.1");
        assert!(www.len() == 1 && www[0].starts_with("/skydns/org/example/www/zc-"), "{www:?}");
        let apex = key(&org, "example.org", RecordType::A, "192.0.2.1");
        assert!(apex[0].starts_with("/skydns/org/example/dns/apex/zc-"), "{apex:?}");
        let ptr = key(&arpa, "10.2.0.192.in-addr.arpa", RecordType::PTR, "vm1.example.org");
        assert_eq!(ptr, ["/skydns/arpa/in-addr/192/0/2/10"]);
        let alias = key(&org, "alias.example.org", RecordType::CNAME, "www.example.org");
        assert_eq!((alias.len(), alias[0].as_str()), (2, "/skydns/org/example/alias"));
        assert!(org.exact(&Name::parse("0/25.example.org").unwrap()).is_err());
        assert!(org.exact(&Name::parse("*.example.org").unwrap()).is_err());
    }

    #[test]
    fn keys_of_other_writers_are_read() {
        let layout = layout("example.org");
        let read = |key: &str, value: &str| {
            layout
                .read(key, value.as_bytes())
                .map(|held| (held.name.to_string(), held.data.map(|d| format!("{d:?}"))))
        };
        let some = |name: &str, data: &str| Some((name.to_owned(), Some(data.to_owned())));
        let strip = r#"{"host":"192.0.2.1","targetstrip":1}"#;
        assert_eq!(read("/skydns/org/example/www/3f2a1b0c", strip), some("www.example.org", "A 192.0.2.1"));
        let plain = r#"{"host":"192.0.2.1","ttl":60,"unknown":1}"#;
        assert_eq!(read("/skydns/org/example/www/x1", plain), some("x1.www.example.org", "A 192.0.2.1"));
        let mail = r#"{"host":"mx.example.org","mail":true}"#;
        assert_eq!(read("/skydns/org/example/dns/apex/m", mail), some("example.org", "MX 10 mx.example.org"));
        assert_eq!(read("/skydns/org/example/dns/ns/a", plain), None);
        assert_eq!(read("/skydns/org/example/www/y", "no json"), Some(("y.www.example.org".into(), None)));
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_what_is_read(
            index in 0usize..8, bytes in proptest::collection::vec(0u8.., 1..60), n in 1u16.., m in 0u16..,
            label in "[a-z_][a-z0-9_-]{0,20}", ttl in 1u32..2_000_000_000,
        ) {
            let org = layout("example.org");
            let arpa = layout("2.0.192.in-addr.arpa");
            let target = format!("t-{label}.example.net");
            let (layout, name, rtype, text) = match index {
                0 => (&org, label.clone(), RecordType::A, format!("192.0.{}.{}", n >> 8, n & 255)),
                1 => (&org, label.clone(), RecordType::AAAA, format!("2001:db8::{n:x}:{m:x}")),
                2 => (&org, label.clone(), RecordType::CNAME, target),
                3 => (&org, format!("a.{label}"), RecordType::CNAME, target),
                4 => (&org, label.clone(), RecordType::MX, format!("{n} {target}")),
                5 => (&org, format!("_x._tcp.{label}"), RecordType::SRV, format!("{n} {m} {n} {target}")),
                6 => (&arpa, (n & 255).to_string(), RecordType::PTR, target),
                _ => (&org, label.clone(), RecordType::TXT, String::new()),
            };
            let zone = if index == 6 { "2.0.192.in-addr.arpa" } else { "example.org" };
            let name = Name::parse(&format!("{name}.{zone}")).unwrap();
            let value = if index == 7 { RecordData::text(&bytes) } else { data(rtype, &text) };
            let ttl = Ttl::from_seconds(ttl).unwrap();
            for (key, json) in layout.write(&name, ttl, &value).unwrap() {
                let held = layout.read(&key, json.as_bytes()).unwrap();
                proptest::prop_assert_eq!(&held.name, &name);
                proptest::prop_assert_eq!(held.ttl, ttl);
                proptest::prop_assert_eq!(held.data.as_ref(), Some(&value));
            }
        }
    }
}
