//! The acceptance list for domains (S4.41 to S4.79), as far as a page does it: every step is a form
//! that is sent, every result is read from the page and from the zone at a real PowerDNS, by transfer.

use crate::browser::transfer;
use crate::site::{Reply, Site, Visitor, until};
use serde_json::json;
use zonecast_testbed::{Backend, Canned, Fault, FaultProxy, PowerDns};

/// Somebody at the page, with a service behind it.
struct Desk<'a> {
    visitor: Visitor<'a>,
    server: &'a PowerDns,
    proxy: &'a FaultProxy,
    done: Vec<u32>,
}

type Form<'a> = &'a [(&'a str, &'a str)];

impl Desk<'_> {
    /// Says which lines of the list come now.
    fn step(&mut self, words: &str) {
        eprintln!("{words}");
        let ids = words.split(' ').filter_map(|word| word.strip_prefix("S4."));
        self.done.extend(ids.filter_map(|id| id.parse::<u32>().ok()));
    }

    /// Sends a form that must go through, and waits until its job has ended.
    async fn send(&self, path: &str, fields: Form<'_>) -> String {
        let reply = self.visitor.post(path, fields).await;
        assert_eq!(reply.status, 303, "{path} {fields:?}: {}", reply.text);
        let to = reply.location().to_owned();
        if let Some(job) = to.rsplit_once("job=").map(|(_, job)| job).or_else(|| to.strip_prefix("/jobs/")) {
            self.ended(job).await;
        }
        to.split('?').next().unwrap_or_default().to_owned()
    }

    async fn ended(&self, job: &str) {
        let path = format!("/jobs/{job}/state");
        until(&format!("the end of job {job}"), async || {
            let state = self.visitor.get(&path).await.text;
            ["done", "partial", "failed"].iter().any(|word| state.contains(&format!(">{word}<")))
        })
        .await;
    }

    /// Adds a domain at the service; its page.
    async fn add(&self, name: &str, more: Form<'_>) -> String {
        let mut fields = vec![("name", name), ("create_at", "1")];
        if !more.iter().any(|(field, _)| *field == "addresses") {
            fields.push(("addresses", "192.0.2.80"));
        }
        fields.extend_from_slice(more);
        self.send("/domains", &fields).await
    }

    /// A page with these words on it, as soon as they are there.
    async fn shows(&self, path: &str, words: &str) -> Reply {
        until(&format!("{words:?} at {path}"), async || self.visitor.get(path).await.text.contains(words))
            .await;
        self.visitor.get(path).await
    }

    /// What stands in a zone; types are numbers, so nothing of the product reads them.
    fn zone(&self, name: &str) -> Vec<String> {
        transfer(self.server, name)
    }

    fn holds(&self, zone: &str, line: &str) -> bool {
        self.zone(zone).iter().any(|there| there == line)
    }

    /// A domain of this kind gets the whole template.
    async fn synchronised(&self, name: &str, more: Form<'_>) -> String {
        let page = self.add(name, more).await;
        self.shows(&page, "<span class=\"badge good\">synchronised</span>").await;
        assert_eq!(self.zone(name).len(), 8, "{name}: the template");
        page
    }

    /// A domain in this state is not let out, and says why.
    async fn never_synced(&self, name: &str, state: &str, why: &str) -> String {
        let page = self.add(name, &[("state", state)]).await;
        self.send(&format!("{page}/sync"), &[]).await;
        let shown = self.visitor.get(&page).await.text;
        let toast = shown.split("class=\"toast bad\" role=\"alert\"").nth(1).expect("a red message");
        assert!(toast.contains(why), "{why}: {toast}");
        assert!(shown.contains(">not synchronised<"), "{name}");
        let known = self.server.api("GET", &format!("/zones/{name}."), None).status;
        assert_eq!(known, 404, "no zone was made");
        page
    }

    async fn state(&self, page: &str, state: &str) {
        self.send(&format!("{page}/state"), &[("state", state)]).await;
    }

    async fn record(&self, page: &str, name: &str, rtype: &str, values: &str) {
        let fields = [("name", name), ("type", rtype), ("values", values)];
        self.send(&format!("{page}/record"), &fields).await;
    }
}

