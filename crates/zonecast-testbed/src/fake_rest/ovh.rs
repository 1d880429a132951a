//! OVHcloud's DNS zones, written from its API's description and its clients of 2026-11-21.

use super::{Call, Desk, Record, Said, Token, Zone, data, said};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use std::time::{SystemTime, UNIX_EPOCH};

const TYPES: &[&str] = &[
    "A", "AAAA", "CAA", "CNAME", "DKIM", "DMARC", "DNAME", "MX", "NAPTR", "NS", "SPF", "SRV", "SSHFP",
    "TLSA", "TXT",
];
/// How far the service's clock is ahead.
const AHEAD: u64 = 3_600;

fn fault(status: u16, class: &str, code: &str, words: &str) -> Said {
    said(status, json!({ "class": format!("Client::{class}"), "errorCode": code, "message": words }))
}

fn missing(words: &str) -> Said {
    said(404, json!({ "class": "Client::NotFound", "message": words }))
}

fn invalid(words: &str) -> Said {
    said(400, json!({ "class": "Client::BadRequest", "message": words }))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs()) + AHEAD
}

pub(super) fn answer(desk: &mut Desk, call: &Call<'_>) -> Said {
    let (method, parts) = (call.request.method.as_str(), call.parts.iter().map(String::as_str));
    let parts: Vec<&str> = parts.collect();
    if (method, parts.as_slice()) == ("GET", ["auth", "time"].as_slice()) {
        return said(200, now().into());
    }
    let token = match caller(desk, call) {
        Ok(token) => token,
        Err(refused) => return refused,
    };
    let denied = || fault(403, "Forbidden", "NOT_GRANTED_CALL", "This call has not been granted");
    if method != "GET" && !token.writes {
        return denied();
    }
    let mut next = desk.next;
    let answer = match parts.as_slice() {
        ["domain", "zone"] => said(200, desk.zones.keys().cloned().collect::<Vec<_>>().into()),
        ["domain", "zone", name, ..]
            if !token.zones.is_empty() && !token.zones.iter().any(|one| one == name) =>
        {
            denied()
        }
        ["domain", "zone", name, rest @ ..] => match desk.zones.get_mut(*name) {
            Some(zone) => in_zone(zone, name, &mut next, call, rest),
            None => missing("This service does not exist"),
        },
        _ => missing("Got an invalid (or empty) URL"),
    };
    desk.next = next;
    answer
}

/// Who calls, if the signature is right and of now.
fn caller(desk: &Desk, call: &Call<'_>) -> Result<Token, Said> {
    let header = |name: &str| call.request.header(name).unwrap_or_default();
    let (key, consumer) = (header("x-ovh-application"), header("x-ovh-consumer"));
    let known = desk.tokens.iter().find_map(|token| {
        let (of, rest) = token.text.split_once(':')?;
        let (secret, its) = rest.split_once(':')?;
        (of == key && its == consumer).then_some((token, secret))
    });
    let Some((token, secret)) = known else {
        return Err(fault(403, "Forbidden", "INVALID_CREDENTIAL", "This credential is not valid"));
    };
    let time = header("x-ovh-timestamp");
    if !time.parse::<u64>().is_ok_and(|time| time.abs_diff(now()) < 30) {
        return Err(fault(400, "BadRequest", "QUERY_TIME_OUT", "Query out of time"));
    }
    let (request, query) = (call.request, &call.request.query);
    let mark = if query.is_empty() { "" } else { "?" };
    let url = format!("http://{}{}{mark}{query}", header("host"), request.path);
    let body = String::from_utf8_lossy(&request.body);
    let text = format!("{secret}+{consumer}+{}+{url}+{body}+{time}", request.method);
    let hash: String = Sha1::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
    match header("x-ovh-signature") == format!("$1${hash}") {
        true => Ok(token.clone()),
        false => Err(fault(400, "BadRequest", "INVALID_SIGNATURE", "Invalid signature")),
    }
}

