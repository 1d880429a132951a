//! How stand-ins cut their listings into pages, and how real services cut them when nobody expects it.

/// Members in a page that is odd.
const FEW: usize = 20;

/// A way to cut listings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pages {
    /// As many as were asked for, as far as the service allows.
    #[default]
    Honest,
    /// 20, whatever was asked for.
    Capped,
    /// 20 and 10 in turns, whatever was asked for.
    Short,
    /// Capped; the total speaks of one more than there are.
    WrongTotal,
    /// Capped; every page is the first.
    Repeated,
    /// Capped; after the next page somebody adds a record in front.
    Grows,
    /// Capped; after the next page somebody removes the first record.
    Shrinks,
}

/// One page of a listing.
pub(crate) struct Page<T> {
    pub(crate) rows: Vec<T>,
    pub(crate) total: usize,
    /// Where the next one begins, if there is one.
    pub(crate) next: Option<usize>,
}

impl Pages {
    /// The page with a number, from 1.
    pub(crate) fn by_number<T>(self, all: Vec<T>, number: usize, size: usize) -> Page<T> {
        let before = number.saturating_sub(1);
        let start = match self {
            Pages::Honest => before * size,
            Pages::Short if size >= FEW => before / 2 * (FEW + FEW / 2) + before % 2 * FEW,
            _ => before * FEW.min(size),
        };
        self.from(all, start, size)
    }

    /// The page that begins with a member.
    pub(crate) fn from<T>(self, all: Vec<T>, start: usize, size: usize) -> Page<T> {
        let size = match self {
            Pages::Honest => size,
            Pages::Short if start % (FEW + FEW / 2) >= FEW => size.min(FEW / 2),
            _ => size.min(FEW),
        };
        let total = all.len() + usize::from(self == Pages::WrongTotal);
        let next = Some(start + size).filter(|next| *next < all.len() || self == Pages::Repeated);
        let start = if self == Pages::Repeated { 0 } else { start };
        Page { rows: all.into_iter().skip(start).take(size).collect(), total, next }
    }
}
