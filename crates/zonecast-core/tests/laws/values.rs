//! Random valid values, as a person writes them, of every type that has a presentation form.
//! Read by the laws of this crate, and by the ones of `zonecast-dns` that ask real servers.

use proptest::collection::vec;
use proptest::prelude::*;

/// The types that have more than the form of RFC 3597, all that DNS servers of today know.
pub const WRITTEN: [&str; 50] = [
    "A",
    "NS",
    "MD",
    "MF",
    "CNAME",
    "SOA",
    "MB",
    "MG",
    "MR",
    "PTR",
    "HINFO",
    "MINFO",
    "MX",
    "TXT",
    "RP",
    "AFSDB",
    "X25",
    "ISDN",
    "RT",
    "KEY",
    "PX",
    "GPOS",
    "AAAA",
    "LOC",
    "SRV",
    "NAPTR",
    "KX",
    "CERT",
    "DNAME",
    "APL",
    "DS",
    "SSHFP",
    "IPSECKEY",
    "DNSKEY",
    "DHCID",
    "NSEC3PARAM",
    "TLSA",
    "SMIMEA",
    "CDS",
    "CDNSKEY",
    "OPENPGPKEY",
    "CSYNC",
    "ZONEMD",
    "SVCB",
    "HTTPS",
    "SPF",
    "NID",
    "L32",
    "L64",
    "LP",
];
/// The same, after the array's edge.
pub const MORE: [&str; 9] = ["EUI48", "EUI64", "URI", "CAA", "AVC", "RRSIG", "NSEC", "NSEC3", "TYPE65280"];

pub const HOST: &str = "(xn--bcher-kva|[a-z][a-z0-9-]{0,20}[a-z0-9]|_[a-z]{1,9})\\.[a-z]{2,9}\\.example\\.";

/// One word of text in quotes: letters, signs that zone files care for, and any bytes.
fn quoted(most: usize) -> BoxedStrategy<String> {
    let byte = prop_oneof![
        "[ -!#-\\[\\]-~]",
        prop::sample::select(vec!["\\\"", "\\\\", ";", "@", "$", "(", ")", "\\;", " "])
            .prop_map(str::to_owned),
        any::<u8>().prop_map(|byte| format!("\\{byte:03}")),
    ];
    vec(byte, 0..most).prop_map(|parts| format!("\"{}\"", parts.concat())).boxed()
}

fn base64() -> BoxedStrategy<String> {
    "([A-Za-z0-9+/]{4}){4,20}".boxed()
}

fn hex(bytes: usize) -> BoxedStrategy<String> {
    proptest::string::string_regex(&format!("[0-9A-Fa-f]{{{}}}", bytes * 2)).unwrap().boxed()
}

fn types() -> BoxedStrategy<String> {
    let known = vec!["A", "NS", "SOA", "MX", "TXT", "AAAA", "SRV", "CAA", "TYPE65280", "RRSIG", "HTTPS"];
    prop::sample::subsequence(known, 1..8).prop_map(|types| types.join(" ")).boxed()
}

fn parameters() -> BoxedStrategy<String> {
    let v4 = vec(any::<[u8; 4]>(), 1..3).prop_map(|all| {
        let all: Vec<String> =
            all.into_iter().map(|hint| std::net::Ipv4Addr::from(hint).to_string()).collect();
        format!("ipv4hint={}", all.join(","))
    });
    let v6 = six().prop_map(|hint| format!("ipv6hint={hint}"));
    let alpn = prop::sample::select(vec![
        "alpn=h2",
        "alpn=\"h2,h3\"",
        "alpn=h3,http/1.1,h2",
        "alpn=\"f\\\\\\\\oo\\\\,bar,h2\"",
    ]);
    // ldns prints signs there bare that it cannot read itself, and PowerDNS fails at an empty last one.
    let unknown = "\"[a-z0-9|!]{1,9}(\\\\2[0-4][0-9])?\"";
    let rest =
        (0usize..4, any::<u16>(), base64(), unknown).prop_map(|(which, port, ech, text)| match which {
            0 => format!("port={port}"),
            1 => format!("ech={ech}"),
            2 => format!("key65300={text} no-default-alpn mandatory=alpn"),
            _ => "dohpath=/dns-query{?dns}".to_owned(),
        });
    (v4, v6, alpn, rest).prop_map(|(a, b, c, d)| format!("{d} {a} {c} {b}")).boxed()
}

