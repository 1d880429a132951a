//! Somebody who asks for one name all the time: does it ever lose its answer?

use crate::dig::{ask_udp, rtype_number};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// What the answers were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProbeCounts {
    /// Answers with at least one value.
    pub answers: u64,
    /// NXDOMAIN.
    pub nxdomain: u64,
    /// NOERROR without a value.
    pub nodata: u64,
    /// Nothing came, or another error.
    pub other: u64,
    /// The distinct sets of values seen, in the order first seen, as sorted texts.
    pub seen: Vec<Vec<String>>,
}

/// A thread that asks one name without pause until it is dropped or stopped.
pub struct Prober {
    stop: Arc<AtomicBool>,
    asked: Arc<AtomicU64>,
    counts: Arc<Mutex<ProbeCounts>>,
    thread: Option<JoinHandle<()>>,
}

impl Prober {
    /// Starts asking.
    pub fn start(server: SocketAddr, name: &str, rtype: &str) -> Prober {
        let (name, rtype) = (name.to_owned(), rtype.to_owned());
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::new(AtomicU64::new(0));
        let counts = Arc::new(Mutex::new(ProbeCounts::default()));
        let (ended, total, shared) = (stop.clone(), asked.clone(), counts.clone());
        let thread = std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                probe(server, &name, &rtype, &shared);
                total.fetch_add(1, Ordering::Relaxed);
            }
        });
        Prober { stop, asked, counts, thread: Some(thread) }
    }

    /// How many questions were asked so far.
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// Waits until `more` further questions were answered.
    pub fn wait_for(&self, more: u64) {
        let goal = self.asked() + more;
        crate::process::until("the prober's questions", Duration::from_secs(60), || self.asked() >= goal);
    }

    /// What was seen so far.
    pub fn counts(&self) -> ProbeCounts {
        self.counts.lock().map(|counts| counts.clone()).unwrap_or_default()
    }

    /// Ends the thread and gives what was seen.
    pub fn stop(mut self) -> ProbeCounts {
        self.end();
        self.counts()
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Prober {
    fn drop(&mut self) {
        self.end();
    }
}

fn probe(server: SocketAddr, name: &str, rtype: &str, counts: &Mutex<ProbeCounts>) {
    let reply = ask_udp(server, name, rtype_number(rtype), Duration::from_secs(1));
    let Ok(mut counts) = counts.lock() else { return };
    match reply {
        Ok(reply) if reply.rcode == 3 => counts.nxdomain += 1,
        Ok(reply) if reply.is_nodata() => counts.nodata += 1,
        Ok(reply) if reply.rcode == 0 => {
            counts.answers += 1;
            let texts = reply.texts(rtype);
            if !counts.seen.contains(&texts) {
                counts.seen.push(texts);
            }
        }
        _ => counts.other += 1,
    }
}
