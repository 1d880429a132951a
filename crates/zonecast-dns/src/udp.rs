//! The UDP listener: one thread per core, each with its own socket on the shared port.
//!
//! Queries are taken and answers sent in batches of up to 32, because the system calls cost more than
//! the answers do. The only unsafe code of this crate is here, around `recvmmsg` and `sendmmsg`. The
//! road not taken: an asynchronous socket, which wakes the scheduler for every single query.

use crate::answer::{Engine, Response, Scratch, Transport};
use crate::rate::{RateLimiter, Verdict};
use crate::reply::truncate_to_question;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};

const BATCH: usize = 32;
const QUERY_MAX: usize = 4096;
/// Holds one IP_PKTINFO or IPV6_PKTINFO message.
const CONTROL_MAX: usize = 64;

/// Answers queries on one socket until `stop` is set; the socket's read time-out bounds how long
/// that is looked at.
pub(crate) fn serve(
    socket: &UdpSocket,
    engine: &Engine,
    mut limiter: Option<RateLimiter>,
    stop: &AtomicBool,
) {
    let mut batch = Batch::new();
    let mut scratch = Scratch::default();
    while !stop.load(Ordering::Relaxed) {
        let received = match batch.receive(socket) {
            Ok(received) => received,
            // A time-out, a signal, or an ICMP error of an earlier answer: none is about us.
            Err(_) => continue,
        };
        let zones = engine.zones();
        let now_ms = limiter.as_ref().map_or(0, RateLimiter::now_ms);
        for slot in &mut batch.slots[..received] {
            slot.answer.clear();
            let Some(peer) = slot.peer_address().filter(|_| !slot.cut) else { continue };
            let query = &slot.query[..slot.length];
            let response =
                engine.respond(&zones, query, peer, Transport::Udp, &mut scratch, &mut slot.answer);
            match response {
                Response::Answer { proven: true } => {}
                Response::Answer { proven: false } => match limiter.as_mut().map(|l| l.judge(peer, now_ms)) {
                    None | Some(Verdict::Send) => {}
                    Some(Verdict::Truncate) => truncate_to_question(&mut slot.answer),
                    Some(Verdict::Drop) => slot.answer.clear(),
                },
                Response::Drop | Response::Transfer(_) => slot.answer.clear(),
            }
        }
        batch.send(socket, received);
    }
}

/// Asks the kernel to tell, with each query, which of our addresses it was sent to: on a wildcard
/// address the answer must come from there.
pub(crate) fn want_destination(socket: &UdpSocket, v6: bool) -> io::Result<()> {
    let (level, option) =
        if v6 { (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO) } else { (libc::IPPROTO_IP, libc::IP_PKTINFO) };
    let on: libc::c_int = 1;
    // SAFETY: the descriptor is open for the life of `socket`; the option value is a live c_int of
    // the length given.
    let done = unsafe {
        let length = size_of::<libc::c_int>() as libc::socklen_t;
        libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const on).cast(), length)
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// One query and its answer.
struct Slot {
    query: [u8; QUERY_MAX],
    length: usize,
    /// The query was longer than the buffer.
    cut: bool,
    answer: Vec<u8>,
    peer: libc::sockaddr_storage,
    peer_length: libc::socklen_t,
    control: Control,
    control_length: usize,
}

#[repr(align(8))]
struct Control([u8; CONTROL_MAX]);

impl Slot {
    fn new() -> Slot {
        Slot {
            query: [0; QUERY_MAX],
            length: 0,
            cut: false,
            answer: Vec::with_capacity(crate::reply::UDP_PAYLOAD as usize),
            // SAFETY: all-zero bytes are a valid sockaddr_storage (family AF_UNSPEC).
            peer: unsafe { std::mem::zeroed() },
            peer_length: 0,
            control: Control([0; CONTROL_MAX]),
            control_length: 0,
        }
    }

    fn peer_address(&self) -> Option<IpAddr> {
        match i32::from(self.peer.ss_family) {
            libc::AF_INET => {
                // SAFETY: the kernel filled in an address of this family, which fits the storage.
                let v4 = unsafe { &*(&raw const self.peer).cast::<libc::sockaddr_in>() };
                Some(Ipv4Addr::from_bits(u32::from_be(v4.sin_addr.s_addr)).into())
            }
            libc::AF_INET6 => {
                // SAFETY: as above.
                let v6 = unsafe { &*(&raw const self.peer).cast::<libc::sockaddr_in6>() };
                Some(Ipv6Addr::from(v6.sin6_addr.s6_addr).into())
            }
            _ => None,
        }
    }