/// S4.41-46, S4.49-79.
#[tokio::test(flavor = "multi_thread")]
async fn the_acceptance_list_by_forms() {
    let server = PowerDns::start(Backend::Sqlite);
    let proxy = FaultProxy::start(server.api_addr());
    let site = Site::open().await;
    let connection = json!({ "name": "pdns", "provider": "powerdns",
        "settings": { "server_url": proxy.url(), "api_key": server.api_key() } });
    site.api("POST", "connections", connection).await;
    let visitor = site.log_in().await;
    let mut desk = Desk { visitor, server: &server, proxy: &proxy, done: Vec::new() };
    let page = synchronising(&mut desk).await;
    kinds(&mut desk).await;
    states(&mut desk).await;
    limit(&mut desk, &site).await;
    templates(&mut desk, &page).await;
    records(&mut desk, &page).await;
    whole(&mut desk, &page).await;
    leaving(&mut desk, &page).await;
    desk.done.sort_unstable();
    // S4.47 and S4.48 say what a panel gives its domains before anybody asks.
    let expected: Vec<u32> = (41..=79).filter(|id| !(47..=48).contains(id)).collect();
    assert_eq!(desk.done, expected, "what a page can do of the list is whole");
    let secret = server.api_key();
    for path in ["/domains", &page, &format!("{page}/edit"), "/domains/new", "/jobs", "/audit"] {
        assert!(!desk.visitor.get(path).await.text.contains(secret), "{path}");
    }
}

async fn synchronising(desk: &mut Desk<'_>) -> String {
    desk.step("S4.41 S4.42 S4.43 S4.44 a zone is made, holds every record, is marked, is told");
    let page = desk.synchronised("d1.test", &[]).await;
    let words = "the zone of d1.test is now synchronised with pdns (powerdns)";
    desk.shows(&page, words).await;
    let list = desk.visitor.get("/domains?search=d1").await.text;
    assert!(list.contains(">synchronised<") && list.contains(words), "{list}");
    desk.step("S4.45 a record the service does not take is named, the others are there");
    let refusal = r#"{"error":"RRset bad.d45.test. IN HINFO: unknown type given"}"#;
    desk.proxy.refuse_bodies_with("HINFO", Canned::json(422, refusal));
    let bad = desk.synchronised("d45.test", &[]).await;
    desk.record(&bad, "bad.d45.test", "HINFO", "PC Linux").await;
    desk.shows(&bad, "bad.d45.test HINFO: ").await;
    desk.shows(&bad, "unknown type given").await;
    assert_eq!(desk.zone("d45.test").len(), 8);
    desk.step("S4.46 a zone that fails as a whole is told");
    let refusal = Canned::json(422, r#"{"error":"the plan has no room for another zone"}"#);
    desk.proxy.rule("POST", "/zones", 100, Fault::Answer(refusal));
    let bad = desk.add("d46.test", &[]).await;
    let words = "the zone of d46.test cannot be synchronised with pdns (powerdns): ";
    let shown = desk.shows(&bad, words).await.text;
    assert!(shown.contains("the plan has no room for another zone"), "{shown}");
    desk.proxy.reset();
    page
}

async fn kinds(desk: &mut Desk<'_>) {
    desk.step("S4.49 S4.50 S4.51 S4.53 S4.54 S4.55 every type of domain");
    for kind in ["subscription", "addon", "subdomain", "alias", "no_hosting", "forwarding"] {
        let name = format!("{}.test", kind.replace('_', "-"));
        desk.synchronised(&name, &[("type", kind)]).await;
    }
    desk.step("S4.52 a subdomain in its parent's zone is no zone of its own");
    let wrong = [("name", "in.d1.test"), ("type", "subdomain_in_parent"), ("create_at", "1")];
    let refused = desk.visitor.post("/domains", &wrong).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text.contains("id=\"f-type-error\""), "{}", refused.text);
    let page = desk.send("/domains", &[("name", "in.d1.test"), ("type", "subdomain_in_parent")]).await;
    desk.send(&format!("{page}/sync"), &[]).await;
    let shown = desk.visitor.get(&page).await.text;
    assert!(shown.contains("in.d1.test has no zone of its own: its records are in the zone of d1.test"));
    desk.step("S4.56 a domain on IPv6 only");
    desk.add("six.test", &[("addresses", "2001:db8::80")]).await;
    let zone = desk.zone("six.test");
    assert!(zone.contains(&"six.test. TYPE28 2001:db8::80".to_owned()), "{zone:?}");
    assert!(!zone.iter().any(|line| line.contains(" TYPE1 ")), "{zone:?}");
    desk.step("S4.57 a name in national script");
    let page = desk.add("bücher.test", &[]).await;
    let shown = desk.shows(&page, "the zone of bücher.test is now synchronised").await.text;
    assert!(shown.contains("<bdi>bücher.test</bdi>") && shown.contains("xn--bcher-kva.test"));
    let found = desk.visitor.get("/domains?search=b%C3%BCcher.test").await.text;
    assert!(found.contains(&format!("href=\"{page}\"")), "found by the name people read");
    assert_eq!(desk.zone("xn--bcher-kva.test").len(), 8);
}

