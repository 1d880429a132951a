//! Clients nobody here wrote judge the stand-ins, and two more stand-ins judge our adapter.
//!
//! Cloudflare's SDK, Amazon's boto3 and octoDNS with its plugins are installed once into a folder of
//! their own outside the clone (`$ZONECAST_CACHE`, else `~/.cache/zonecast`), and then talk to loopback
//! only. Where PyPI cannot be reached there are no judges: each test then says so on the terminal and
//! proves nothing.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use zonecast_core::{Change, Name, Observed, RRset, RecordData, RecordType, Ttl};
use zonecast_providers::fields::{Deps, connect, validate};
use zonecast_providers::{Outcome, Provider, ZoneRef};
use zonecast_testbed::{
    Bind, FakeCloudflare, FakeRest, FakeRoute53, Plan, TsigSecret, free_port, from_pypi, skip, succeed, until,
};

fn judges() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/judges")
}

/// The Python with the pinned requirements, made at the first call, also among processes. `None`,
/// said aloud, where they cannot be had.
fn python() -> Option<&'static Path> {
    static PYTHON: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    said(PYTHON.get_or_init(|| install("judges", "requirements.txt")))
}

fn said(installed: &'static Result<PathBuf, String>) -> Option<&'static Path> {
    match installed {
        Ok(python) => Some(python),
        Err(words) => {
            skip(&format!("no judges from PyPI: {words}"));
            None
        }
    }
}

fn install(name: &str, requirements: &str) -> Result<PathBuf, String> {
    from_pypi(name, &judges().join(requirements))
}

/// Lets a script judge; `false` where there is no judge.
fn judge(script: &str, environment: &[(&str, &str)]) -> bool {
    let Some(python) = python() else { return false };
    let mut command = Command::new(python);
    command.arg(judges().join(script)).envs(environment.iter().copied());
    succeed(&mut command).unwrap_or_else(|words| panic!("{words}"));
    true
}

#[test]
fn cloudflares_own_client_takes_the_stand_in_for_it() {
    let service = FakeCloudflare::start();
    let id = service.create_zone("judge.test", Plan::FreeOld);
    let environment = [
        ("BASE", &*service.url()),
        ("TOKEN", service.token()),
        ("ACCOUNT", service.account()),
        ("ZONE", "judge.test"),
        ("ZONE_ID", &id),
    ];
    judge("cloudflare_sdk.py", &environment);
}

#[test]
fn octodns_syncs_a_zone_at_the_cloudflare_stand_in() {
    let service = FakeCloudflare::start();
    service.create_zone("judge.test", Plan::FreeOld);
    let environment = [
        ("KIND", "cloudflare"),
        ("BASE", &*service.url()),
        ("TOKEN", service.token()),
        ("ZONE", "judge.test"),
    ];
    judge("octodns_sync.py", &environment);
}

#[test]
fn amazons_own_client_takes_the_stand_in_for_route_53() {
    let service = FakeRoute53::start();
    let environment = [
        ("BASE", &*service.url()),
        ("KEY_ID", FakeRoute53::KEY_ID),
        ("SECRET", service.secret()),
        ("ZONE", "judge.test"),
    ];
    judge("boto.py", &environment);
}

#[test]
fn octodns_syncs_a_zone_at_the_route_53_stand_in() {
    let service = FakeRoute53::start();
    service.create_zone("judge.test", false);
    let environment = [
        ("KIND", "route53"),
        ("BASE", &*service.url()),
        ("KEY_ID", FakeRoute53::KEY_ID),
        ("SECRET", service.secret()),
        ("ZONE", "judge.test"),
    ];
    judge("octodns_sync.py", &environment);
}

#[test]
fn octodns_syncs_a_zone_at_the_smaller_stand_ins() {
    for (kind, service) in [
        ("desec", FakeRest::desec()),
        ("hetzner", FakeRest::hetzner()),
        ("gandi", FakeRest::gandi()),
        ("digitalocean", FakeRest::digitalocean()),
    ] {
        service.create_zone("judge.test");
        let environment = [
            ("KIND", kind),
            ("BASE", &*service.url()),
            ("TOKEN", service.token()),
            ("ZONE", "judge.test"),
            ("TTL", "3601"),
        ];
        judge("octodns_sync.py", &environment);
    }
}

#[test]
fn lexicon_takes_the_stand_in_for_godaddy() {
    let service = FakeRest::godaddy();
    service.create_zone("judge.test");
    let (key, secret) = service.token().split_once(':').unwrap();
    let environment = [("BASE", &*service.url()), ("KEY", key), ("SECRET", secret), ("ZONE", "judge.test")];
    judge("lexicon_godaddy.py", &environment);
}

#[test]
fn python_ovh_takes_the_stand_in_for_ovh() {
    let service = FakeRest::ovh();
    service.create_zone("judge.test");
    let keys: Vec<&str> = service.token().split(':').collect();
    let environment = [
        ("BASE", &*service.url()),
        ("KEY", keys[0]),
        ("SECRET", keys[1]),
        ("CONSUMER", keys[2]),
        ("ZONE", "judge.test"),
    ];
    judge("python_ovh.py", &environment);
    let served = service.lines("judge.test");
    assert!(served.iter().any(|line| line.0 == "www.judge.test" && line.3 == "192.0.2.3"), "{served:?}");
}

/// octoDNS and our adapter take turns at one real BIND: each sees what the other wrote, and nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn octodns_and_our_adapter_take_turns_at_bind() {
    let key = TsigSecret::random("zc", "hmac-sha256");
    let allow = format!("allow-update {{ key \"{0}\"; }}; allow-transfer {{ key \"{0}\"; }};", key.name);
    let extra = format!("{allow} check-integrity no;");
    let server = Bind::start_with(std::slice::from_ref(&key), &[("judge.test", extra.as_str())]);
    let port = server.dns_addr().port().to_string();
    let mut environment = vec![
        ("KIND", "rfc2136"),
        ("HOST", "127.0.0.1"),
        ("PORT", &*port),
        ("KEY_ID", &*key.name),
        ("SECRET", &*key.secret),
        ("ALGORITHM", &*key.algorithm),
        ("ZONE", "judge.test"),
    ];
    if !judge("octodns_sync.py", &environment) {
        return;
    }
    let settings = serde_json::json!({
        "server": server.dns_addr().to_string(), "tsig_name": key.name,
        "tsig_algorithm": key.algorithm, "tsig_secret": key.secret,
    });
    let settings = validate("rfc2136", settings.as_object().unwrap()).unwrap();
    let provider = connect("rfc2136", &settings, &Deps::default()).unwrap();
    let zone = ZoneRef::new(Name::parse("judge.test").unwrap());
    let theirs = provider.list(&zone).await.unwrap();
    let many = theirs.get(&Name::parse("many.judge.test").unwrap(), RecordType::A).unwrap();
    assert_eq!(many.values.len(), 90);
    let owner = Name::parse("stranger.judge.test").unwrap();
    let value = RecordData::parse(RecordType::A, "192.0.2.77").unwrap();
    let ours = Change::Create(RRset::new(owner.clone(), RecordType::A, Ttl::DEFAULT, vec![value]));
    assert_eq!(provider.apply(&zone, &theirs, &[ours]).await, [Outcome::Done]);
    environment.push(("STRANGER", "stranger"));
    assert!(judge("octodns_sync.py", &environment));
    let serial_aside = |seen: Observed| -> Vec<_> {
        seen.rrsets.into_iter().filter(|set| set.rtype != RecordType::SOA).collect()
    };
    assert_eq!(serial_aside(provider.list(&zone).await.unwrap()), serial_aside(theirs));
}

