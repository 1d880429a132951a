//! The answer engine against a model that is too slow to serve and too simple to be wrong, and
//! against bytes nobody should send.

use super::*;
use crate::message::{OPCODE_QUERY, Question, RRsets, read_section};
use crate::settings::ZoneSettings;
use crate::store::MemoryZoneStore;
use crate::testing::{apex_rrsets, name, rrset};
use domain::base::Message;
use proptest::prelude::*;
use std::collections::BTreeMap;
use zonecast_core::{Name, RRset};

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn engine(zone: &str, rrsets: Vec<RRset>) -> Engine {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let authority = Authority::open(Arc::new(MemoryZoneStore::default())).await.unwrap();
        let all = [apex_rrsets(zone), rrsets].concat();
        authority.create_zone(name(zone), all, ZoneSettings::default()).await.unwrap();
        Engine::new(authority).unwrap()
    })
}

/// Asks; `None` when the engine drops the message.
fn ask(engine: &Engine, message: &[u8], transport: Transport) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut scratch = Scratch::default();
    match engine.respond(&engine.zones(), message, PEER, transport, &mut scratch, &mut out) {
        Response::Answer { .. } => Some(out),
        Response::Drop | Response::Transfer(_) => None,
    }
}

#[derive(Debug, PartialEq, Eq, Default)]
struct Seen {
    rcode: u8,
    authoritative: bool,
    answer: Vec<String>,
    /// Owner and type of what is in the authority section.
    authority: Vec<String>,
}

fn line(rrset: &RRset) -> Vec<String> {
    rrset.values.iter().map(|value| format!("{} {} {}", rrset.name, rrset.rtype, value.to_text())).collect()
}

fn seen(engine: &Engine, owner: &Name, rtype: RecordType) -> Seen {
    let question = Question {
        opcode: OPCODE_QUERY,
        name: owner,
        rtype,
        recursion_desired: false,
        edns: true,
        soa: None,
    };
    let message = Message::from_octets(ask(engine, &question.compose(7), Transport::Tcp).unwrap()).unwrap();
    assert!(question.is_answered_by(7, &message));
    let (mut answer, mut authority) = (RRsets::default(), RRsets::default());
    read_section(message.answer().unwrap(), &mut |name, ttl, data| answer.take(name, ttl, data)).unwrap();
    read_section(message.authority().unwrap(), &mut |name, ttl, data| authority.take(name, ttl, data))
        .unwrap();
    Seen {
        rcode: message.header().rcode().to_int(),
        authoritative: message.header().aa(),
        answer: answer.finish().iter().flat_map(line).collect(),
        authority: authority.finish().iter().map(|set| format!("{} {}", set.name, set.rtype)).collect(),
    }
}

/// A zone as a plain table; everything is found by looking at every name.
struct Model {
    apex: Name,
    sets: BTreeMap<(Name, RecordType), RRset>,
}

impl Model {
    fn get(&self, owner: &Name, rtype: RecordType) -> Option<&RRset> {
        self.sets.get(&(owner.clone(), rtype))
    }

    fn has_data(&self, owner: &Name) -> bool {
        self.sets.keys().any(|(name, _)| name == owner)
    }

    fn exists(&self, owner: &Name) -> bool {
        self.sets.keys().any(|(name, _)| name.is_within(owner))
    }

    /// The first delegation on the way down, unless a DNAME comes before it.
    fn cut(&self, path: &[Name], here: &Name, rtype: RecordType) -> Option<Name> {
        for above in path {
            let is_ds_here = above == here && rtype == RecordType::DS;
            if *above != self.apex && self.get(above, RecordType::NS).is_some() && !is_ds_here {
                return Some(above.clone());
            }
            if above != here && self.get(above, RecordType::DNAME).is_some() {
                return None;
            }
        }
        None
    }

