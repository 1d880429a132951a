//! What is HestiaCP's own: its two faces, its half-truths, and how few calls a batch may cost.

mod stages;
#[path = "hestiacp/trouble.rs"]
mod trouble;

use serde_json::{Value, json};
use stages::hestiacp::fake::{ACCESS_KEY, Access, CERTIFICATE_SHA256, HestiaCp, SECRET_KEY, Tls};
use stages::hestiacp::{By, connected, login};
use std::sync::Arc;
use std::time::{Duration, Instant};
use zonecast_core::{Change, Name, Observed, RRset, RecordData, RecordType, Ttl};
use zonecast_providers::{ErrorClass, Outcome, Provider, ProviderError, TestReport, ZoneRef};
use zonecast_testbed::{Canned, Fault, FaultProxy, Prober, dig};

const ZONE: &str = "rec.test";

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn zone() -> ZoneRef {
    ZoneRef { deadline: Instant::now() + Duration::from_secs(120), ..ZoneRef::new(name(ZONE)) }
}

fn set(owner: &str, rtype: RecordType, values: &[&str]) -> RRset {
    let values = values.iter().map(|value| RecordData::parse(rtype, value).unwrap()).collect();
    RRset::new(name(owner), rtype, Ttl::DEFAULT, values)
}

fn create(owner: &str, value: &str) -> Change {
    Change::Create(set(owner, RecordType::A, &[value]))
}

fn many(count: usize) -> Vec<Change> {
    (0..count).map(|n| create(&format!("h{n}.rec.test"), &format!("192.0.2.{n}"))).collect()
}

fn url(server: &HestiaCp) -> String {
    format!("http://{}", server.addr())
}

async fn server() -> HestiaCp {
    let server = HestiaCp::start(Tls::Off).await;
    server.new_zone(ZONE).await;
    server
}

async fn apply(provider: &Arc<dyn Provider>, changes: &[Change]) -> Vec<Outcome> {
    provider.apply(&zone(), &Observed::default(), changes).await
}

fn all_done(outcomes: &[Outcome]) {
    let other = outcomes.iter().find(|outcome| **outcome != Outcome::Done);
    assert!(other.is_none(), "{other:?}");
}

fn failed(outcome: &Outcome) -> &ProviderError {
    match outcome {
        Outcome::Failed(error) => error,
        other => panic!("expected a failure, not {other:?}"),
    }
}

#[tokio::test]
async fn many_lines_are_appended_and_written_out_once() {
    let server = server().await;
    let provider = connected(&url(&server), login(By::AccessKey));
    all_done(&apply(&provider, &many(20)).await);
    let writes = server.writes();
    assert_eq!(writes.iter().filter(|name| *name == "v-insert-dns-record").count(), 19);
    assert_eq!(writes.last().map(String::as_str), Some("v-add-dns-record"), "{writes:?}");
    assert_eq!(writes.len(), 20);
    server.loaded(ZONE).unwrap();
    assert_eq!(dig(server.dns_addr(), "h7.rec.test", "A").unwrap().texts("A"), ["192.0.2.7"]);
}

#[tokio::test]
async fn a_great_many_lines_are_one_file() {
    let server = server().await;
    let provider = connected(&url(&server), login(By::AccessKey));
    all_done(&apply(&provider, &many(200)).await);
    assert_eq!(server.writes(), ["v-make-tmp-file", "v-insert-dns-records", "v-rebuild-dns-domain"]);
    assert_eq!(dig(server.dns_addr(), "h199.rec.test", "A").unwrap().texts("A"), ["192.0.2.199"]);
}