fn six() -> BoxedStrategy<String> {
    let address = prop_oneof![
        any::<[u8; 16]>(),
        any::<[u8; 4]>().prop_map(|[a, b, c, d]| [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, a, b, c, d]),
        any::<[u8; 4]>().prop_map(|[a, b, c, d]| [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d]),
        any::<[u8; 2]>().prop_map(|[a, b]| [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, a, 0, 0, 0, 0, 0, 0, b]),
    ];
    address.prop_map(|octets| std::net::Ipv6Addr::from(octets).to_string()).boxed()
}

fn key() -> BoxedStrategy<String> {
    (prop::sample::select(vec![256u16, 257]), base64())
        .prop_map(|(flags, key)| format!("{flags} 3 13 {key}"))
        .boxed()
}

fn place() -> BoxedStrategy<String> {
    let angle = |degrees: u32, sides: [&'static str; 2]| {
        (0..degrees, 0u32..60, 0u32..60_000, prop::sample::select(sides.to_vec()))
            .prop_map(|(d, m, s, side)| format!("{d} {m} {}.{:03} {side}", s / 1000, s % 1000))
    };
    let size = || (1u64..10, 0u32..9).prop_map(|(digit, power)| digit * 10u64.pow(power));
    // PowerDNS reckons in 32 bits with a sign.
    (angle(90, ["N", "S"]), angle(180, ["E", "W"]), -9_000_000i64..2_000_000_000, size(), size(), size())
        .prop_map(|(latitude, longitude, altitude, a, b, c)| {
            let metres = |cm: u64| format!("{}.{:02}m", cm / 100, cm % 100);
            let sign = if altitude < 0 { "-" } else { "" };
            let altitude = metres(altitude.unsigned_abs());
            format!("{latitude} {longitude} {sign}{altitude} {} {} {}", metres(a), metres(b), metres(c))
        })
        .boxed()
}