async fn states(desk: &mut Desk<'_>) {
    desk.step("S4.58 S4.59 S4.60 S4.61 S4.76 S4.78 what is not active is not let out for the first time");
    desk.never_synced("off.test", "dns_off", "is switched off").await;
    desk.never_synced("second.test", "secondary", "second.test is secondary").await;
    let disabled = desk.never_synced("dis.test", "disabled", "was never synchronised").await;
    desk.never_synced("sus.test", "suspended", "was never synchronised").await;
    desk.step("S4.64 from primary to secondary before the first sync");
    desk.state(&disabled, "secondary").await;
    desk.send(&format!("{disabled}/sync"), &[]).await;
    assert!(desk.visitor.get(&disabled).await.text.contains("dis.test is secondary"));
    desk.step("S4.65 S4.75 S4.77 a domain that was synchronised keeps its records in every state");
    let page = desk.synchronised("keeps.test", &[]).await;
    let before = desk.zone("keeps.test");
    for state in ["secondary", "disabled", "suspended", "dns_off", "active"] {
        desk.state(&page, state).await;
        assert_eq!(desk.zone("keeps.test"), before, "{state}");
    }
}

async fn limit(desk: &mut Desk<'_>, site: &Site) {
    desk.step("S4.62 S4.63 what would exceed a limit of the service does not start, and says so");
    let page = desk.synchronised("full.test", &[]).await;
    let zone = site.api("GET", "zones?name=full.test", json!({})).await[0]["id"].to_string();
    site.api("PATCH", &format!("zones/{zone}"), json!({ "values_max": 8 })).await;
    let more = [("name", "more.full.test"), ("type", "A"), ("values", "192.0.2.1")];
    let refused = desk.visitor.post(&format!("{page}/record"), &more).await;
    assert_eq!(refused.status, 409);
    let words = "full.test was not started: pdns (powerdns) holds at most 8 records";
    assert!(refused.text.contains(words), "{}", refused.text);
    assert!(refused.text.contains("value=\"more.full.test\""), "what was typed stays");
    assert_eq!(desk.zone("full.test").len(), 8);
}

async fn templates(desk: &mut Desk<'_>, page: &str) {
    desk.step("S4.66 applying the template");
    desk.record(page, "own.d1.test", "A", "192.0.2.9").await;
    desk.send(&format!("{page}/template"), &[("action", "apply")]).await;
    assert!(desk.holds("d1.test", "own.d1.test. TYPE1 192.0.2.9"));
    assert_eq!(desk.zone("d1.test").len(), 9);
    desk.step("S4.67 resetting to it");
    desk.send(&format!("{page}/template"), &[("action", "reset")]).await;
    assert!(!desk.holds("d1.test", "own.d1.test. TYPE1 192.0.2.9"));
    assert_eq!(desk.zone("d1.test").len(), 8);
}

/// Every type in the list of suggestions and some more.
const TYPES: [(&str, &str, &str); 12] = [
    ("t.d1.test", "AAAA", "2001:db8::80\n2001:db8::81"),
    ("t.d1.test", "MX", "10 mail.d1.test"),
    ("t.d1.test", "TXT", "v=spf1 -all"),
    ("t.d1.test", "CAA", "0 issue \"ca.test\""),
    ("_sip._tcp.d1.test", "SRV", "1 2 5060 sip.d1.test"),
    ("_443._tcp.d1.test", "TLSA", "3 1 1 0C72AC70B745AC19998811B131D662C9AC69DBDBE7CB23E5B514B56664C5D3D6"),
    ("child.d1.test", "NS", "ns.elsewhere.test"),
    ("child.d1.test", "DS", "12345 13 2 49FD46E6C4B45C55D4AC49FD46E6C4B45C55D4AC49FD46E6C4B45C55D4AC0011"),
    ("ptr.d1.test", "PTR", "d1.test"),
    ("s.d1.test", "HTTPS", "1 . alpn=h2"),
    ("*.d1.test", "A", "192.0.2.81"),
    ("alias.d1.test", "CNAME", "d1.test"),
];