    fn answer(&self, question: &Name, rtype: RecordType) -> Seen {
        let mut seen = Seen { authoritative: true, ..Seen::default() };
        let mut here = question.clone();
        let mut visited: Vec<Name> = Vec::new();
        for link in 0..LINKS_MAX {
            if !here.is_within(&self.apex) {
                return seen;
            }
            let mut path = here.up_to(&self.apex);
            path.reverse();
            if let Some(cut) = self.cut(&path, &here, rtype) {
                seen.authoritative = link > 0;
                seen.authority.push(format!("{cut} NS"));
                return seen;
            }
            let dname =
                path.iter().find(|above| **above != here && self.get(above, RecordType::DNAME).is_some());
            let source = match dname {
                Some(above) => above.clone(),
                None if self.exists(&here) => here.clone(),
                None => {
                    let encloser = path.iter().rev().find(|above| self.exists(above)).unwrap();
                    encloser.child("*").unwrap()
                }
            };
            let no_data = |mut seen: Seen, rcode: u8| {
                seen.rcode = rcode;
                seen.authority.push(format!("{} SOA", self.apex));
                seen
            };
            if !self.has_data(&source) {
                return no_data(seen, if self.exists(&source) { 0 } else { 3 });
            }
            if visited.contains(&here) {
                return seen;
            }
            visited.push(here.clone());
            if dname.is_some() {
                let set = self.get(&source, RecordType::DNAME).unwrap();
                if !line(set).iter().all(|line| seen.answer.contains(line)) {
                    seen.answer.extend(line(set));
                }
                let prefix = here.labels().len() - source.label_count();
                let labels =
                    [&here.labels()[..prefix], &set.values[0].as_name().unwrap().labels()[..]].concat();
                let target = Name::from_labels(labels.iter().map(Vec::as_slice)).unwrap();
                seen.answer.push(format!("{here} CNAME {target}"));
                if rtype == RecordType::CNAME {
                    return seen;
                }
                here = target;
                continue;
            }
            let as_here = |set: &RRset| RRset { name: here.clone(), ..set.clone() };
            if let Some(set) = self.get(&source, rtype) {
                seen.answer.extend(line(&as_here(set)));
                return seen;
            }
            let Some(cname) = self.get(&source, RecordType::CNAME) else { return no_data(seen, 0) };
            seen.answer.extend(line(&as_here(cname)));
            here = cname.values[0].as_name().unwrap();
        }
        seen
    }
}

fn small_name() -> impl Strategy<Value = String> {
    let label = prop::sample::select(vec!["a", "b", "c", "*"]);
    prop::collection::vec(label, 0..4)
        .prop_map(|labels| labels.into_iter().map(|label| format!("{label}.")).collect::<String>() + "z.test")
}

fn small_set() -> impl Strategy<Value = RRset> {
    let kind = prop::sample::select(vec!["A", "A", "TXT", "NS", "CNAME", "CNAME", "DNAME", "DS"]);
    (small_name(), kind, small_name()).prop_map(|(owner, kind, target)| {
        let value = match kind {
            "A" => "192.0.2.1".to_owned(),
            "TXT" => "\"t\"".to_owned(),
            "DS" => "1 13 2 00FF".to_owned(),
            _ => target,
        };
        rrset(&owner, kind, &[&value])
    })
}

/// RRsets that can stand together: CNAMEs beside other data go, NS and SOA of the apex stay.
fn zone_of(sets: Vec<RRset>) -> (Model, Vec<RRset>) {
    let apex = name("z.test");
    let mut table = BTreeMap::new();
    for set in sets.into_iter().filter(|set| set.name != apex || set.rtype != RecordType::NS) {
        let others = |table: &BTreeMap<(Name, RecordType), RRset>, cname: bool| {
            table.keys().any(|(name, rtype)| *name == set.name && (cname || *rtype == RecordType::CNAME))
        };
        let is_cname = set.rtype == RecordType::CNAME;
        if set.name == apex && is_cname || others(&table, is_cname) {
            continue;
        }
        table.insert((set.name.clone(), set.rtype), set);
    }
    let rrsets = table.values().cloned().collect();
    for set in apex_rrsets("z.test") {
        table.insert((set.name.clone(), set.rtype), set);
    }
    (Model { apex, sets: table }, rrsets)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_answer_is_the_models(
        sets in prop::collection::vec(small_set(), 0..12),
        questions in prop::collection::vec((small_name(), prop::sample::select(vec!["A", "TXT", "NS", "DS", "CNAME"])), 1..24),
    ) {
        let (model, rrsets) = zone_of(sets);
        let engine = engine("z.test", rrsets);
        for (owner, rtype) in questions {
            let (owner, rtype) = (name(&owner), rtype.parse().unwrap());
            prop_assert_eq!(seen(&engine, &owner, rtype), model.answer(&owner, rtype), "{} {}", owner, rtype);
        }
    }
}

