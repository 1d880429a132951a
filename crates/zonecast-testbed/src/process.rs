//! One server process: started, waited for, stopped, and never left behind.
//!
//! A child must die with us even when we are killed, so it asks the kernel for a signal at its
//! parent's death. The kernel means the parent **thread**, and test threads end early: therefore one
//! thread that never ends starts every child.

use crate::command::tail;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{OnceLock, mpsc};
use std::time::{Duration, Instant};

type Birth = (Command, mpsc::Sender<std::io::Result<Child>>);

/// A running server with its log.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
    name: &'static str,
}

impl Process {
    /// Starts `command` with its output in `log`.
    pub(crate) fn spawn(name: &'static str, mut command: Command, log: PathBuf) -> Process {
        let file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(&log)
            .and_then(|out| Ok((out.try_clone()?, out)));
        let (err, out) = file.unwrap_or_else(|error| panic!("{}: {error}", log.display()));
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        // SAFETY: prctl is async-signal-safe and touches nothing of ours between fork and exec.
        unsafe {
            command.pre_exec(|| match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            });
        }
        let child = born(command).unwrap_or_else(|error| panic!("{name} did not start: {error}"));
        Process { child, log, name }
    }

    /// Waits until `ready` holds; `Err` with the log's end when the process ends or time is up first.
    pub(crate) fn wait_ready(
        &mut self,
        limit: Duration,
        mut ready: impl FnMut() -> bool,
    ) -> Result<(), String> {
        let end = Instant::now() + limit;
        loop {
            if ready() {
                return Ok(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("{} ended with {status}:\n{}", self.name, tail(&self.log)));
            }
            if Instant::now() > end {
                return Err(format!("{} was not ready after {limit:?}:\n{}", self.name, tail(&self.log)));
            }
            breathe();
        }
    }

    /// Asks the process to end and waits for it; kills it when it takes longer than ten seconds.
    pub(crate) fn stop(mut self, signal: i32) {
        self.signal(signal);
        let end = Instant::now() + Duration::from_secs(10);
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < end {
            breathe();
        }
    }

    /// Kills the process at once, as a power cut would.
    pub(crate) fn kill(self) {
        drop(self);
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: i32) {
        // SAFETY: the child is ours and not yet waited for, so its id cannot be another's.
        unsafe {
            libc::kill(self.child.id() as i32, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// Starts a child on the thread that lives as long as the process.
fn born(command: Command) -> std::io::Result<Child> {
    static STARTER: OnceLock<mpsc::Sender<Birth>> = OnceLock::new();
    let starter = STARTER.get_or_init(|| {
        let (door, births) = mpsc::channel::<Birth>();
        std::thread::spawn(move || {
            for (mut command, answer) in births {
                let _ = answer.send(command.spawn());
            }
        });
        door
    });
    let (answer, child) = mpsc::channel();
    let gone = || std::io::Error::other("the starting thread is gone");
    starter.send((command, answer)).map_err(|_| gone())?;
    child.recv().map_err(|_| gone())?
}

/// Waits until `condition` holds; panics with `what` when `limit` is over first.
pub fn until(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + limit;
    while !condition() {
        assert!(Instant::now() < end, "waited {limit:?} for: {what}");
        breathe();
    }
}

/// The pause between two looks at a condition.
fn breathe() {
    std::thread::park_timeout(Duration::from_millis(5));
}

/// A port that is free for UDP and TCP on 127.0.0.1, below the kernel's ephemeral range (so that no
/// outgoing connection takes it meanwhile). Two processes may still be given the same one: a server
/// that finds its port in use ends, and its `start` takes another.
pub fn free_port() -> u16 {
    for _ in 0..500 {
        let port = 20_000 + crate::command::random_below(12_000);
        if is_free(port) {
            return port;
        }
    }
    panic!("no free port between 20000 and 32000 on 127.0.0.1")
}

/// `Err` names the first port somebody else listens at: a second server there would answer half of
/// the queries.
pub(crate) fn refuse_taken(ports: &[u16]) -> Result<(), String> {
    match ports.iter().find(|port| !is_free(**port)) {
        Some(port) => Err(format!("port {port} on 127.0.0.1 is in use")),
        None => Ok(()),
    }
}

/// Whether nobody listens there, by binding it for a moment.
fn is_free(port: u16) -> bool {
    let here = (Ipv4Addr::LOCALHOST, port);
    TcpListener::bind(here).is_ok() && UdpSocket::bind(here).is_ok()
}
