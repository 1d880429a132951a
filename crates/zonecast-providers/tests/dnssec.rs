//! DNSKEY and DS as a registrar wants them: told as the name server answers, and as BIND's own tool
//! digests them. Cloudflare and Route 53 answer as their documentation shows it (2026-11-21), with the
//! key of RFC 6605 section 6.1.

mod stages;

use serde_json::{Value, json};
use std::process::Command;
use std::sync::Arc;
use zonecast_core::{Name, RecordData, RecordType};
use zonecast_providers::dnssec::Signed;
use zonecast_providers::fields::{Deps, connect, kinds, validate};
use zonecast_providers::{ErrorClass, Provider, ProviderError, ZoneRef};
use zonecast_testbed::{
    Backend, Canned, FakeCloudflare, FakeRoute53, Fault, FaultProxy, Plan, PowerDns, dig_tcp,
};

const KEY: &str = "GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA==";
const DIGEST: &str = "B4C8C1FE2E7477127B27115656AD6256F424625BF5C1E2770CE6D6E37DF61D17";

fn zone() -> ZoneRef {
    ZoneRef::new(Name::parse("example.net").unwrap())
}

fn connected(kind: &str, settings: Value) -> Arc<dyn Provider> {
    let settings = validate(kind, settings.as_object().unwrap()).unwrap();
    connect(kind, &settings, &Deps::default()).unwrap()
}

/// What BIND's `dnssec-dsfromkey` makes of a DNSKEY, in one case.
fn judged(dnskey: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    std::fs::write(&file, format!("example.net. 3600 IN DNSKEY {dnskey}\n")).unwrap();
    let mut command = Command::new("dnssec-dsfromkey");
    let command = command.args(["-a", "SHA-256", "-a", "SHA-384", "-f"]).arg(&file).arg("example.net");
    let output = command.output().expect("dnssec-dsfromkey is in the Debian package bind9-utils");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap().to_lowercase();
    text.lines().map(|line| line.split_once(" ds ").unwrap().1.to_owned()).collect()
}

fn lower(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| text.to_lowercase()).collect()
}

