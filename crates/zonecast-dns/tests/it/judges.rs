//! What we print is read by the programs that others wrote, and what they print of it is read back
//! here as the same values: BIND, Knot, ldns and PowerDNS, over every type with a form of its own.

use crate::harness::name;
use crate::values::{MORE, WRITTEN, value};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use std::path::Path;
use std::process::Command;
use zonecast_core::{RRset, RecordData, RecordType, Ttl};
use zonecast_dns::{parse_zonefile, write_zonefile};

const ROUNDS: usize = 12;

/// A zone with values of all types but `without` (those that a program does not know), each at a name of its own.
fn zone(without: &[&str]) -> Vec<RRset> {
    let mut runner = TestRunner::default();
    let apex = name("judge.example");
    let parse = |rtype: &str, text: &str| {
        let data = RecordData::parse(rtype.parse().unwrap(), text);
        data.unwrap_or_else(|error| panic!("{error}"))
    };
    let soa = parse("SOA", "ns.judge.example. mail.judge.example. 1 3600 600 86400 300");
    let ttl = Ttl::DEFAULT;
    let mut sets = vec![
        RRset::new(apex.clone(), RecordType::SOA, ttl, vec![soa]),
        RRset::new(apex, RecordType::NS, ttl, vec![parse("NS", "ns.elsewhere.example.")]),
    ];
    // What a signer makes, and what may stand at the apex only, is no content of a zone for these programs.
    let made = ["SOA", "RRSIG", "NSEC", "NSEC3", "NSEC3PARAM", "DNSKEY", "CDS", "CDNSKEY", "CSYNC", "ZONEMD"];
    for rtype in WRITTEN.iter().chain(&MORE).filter(|rtype| !made.contains(rtype) && !without.contains(rtype))
    {
        for round in 0..ROUNDS {
            let text = value(rtype).new_tree(&mut runner).unwrap().current();
            let owner = name(&format!("r{round}.{rtype}.judge.example"));
            if *rtype == "DS" {
                let at = parse("NS", "ns.elsewhere.example.");
                sets.push(RRset::new(owner.clone(), RecordType::NS, ttl, vec![at]));
            }
            sets.push(RRset::new(owner, rtype.parse().unwrap(), ttl, vec![parse(rtype, &text)]));
        }
    }
    sets.sort();
    sets
}

/// Gives the zone to a program and takes its print of it; the values that came back otherwise.
fn judge(without: &[&str], ask: impl Fn(&Path) -> Option<String>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("judge.zone");
    let sets = zone(without);
    std::fs::write(&file, write_zonefile(&name("judge.example"), sets.iter().cloned())).unwrap();
    let Some(text) = ask(&file) else { return };
    let back = parse_zonefile(&text, &name("judge.example"), Ttl::DEFAULT);
    let back = back.unwrap_or_else(|errors| {
        let line = |at: usize| text.lines().nth(at - 1).unwrap_or_default();
        panic!(
            "{:#?}",
            errors.iter().map(|error| format!("{error}: {}", line(error.line))).collect::<Vec<_>>()
        )
    });
    for set in &sets {
        let same = back.iter().find(|other| other.name == set.name && other.rtype == set.rtype);
        assert_eq!(same.map(|other| &other.values), Some(&set.values), "{} {}", set.name, set.rtype);
    }
}

/// What a program says; `None` where it is not installed. One that fails ends the test with its words.
fn run(command: &mut Command) -> Option<String> {
    let output = match command.output() {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => panic!("{command:?}: {error}"),
    };
    let said = String::from_utf8_lossy(&output.stderr);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?} ends with {}: {said}{text}", output.status);
    Some(text)
}

#[test]
fn bind_reads_what_we_print_and_we_read_its_print() {
    judge(&["MD", "MF"], |file| {
        let checks = ["-i", "none", "-k", "ignore", "-n", "ignore", "-o", "-", "judge.example"];
        run(Command::new("named-compilezone").args(checks).arg(file))
    });
}

#[test]
fn ldns_reads_what_we_print_and_we_read_its_print() {
    judge(&["AVC"], |file| run(Command::new("ldns-read-zone").arg(file)));
}

#[test]
fn knot_reads_what_we_print() {
    let unknown = ["AVC", "GPOS", "ISDN", "MB", "MD", "MF", "MG", "MR", "PX", "X25"];
    judge(&unknown, |file| {
        run(Command::new("kzonecheck").args(["-o", "judge.example"]).arg(file))?;
        None
    });
}

#[test]
fn powerdns_reads_what_we_print_and_takes_it_as_its_own_normal_form() {
    let unknown = ["AVC", "GPOS", "ISDN", "MD", "MF", "PX", "RT", "X25"];
    judge(&unknown, |file| {
        let folder = file.parent()?;
        let settings = format!("launch=lmdb\nlmdb-filename={}/pdns.lmdb\n", folder.display());
        std::fs::write(folder.join("pdns.conf"), settings).unwrap();
        let tool = || {
            let mut command = Command::new("pdnsutil");
            command.arg("--config-dir").arg(folder);
            command
        };
        run(tool().args(["load-zone", "judge.example"]).arg(file))?;
        // Names without their final dot, absolute all the same.
        run(tool().args(["list-zone", "judge.example"])).map(|text| text.replace("$ORIGIN .", "$ORIGIN .\n"))
    });
}
