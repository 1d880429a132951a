//! What can go wrong on the way to HestiaCP and back: nothing bad is read as an empty zone, nothing
//! unsure is called done, no secret comes out.

use super::*;

#[tokio::test]
async fn torn_and_strange_answers_are_never_an_empty_zone() {
    let server = server().await;
    for by in [By::AccessKey, By::Password] {
        let proxy = FaultProxy::start(server.addr());
        let provider = connected(&proxy.url(), login(by));
        let zero = |canned: Canned| canned.header("Hestia-Exit-Code", "0");
        for (fault, class) in [
            (Fault::Answer(Canned::html(200)), ErrorClass::Transient),
            (Fault::Answer(Canned::html(500)), ErrorClass::Transient),
            (Fault::Answer(Canned::html(502)), ErrorClass::Transient),
            (Fault::Answer(Canned::html(403)), ErrorClass::Forbidden),
            (Fault::Answer(Canned::new(301, "")), ErrorClass::Transient),
            (Fault::Answer(zero(Canned::new(200, "{}"))), ErrorClass::Transient),
            (Fault::Answer(zero(Canned::new(204, ""))), ErrorClass::Transient),
            (Fault::Answer(zero(Canned::new(200, r#"{"rec.test":{"#))), ErrorClass::Transient),
            (
                Fault::Answer(Canned::new(401, "Error: x").header("Hestia-Exit-Code", "9")),
                ErrorClass::Unauthorized,
            ),
            (
                Fault::Answer(
                    Canned::new(200, "Error: dns domain rec.test doesn't exist")
                        .header("Hestia-Exit-Code", "3"),
                ),
                ErrorClass::NoSuchZone,
            ),
            (Fault::CutAfter(150), ErrorClass::Transient),
            (Fault::LoseAnswer, ErrorClass::Transient),
            (Fault::Refuse, ErrorClass::Transient),
        ] {
            proxy.set(fault.clone());
            let error = provider.list(&zone()).await.expect_err(&format!("{fault:?}"));
            assert_eq!(error.class, class, "{fault:?}: {error}");
            assert!(error.message.contains(ZONE), "{error}");
            let outcomes =
                apply(&provider, &[Change::Delete(set("rec.test", RecordType::A, &["192.0.2.1"]))]).await;
            assert_eq!(failed(&outcomes[0]).class, class, "nothing is written after a bad read");
        }
        proxy.set(Fault::Hang);
        let hurried = ZoneRef { deadline: Instant::now() + Duration::from_millis(300), ..zone() };
        assert_eq!(provider.list(&hurried).await.unwrap_err().class, ErrorClass::Transient);
        assert!(server.writes().is_empty());
    }
    // Torn in the middle of the records only.
    let proxy = FaultProxy::start(server.addr());
    let provider = connected(&proxy.url(), login(By::AccessKey));
    let torn = Canned::new(200, "{\n    \"1\": {").header("Hestia-Exit-Code", "0");
    proxy.rule_for_bodies("cmd=v-list-dns-records", 1, Fault::Answer(torn));
    assert_eq!(provider.list(&zone()).await.unwrap_err().class, ErrorClass::Transient);
}

#[tokio::test]
async fn a_write_whose_end_is_not_known_is_unknown() {
    let server = server().await;
    for (n, fault) in [
        Fault::LoseAnswer,
        Fault::CutAfter(20),
        Fault::Answer(Canned::html(502)),
        Fault::Answer(Canned::html(500)),
        Fault::Answer(Canned::html(200)),
    ]
    .into_iter()
    .enumerate()
    {
        for by in [By::AccessKey, By::Password] {
            let proxy = FaultProxy::start(server.addr());
            let provider = connected(&proxy.url(), login(by));
            proxy.rule_for_bodies("cmd=v-add-dns-record", 1, fault.clone());
            let change = create(&format!("u{n}{}.rec.test", by as u8), "192.0.2.1");
            let outcomes = apply(&provider, std::slice::from_ref(&change)).await;
            assert!(matches!(&outcomes[..], [Outcome::Unknown(_)]), "{fault:?}: {outcomes:?}");
            all_done(&apply(&provider, &[change]).await);
        }
    }
    assert_eq!(server.values(ZONE, "u00", "A").len(), 1, "written once");
}

#[tokio::test]
async fn ten_seconds_late_is_in_time_where_the_deadline_says_so() {
    let server = server().await;
    let proxy = FaultProxy::start(server.addr());
    let provider = connected(&proxy.url(), login(By::AccessKey));
    proxy.rule_for_bodies("cmd=v-list-dns-records", 1, Fault::Delay(Duration::from_secs(10)));
    assert!(provider.list(&zone()).await.is_ok());
}

#[tokio::test]
async fn refusals_have_hestias_words_and_class() {
    let server = server().await;
    server.state().records_max = 1;
    for by in [By::AccessKey, By::Password] {
        let provider = connected(&url(&server), login(by));
        let outcomes = apply(&provider, &[create("a.rec.test", "192.0.2.1")]).await;
        let error = failed(&outcomes[0]);
        assert_eq!(error.class, ErrorClass::Quota, "{error}");
        assert!(
            error.message.contains("DNS_RECORDS limit is reached") && error.message.contains("a.rec.test"),
            "{error}"
        );
        let ghost = json!({ "user": "ghost" });
        let mut more = login(by);
        more.as_object_mut().unwrap().extend(ghost.as_object().unwrap().clone());
        let error = connected(&url(&server), more).list(&zone()).await.unwrap_err();
        assert!(
            error.class == ErrorClass::NoSuchZone && error.message.contains("user ghost doesn't exist"),
            "{error}"
        );
    }
    server.state().users.insert("dns".into(), true);
    let provider = connected(&url(&server), login(By::AccessKey));
    let outcomes = apply(&provider, &[create("a.rec.test", "192.0.2.1")]).await;
    assert_eq!(failed(&outcomes[0]).class, ErrorClass::Forbidden, "{outcomes:?}");
}

#[tokio::test]
async fn a_secret_that_is_quoted_back_does_not_come_out() {
    let server = server().await;
    let canary = "canary/secret+7&x=%41";
    let proxy = FaultProxy::start(server.addr());
    let words = format!("Error: bad password {canary} or {}", "canary%2Fsecret%2B7%26x%3D%2541");
    proxy.set(Fault::Answer(Canned::new(401, words).header("Hestia-Exit-Code", "9")));
    let provider = connected(&proxy.url(), json!({ "admin_user": "admin", "admin_password": canary }));
    let error = provider.list(&zone()).await.unwrap_err();
    let report = provider.test(&zone()).await;
    let outcomes = apply(&provider, &[create("a.rec.test", "192.0.2.1")]).await;
    let said = format!("{error:?} {report:?} {outcomes:?} {}", provider.physical_id(&zone()));
    assert!(!said.contains("canary") && said.contains("[secret]"), "{said}");
    assert!(
        proxy.seen().iter().all(|seen| seen.path == "/api/" && !seen.head.contains("canary")),
        "in the body only"
    );
}