/// A DNSKEY in one spelling.
fn plain(text: &str) -> String {
    RecordData::parse(RecordType::DNSKEY, text).unwrap().to_zonefile()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_at_powerdns_are_those_it_answers_with() {
    for backend in [Backend::Sqlite, Backend::Lmdb] {
        let server = PowerDns::start(backend);
        server.create_zone("example.net", "Native");
        let provider = stages::powerdns::connected(&server.api_url(), server.api_key());
        assert_eq!(provider.dnssec(&zone()).await, Ok(None), "not signed");
        server.sign("example.net");
        // A second key, published and not in use, as before a roll.
        let next =
            json!({ "keytype": "ksk", "active": false, "published": true, "algorithm": "ECDSAP256SHA256" });
        assert_eq!(server.api("POST", "/zones/example.net./cryptokeys", Some(&next)).status, 201);
        let hidden =
            json!({ "keytype": "zsk", "active": false, "published": false, "algorithm": "ECDSAP256SHA256" });
        assert_eq!(server.api("POST", "/zones/example.net./cryptokeys", Some(&hidden)).status, 201);
        let signed = provider.dnssec(&zone()).await.unwrap().unwrap();
        let served = dig_tcp(server.dns_addr(), "example.net", "DNSKEY").unwrap().texts("DNSKEY");
        let mut served: Vec<String> = served.iter().map(|key| plain(key)).collect();
        let mut told: Vec<String> = signed.keys.iter().map(|key| plain(&key.dnskey)).collect();
        served.sort();
        told.sort();
        assert_eq!(told, served);
        assert_eq!(signed.keys.iter().filter(|key| key.active).count(), 1);
        for key in &signed.keys {
            assert_eq!(lower(&key.ds), judged(&key.dnskey));
        }
        let missing = ZoneRef::new(Name::parse("nowhere.test").unwrap());
        assert_eq!(provider.dnssec(&missing).await.unwrap_err().class, ErrorClass::NoSuchZone);
    }
}

/// What Cloudflare tells, answered with this object.
async fn at_cloudflare(result: Value) -> Result<Option<Signed>, ProviderError> {
    let service = FakeCloudflare::start();
    service.create_zone("example.net", Plan::Free);
    let proxy = FaultProxy::start(service.addr());
    let body = json!({ "success": true, "errors": [], "messages": [], "result": result });
    proxy.rule("GET", "/dnssec", 1, Fault::Answer(Canned::json(200, &body.to_string())));
    let url = format!("{}/client/v4", proxy.url());
    let settings = json!({ "server_url": url, "api_token": service.token() });
    connected("cloudflare", settings).dnssec(&zone()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cloudflare_tells_the_key_also_while_the_parent_lacks_it() {
    let off = json!({ "status": "disabled", "flags": null, "algorithm": null, "key_type": null, "digest": null,
        "ds": null, "key_tag": null, "public_key": null });
    assert_eq!(at_cloudflare(off).await, Ok(None));
    let on = |digest: &str| {
        json!({ "status": "pending", "flags": 257, "algorithm": "13", "key_type": "ECDSAP256SHA256", "digest_type": "2",
            "digest_algorithm": "SHA256", "digest": digest, "key_tag": 55648, "public_key": KEY,
            "ds": format!("example.net. 3600 IN DS 55648 13 2 {digest}"), "modified_on": "2026-11-21T12:00:00Z" })
    };
    let signed = at_cloudflare(on(DIGEST)).await.unwrap().unwrap();
    assert_eq!((signed.state.as_str(), signed.keys.len(), signed.keys[0].tag), ("pending", 1, 55648));
    assert_eq!(lower(&signed.keys[0].ds), judged(&signed.keys[0].dnskey));
    let error = at_cloudflare(on(&DIGEST.replace("B4C8", "B4C9"))).await.unwrap_err();
    assert!(error.message.contains("not that of its DNSKEY"), "a DS that would break the zone: {error}");
}

/// What Route 53 tells, answered with this state and these keys.
async fn at_route53(state: &str, keys: &str) -> Result<Option<Signed>, ProviderError> {
    let service = FakeRoute53::start();
    service.create_zone("example.net", false);
    let proxy = FaultProxy::start(service.addr());
    let xml = format!(
        "<?xml version=\"1.0\"?><GetDNSSECResponse xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">\
         <Status><ServeSignature>{state}</ServeSignature></Status><KeySigningKeys>{keys}</KeySigningKeys></GetDNSSECResponse>"
    );
    proxy.rule("GET", "/dnssec", 1, Fault::Answer(Canned::new(200, xml)));
    let settings = json!({ "server_url": proxy.url(), "access_key_id": FakeRoute53::KEY_ID, "secret_access_key": service.secret() });
    connected("route53", settings).dnssec(&zone()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn route_53_tells_its_key_signing_keys() {
    assert_eq!(at_route53("NOT_SIGNING", "").await, Ok(None));
    let key = |digest: &str| {
        format!(
            "<member><Name>ksk</Name><KmsArn>arn:aws:kms:us-east-1:1:key/1</KmsArn><Flag>257</Flag>\
             <SigningAlgorithmMnemonic>ECDSAP256SHA256</SigningAlgorithmMnemonic><SigningAlgorithmType>13</SigningAlgorithmType>\
             <DigestAlgorithmMnemonic>SHA-256</DigestAlgorithmMnemonic><DigestAlgorithmType>2</DigestAlgorithmType>\
             <KeyTag>55648</KeyTag><DigestValue>{digest}</DigestValue><PublicKey>{KEY}</PublicKey>\
             <DSRecord>55648 13 2 {digest}</DSRecord><DNSKEYRecord>257 3 13 {KEY}</DNSKEYRecord><Status>ACTIVE</Status></member>"
        )
    };
    let signed = at_route53("SIGNING", &key(DIGEST)).await.unwrap().unwrap();
    assert_eq!((signed.state.as_str(), signed.keys[0].active, signed.keys[0].tag), ("SIGNING", true, 55648));
    assert_eq!(lower(&signed.keys[0].ds), judged(&signed.keys[0].dnskey));
    let error = at_route53("SIGNING", &key(&DIGEST.replace("B4C8", "B4C9"))).await.unwrap_err();
    assert!(error.message.contains("not that of its DNSKEY"), "{error}");
}

#[tokio::test]
async fn who_cannot_tell_says_so_beforehand() {
    let told: Vec<&str> =
        kinds().iter().filter(|kind| kind.capabilities.dnssec).map(|kind| kind.name).collect();
    assert_eq!(told, ["powerdns", "cloudflare", "route53"]);
    let provider = connected("rfc2136", json!({ "server": "127.0.0.1:9" }));
    assert_eq!(provider.dnssec(&zone()).await.unwrap_err().class, ErrorClass::Unsupported);
}
