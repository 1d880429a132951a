//! Who sits at a listener: how many connections there are, of whom, and who gives way.
//!
//! A newcomer is always let in while somebody idles: the connection that idled longest gives its seat,
//! of the same address where that has its share already, else of anybody. So a crowd of silent clients
//! costs descriptors up to the limit, and nobody the service. What is being answered never gives way.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// The seats of one listener.
pub struct Seats {
    most: usize,
    of_one_address: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    next: u64,
    /// By the number that was given when it last did something: the smallest idled longest.
    seats: HashMap<u64, Sitting>,
    of: HashMap<IpAddr, usize>,
}

struct Sitting {
    address: IpAddr,
    since: u64,
    busy: bool,
    leave: Arc<Notify>,
}

/// One seat; it is free again when this is dropped.
pub struct Seat {
    seats: Arc<Seats>,
    id: u64,
    leave: Arc<Notify>,
}

impl Seats {
    /// So many seats, and so many of them for one address.
    pub fn new(most: usize, of_one_address: usize) -> Arc<Seats> {
        Arc::new(Seats { most, of_one_address, taken: Mutex::default() })
    }

    /// A seat for a newcomer; `None` where every one that could give way is being answered. An address
    /// that is a proxy's may have all seats.
    pub fn take(self: &Arc<Seats>, address: IpAddr, is_proxy: bool) -> Option<Seat> {
        let address = share_of(address);
        let mut taken = self.lock();
        let of_address = taken.of.get(&address).copied().unwrap_or(0);
        let share_is_full = !is_proxy && of_address >= self.of_one_address;
        if share_is_full || taken.seats.len() >= self.most {
            taken.make_room(share_is_full.then_some(address))?;
        }
        let id = taken.step();
        let leave = Arc::new(Notify::new());
        taken.seats.insert(id, Sitting { address, since: id, busy: false, leave: leave.clone() });
        *taken.of.entry(address).or_default() += 1;
        Some(Seat { seats: self.clone(), id, leave })
    }

    /// How many are taken.
    pub fn taken(&self) -> usize {
        self.lock().seats.len()
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        // The maps are whole at every instant, so a panic elsewhere does not spoil them.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn step(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Who idled longest, of this address or of all, is asked to leave.
    fn make_room(&mut self, of: Option<IpAddr>) -> Option<()> {
        let idle = self.seats.iter().filter(|(_, one)| !one.busy && of.is_none_or(|of| one.address == of));
        let id = idle.min_by_key(|(_, one)| one.since).map(|(id, _)| *id)?;
        if let Some(gone) = self.remove(id) {
            gone.leave.notify_one();
        }
        Some(())
    }

    fn remove(&mut self, id: u64) -> Option<Sitting> {
        let gone = self.seats.remove(&id)?;
        if let Some(count) = self.of.get_mut(&gone.address) {
            *count -= 1;
            if *count == 0 {
                self.of.remove(&gone.address);
            }
        }
        Some(gone)
    }
}

impl Seat {
    /// Something is being answered here, or it is over and idling begins.
    pub fn busy(&self, busy: bool) {
        let mut taken = self.seats.lock();
        let step = taken.step();
        if let Some(one) = taken.seats.get_mut(&self.id) {
            (one.busy, one.since) = (busy, step);
        }
    }

    /// Returns when the seat was given to somebody else.
    pub async fn lost(&self) {
        self.leave.notified().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.lock().remove(self.id);
    }
}

/// One IPv6 subscriber holds a whole /64.
fn share_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) => std::net::Ipv6Addr::from(u128::from(six) >> 64 << 64).into(),
        four => four,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::{Context, Waker};

    fn is_lost(seat: &Seat) -> bool {
        let lost = std::pin::pin!(seat.lost());
        lost.poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn a_crowd_of_one_address_takes_nobody_elses_seat() {
        let seats = Seats::new(4, 2);
        let (crowd, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let neighbour = seats.take(other, false).unwrap();
        let first = seats.take(crowd, false).unwrap();
        let second = seats.take(crowd, false).unwrap();
        first.busy(true);
        first.busy(false);
        let third = seats.take(crowd, false).unwrap();
        assert!(is_lost(&second) && !is_lost(&first), "who idled longest of that address gives way");
        assert!(!is_lost(&neighbour) && seats.taken() == 3);
        first.busy(true);
        third.busy(true);
        assert!(seats.take(crowd, false).is_none(), "what is being answered does not");
        drop((second, third));
        assert!(seats.take(crowd, false).is_some());
    }

    #[test]
    fn a_full_house_lets_newcomers_in_while_somebody_idles() {
        let seats = Seats::new(3, 2);
        let from = |n: u8| seats.take(IpAddr::from([198, 51, 100, n]), false);
        let sitting: Vec<Seat> = (1..=3).filter_map(from).collect();
        sitting[0].busy(true);
        let newcomer = from(4).unwrap();
        assert!(is_lost(&sitting[1]) && !is_lost(&sitting[0]) && !is_lost(&sitting[2]));
        assert_eq!(seats.taken(), 3);
        drop(newcomer);
        drop(sitting);
        assert_eq!(seats.taken(), 0);
        let proxy = IpAddr::from([192, 0, 2, 9]);
        let many: Vec<Option<Seat>> = (0..3).map(|_| seats.take(proxy, true)).collect();
        assert!(many.iter().flatten().all(|seat| !is_lost(seat)), "a proxy is many people");
    }
}