/// A process that ends with the test.
struct Server(std::process::Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// moto knows neither signatures nor bad data, but its XML and its batches are not ours.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_adapter_keeps_a_zone_at_moto() {
    let Some(python) = python() else { return };
    let port = free_port().to_string();
    let mut command = Command::new(python);
    command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port]);
    at_an_emulator("moto", command, &port).await;
}

/// A second opinion: its changes are PENDING first, and a change it does not know is no change. It asks
/// for another botocore than moto, so it lives in a folder of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_adapter_keeps_a_zone_at_ministack() {
    static PYTHON: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let Some(python) = said(PYTHON.get_or_init(|| install("ministack", "ministack.txt"))) else { return };
    let port = free_port().to_string();
    let mut command = Command::new(python.with_file_name("ministack"));
    // Without these it listens on every address.
    for (name, value) in [
        ("MINISTACK_HOST", "127.0.0.1"),
        ("BIND_HOST", "127.0.0.1"),
        ("GATEWAY_PORT", &port),
        ("EDGE_PORT", &port),
    ] {
        command.env(name, value);
    }
    at_an_emulator("ministack", command, &port).await;
}

async fn at_an_emulator(who: &str, mut command: Command, port: &str) {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let _server = Server(command.spawn().unwrap());
    let address = format!("127.0.0.1:{port}");
    until(&format!("{who} to answer"), std::time::Duration::from_secs(60), || {
        std::net::TcpStream::connect(&address).is_ok()
    });
    let settings = serde_json::json!({
        "server_url": format!("http://{address}"), "access_key_id": "AKIAANY", "secret_access_key": "any",
    });
    let settings = validate("route53", settings.as_object().unwrap()).unwrap();
    let provider = connect("route53", &settings, &Deps::default()).unwrap();
    let zone = ZoneRef::new(Name::parse("moto.test").unwrap());
    let seed = zonecast_providers::ZoneSeed {
        primary: zone.name.clone(),
        mailbox: zone.name.clone(),
        name_servers: Vec::new(),
    };
    let id = provider.create_zone(&zone, &seed).await.unwrap().unwrap();
    assert_eq!(provider.create_zone(&zone, &seed).await.unwrap(), Some(id), "made once");
    assert!(!provider.dns_servers(&zone).await.is_empty());
    a_zone_is_kept(provider.as_ref(), &zone).await;
    let report = provider.test(&zone).await;
    assert!(report.ok && report.zone_matches, "{report:?}");
    provider.delete_zone(&zone).await.unwrap();
    provider.delete_zone(&zone).await.unwrap();
    assert!(!provider.test(&zone).await.ok);
}