#[tokio::test]
async fn many_removals_are_one_file_unless_a_line_could_lose_a_backslash() {
    for text in [false, true] {
        let server = server().await;
        if text {
            server.put(ZONE, "note", "TXT", "", r#""k=rsa\; p=1""#, None).await;
        }
        let provider = connected(&url(&server), login(By::AccessKey));
        all_done(&apply(&provider, &many(10)).await);
        server.state().ran.clear();
        let gone: Vec<Change> =
            many(9).iter().map(|change| Change::Delete(change.after().unwrap().clone())).collect();
        all_done(&apply(&provider, &gone).await);
        let writes = server.writes();
        match text {
            false => assert_eq!(writes, ["v-make-tmp-file", "v-insert-dns-records", "v-rebuild-dns-domain"]),
            true => assert_eq!(writes, ["v-delete-dns-record"; 9]),
        }
        if text {
            assert_eq!(server.values(ZONE, "note", "TXT"), [r#""k=rsa\; p=1""#]);
        }
        assert_eq!(dig(server.dns_addr(), "h9.rec.test", "A").unwrap().texts("A"), ["192.0.2.9"]);
        assert_eq!(dig(server.dns_addr(), "h3.rec.test", "A").unwrap().rcode, 3);
    }
}

#[tokio::test]
async fn the_last_address_goes_with_a_file_or_stays_with_hestias_words() {
    for cluster in [None, Some("hestia")] {
        let server = server().await;
        server.put(ZONE, "www", "A", "", "192.0.2.1", Some(300)).await;
        server.state().cluster = cluster;
        let provider = connected(&url(&server), login(By::AccessKey));
        let gone = Change::Delete(set("www.rec.test", RecordType::A, &["192.0.2.1"]));
        let outcomes = apply(&provider, &[gone]).await;
        match cluster {
            None => all_done(&outcomes),
            Some(_) => {
                let error = failed(&outcomes[0]);
                assert_eq!(error.class, ErrorClass::Rejected);
                assert!(error.message.contains("at least one A record should remain active"), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn a_server_that_feeds_others_gets_checked_commands_only() {
    let server = server().await;
    server.state().cluster = Some("hestia");
    let provider = connected(&url(&server), login(By::AccessKey));
    all_done(&apply(&provider, &many(5)).await);
    assert_eq!(server.writes(), ["v-add-dns-record"; 5]);
    // What only the file would take is refused in HestiaCP's words.
    let short = set("sub.rec.test", RecordType::NS, &["ns.example"]);
    let error = failed(&apply(&provider, &[Change::Create(short)]).await[0]).clone();
    assert!(error.class == ErrorClass::Rejected && error.message.contains("(FQDN)"), "{error}");
    server.state().cluster = Some("hestia-zone");
    let fresh = connected(&url(&server), login(By::AccessKey));
    server.state().ran.clear();
    all_done(&apply(&fresh, &[create("x.rec.test", "192.0.2.1"), create("y.rec.test", "192.0.2.2")]).await);
    assert_eq!(server.writes(), ["v-insert-dns-record", "v-add-dns-record"]);
}

#[tokio::test]
async fn a_key_that_may_not_append_adds_one_by_one() {
    let server = server().await;
    let commands = vec![
        "v-list-sys-config",
        "v-list-dns-domains",
        "v-list-dns-domain",
        "v-list-dns-records",
        "v-add-dns-record",
        "v-change-dns-record",
        "v-delete-dns-record",
    ];
    server.state().access.get_mut(ACCESS_KEY).unwrap().commands = Some(commands);
    let provider = connected(&url(&server), login(By::AccessKey));
    all_done(&apply(&provider, &many(4)).await);
    assert_eq!(server.writes(), ["v-add-dns-record"; 4], "what was refused did not run");
}

#[tokio::test]
async fn srv_is_written_as_each_version_wants_it() {
    for (version, may_ask) in [((1, 9, 4), true), ((1, 9, 4), false), ((1, 10, 3), true), ((1, 10, 3), false)]
    {
        let server = server().await;
        server.state().version = version;
        if !may_ask {
            let commands =
                ["v-list-dns-domain", "v-list-dns-records", "v-add-dns-record", "v-change-dns-record"];
            server.state().access.get_mut(ACCESS_KEY).unwrap().commands = Some(commands.to_vec());
        }
        let provider = connected(&url(&server), login(By::AccessKey));
        let owner = "_sip._udp.rec.test";
        let one = set(owner, RecordType::SRV, &["10 20 5060 sip.rec.test"]);
        let two = set(owner, RecordType::SRV, &["10 30 5060 sip.rec.test"]);
        all_done(&apply(&provider, &[Change::Create(one.clone())]).await);
        assert_eq!(
            server.values(ZONE, "_sip._udp", "SRV"),
            ["20 5060 sip.rec.test."],
            "{version:?} {may_ask}"
        );
        all_done(&apply(&provider, &[Change::Replace { old: one, new: two }]).await);
        assert_eq!(
            server.values(ZONE, "_sip._udp", "SRV"),
            ["30 5060 sip.rec.test."],
            "{version:?} {may_ask}"
        );
        server.loaded(ZONE).unwrap();
    }
}

#[tokio::test]
async fn a_name_is_never_without_an_answer() {
    let server = server().await;
    let provider = connected(&url(&server), login(By::AccessKey));
    server.put(ZONE, "other", "A", "", "198.51.100.1", None).await;
    let owner = "busy.rec.test";
    all_done(&apply(&provider, &[create(owner, "192.0.2.0")]).await);
    let prober = Prober::start(server.dns_addr(), owner, "A");
    for round in 0..20 {
        prober.wait_for(3);
        let (old, new) = (format!("192.0.2.{round}"), format!("192.0.2.{}", round + 1));
        let change = Change::Replace {
            old: set(owner, RecordType::A, &[&old]),
            new: set(owner, RecordType::A, &[&new]),
        };
        all_done(&apply(&provider, &[change]).await);
    }
    let counts = prober.stop();
    assert_eq!((counts.nxdomain, counts.nodata, counts.other), (0, 0, 0), "{counts:?}");
    assert!(counts.seen.iter().all(|values| values.len() == 1), "{counts:?}");
}

#[tokio::test]
async fn writes_of_many_at_once_stand_in_line() {
    let server = server().await;
    let mut tasks = Vec::new();
    for n in 0..12 {
        let provider = connected(&url(&server), login(By::Password));
        tasks.push(tokio::spawn(async move {
            apply(&provider, &[create(&format!("h{n}.rec.test"), "192.0.2.1")]).await
        }));
    }
    for task in tasks {
        all_done(&task.await.unwrap());
    }
    assert_eq!(server.state().writing.1, 1, "two writes at once give two lines one id");
}

#[tokio::test]
async fn success_that_is_not_listed_is_no_success() {
    let server = server().await;
    let proxy = FaultProxy::start(server.addr());
    let provider = connected(&proxy.url(), login(By::AccessKey));
    let said_yes = Canned::new(204, "").header("Hestia-Exit-Code", "0");
    proxy.rule_for_bodies("cmd=v-add-dns-record", 1, Fault::Answer(said_yes));
    let outcomes = apply(&provider, &[create("a.rec.test", "192.0.2.1")]).await;
    assert!(failed(&outcomes[0]).message.contains("does not list it"), "{outcomes:?}");
    // With the old login `OK` is said of commands that do not exist.
    let proxy = FaultProxy::start(server.addr());
    let provider = connected(&proxy.url(), login(By::Password));
    proxy.rule_for_bodies("cmd=v-list-dns-records", 1, Fault::Answer(Canned::new(200, "OK")));
    assert_eq!(provider.list(&zone()).await.unwrap_err().class, ErrorClass::Transient);
}

#[tokio::test]
async fn a_lost_write_out_is_made_good() {
    let server = server().await;
    let proxy = FaultProxy::start(server.addr());
    let provider = connected(&proxy.url(), login(By::AccessKey));
    // The lines arrive, and what would write them out does not.
    proxy.rule_for_bodies("cmd=v-add-dns-record", 1, Fault::Refuse);
    let outcomes = apply(&provider, &many(3)).await;
    assert!(
        outcomes.contains(&Outcome::Done)
            || outcomes.iter().all(|outcome| matches!(outcome, Outcome::Unknown(_)))
    );
    assert_eq!(dig(server.dns_addr(), "h0.rec.test", "A").unwrap().rcode, 3, "listed, and not served");
    all_done(&apply(&provider, &many(2)).await);
    assert_eq!(dig(server.dns_addr(), "h0.rec.test", "A").unwrap().texts("A"), ["192.0.2.0"]);
    // After a restart nobody remembers; the check by DNS asks for it.
    server.state().zones.get_mut(ZONE).unwrap().lines.push(
        "ID='77' RECORD='late' TYPE='A' PRIORITY='' VALUE='192.0.2.77' SUSPENDED='no' TIME='' DATE=''".into(),
    );
    provider.refresh(&zone(), &[name("late.rec.test")]).await;
    assert_eq!(dig(server.dns_addr(), "late.rec.test", "A").unwrap().texts("A"), ["192.0.2.77"]);
}

#[tokio::test]
async fn what_poisons_the_zone_is_never_sent() {
    let server = server().await;
    let provider = connected(&url(&server), login(By::AccessKey));
    server.put(ZONE, "w", "A", "", "192.0.2.1", Some(300)).await;
    let alias = set("w.rec.test", RecordType::CNAME, &["x.rec.test"]);
    let outcomes = apply(&provider, &[Change::Create(alias), create("v.rec.test", "192.0.2.2")]).await;
    assert_eq!(failed(&outcomes[0]).class, ErrorClass::Rejected);
    assert_eq!(outcomes[1], Outcome::Done);
    server.loaded(ZONE).unwrap();
    // Somebody else does it in the panel: Test says so.
    server.put(ZONE, "w", "CNAME", "", "x.rec.test.", None).await;
    assert!(server.loaded(ZONE).is_err());
    let report = provider.test(&zone()).await;
    assert!(
        report.ok && report.advice.iter().any(|advice| advice.contains("CNAME beside A at w.rec.test")),
        "{report:?}"
    );
}

#[tokio::test]
async fn suspended_and_doubled_lines_of_others_stay() {
    let server = server().await;
    let provider = connected(&url(&server), login(By::AccessKey));
    server
        .edit(ZONE, |zone| {
            for (id, value, asleep) in [(5, "192.0.2.1", "no"), (6, "192.0.2.2", "yes"), (7, "192.0.2.3", "no"), (7, "192.0.2.4", "no")] {
                zone.lines.push(format!(
                    "ID='{id}' RECORD='a' TYPE='A' PRIORITY='' VALUE='{value}' SUSPENDED='{asleep}' TIME='' DATE='' TTL='300'"
                ));
            }
        })
        .await;
    let seen = provider.read(&zone(), &[name("a.rec.test")]).await.unwrap();
    assert_eq!(seen.rrsets[0].values.len(), 4, "{seen:?}");
    let old = set("a.rec.test", RecordType::A, &["192.0.2.1", "192.0.2.3", "192.0.2.4"]);
    let new = set("a.rec.test", RecordType::A, &["192.0.2.3", "192.0.2.4", "192.0.2.9"]);
    all_done(&apply(&provider, &[Change::Replace { old: old.clone(), new: new.clone() }]).await);
    let lines = server.state().zones[ZONE].lines.join("\n");
    assert!(lines.contains("VALUE='192.0.2.2' SUSPENDED='yes'"), "{lines}");
    let outcomes = apply(
        &provider,
        &[Change::Replace { old: new, new: set("a.rec.test", RecordType::A, &["192.0.2.3", "192.0.2.9"]) }],
    )
    .await;
    assert!(
        failed(&outcomes[0]).message.contains("id 7"),
        "removing one of the two removes both: {outcomes:?}"
    );
    assert_eq!(server.values(ZONE, "a", "A").len(), 4);
}

#[tokio::test]
async fn a_listing_that_is_no_json_is_read_in_the_plain_form() {
    let server = server().await;
    let provider = connected(&url(&server), login(By::AccessKey));
    server.put(ZONE, "five", "TXT", "", "\"a     b\"", Some(300)).await;
    let five = [name("five.rec.test")];
    let read = |seen: Observed| seen.rrsets[0].values[0].data.as_text().unwrap();
    assert_eq!(read(provider.read(&zone(), &five).await.unwrap()), b"a     b");
    server.put(ZONE, "tab\u{1}", "TXT", "", "x", None).await;
    assert!(provider.read(&zone(), &five).await.is_err(), "neither form can be read with such a name");
    server.remove(ZONE, "tab\u{1}", "TXT").await;
    server
        .edit(ZONE, |zone| {
            zone.lines.push(
                "ID='9' RECORD='c' TYPE='TXT' PRIORITY='' VALUE='a\u{1}b' SUSPENDED='no' TIME='' DATE=''"
                    .into(),
            )
        })
        .await;
    assert_eq!(read(provider.read(&zone(), &five).await.unwrap()), b"a     b", "read in the plain form");
}

fn tested(report: &TestReport) -> [bool; 4] {
    [report.reachable, report.authorised, report.zone_matches, report.can_write]
}

#[tokio::test]
async fn test_says_what_is_right() {
    let server = server().await;
    let pair = json!({ "admin_user": "admin", "admin_password": format!("{ACCESS_KEY}:{SECRET_KEY}") });
    let old_key = json!({ "admin_user": "api-key", "admin_password": "0123456789abcdef0123" });
    for login in [login(By::AccessKey), login(By::Password), pair, old_key] {
        let provider = connected(&url(&server), login);
        let report = provider.test(&zone()).await;
        assert!(report.ok && tested(&report) == [true; 4], "{report:?}");
        assert!(report.message.contains("1.10.3") && report.message.contains(ZONE), "{}", report.message);
        assert!(
            server.writes().iter().all(|name| name.ends_with("-dns-record")),
            "only usages were asked for"
        );
        assert_eq!(server.state().zones[ZONE].serial, 3_000_000_000, "nothing was written");
    }
    assert_eq!(server.state().ran[0][0], "v-list-dns-domains");
}

#[tokio::test]
async fn test_says_what_is_wrong_in_hestias_words() {
    let server = server().await;
    let report = |more: Value| {
        let provider = connected(&url(&server), more);
        async move { provider.test(&zone()).await }
    };
    let key = |secret: &str| json!({ "admin_user": ACCESS_KEY, "admin_password": secret });
    let wrong = report(key(&"x".repeat(40))).await;
    assert_eq!(tested(&wrong), [true, false, false, false]);
    assert!(wrong.message.contains("Invalid secret key"), "{}", wrong.message);
    let wrong = report(json!({ "admin_user": "admin", "admin_password": "wrong" })).await;
    assert!(!wrong.authorised && wrong.message.contains("authentication failed"), "{}", wrong.message);
    let wrong = report(json!({ "admin_user": "root", "admin_password": "wrong" })).await;
    assert!(!wrong.authorised && wrong.reachable, "{wrong:?}");

    let provider = connected(&url(&server), login(By::AccessKey));
    let missing = provider.test(&ZoneRef::new(name("nowhere.test"))).await;
    assert_eq!(tested(&missing), [true, true, false, false]);
    assert!(missing.message.contains("no zone nowhere.test"), "{}", missing.message);

    server.state().allowed = Some(Vec::new());
    for login in [login(By::AccessKey), login(By::Password)] {
        let wrong = report(login).await;
        assert_eq!(tested(&wrong), [true, false, false, false]);
        assert!(wrong.message.contains("IP is not allowed to connect with API"), "{}", wrong.message);
    }
    server.state().allowed = None;
    server.state().api = false;
    let wrong = report(login(By::Password)).await;
    assert!(!wrong.authorised && wrong.message.contains("API has been disabled"), "{}", wrong.message);
    server.state().api = true;

    server.edit(ZONE, |zone| zone.suspended = true).await;
    let wrong = report(login(By::AccessKey)).await;
    assert_eq!(tested(&wrong), [true, true, true, false]);
    assert!(wrong.message.contains("suspended"), "{}", wrong.message);
    server.edit(ZONE, |zone| (zone.suspended, zone.src) = (false, "master.example.com".into())).await;
    let wrong = report(login(By::AccessKey)).await;
    assert!(!wrong.can_write && wrong.message.contains("master.example.com"), "{}", wrong.message);

    let closed = format!("http://127.0.0.1:{}", zonecast_testbed::free_port());
    let wrong = connected(&closed, login(By::AccessKey)).test(&zone()).await;
    assert_eq!(tested(&wrong), [false; 4]);
    assert!(wrong.message.contains("refused"), "{}", wrong.message);
}

#[tokio::test]
async fn test_names_the_command_that_a_key_lacks() {
    let server = server().await;
    let cluster = vec![
        "v-list-sys-config",
        "v-list-user",
        "v-insert-dns-record",
        "v-insert-dns-records",
        "v-rebuild-dns-domain",
        "v-delete-dns-record",
        "v-make-tmp-file",
    ];
    let reads = vec!["v-list-dns-domains", "v-list-dns-domain", "v-list-dns-records"];
    let update = [&reads[..], &["v-add-dns-record", "v-delete-dns-record"]].concat();
    for (commands, lacks, findings) in [
        (cluster, "v-list-dns-domains", [true, false, false, false]),
        (reads, "v-add-dns-record", [true, true, true, false]),
        (update, "v-change-dns-record", [true, true, true, false]),
    ] {
        let key = Access { secret: SECRET_KEY.into(), user: "admin".into(), commands: Some(commands) };
        server.state().access.insert(ACCESS_KEY.into(), key);
        let report = connected(&url(&server), login(By::AccessKey)).test(&zone()).await;
        assert_eq!(tested(&report), findings, "{report:?}");
        let refused = format!("refused {lacks}");
        assert!(
            report.message.contains(&refused) && report.message.contains("should hold v-list"),
            "{}",
            report.message
        );
    }
    // Another user's key, for another user's zones.
    let key = Access { secret: SECRET_KEY.into(), user: "other".into(), commands: None };
    server.state().access.insert(ACCESS_KEY.into(), key);
    server.state().api_system = 2;
    let report = connected(&url(&server), login(By::AccessKey)).test(&zone()).await;
    assert!(!report.ok && report.message.contains("check User"), "{}", report.message);
}

#[tokio::test]
async fn a_self_signed_panel_is_trusted_by_its_pin_only() {
    let server = HestiaCp::start(Tls::SelfSigned).await;
    server.new_zone(ZONE).await;
    let url = format!("https://{}", server.addr());
    let report = connected(&url, login(By::AccessKey)).test(&zone()).await;
    assert_eq!(tested(&report), [false; 4]);
    assert!(report.message.contains("certificate"), "{}", report.message);
    assert!(server.state().ran.is_empty(), "no secret was sent");
    let mut pinned = login(By::AccessKey);
    pinned["server_certificate_sha256"] = CERTIFICATE_SHA256.into();
    let provider = connected(&url, pinned.clone());
    assert!(provider.test(&zone()).await.ok);
    all_done(&apply(&provider, &[create("a.rec.test", "192.0.2.1")]).await);
    pinned["server_certificate_sha256"] = "ab".repeat(32).into();
    let report = connected(&url, pinned).test(&zone()).await;
    assert!(!report.reachable && report.message.contains(CERTIFICATE_SHA256), "{}", report.message);
}
