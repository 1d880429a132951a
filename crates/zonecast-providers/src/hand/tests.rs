//! The hand without a service: what it costs to find a culprit, and what is sent before what.

use super::*;
use std::sync::Mutex;
use zonecast_core::Ttl;

/// Takes calls of 128 changes; refuses any that holds a poisoned name, without saying which.
struct Poisoned {
    poison: fn(usize) -> bool,
    calls: Mutex<Vec<usize>>,
}

#[async_trait]
impl Service for Poisoned {
    type Piece = usize;

    fn piece(&self, _seen: &Observed, together: &[&Change]) -> Result<usize, String> {
        let label = together[0].name().to_string();
        label[1..].split('.').next().unwrap().parse().map_err(|_| "no number".to_owned())
    }

    fn weight(&self, _piece: &usize) -> [usize; 2] {
        [1, 0]
    }

    fn room(&self) -> [usize; 2] {
        [128, 0]
    }

    async fn look(&self, _names: &[Name]) -> Result<Observed, ProviderError> {
        Ok(Observed::default())
    }

    async fn send(&self, batch: &[Unit<usize>]) -> Ended {
        self.calls.lock().unwrap().push(batch.len());
        let error = ProviderError::new(ErrorClass::Rejected, "something is wrong");
        match batch.iter().any(|unit| (self.poison)(unit.piece)) {
            true => Err(Refusal { error, unknown: false, blame: Blame::Something }),
            false => Ok(Vec::new()),
        }
    }
}

fn set(name: &str, rtype: RecordType, value: &str) -> RRset {
    let value = RecordData::parse(rtype, value).unwrap();
    RRset::new(Name::parse(name).unwrap(), rtype, Ttl::DEFAULT, vec![value])
}

async fn write(count: usize, poison: fn(usize) -> bool) -> (Vec<Outcome>, usize) {
    let service = Poisoned { poison, calls: Mutex::default() };
    let zone = ZoneRef::new(Name::parse("example").unwrap());
    let changes: Vec<Change> = (0..count)
        .map(|n| Change::Create(set(&format!("h{n}.example"), RecordType::A, "192.0.2.1")))
        .collect();
    let (seen, limits) = (Observed::default(), Capabilities::unlimited());
    let outcomes = Hand::new(&service, (&zone, limits), &seen, &changes, |_| None).write().await;
    (outcomes, service.calls.into_inner().unwrap().len())
}

/// One culprit costs 2 log2 n + 1 calls and no neighbour; a zone full of them has an end, and
/// nobody is condemned unseen.
#[tokio::test]
async fn a_culprit_is_found_by_halving_and_many_have_an_end() {
    let (outcomes, calls) = write(128, |n| n == 77).await;
    for (at, outcome) in outcomes.iter().enumerate() {
        match outcome {
            Outcome::Failed(error) if at == 77 => {
                assert_eq!((&error.class, error.culprit), (&ErrorClass::Rejected, Some(77)));
                assert_eq!(error.message, "h77.example A in example: something is wrong");
            }
            outcome => assert!(at != 77 && *outcome == Outcome::Done, "{at}: {outcome:?}"),
        }
    }
    assert!(calls <= 2 * 7 + 1, "{calls} calls");
    let (outcomes, calls) = write(5_000, |_| true).await;
    assert!(calls < 250, "{calls} calls");
    let rejected =
        |outcome: &&Outcome| matches!(outcome, Outcome::Failed(error) if error.class == ErrorClass::Rejected);
    assert!(outcomes.iter().filter(rejected).count() < calls);
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Failed(_))));
}

#[test]
fn what_goes_waits_for_what_comes_unless_it_gives_way() {
    let changes = [
        Change::Delete(set("a.example", RecordType::A, "192.0.2.1")),
        Change::Create(set("b.example", RecordType::CNAME, "x.example")),
        Change::Delete(set("b.example", RecordType::A, "192.0.2.1")),
        Change::Create(set("c.example", RecordType::A, "192.0.2.1")),
    ];
    assert_eq!(groups(&changes, &vec![None; 4]), [vec![1, 2], vec![3], vec![0]]);
}
