//! Route 53's XML, in and out.

use super::bare;
use super::text::{name_in, name_out, value_in};
use crate::ZoneRef;
use crate::dnssec::{Signed, SigningKey};
use crate::rest::type_of;
use quick_xml::de::from_str;
use quick_xml::escape::escape;
use serde::Deserialize;
use std::time::{SystemTime, UNIX_EPOCH};
use zonecast_core::{Name, ObservedRRset, ObservedValue, RecordType, Ttl};

pub(super) const NAMESPACE: &str = "https://route53.amazonaws.com/doc/2013-04-01/";

/// A hosted zone.
#[derive(Clone, Debug, Default)]
pub(super) struct Hosted {
    pub(super) id: String,
    pub(super) name: Option<Name>,
    pub(super) private: bool,
    /// How many sets it held when it was last looked at.
    pub(super) sets: usize,
    pub(super) name_servers: Vec<String>,
    /// The key may not read the zone, only its records.
    pub(super) unread: bool,
}

impl Hosted {
    pub(super) fn unread(id: &str) -> Hosted {
        Hosted { id: id.to_owned(), unread: true, ..Hosted::default() }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DnssecAnswer {
    status: DnssecStatus,
    #[serde(default)]
    key_signing_keys: KeySigningKeys,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DnssecStatus {
    serve_signature: String,
}

#[derive(Default, Deserialize)]
struct KeySigningKeys {
    #[serde(default, rename = "member")]
    members: Vec<KeySigningKey>,
    #[serde(default, rename = "KeySigningKey")]
    keys: Vec<KeySigningKey>,
}

#[derive(Deserialize)]
struct KeySigningKey {
    #[serde(rename = "Status")]
    status: String,
    #[serde(rename = "DNSKEYRecord")]
    dnskey: String,
    #[serde(default, rename = "DSRecord")]
    ds: String,
}

/// The key signing keys of a zone; its zone signing keys are Route 53's own business and not told.
pub(super) fn signed(zone: &Name, xml: &str) -> Result<Option<Signed>, String> {
    let answer: DnssecAnswer =
        from_str(xml).map_err(|error| format!("its answer cannot be read: {error}"))?;
    let KeySigningKeys { members, keys } = answer.key_signing_keys;
    let keys: Result<Vec<SigningKey>, String> = members
        .iter()
        .chain(&keys)
        .map(|key| {
            let told: Vec<String> = Some(key.ds.clone()).filter(|ds| !ds.is_empty()).into_iter().collect();
            SigningKey::read(zone, &key.dnskey, key.status == "ACTIVE", &told)
        })
        .collect();
    let mut keys = keys?;
    keys.sort_by_key(|key| key.tag);
    let state = answer.status.serve_signature;
    Ok((state != "NOT_SIGNING" || !keys.is_empty()).then_some(Signed { state, keys }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostedAnswer {
    hosted_zone: HostedXml,
    delegation_set: Option<DelegationSet>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostedXml {
    id: String,
    name: String,
    config: Option<Config>,
    #[serde(default)]
    resource_record_set_count: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    #[serde(default)]
    private_zone: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DelegationSet {
    name_servers: NameServers,
}

#[derive(Deserialize)]
struct NameServers {
    #[serde(default, rename = "NameServer")]
    names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostedList {
    hosted_zones: HostedZones,
}

#[derive(Deserialize)]
struct HostedZones {
    #[serde(default, rename = "HostedZone")]
    zones: Vec<HostedXml>,
}

impl HostedXml {
    fn plain(self) -> Hosted {
        Hosted {
            id: bare(&self.id).to_owned(),
            name: name_in(&self.name),
            private: self.config.is_some_and(|config| config.private_zone),
            sets: self.resource_record_set_count,
            ..Hosted::default()
        }
    }
}

/// Reads GetHostedZone and CreateHostedZone.
pub(super) fn hosted(xml: &str) -> Option<Hosted> {
    let answer: HostedAnswer = from_str(xml).ok()?;
    let name_servers = answer.delegation_set.map(|set| set.name_servers.names).unwrap_or_default();
    Some(Hosted { name_servers, ..answer.hosted_zone.plain() })
}

/// Reads ListHostedZonesByName.
pub(super) fn hosted_list(xml: &str) -> Option<Vec<Hosted>> {
    let list: HostedList = from_str(xml).ok()?;
    Some(list.hosted_zones.zones.into_iter().map(HostedXml::plain).collect())
}

/// One page of a zone's sets.
pub(super) struct Listing {
    pub(super) sets: Vec<ObservedRRset>,
    pub(super) next: Option<Next>,
}

/// Where the next page begins.
pub(super) struct Next {
    pub(super) name: Name,
    pub(super) query: Vec<(&'static str, String)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListingXml {
    resource_record_sets: Sets,
    is_truncated: bool,
    next_record_name: Option<String>,
    next_record_type: Option<String>,
    next_record_identifier: Option<String>,
}

#[derive(Deserialize)]
struct Sets {
    #[serde(default, rename = "ResourceRecordSet")]
    sets: Vec<SetXml>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SetXml {
    name: String,
    r#type: String,
    #[serde(rename = "TTL")]
    ttl: Option<u32>,
    resource_records: Option<Records>,
    alias_target: Option<AliasXml>,
    set_identifier: Option<String>,
    weight: Option<String>,
    region: Option<String>,
    failover: Option<String>,
    health_check_id: Option<String>,
    traffic_policy_instance_id: Option<String>,
}

#[derive(Deserialize)]
struct AliasXml {
    #[serde(rename = "DNSName")]
    target: String,
}

impl SetXml {
    /// What makes it more than a plain set, in words; empty where it is one.
    fn machinery(&self) -> String {
        let parts = [
            ("alias of", self.alias_target.as_ref().map(|alias| &alias.target)),
            ("set", self.set_identifier.as_ref()),
            ("weight", self.weight.as_ref()),
            ("region", self.region.as_ref()),
            ("failover", self.failover.as_ref()),
            ("health check", self.health_check_id.as_ref()),
            ("traffic policy", self.traffic_policy_instance_id.as_ref()),
        ];
        let said = parts.into_iter().filter_map(|(word, value)| Some(format!("{word} {}", value?)));
        said.collect::<Vec<_>>().join(", ")
    }
}

#[derive(Deserialize)]
struct Records {
    #[serde(default, rename = "ResourceRecord")]
    records: Vec<ValueXml>,
}

#[derive(Deserialize)]
struct ValueXml {
    #[serde(rename = "Value")]
    value: String,
}

/// Reads ListResourceRecordSets; `None` where it is not one.
pub(super) fn listing(zone: &ZoneRef, xml: &str) -> Option<Listing> {
    let page: ListingXml = from_str(xml).ok()?;
    let mut sets = Vec::with_capacity(page.resource_record_sets.sets.len());
    for set in page.resource_record_sets.sets {
        let Some(name) = name_in(&set.name) else {
            tracing::warn!(zone = %zone.name, provider = "route53", "{} is not understood", set.name);
            continue;
        };
        sets.push(observed(set, name));
    }
    let next = match (page.is_truncated, page.next_record_name) {
        (true, Some(name)) => {
            let mut query = vec![("name", name.clone())];
            query.extend(page.next_record_type.map(|rtype| ("type", rtype)));
            query
                .extend(page.next_record_identifier.filter(|id| !id.is_empty()).map(|id| ("identifier", id)));
            Some(Next { name: name_in(&name)?, query })
        }
        // More is there, and not where.
        (true, None) => return None,
        (false, _) => None,
    };
    Some(Listing { sets, next })
}

fn observed(set: SetXml, name: Name) -> ObservedRRset {
    let (machinery, word) = (set.machinery(), set.r#type);
    let rtype = type_of(&word);
    let ttl = set.ttl.and_then(|ttl| Ttl::from_seconds(ttl).ok()).unwrap_or(Ttl::DEFAULT);
    let mut read = ObservedRRset::new(name, rtype, ttl, Vec::new());
    for record in set.resource_records.map(|records| records.records).unwrap_or_default() {
        match value_in(rtype, &record.value) {
            Ok(data) if machinery.is_empty() => {
                let raw = (super::text::value_out(&data) != record.value).then(|| record.value.into());
                read.values.push(ObservedValue { data, raw, disabled: false });
            }
            _ => read.cannot_read(format!("{word} {} ({machinery})", record.value).replace(" ()", "")),
        }
    }
    if read.values.is_empty() && read.unread.is_empty() {
        read.cannot_read(format!("{word} ({machinery})"));
    }
    read
}

/// One step of a change batch.
pub(super) struct Step<'a> {
    pub(super) action: &'static str,
    pub(super) name: &'a Name,
    pub(super) rtype: RecordType,
    pub(super) ttl: u32,
    pub(super) values: &'a [String],
}

/// A ChangeResourceRecordSets body.
pub(super) fn change_batch<'a>(steps: impl Iterator<Item = Step<'a>>) -> String {
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ChangeResourceRecordSetsRequest xmlns=\"{NAMESPACE}\"><ChangeBatch><Comment>zonecast</Comment><Changes>"
    );
    for step in steps {
        xml.push_str(&format!(
            "<Change><Action>{}</Action><ResourceRecordSet><Name>{}</Name><Type>{}</Type><TTL>{}</TTL><ResourceRecords>",
            step.action,
            escape(name_out(step.name)),
            step.rtype,
            step.ttl
        ));
        for value in step.values {
            xml.push_str(&format!(
                "<ResourceRecord><Value>{}</Value></ResourceRecord>",
                escape(value.as_str())
            ));
        }
        xml.push_str("</ResourceRecords></ResourceRecordSet></Change>");
    }
    xml.push_str("</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>");
    xml
}

/// A CreateHostedZone body. The reference is of this moment: whether the zone is there was asked before.
pub(super) fn create_zone(name: &Name) -> String {
    let moment = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><CreateHostedZoneRequest xmlns=\"{NAMESPACE}\"><Name>{}</Name><CallerReference>zonecast-{moment}</CallerReference></CreateHostedZoneRequest>",
        escape(name_out(name))
    )
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ChangeXml {
    change_info: ChangeInfo,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ChangeInfo {
    id: String,
    status: String,
}

/// The id of a change, and whether all servers have it.
pub(super) fn change_info(xml: &str) -> Option<(String, bool)> {
    let answer: ChangeXml = from_str(xml).ok()?;
    Some((bare(&answer.change_info.id).to_owned(), answer.change_info.status == "INSYNC"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use zonecast_core::Observed;

    fn zone() -> ZoneRef {
        ZoneRef::new(Name::parse("example.org").unwrap())
    }

    #[test]
    fn machinery_of_others_is_opaque() {
        let xml = format!(
            "<ListResourceRecordSetsResponse xmlns=\"{NAMESPACE}\"><ResourceRecordSets>\
             <ResourceRecordSet><Name>example.org.</Name><Type>A</Type><AliasTarget><HostedZoneId>Z2</HostedZoneId><DNSName>x.example.</DNSName><EvaluateTargetHealth>false</EvaluateTargetHealth></AliasTarget></ResourceRecordSet>\
             <ResourceRecordSet><Name>w.example.org.</Name><Type>A</Type><SetIdentifier>1</SetIdentifier><Weight>1</Weight><TTL>60</TTL><ResourceRecords><ResourceRecord><Value>192.0.2.1</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>\
             <ResourceRecordSet><Name>w.example.org.</Name><Type>A</Type><SetIdentifier>2</SetIdentifier><Weight>1</Weight><TTL>60</TTL><ResourceRecords><ResourceRecord><Value>192.0.2.2</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>\
             <ResourceRecordSet><Name>\\052.example.org.</Name><Type>TXT</Type><TTL>60</TTL><ResourceRecords><ResourceRecord><Value>&quot;a &amp; b&quot;</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>\
             </ResourceRecordSets><IsTruncated>true</IsTruncated><NextRecordName>x.example.org.</NextRecordName><NextRecordType>A</NextRecordType><NextRecordIdentifier/><MaxItems>300</MaxItems></ListResourceRecordSetsResponse>"
        );
        let page = listing(&zone(), &xml).unwrap();
        assert_eq!(
            page.next.unwrap().query,
            [("name", "x.example.org.".to_owned()), ("type", "A".to_owned())]
        );
        let sets = Observed::new(page.sets).rrsets;
        assert_eq!(sets.iter().map(|set| set.opaque).collect::<Vec<_>>(), [true, false, true]);
        let text = sets.iter().find(|set| set.rtype == RecordType::TXT).unwrap();
        assert!(text.name.is_wildcard() && text.values[0].data.as_text().unwrap() == b"a & b");
        assert!(listing(&zone(), &xml[..xml.len() / 2]).is_none());
        let endless = xml.replace("<NextRecordName>x.example.org.</NextRecordName>", "");
        assert!(listing(&zone(), &endless).is_none());
    }
}
