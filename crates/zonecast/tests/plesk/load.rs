//! Many starts at once, a large zone in one call, and the daemon killed in the middle: nothing is lost
//! and nothing is out of order.

use crate::daemon::until_or;
use crate::panel::{Panel, Service, start, zone_of};
use crate::rounds;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

#[test]
fn a_zone_of_600_records_goes_in_one_call() {
    for service in [Service::Embedded, Service::PowerDns] {
        let panel = Panel::at(service);
        let labels: Vec<String> = (0..600).map(|n| format!("h{n}")).collect();
        let records: Vec<_> = labels.iter().map(|label| (label.as_str(), "A", "", "192.0.2.1")).collect();
        let begun = Instant::now();
        panel.send("create", zone_of("large.test", &records)).well().says("is now synchronised with");
        eprintln!("{service:?}: 600 records in {:?}", begun.elapsed());
        assert_eq!(panel.zone("large.test").len(), 600);
    }
}

/// S4.91, X8: a thousand starts at once (a hundred in the ordinary check) over ten zones. Each start
/// sends the whole set of its zone; whatever the order they come in, each zone ends as one of them said,
/// and as the last one stored said.
#[test]
fn soak_many_starts_at_once_are_all_stored_and_end_in_order() {
    let starts = rounds(100, 1_000);
    let panel = Panel::with(Service::PowerDns, "");
    for zone in 0..10 {
        panel.send("create", zone_of(&format!("z{zone}.test"), &[("n", "TXT", "", "begin")])).well();
    }
    let next = AtomicUsize::new(0);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..starts.min(100) {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::SeqCst);
                    if n >= starts {
                        return;
                    }
                    let set = zone_of(&format!("z{}.test", n % 10), &[("n", "TXT", "", &format!("set {n}"))]);
                    let input = json!([{ "command": "update", "zone": set }]).to_string();
                    let ended = start(panel.daemon.folder(), input.as_bytes(), &["--wait=0"]);
                    assert_eq!(ended.code, 0, "{ended:?}");
                }
            });
        }
    });
    eprintln!("{starts} starts stored in {:?}", begun.elapsed());
    let audit = sets_in_audit(&panel);
    assert!(audit >= starts, "every start has its audit line: {audit} of {starts}");
    // One more set for each zone, after all others: it is what every zone ends with.
    for zone in 0..10 {
        panel.send("update", zone_of(&format!("z{zone}.test"), &[("n", "TXT", "", "last")])).well();
        assert_eq!(panel.zone(&format!("z{zone}.test")), [format!("n.z{zone}.test. TYPE16 \"last\"")]);
    }
}

/// How many sets the audit has.
fn sets_in_audit(panel: &Panel) -> usize {
    let mut count = 0;
    let mut cursor = String::new();
    loop {
        let (_, page) =
            panel.daemon.call("GET", &format!("/audit?limit=500&action=domain.set{cursor}"), None);
        count += page["data"].as_array().map_or(0, Vec::len);
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return count,
        }
    }
}

/// Sets of one zone sent one after the other are carried out in that order, however fast they come.
#[test]
fn sets_of_one_zone_keep_their_order() {
    let panel = Panel::at(Service::Embedded);
    for n in 0..rounds(20, 200) {
        let set = zone_of("o.test", &[("n", "TXT", "", &format!("set {n}"))]);
        let input = json!([{ "command": "update", "zone": set }]).to_string();
        assert_eq!(start(panel.daemon.folder(), input.as_bytes(), &["--wait=0"]).code, 0);
    }
    let last = format!("n.o.test. TYPE16 \"set {}\"", rounds(20, 200) - 1);
    until_or(Duration::from_secs(60), || {
        let zone = panel.zone("o.test");
        if zone == [last.clone()] { Ok(()) } else { Err(format!("{zone:?}")) }
    });
}

/// G2: whoever got exit code 0 finds its zone at the service, also when the daemon is killed meanwhile.
#[test]
fn kill_9_in_the_middle_loses_none() {
    for round in 0..rounds(2, 20) {
        let mut panel = Panel::with(Service::PowerDns, "");
        let folder = panel.daemon.folder().to_owned();
        let (done, ended) = std::sync::mpsc::channel();
        let starters = (0..4).map(|lane| {
            let (folder, done) = (folder.clone(), done.clone());
            std::thread::spawn(move || {
                for n in 0..6 {
                    let name = format!("k{lane}-{n}.test");
                    let set = zone_of(&name, &[("", "A", "", "192.0.2.1"), ("www", "A", "", "192.0.2.2")]);
                    let input = json!([{ "command": "create", "zone": set }]).to_string();
                    let ended = start(&folder, input.as_bytes(), &["--wait=1"]);
                    let _ = done.send((name, ended.code));
                }
            })
        });
        let starters: Vec<_> = starters.collect();
        drop(done);
        let mut names: BTreeSet<String> = BTreeSet::new();
        for (name, code) in ended.iter().take(3 + round) {
            assert_eq!(code, 0, "{name}");
            names.insert(name);
        }
        panel.daemon.kill();
        // Some starts find nobody and do the work themselves; then the daemon is back.
        for (name, code) in ended.iter().take(4) {
            assert_eq!(code, 0, "{name}");
            names.insert(name);
        }
        panel.daemon.start_again();
        for (name, code) in ended.iter() {
            assert_eq!(code, 0, "{name}");
            names.insert(name);
        }
        starters.into_iter().for_each(|starter| starter.join().expect("it ends"));
        assert_eq!(names.len(), 24);
        until_or(Duration::from_secs(60), || {
            for name in &names {
                let found =
                    zonecast_testbed::axfr(panel.dns(), name).map_err(|error| format!("{name}: {error}"))?;
                let addresses = found.iter().filter(|answer| answer.rtype == 1).count();
                if addresses != 2 {
                    return Err(format!("{name}: {addresses} addresses"));
                }
            }
            Ok(())
        });
    }
}

/// Without a daemon the same store and the same leases do.
#[test]
fn it_works_without_a_daemon_and_the_daemon_goes_on_with_it() {
    let mut panel = Panel::at(Service::PowerDns);
    panel.daemon.stop();
    panel
        .send("create", zone_of("alone.test", &[("", "A", "", "192.0.2.1")]))
        .well()
        .says("is now synchronised");
    assert_eq!(panel.zone("alone.test"), ["alone.test. TYPE1 192.0.2.1"]);
    panel.daemon.start_again();
    assert_eq!(panel.domain("alone.test")["synced"], true);
    panel.send("delete", json!({ "name": "alone.test." })).well();
    assert_eq!(panel.zone("alone.test"), Vec::<String>::new());
}