    /// Makes the destination of the query the source of the answer. The interface is left to
    /// routing: the way back need not be the way here.
    fn forget_interface(&mut self) {
        if self.control_length == 0 {
            return;
        }
        // The data of the one control message follows its header: in_pktinfo begins with the
        // interface (4 bytes), in6_pktinfo ends with it after the address (16 bytes).
        let data = size_of::<libc::cmsghdr>();
        let at = if self.control_length >= data + 20 { data + 16 } else { data };
        if let Some(interface) = self.control.0.get_mut(at..at + 4) {
            interface.fill(0);
        }
    }
}

struct Batch {
    slots: Vec<Slot>,
}

impl Batch {
    fn new() -> Batch {
        Batch { slots: (0..BATCH).map(|_| Slot::new()).collect() }
    }

    /// Waits for one query and takes all that are there.
    fn receive(&mut self, socket: &UdpSocket) -> io::Result<usize> {
        let mut vectors: [libc::iovec; BATCH] = std::array::from_fn(|index| libc::iovec {
            iov_base: self.slots[index].query.as_mut_ptr().cast(),
            iov_len: QUERY_MAX,
        });
        let mut messages: [libc::mmsghdr; BATCH] = std::array::from_fn(|index| {
            let slot = &mut self.slots[index];
            let mut message = empty_message();
            message.msg_hdr.msg_name = (&raw mut slot.peer).cast();
            message.msg_hdr.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            message.msg_hdr.msg_iov = &raw mut vectors[index];
            message.msg_hdr.msg_iovlen = 1;
            message.msg_hdr.msg_control = slot.control.0.as_mut_ptr().cast();
            message.msg_hdr.msg_controllen = CONTROL_MAX;
            message
        });
        // SAFETY: every pointer in `messages` leads to a buffer of the length stated beside it; slots
        // and vectors outlive the call and nothing else touches them meanwhile.
        let received = unsafe {
            let flags = libc::MSG_WAITFORONE as _;
            libc::recvmmsg(socket.as_raw_fd(), messages.as_mut_ptr(), BATCH as _, flags, std::ptr::null_mut())
        };
        let received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
        for (slot, message) in self.slots.iter_mut().zip(&messages[..received]) {
            slot.length = (message.msg_len as usize).min(QUERY_MAX);
            slot.cut = message.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
            slot.peer_length = message.msg_hdr.msg_namelen;
            slot.control_length = message.msg_hdr.msg_controllen.min(CONTROL_MAX);
            slot.forget_interface();
        }
        Ok(received)
    }

    /// Sends the answers there are. An answer the kernel refuses is lost, as datagrams may be.
    fn send(&mut self, socket: &UdpSocket, received: usize) {
        let mut vectors = [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; BATCH];
        let mut messages: [libc::mmsghdr; BATCH] = std::array::from_fn(|_| empty_message());
        let mut count = 0;
        for slot in self.slots[..received].iter_mut().filter(|slot| !slot.answer.is_empty()) {
            vectors[count] =
                libc::iovec { iov_base: slot.answer.as_mut_ptr().cast(), iov_len: slot.answer.len() };
            let header = &mut messages[count].msg_hdr;
            header.msg_name = (&raw mut slot.peer).cast();
            header.msg_namelen = slot.peer_length;
            header.msg_iov = &raw mut vectors[count];
            header.msg_iovlen = 1;
            if slot.control_length > 0 {
                header.msg_control = slot.control.0.as_mut_ptr().cast();
                header.msg_controllen = slot.control_length;
            }
            count += 1;
        }
        let mut sent = 0;
        while sent < count {
            // SAFETY: as in `receive`; `sent..count` are messages filled in above.
            let more = unsafe {
                let left = (count - sent) as libc::c_uint;
                libc::sendmmsg(socket.as_raw_fd(), messages[sent..].as_mut_ptr(), left, 0)
            };
            // The first message of the rest failed: leave it out and go on with the others.
            sent += usize::try_from(more).unwrap_or(0).max(1);
        }
    }
}

fn empty_message() -> libc::mmsghdr {
    // SAFETY: all-zero bytes are a valid mmsghdr: null pointers with length 0.
    unsafe { std::mem::zeroed() }
}
