//! Two brakes on removal: too much at once, and an empty zone that cannot be true.
//!
//! A wrong file, a torn listing or a policy typed badly looks exactly like a wish to remove
//! everything. So removals that nobody asked for by name are counted, and above a share of the zone
//! they wait for one approval. Additions never wait.

/// The window in which derived removals are added up.
pub const WINDOW_SECONDS: i64 = 600;
/// Fewer removals than this are never held: a small zone may lose one of its three records.
pub const FEWEST_HELD: usize = 10;
/// Derived removals of more than this share of what we own are held.
const SHARE_PERCENT: usize = 30;

/// Whether derived removals may go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Brake {
    /// They may.
    Allowed,
    /// They wait until approved: `removals` of `owned` values would be gone within the window.
    Held {
        /// Removals in the window, these included.
        removals: usize,
        /// Values owned when the window began.
        owned: usize,
    },
}

/// Judges `new` derived removals in a zone where we own `owned` values now and `recent` derived
/// removals happened inside the window. Removals somebody asked for are in neither number.
/// Held are *more than* 30 % and *at least* 10; the share is of what we owned when the window began.
///
/// ```
/// use zonecast_core::guard::{Brake, derived_removals};
/// assert_eq!(derived_removals(100, 0, 30), Brake::Allowed);
/// assert_eq!(derived_removals(100, 0, 31), Brake::Held { removals: 31, owned: 100 });
/// assert_eq!(derived_removals(9, 0, 9), Brake::Allowed);
/// assert_eq!(derived_removals(75, 25, 6), Brake::Held { removals: 31, owned: 100 });
/// ```
pub fn derived_removals(owned: usize, recent: usize, new: usize) -> Brake {
    let owned = owned.saturating_add(recent);
    let removals = recent.saturating_add(new);
    let too_much = removals >= FEWEST_HELD && removals as u128 * 100 > owned as u128 * SHARE_PERCENT as u128;
    if new > 0 && too_much { Brake::Held { removals, owned } } else { Brake::Allowed }
}

/// Whether a whole listing must be taken for a failed read: it shows nothing at all although we own
/// 10 values or more there. `observed` counts what the service lists beside SOA and apex NS.
pub fn implausibly_empty(owned: usize, observed: usize) -> bool {
    observed == 0 && owned >= FEWEST_HELD
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_exceeded_by_one_value() {
        assert_eq!(derived_removals(40, 0, 12), Brake::Allowed, "12 of 40 are 30 %, not more");
        assert!(matches!(derived_removals(40, 0, 13), Brake::Held { .. }));
    }

    #[test]
    fn small_zones_are_not_held() {
        for new in 0..10 {
            assert_eq!(derived_removals(9, 0, new), Brake::Allowed);
        }
        assert!(matches!(derived_removals(10, 0, 10), Brake::Held { .. }));
    }

    #[test]
    fn a_slow_leak_is_held_as_well() {
        let (mut owned, mut recent) = (1000, 0);
        while derived_removals(owned, recent, 7) == Brake::Allowed {
            owned -= 7;
            recent += 7;
        }
        assert_eq!(recent, 294, "42 steps of 7 stay within 30 % of 1000");
    }

    #[test]
    fn nothing_new_is_never_held() {
        assert_eq!(derived_removals(10, 90, 0), Brake::Allowed);
        assert!(matches!(derived_removals(usize::MAX, usize::MAX, usize::MAX), Brake::Held { .. }));
    }

    #[test]
    fn an_empty_listing_of_a_full_zone_is_a_failed_read() {
        assert!(implausibly_empty(10, 0));
        assert!(!implausibly_empty(9, 0) && !implausibly_empty(10, 1));
    }
}
