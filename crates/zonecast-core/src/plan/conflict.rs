//! What stands in a key's way, and what to do about it: the one place that says so.
//!
//! A person who reads "conflict" has to decide something, so the sentence holds everything that is
//! needed for it: who wants what, what stands there, why it stays, and the way out.

use crate::claim::Claim;
use crate::desired::ClaimVerdict;
use crate::record::RecordType;
use crate::states::KeyState;
use crate::zone::ConflictPolicy;

/// A key at which nothing is written, because of values that stay.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Conflict {
    /// The type of the key.
    pub rtype: RecordType,
    /// What is wanted there; where nothing is wanted any more, what was ours and should go.
    pub ours: Vec<String>,
    /// `ours` is wanted; else it should go.
    pub wanted: bool,
    /// What stands there, the type in front where it is another one.
    pub theirs: Vec<String>,
    /// Why it stays.
    pub because: Because,
}

/// Why values that are not ours stay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Because {
    /// The zone's policy is to report them.
    Reported,
    /// The policy is to merge, where one value has room only.
    OneValue,
    /// The policy is to take over, which it never does alone at an apex, a wildcard, NS, MX, CNAME or SOA.
    Delicate,
    /// The policy is to take over, and no registered host has the address of this reverse name.
    NoHost,
    /// A CNAME tolerates no other type at its name.
    OtherType,
    /// The same, and what stands there cannot be removed from here though somebody asked.
    Immovable,
    /// A CNAME at the apex of a zone.
    ApexCname,
    /// A kind of record that is not modelled.
    Opaque,
    /// SOA and NS of the apex.
    Apex,
    /// A type that the zone's signer makes.
    Signer,
    /// The value is stored there, but disabled.
    Disabled,
}

impl Because {
    /// Why a policy for foreign values left them alone.
    pub(super) fn of(policy: ConflictPolicy, unheld_ptr: bool) -> Because {
        match policy {
            ConflictPolicy::Report => Because::Reported,
            ConflictPolicy::Merge => Because::OneValue,
            ConflictPolicy::TakeOver if unheld_ptr => Because::NoHost,
            ConflictPolicy::TakeOver => Because::Delicate,
        }
    }

    /// Why, in a sentence without a full stop.
    pub fn reason(self) -> &'static str {
        match self {
            Because::Reported => "the zone's policy is to report such values",
            Because::OneValue => "the zone's policy to merge does not hold where one value has room only",
            Because::Delicate => {
                "the zone's policy to take over does not hold by itself at an apex, a wildcard, NS, MX, \
                 CNAME and SOA"
            }
            Because::NoHost => {
                "the zone's policy to take over does not hold for an address that no registered host has"
            }
            Because::OtherType => "a CNAME tolerates no other type at its name",
            Because::Immovable => {
                "a CNAME tolerates no other type at its name, and what stands here cannot be removed from here"
            }
            Because::ApexCname => "a CNAME cannot stand at the apex of a zone",
            Because::Opaque => "a kind of record stands here that Zonecast does not model; it is left alone",
            Because::Apex => "SOA and the NS of the apex are not touched unless asked",
            Because::Signer => "this type is made by the zone's signer",
            Because::Disabled => "the value is stored here but disabled; it is left alone",
        }
    }

    /// What to do about it.
    pub fn way_out(self, rtype: RecordType) -> &'static str {
        match self {
            Because::Reported if rtype == RecordType::PTR => {
                "remove it at the provider, set DNS records with take_over, or set the zone's \
                 reverse_conflict to take_over"
            }
            Because::Reported => {
                "remove it at the provider, set DNS records with take_over, or set the zone's \
                 forward_conflict to merge or take_over"
            }
            Because::OneValue | Because::Delicate | Because::OtherType => {
                "remove it at the provider, or set DNS records with take_over"
            }
            Because::NoHost => {
                "register the host that has the address, remove it at the provider, or set DNS records \
                 with take_over"
            }
            Because::ApexCname => "use A and AAAA here, or the provider's own alias record",
            Because::Opaque | Because::Immovable => "change or remove it at the provider",
            Because::Apex => "set the zone's manage_ns_soa, or withdraw the wish",
            Because::Signer => "leave it to the signer, and withdraw the wish",
            Because::Disabled => "enable or remove it at the provider",
        }
    }
}

impl Conflict {
    /// Everything in one text; `owner` says whose wish it is.
    ///
    /// ```text
    /// host vm-1.example.com wants 192.0.2.1, and 198.51.100.7 stands here, which is not ours: the zone's
    /// policy is to report such values; remove it at the provider, set DNS records with take_over, or ...
    /// ```
    pub fn words(&self, owner: &str) -> String {
        let ours = self.ours.join(", ");
        let wish = match self.wanted {
            true => format!("{owner} wants {ours}"),
            false => format!("{ours} was ours and should go"),
        };
        let there = match self.theirs.is_empty() {
            true => "nothing stands here".to_owned(),
            false => format!("{} stands here, which is not ours", self.theirs.join(", ")),
        };
        let (reason, way_out) = (self.because.reason(), self.because.way_out(self.rtype));
        format!("{wish}, and {there}: {reason}; {way_out}")
    }
}

/// Why a claim is not what stands at its name because of another owner's, and what to do; nothing where
/// it is. `all` are the claims at the name, `owner` says whose one is.
pub fn claim_words(
    claim: &Claim,
    verdict: &ClaimVerdict,
    all: &[Claim],
    owner: impl Fn(&Claim) -> String,
) -> Option<(KeyState, String)> {
    let text = |claim: &Claim| format!("{} {}", claim.rtype(), claim.data.to_text());
    let told = |by: i64, what: &str, way_out: &str| {
        let other = all.iter().find(|claim| claim.id == by);
        let other =
            other.map_or_else(|| "another claim".to_owned(), |o| format!("{} of {}", text(o), owner(o)));
        format!("{} wants {}, and {what} {other}: {way_out}", owner(claim), text(claim))
    };
    match verdict {
        ClaimVerdict::Wanted => None,
        ClaimVerdict::Superseded { by } => {
            let asked = all.iter().any(|other| other.id == *by && !other.derived);
            let (what, way_out) = match asked && claim.derived {
                true => (
                    "here stands",
                    "a reverse name that was asked for goes before one that follows from a host's name; ask \
                     for this one at its host, or withdraw that and this one comes back",
                ),
                false => (
                    "here stands the newer",
                    "the newer claim has the one value of this name; withdraw it and this one comes back",
                ),
            };
            Some((KeyState::Superseded, told(*by, what, way_out)))
        }
        ClaimVerdict::Conflict { with } => {
            let way_out = "the two cannot stand at one name; withdraw the older claim, or this one";
            Some((KeyState::Conflict, told(*with, "here stands the older", way_out)))
        }
        ClaimVerdict::Unsupported { reason } => Some((KeyState::Unsupported, reason.clone())),
    }
}