async fn a_zone_is_kept(provider: &dyn Provider, zone: &ZoneRef) {
    let set = |owner: &str, rtype: RecordType, values: &[&str]| {
        let values = values.iter().map(|value| RecordData::parse(rtype, value).unwrap()).collect();
        RRset::new(Name::parse(owner).unwrap(), rtype, Ttl::DEFAULT, values)
    };
    let one = set("www.moto.test", RecordType::A, &["192.0.2.1", "192.0.2.2"]);
    let two = set("www.moto.test", RecordType::A, &["192.0.2.2", "192.0.2.3"]);
    let many = (0..700)
        .map(|n| set(&format!("h{n}.moto.test"), RecordType::A, &[&format!("10.0.{}.{}", n / 250, n % 250)]));
    let mut first: Vec<Change> = many.map(Change::Create).collect();
    first.push(Change::Create(one.clone()));
    first.push(Change::Create(set("t.moto.test", RecordType::TXT, &["say \"hi\" & <bye> \\ é"])));
    first.push(Change::Create(set("*.w.moto.test", RecordType::A, &["192.0.2.9"])));
    first.push(Change::Create(set("moto.test", RecordType::MX, &["10 mx.moto.test"])));
    let done = |outcomes: Vec<Outcome>| {
        let other = outcomes.into_iter().find(|outcome| *outcome != Outcome::Done);
        assert_eq!(other, None);
    };
    done(provider.apply(zone, &Observed::default(), &first).await);
    let seen = provider.list(zone).await.unwrap();
    for change in &first {
        let after = change.after().unwrap();
        let held = seen.get(&after.name, after.rtype).unwrap_or_else(|| panic!("{after:?} is not there"));
        let mut values: Vec<RecordData> = held.values.iter().map(|value| value.data.clone()).collect();
        values.sort_unstable();
        assert_eq!((held.ttl, values), (after.ttl, after.values.clone()));
    }
    let narrow = provider.read(zone, std::slice::from_ref(&one.name)).await.unwrap();
    assert_eq!(narrow.rrsets.len(), 1);
    done(provider.apply(zone, &narrow, &[Change::Replace { old: one, new: two.clone() }]).await);
    let after = provider.read(zone, std::slice::from_ref(&two.name)).await.unwrap();
    assert!(after.rrsets[0].values.iter().all(|value| two.values.contains(&value.data)));
}
