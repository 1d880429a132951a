//! Zone serial numbers, compared as RFC 1982 does: on a circle, not on a line.
//!
//! A serial is "after" another when it lies less than half the circle ahead, so 0 comes after
//! 4294967295. A secondary that holds a larger serial than its primary never asks again; therefore
//! the next serial of a zone is chosen above *every* serial a known server holds, not only our own.

use std::fmt;

/// The serial of a zone's SOA record.
///
/// There is deliberately no `Ord`: comparison on a circle is not transitive.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Serial(pub u32);

impl Serial {
    /// Whether this serial is newer than `other` (RFC 1982 section 3.2). Of two serials exactly
    /// half the circle apart, which the RFC leaves undefined, neither is after the other.
    pub fn is_after(self, other: Serial) -> bool {
        let ahead = self.0.wrapping_sub(other.0);
        ahead != 0 && ahead < 1 << 31
    }

    /// The following serial.
    #[allow(clippy::should_implement_trait)]
    pub fn next(self) -> Serial {
        Serial(self.0.wrapping_add(1))
    }

    /// The smallest serial that is after this one and after each of `known`.
    pub fn next_above(self, known: impl IntoIterator<Item = Serial>) -> Serial {
        known.into_iter().fold(self, |top, serial| if serial.is_after(top) { serial } else { top }).next()
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_go_round_in_a_circle() {
        assert!(Serial(2).is_after(Serial(1)) && !Serial(1).is_after(Serial(2)));
        assert!(Serial(0).is_after(Serial(u32::MAX)) && !Serial(u32::MAX).is_after(Serial(0)));
        assert!(!Serial(7).is_after(Serial(7)));
        assert!(!Serial(1 << 31).is_after(Serial(0)) && !Serial(0).is_after(Serial(1 << 31)));
        assert_eq!(Serial(u32::MAX).next(), Serial(0));
    }

    #[test]
    fn the_next_serial_is_above_every_known_one() {
        let known = [Serial(5), Serial(2026112100), Serial(3)];
        assert_eq!(Serial(7).next_above(known), Serial(2026112101));
        assert_eq!(Serial(7).next_above([]), Serial(8));
        assert_eq!(Serial(u32::MAX - 1).next_above([Serial(3)]), Serial(4));
    }
}