fn in_zone(zone: &mut Zone, domain: &str, next: &mut u64, call: &Call<'_>, rest: &[&str]) -> Said {
    match (call.request.method.as_str(), rest) {
        ("GET", []) => said(
            200,
            json!({ "name": domain, "nameServers": ["dns10.ovh.net", "ns10.ovh.net"], "hasDnsAnycast": false,
                "dnssecSupported": true, "lastUpdate": "2026-11-21T10:00:00+00:00" }),
        ),
        ("GET", ["record"]) => {
            let (name, rtype) = (call.request.param("subDomain"), call.request.param("fieldType"));
            let fits = |record: &&Record| {
                name.as_ref().is_none_or(|wanted| *wanted == relative(record))
                    && rtype.as_ref().is_none_or(|wanted| *wanted == record.rtype)
            };
            let ids: Vec<u64> = zone.records.iter().filter(fits).map(|record| record.id).collect();
            said(200, ids.into())
        }
        ("POST", ["record"]) => {
            *next += 1;
            let id = *next;
            write(zone, domain, &call.body, None, id).unwrap_or_else(|refused| refused)
        }
        ("POST", ["refresh"]) => {
            zone.served = None;
            said(200, Value::Null)
        }
        (method, ["record", id]) => {
            let held = zone.records.iter().find(|record| record.id.to_string() == *id).cloned();
            let Some(held) = held else {
                return missing(&format!("The requested object (id = {id}) does not exist"));
            };
            match method {
                "GET" => said(200, show(&held, domain)),
                "PUT" => write(zone, domain, &call.body, Some(&held), held.id)
                    .map_or_else(|no| no, |_| said(200, Value::Null)),
                "DELETE" => {
                    zone.hold_back();
                    zone.records.retain(|record| record.id != held.id);
                    said(200, Value::Null)
                }
                _ => missing("Got an invalid (or empty) URL"),
            }
        }
        _ => missing("Got an invalid (or empty) URL"),
    }
}

fn relative(record: &Record) -> String {
    if record.name == "@" { String::new() } else { record.name.clone() }
}

fn show(record: &Record, domain: &str) -> Value {
    json!({ "id": record.id, "zone": domain, "fieldType": record.rtype, "subDomain": relative(record),
        "target": record.value, "ttl": if record.ttl == 3_600 { 0 } else { record.ttl } })
}

/// Checks a record and keeps it, beside the others or in the place of `held`.
fn write(zone: &mut Zone, domain: &str, body: &Value, held: Option<&Record>, id: u64) -> Result<Said, Said> {
    let text = |key: &str| body[key].as_str().map(str::to_owned);
    let rtype = match (held, text("fieldType")) {
        (Some(held), None) => held.rtype.clone(),
        (Some(_), Some(_)) => return Err(invalid("[fieldType] is not writable")),
        (None, rtype) => rtype.ok_or_else(|| invalid("[fieldType] is mandatory"))?,
    };
    let name = text("subDomain").unwrap_or_default();
    let name = if name.is_empty() { "@".to_owned() } else { name };
    if !TYPES.contains(&rtype.as_str()) {
        return Err(invalid(&format!(
            "Given data ({rtype}) is not valid for type zone.NamedResolutionFieldTypeEnum"
        )));
    }
    if !data::is_label(&name) {
        return Err(invalid("Invalid subdomain"));
    }
    let ttl = body["ttl"].as_u64().unwrap_or(0);
    if ttl != 0 && !(60..=2_147_483_647).contains(&ttl) {
        return Err(invalid("Invalid TTL: must be 0 or at least 60"));
    }
    let target = text("target").unwrap_or_default();
    let quoted = match matches!(rtype.as_str(), "TXT" | "SPF" | "DKIM" | "DMARC") && !target.starts_with('"')
    {
        true => format!("\"{target}\""),
        false => target,
    };
    let checked = if matches!(rtype.as_str(), "DKIM" | "DMARC") { "TXT" } else { &rtype };
    let value =
        data::check(checked, &quoted).map_err(|words| invalid(&format!("Invalid target: {words}")))?;
    if value == "\"\"" {
        return Err(invalid("Invalid target: it is empty"));
    }
    let mut after = zone.clone();
    after.records.retain(|record| held.is_none_or(|held| record.id != held.id));
    let alone = rtype == "CNAME" && !after.set(&name, &rtype).is_empty();
    if alone || after.clash(&name, &rtype).is_some() {
        return Err(said(
            409,
            json!({ "class": "Client::Conflict", "message": "A CNAME stands beside nothing" }),
        ));
    }
    if after.set(&name, &rtype).iter().any(|record| record.value == value) {
        return Err(said(
            409,
            json!({ "class": "Client::Conflict", "message": "This record already exists" }),
        ));
    }
    let record = Record { id, name, rtype, ttl: if ttl == 0 { 3_600 } else { ttl as u32 }, value };
    let shown = show(&record, domain);
    zone.hold_back();
    match zone.records.iter_mut().find(|record| record.id == id) {
        Some(place) => *place = record,
        None => zone.records.push(record),
    }
    Ok(said(200, shown))
}