fn rich_engine() -> Engine {
    let long = "x".repeat(200);
    let texts: Vec<String> = (0..40).map(|number| format!("\"{number}{long}\"")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    engine(
        "z.test",
        vec![
            rrset("big.z.test", "TXT", &texts),
            rrset("*.w.z.test", "CNAME", &["big.z.test"]),
            rrset("d.z.test", "DNAME", &["w.z.test"]),
            rrset("cut.z.test", "NS", &["ns.cut.z.test", "ns1.z.test"]),
            rrset("ns.cut.z.test", "A", &["192.0.2.1"]),
        ],
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn damaged_queries_get_a_readable_answer_or_none(
        owner in prop::sample::select(vec!["big.z.test", "x.w.z.test", "a.d.z.test", "b.cut.z.test", "z.test", "other"]),
        rtype in any::<u16>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
        tail in prop::collection::vec(any::<u8>(), 0..12),
    ) {
        thread_local!(static ENGINE: Engine = rich_engine());
        let owner = name(owner);
        let question = Question {
            opcode: OPCODE_QUERY, name: &owner, rtype: RecordType(rtype), recursion_desired: false, edns: true, soa: None,
        };
        let mut message = question.compose(9);
        for (at, byte) in damage {
            let at = at.index(message.len());
            message[at] = byte;
        }
        if let Some(cut) = cut {
            message.truncate(cut.index(message.len()));
        }
        message.extend(tail);
        ENGINE.with(|engine| {
            if let Some(answer) = ask(engine, &message, Transport::Udp) {
                assert!(answer.len() <= usize::from(UDP_PAYLOAD));
                let answer = Message::from_octets(answer).unwrap();
                assert!(answer.header().qr() && answer.header().id() == u16::from_be_bytes([message[0], message[1]]));
                for record in answer.iter() {
                    record.unwrap();
                }
            }
            ask(engine, &message, Transport::Tcp);
        });
    }

    #[test]
    fn random_bytes_do_no_harm(message in prop::collection::vec(any::<u8>(), 0..120)) {
        thread_local!(static ENGINE: Engine = rich_engine());
        ENGINE.with(|engine| { ask(engine, &message, Transport::Udp); });
    }
}

#[test]
fn a_dname_that_makes_the_name_too_long_is_yxdomain() {
    let long = format!("{0}.{0}.{0}.z.test", "l".repeat(60));
    let engine = engine("z.test", vec![rrset("d.z.test", "DNAME", &[&long])]);
    let found = seen(&engine, &name(&format!("{0}.{0}.d.z.test", "q".repeat(60))), RecordType::A);
    assert_eq!((found.rcode, found.answer.len()), (Rcode::YxDomain as u8, 1));
}

#[test]
fn the_deepest_zone_answers_but_ds_is_its_parents() {
    let engine = engine(
        "z.test",
        vec![rrset("sub.z.test", "NS", &["ns.sub.z.test"]), rrset("sub.z.test", "DS", &["1 13 2 00FF"])],
    );
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let created =
        engine.authority.create_zone(name("sub.z.test"), apex_rrsets("sub.z.test"), ZoneSettings::default());
    runtime.block_on(created).unwrap();
    let soa = seen(&engine, &name("sub.z.test"), RecordType::SOA);
    assert!(soa.authoritative && soa.answer[0].starts_with("sub.z.test SOA"));
    assert_eq!(seen(&engine, &name("x.sub.z.test"), RecordType::A).authority, ["sub.z.test SOA"]);
    let ds = seen(&engine, &name("sub.z.test"), RecordType::DS);
    assert!(ds.authoritative && ds.answer[0].starts_with("sub.z.test DS"));
}

/// An UPDATE is not carried out yet; whoever signed it by the zone's key gets an answer to believe.
#[test]
fn a_signed_update_gets_a_signed_answer() {
    use crate::tsig::{TsigAlgorithm, TsigKey};
    use crate::tsig_client::ClientSigner;
    let key = |secret: u8| TsigKey::new(name("zk"), TsigAlgorithm::HmacSha256, vec![secret; 32]).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let engine = runtime.block_on(async {
        let authority = Authority::open(Arc::new(MemoryZoneStore::default())).await.unwrap();
        let settings = ZoneSettings { tsig_key: Some(key(1)), ..ZoneSettings::default() };
        authority.create_zone(name("z.test"), apex_rrsets("z.test"), settings).await.unwrap();
        Engine::new(authority).unwrap()
    });
    let mut update = crate::update::Update::new(name("z.test"));
    update.require_name(&name("www.z.test"));
    update.add(&name("www.z.test"), RecordType::A, zonecast_core::Ttl::DEFAULT, &[192, 0, 2, 1]);
    for (secret, rcode, believed) in [(Some(1), 4, true), (Some(2), 9, false), (None, 4, true)] {
        let mut message = update.compose(7);
        let mut signer = ClientSigner::sign(secret.map(key).as_ref(), &mut message).unwrap();
        let answer = ask(&engine, &message, Transport::Udp).unwrap();
        assert_eq!((answer[3] & 15, answer[2] >> 3 & 15), (rcode, 5), "{secret:?}");
        assert_eq!(answer[11] == 1, secret.is_some(), "a record in the additional section");
        let mut answer = Message::from_octets(answer).unwrap();
        assert_eq!(signer.check(&mut answer).is_ok(), believed, "{secret:?}");
    }
}