/// Valid data of a type, as text with absolute names.
pub fn value(rtype: &str) -> BoxedStrategy<String> {
    let n = any::<u16>;
    let b = any::<u8>;
    match rtype {
        "A" => any::<[u8; 4]>().prop_map(|octets| std::net::Ipv4Addr::from(octets).to_string()).boxed(),
        "AAAA" => six(),
        "NS" | "CNAME" | "PTR" | "DNAME" | "MD" | "MF" | "MB" | "MG" | "MR" => HOST.boxed(),
        "SOA" => (HOST, HOST, any::<u32>(), 1u32..99_999_999)
            .prop_map(|(server, mail, serial, n)| format!("{server} {mail} {serial} {n} 1h 2w 5m"))
            .boxed(),
        "HINFO" => (quoted(20), quoted(20)).prop_map(|(a, b)| format!("{a} {b}")).boxed(),
        "MINFO" | "RP" => (HOST, HOST).prop_map(|(a, b)| format!("{a} {b}")).boxed(),
        "MX" | "AFSDB" | "RT" | "KX" | "LP" => {
            (n(), HOST).prop_map(|(n, host)| format!("{n} {host}")).boxed()
        }
        "PX" => (n(), HOST, HOST).prop_map(|(n, a, b)| format!("{n} {a} {b}")).boxed(),
        "TXT" | "SPF" | "AVC" => vec(quoted(255), 1..4).prop_map(|all| all.join(" ")).boxed(),
        "ISDN" => "\"[0-9]{4,9}\"".boxed(),
        "X25" => "\"[0-9]{4,9}\"".boxed(),
        "GPOS" => "\"-?[0-8][0-9]\\.[0-9]{1,3}\" \"[0-9]{1,2}\\.0\" \"[0-9]{1,3}\\.0\"".boxed(),
        "KEY" | "DNSKEY" | "CDNSKEY" => key(),
        "LOC" => place(),
        "SRV" => (n(), n(), n(), HOST).prop_map(|(a, b, c, host)| format!("{a} {b} {c} {host}")).boxed(),
        "NAPTR" => (n(), n(), "[UASP]?", "(E2U\\+[a-z]{1,8})?", HOST)
            .prop_map(|(a, b, flag, service, host)| {
                format!("{a} {b} \"{flag}\" \"{service}\" \"!^.*$!sip:a@b!\" {host}")
            })
            .boxed(),
        "CERT" => {
            (1u16..4, n(), base64()).prop_map(|(kind, tag, body)| format!("{kind} {tag} 8 {body}")).boxed()
        }
        // PowerDNS takes away what stands behind the prefix.
        "APL" => (any::<u32>(), 1u32..33, any::<u128>(), 1u32..129)
            .prop_map(|(four, a, six, b)| {
                let four = std::net::Ipv4Addr::from(four >> (32 - a) << (32 - a));
                let six = std::net::Ipv6Addr::from(six >> (128 - b) << (128 - b));
                format!("1:{four}/{a} !2:{six}/{b}")
            })
            .boxed(),
        "DS" | "CDS" => (n(), hex(32)).prop_map(|(tag, hex)| format!("{tag} 13 2 {hex}")).boxed(),
        "SSHFP" => (1u8..5, hex(32)).prop_map(|(algorithm, hex)| format!("{algorithm} 2 {hex}")).boxed(),
        "IPSECKEY" => (b(), any::<[u8; 4]>(), HOST, any::<bool>(), base64())
            .prop_map(|(precedence, four, host, by_name, key)| match by_name {
                true => format!("{precedence} 3 2 {host} {key}"),
                false => format!("{precedence} 1 2 {} {key}", std::net::Ipv4Addr::from(four)),
            })
            .boxed(),
        "DHCID" => base64().prop_map(|rest| format!("AAIB{rest}")).boxed(),
        "OPENPGPKEY" => base64(),
        "NSEC3PARAM" => (0u16..100, hex(4)).prop_map(|(n, salt)| format!("1 0 {n} {salt}")).boxed(),
        "TLSA" | "SMIMEA" => {
            (0u8..4, 0u8..2, hex(32)).prop_map(|(a, b, hex)| format!("{a} {b} 1 {hex}")).boxed()
        }
        "CSYNC" => (any::<u32>(), 0u16..4, types())
            .prop_map(|(serial, flags, types)| format!("{serial} {flags} {types}"))
            .boxed(),
        "ZONEMD" => (any::<u32>(), hex(48)).prop_map(|(serial, hex)| format!("{serial} 1 1 {hex}")).boxed(),
        "SVCB" | "HTTPS" => {
            (1u16.., HOST, parameters()).prop_map(|(n, host, all)| format!("{n} {host} {all}")).boxed()
        }
        "NID" | "L64" => (n(), "[0-9a-f]{4}:[0-9a-f]{4}:[0-9a-f]{4}:[0-9a-f]{4}")
            .prop_map(|(n, groups)| format!("{n} {groups}"))
            .boxed(),
        "L32" => (n(), any::<[u8; 4]>())
            .prop_map(|(n, four)| format!("{n} {}", std::net::Ipv4Addr::from(four)))
            .boxed(),
        "EUI48" => "[0-9a-f]{2}(-[0-9a-f]{2}){5}".boxed(),
        "EUI64" => "[0-9a-f]{2}(-[0-9a-f]{2}){7}".boxed(),
        "URI" => (n(), n(), "https://[a-z0-9/.;]{1,60}")
            .prop_map(|(a, b, target)| format!("{a} {b} \"{target}\""))
            .boxed(),
        // PowerDNS 4.7.3 cannot read its own database after an empty value.
        "CAA" => {
            ("(0|128)", "(issue|issuewild|iodef)", quoted(40).prop_filter("none", |text| text != "\"\""))
                .prop_map(|(flag, tag, value)| format!("{flag} {tag} {value}"))
                .boxed()
        }
        "RRSIG" => (1_000_000_000u32..2_000_000_000, n(), HOST, base64())
            .prop_map(|(time, tag, signer, key)| {
                format!(
                    "A 13 2 300 {} 20260101123456 {tag} {signer} {key}",
                    20_270_000_000_000u64 + 101_000_000 + u64::from(time % 60)
                )
            })
            .boxed(),
        "NSEC" => (HOST, types()).prop_map(|(next, types)| format!("{next} {types}")).boxed(),
        "NSEC3" => ("[0-9A-V]{31}[0G]", types())
            .prop_map(|(next, types)| format!("1 0 5 AABB {next} {types}"))
            .boxed(),
        _ => vec(any::<u8>(), 0..100)
            .prop_map(|bytes| {
                let hex: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
                format!("\\# {} {hex}", bytes.len())
            })
            .boxed(),
    }
}