async fn records(desk: &mut Desk<'_>, page: &str) {
    desk.step("S4.68 S4.69 adding a record, of every type");
    for (name, rtype, values) in TYPES {
        desk.record(page, name, rtype, values).await;
    }
    assert_eq!(desk.zone("d1.test").len(), 8 + 13, "{:#?}", desk.zone("d1.test"));
    desk.step("S4.70 editing a record leaves no double");
    let edit = desk.visitor.get(&format!("{page}/record?name=*.d1.test&type=A")).await.text;
    assert!(edit.contains(">192.0.2.81</textarea>"), "{edit}");
    let was = [("was_name", "*.d1.test"), ("was_type", "A")];
    let new = [("name", "*.d1.test"), ("type", "A"), ("values", "192.0.2.82"), was[0], was[1]];
    desk.send(&format!("{page}/record"), &new).await;
    let stars: Vec<String> = desk.zone("d1.test").into_iter().filter(|line| line.starts_with('*')).collect();
    assert_eq!(stars, ["*.d1.test. TYPE1 192.0.2.82"]);
    desk.step("S4.71 removing a record");
    for (name, rtype, _) in TYPES {
        desk.send(&format!("{page}/record/remove"), &[("was_name", name), ("was_type", rtype)]).await;
    }
    assert_eq!(desk.zone("d1.test").len(), 8);
}

async fn whole(desk: &mut Desk<'_>, page: &str) {
    desk.step("S4.72 S4.73 renaming with either choice; the new name shows");
    let old = desk.synchronised("old.test", &[]).await;
    desk.send(&format!("{old}/rename"), &[("name", "new.test"), ("records", "update")]).await;
    let zone = desk.zone("new.test");
    assert!(zone.len() == 8 && zone.contains(&"new.test. TYPE15 10 mail.new.test.".to_owned()), "{zone:#?}");
    assert_eq!(desk.zone("old.test"), Vec::<String>::new());
    assert!(desk.visitor.get(&old).await.text.contains("<h1><bdi>new.test</bdi>"));
    desk.send(&format!("{old}/rename"), &[("name", "empty.test"), ("records", "erase")]).await;
    assert_eq!(desk.zone("new.test"), Vec::<String>::new());
    assert!(desk.visitor.get("/domains").await.text.contains("<bdi>empty.test</bdi>"));
    desk.step("S4.74 another address");
    desk.send(&format!("{page}/ip"), &[("from", "192.0.2.80"), ("to", "192.0.2.90")]).await;
    assert!(desk.holds("d1.test", "d1.test. TYPE1 192.0.2.90"));
    assert!(!desk.zone("d1.test").iter().any(|line| line.ends_with(" 192.0.2.80")));
    // A zone file in the place of all there is.
    let file = "@ 600 IN A 192.0.2.80\nwww IN CNAME @\n@ IN TXT \"from a file\"";
    desk.send(&format!("{page}/import"), &[("zone_file", file)]).await;
    assert!(desk.holds("d1.test", "www.d1.test. TYPE5 d1.test.") && desk.zone("d1.test").len() == 3);
}

async fn leaving(desk: &mut Desk<'_>, page: &str) {
    // Values of others stay, until somebody says otherwise.
    desk.server.put("d1.test", "theirs.d1.test", "A", 600, &["203.0.113.9"]);
    desk.record(page, "theirs.d1.test", "A", "192.0.2.7").await;
    desk.shows(page, "Replace them, once").await;
    assert!(desk.holds("d1.test", "theirs.d1.test. TYPE1 203.0.113.9"));
    desk.send(&format!("{page}/sync"), &[("take_over", "1")]).await;
    assert!(desk.holds("d1.test", "theirs.d1.test. TYPE1 192.0.2.7"));
    desk.step("S4.79 removing the domain removes all its records");
    assert!(desk.visitor.get(&format!("{page}/delete")).await.text.contains("taken out of every zone"));
    desk.send(&format!("{page}/delete"), &[]).await;
    assert_eq!(desk.zone("d1.test"), Vec::<String>::new());
    until("the domain to be gone", async || desk.visitor.get(page).await.status == 404).await;
}
