//! The calls and their XML.

use super::changes::{apply, read};
use super::signature::caller;
use super::{Key, Set, State, Zone, names};
use crate::fake_http::{Request, Response, decode};
use crate::pages::Pages;

/// A refusal: status, code, message.
pub(super) type Fault = (u16, &'static str, String);

const NAMESPACE: &str = "https://route53.amazonaws.com/doc/2013-04-01/";

/// One request, one answer.
pub(super) fn answer(state: &mut State, request: &Request) -> Response {
    state.calls.push(format!("{} {}?{}", request.method, request.path, request.query));
    let (status, body) = match route(state, request) {
        Ok((status, root, inner)) => (status, format!("<{root} xmlns=\"{NAMESPACE}\">{inner}</{root}>")),
        Err((status, code, message)) => {
            let error = format!(
                "<Error><Type>Sender</Type><Code>{code}</Code><Message>{}</Message></Error>",
                xml(&message)
            );
            (
                status,
                format!(
                    "<ErrorResponse xmlns=\"{NAMESPACE}\">{error}<RequestId>fake</RequestId></ErrorResponse>"
                ),
            )
        }
    };
    let headers = vec![("Content-Type".to_owned(), "text/xml".to_owned())];
    Response { status, headers, body: format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{body}") }
}

type Answered = Result<(u16, &'static str, String), Fault>;

fn route(state: &mut State, request: &Request) -> Answered {
    let keys = caller(state, request).map_err(|(code, message)| (403, code, message))?.clone();
    if state.throttled > 0 {
        state.throttled -= 1;
        return Err((400, "Throttling", "Rate exceeded".to_owned()));
    }
    let path = decode(&request.path);
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let may = |action: &'static str| match keys.denied.contains(&action) {
        true => Err((
            403,
            "AccessDenied",
            format!(
                "User: arn:aws:iam::123456789012:user/test is not authorized to perform: route53:{action}"
            ),
        )),
        false => Ok(()),
    };
    match (request.method.as_str(), parts.as_slice()) {
        ("GET", ["2013-04-01", "hostedzonesbyname"]) => {
            may("ListHostedZonesByName")?;
            Ok((200, "ListHostedZonesByNameResponse", by_name(state, request)))
        }
        ("GET", ["2013-04-01", "hostedzone"]) => {
            may("ListHostedZones")?;
            let all: String = state.zones.iter().map(|(id, zone)| hosted(id, zone)).collect();
            let inner = format!(
                "<HostedZones>{all}</HostedZones><Marker></Marker><IsTruncated>false</IsTruncated><MaxItems>100</MaxItems>"
            );
            Ok((200, "ListHostedZonesResponse", inner))
        }
        ("GET", ["2013-04-01", "healthcheck"]) => {
            let none = "<HealthChecks></HealthChecks><Marker></Marker><IsTruncated>false</IsTruncated><MaxItems>100</MaxItems>";
            Ok((200, "ListHealthChecksResponse", none.to_owned()))
        }
        ("POST", ["2013-04-01", "hostedzone"]) => {
            may("CreateHostedZone")?;
            create(state, request)
        }
        ("GET", ["2013-04-01", "change", id]) => {
            may("GetChange")?;
            let left = state
                .changes
                .get_mut(*id)
                .ok_or_else(|| (404, "NoSuchChange", format!("A change with id {id} does not exist.")))?;
            let status = if *left > 0 { "PENDING" } else { "INSYNC" };
            *left = left.saturating_sub(1);
            Ok((200, "GetChangeResponse", change_info(id, status)))
        }
        (method, ["2013-04-01", "hostedzone", id, rest @ ..]) => {
            let action = action_of(method, rest)?;
            may(action)?;
            on_zone(state, request, action, id)
        }
        _ => Err((404, "UnknownOperationException", String::new())),
    }
}

/// What a call on a zone asks for.
fn action_of(method: &str, rest: &[&str]) -> Result<&'static str, Fault> {
    Ok(match (method, rest) {
        ("GET", []) => "GetHostedZone",
        ("DELETE", []) => "DeleteHostedZone",
        ("GET", ["rrset"]) => "ListResourceRecordSets",
        ("POST", ["rrset"]) => "ChangeResourceRecordSets",
        _ => return Err((404, "UnknownOperationException", String::new())),
    })
}

fn on_zone(state: &mut State, request: &Request, action: &str, id: &str) -> Answered {
    if !state.zones.contains_key(id) {
        return Err((404, "NoSuchHostedZone", format!("No hosted zone found with ID: {id}")));
    }
    if action == "ChangeResourceRecordSets" && state.busy > 0 {
        state.busy -= 1;
        return Err((
            400,
            "PriorRequestNotComplete",
            "The request was rejected because Route 53 was still processing a prior request.".to_owned(),
        ));
    }
    let pending = state.pending;
    state.next += 1;
    let change = format!("C0FAKE{:014X}", state.next);
    let zone = state.zones.get_mut(id).ok_or((404, "NoSuchHostedZone", String::new()))?;
    match action {
        "GetHostedZone" => {
            Ok((200, "GetHostedZoneResponse", format!("{}{}", hosted(id, zone), delegation())))
        }
        "ListResourceRecordSets" => {
            let listed = list(zone, request)?;
            was_listed(zone);
            Ok((200, "ListResourceRecordSetsResponse", listed))
        }
        "DeleteHostedZone" => {
            if zone.sets.len() > 2 {
                return Err((400, "HostedZoneNotEmpty", "The specified hosted zone contains non-required resource record sets and so cannot be deleted.".to_owned()));
            }
            state.zones.remove(id);
            state.changes.insert(change.clone(), pending);
            Ok((200, "DeleteHostedZoneResponse", change_info(&change, "PENDING")))
        }
        _ => {
            let text = String::from_utf8_lossy(&request.body).into_owned();
            let steps = read(&text).ok_or((
                400,
                "MalformedInput",
                "Unexpected list element termination".to_owned(),
            ))?;
            apply(zone, &steps)?;
            state.changes.insert(change.clone(), pending);
            Ok((200, "ChangeResourceRecordSetsResponse", change_info(&change, "PENDING")))
        }
    }
}

fn create(state: &mut State, request: &Request) -> Answered {
    let text = String::from_utf8_lossy(&request.body).into_owned();
    let inner = |tag: &str| super::changes::element(&text, tag).map(str::to_owned);
    let malformed = || (400, "InvalidInput", "Name and CallerReference are required".to_owned());
    let (name, reference) =
        (inner("Name").ok_or_else(malformed)?, inner("CallerReference").ok_or_else(malformed)?);
    if state.zones.values().any(|zone| zone.reference == reference) {
        return Err((
            409,
            "HostedZoneAlreadyExists",
            format!(
                "A hosted zone has already been created with the specified caller reference: {reference}"
            ),
        ));
    }
    let id = state.new_zone(&name, &reference, false);
    let info = change_info("C0FAKENEWZONE", "INSYNC");
    Ok((201, "CreateHostedZoneResponse", format!("{}{info}{}", hosted(&id, &state.zones[&id]), delegation())))
}

fn by_name(state: &State, request: &Request) -> String {
    let from = names::labels(&names::normal(&request.param("dnsname").unwrap_or_default()));
    let mut zones: Vec<_> = state.zones.iter().collect();
    zones.sort_by_key(|(_, zone)| names::labels(&zone.name));
    let found: String = zones
        .into_iter()
        .filter(|(_, zone)| names::labels(&zone.name) >= from)
        .take(request.param("maxitems").and_then(|text| text.parse().ok()).unwrap_or(100))
        .map(|(id, zone)| hosted(id, zone))
        .collect();
    format!("<HostedZones>{found}</HostedZones><IsTruncated>false</IsTruncated><MaxItems>100</MaxItems>")
}

fn hosted(id: &str, zone: &Zone) -> String {
    format!(
        "<HostedZone><Id>/hostedzone/{id}</Id><Name>{}</Name><CallerReference>{}</CallerReference><Config><PrivateZone>{}</PrivateZone></Config><ResourceRecordSetCount>{}</ResourceRecordSetCount></HostedZone>",
        xml(&zone.name),
        xml(&zone.reference),
        zone.private,
        zone.sets.len()
    )
}

fn delegation() -> String {
    "<DelegationSet><NameServers><NameServer>ns-1.awsdns-00.test</NameServer><NameServer>ns-2.awsdns-00.test</NameServer></NameServers></DelegationSet>".to_owned()
}

fn change_info(id: &str, status: &str) -> String {
    format!(
        "<ChangeInfo><Id>/change/{id}</Id><Status>{status}</Status><SubmittedAt>2026-11-21T12:00:00.000Z</SubmittedAt></ChangeInfo>"
    )
}

/// Name and type say where the listing begins; they do not filter.
fn list(zone: &Zone, request: &Request) -> Result<String, Fault> {
    let (name, rtype) = (request.param("name"), request.param("type"));
    if name.is_none() && rtype.is_some() {
        return Err((400, "InvalidInput", "The input is not valid: type without name".to_owned()));
    }
    let from: Key = (
        name.map(|name| names::labels(&names::normal(&name))).unwrap_or_default(),
        rtype.unwrap_or_default(),
        String::new(),
    );
    let most = request.param("maxitems").and_then(|text| text.parse().ok()).unwrap_or(100usize).clamp(1, 300);
    let left: Vec<(&Key, &Set)> =
        zone.sets.iter().filter(|(key, _)| **key >= from || zone.pages == Pages::Repeated).collect();
    let keys: Vec<&Key> = left.iter().map(|(key, _)| *key).collect();
    let page = zone.pages.from(left, 0, most);
    let shown: String = page.rows.into_iter().map(|(key, set)| set_xml(key, set)).collect();
    let end = match page.next.and_then(|next| keys.get(next)) {
        Some(key) => format!(
            "<IsTruncated>true</IsTruncated><NextRecordName>{}</NextRecordName><NextRecordType>{}</NextRecordType>",
            xml(&names::joined(&key.0)),
            key.1
        ),
        None => "<IsTruncated>false</IsTruncated>".to_owned(),
    };
    Ok(format!("<ResourceRecordSets>{shown}</ResourceRecordSets>{end}<MaxItems>{most}</MaxItems>"))
}

/// What happens right after a page was given.
fn was_listed(zone: &mut Zone) {
    let mut key = (names::labels(&zone.name), "A".to_owned(), String::new());
    key.0.push("came".to_owned());
    match zone.pages {
        Pages::Grows => {
            let (ttl, values) = (3_600, vec!["198.51.100.7".to_owned()]);
            zone.sets.insert(key, Set { ttl, values, extra: String::new() });
        }
        Pages::Shrinks => {
            let first = zone.sets.keys().find(|(name, ..)| name.len() == key.0.len()).cloned();
            first.map(|key| zone.sets.remove(&key));
        }
        _ => return,
    }
    zone.pages = Pages::Capped;
}

fn set_xml(key: &Key, set: &Set) -> String {
    let records: String = set
        .values
        .iter()
        .map(|value| format!("<ResourceRecord><Value>{}</Value></ResourceRecord>", xml(value)))
        .collect();
    let records = match records.is_empty() {
        true => String::new(),
        false => format!("<TTL>{}</TTL><ResourceRecords>{records}</ResourceRecords>", set.ttl),
    };
    format!(
        "<ResourceRecordSet><Name>{}</Name><Type>{}</Type>{}{records}</ResourceRecordSet>",
        xml(&names::joined(&key.0)),
        key.1,
        set.extra
    )
}

pub(super) fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
