//! A proxy that misbehaves on demand, between a client and a real server.
//!
//! HTTP requests are recognised, recorded and may be answered by the proxy itself; anything else is
//! passed on as bytes. What goes wrong is switched while it runs: for everything, or by rules that
//! hold for some requests and a number of times.

use crate::process::free_port;
use crate::proxy_wire::serve_connection;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Notify, oneshot, watch};

/// What happens to a connection or a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: it is passed on.
    Pass,
    /// It is passed on after this long.
    Delay(Duration),
    /// Nobody listens: connections are refused. Only as the fault of everything (`set`).
    Refuse,
    /// It is taken and never answered, and never passed on.
    Hang,
    /// It is taken and passed on when the proxy lets go of it (`release`), whoever still waits by then.
    Hold,
    /// It is passed on; the answer ends after this many bytes.
    CutAfter(usize),
    /// It is passed on and carried out; the answer is thrown away and the connection reset.
    LoseAnswer,
    /// It is not passed on; the proxy answers.
    Answer(Canned),
}

/// An answer of the proxy's own making.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canned {
    /// The status code.
    pub status: u16,
    /// Headers besides Content-Length.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Announce more bytes than are sent.
    pub torn: bool,
}

impl Canned {
    /// An answer with a body and no headers of its own.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Canned {
        Canned { status, headers: Vec::new(), body: body.into(), torn: false }
    }

    /// JSON, as services answer.
    pub fn json(status: u16, body: &str) -> Canned {
        Canned::new(status, body).header("Content-Type", "application/json")
    }

    /// The page of a proxy or a captive portal where JSON was expected.
    pub fn html(status: u16) -> Canned {
        let page = "<html><head><title>Welcome</title></head><body>Sign in</body></html>";
        Canned::new(status, page).header("Content-Type", "text/html")
    }

    /// 429 with Retry-After as seconds or as an HTTP date.
    pub fn too_many(retry_after: &str) -> Canned {
        Canned::json(429, r#"{"error":"Too Many Requests"}"#).header("Retry-After", retry_after)
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Canned {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Announces the whole body and sends half of it.
    pub fn torn(mut self) -> Canned {
        self.torn = true;
        self
    }
}

/// One HTTP request that came by.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The head as sent, lower case, for looking for what must not be there.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
    /// When its last byte came.
    pub at: Instant,
}

struct Rule {
    method: String,
    path_part: String,
    body_part: String,
    times: usize,
    fault: Fault,
}

#[derive(Default)]
pub(crate) struct State {
    rules: Vec<Rule>,
    seen: Vec<Seen>,
    connections: usize,
}

/// The part of the proxy that its connections share.
pub(crate) struct Shared {
    pub(crate) upstream: SocketAddr,
    pub(crate) fault: watch::Receiver<Fault>,
    released: Notify,
    held: AtomicUsize,
    state: Mutex<State>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Waits until what is held may go on.
    pub(crate) async fn hold(&self) {
        let released = self.released.notified();
        self.held.fetch_add(1, Ordering::SeqCst);
        released.await;
    }

    /// What was held was carried out.
    pub(crate) fn landed(&self) {
        self.held.fetch_sub(1, Ordering::SeqCst);
    }

    /// Counts a connection that said something.
    pub(crate) fn count_connection(&self) {
        self.state().connections += 1;
    }

    /// Records a request and decides what happens to it.
    pub(crate) fn take(&self, seen: Seen) -> Fault {
        let mut state = self.state();
        let rule = state.rules.iter_mut().find(|rule| {
            rule.times > 0
                && (rule.method.is_empty() || rule.method == seen.method)
                && seen.path.contains(&rule.path_part)
                && contains(&seen.body, rule.body_part.as_bytes())
        });
        let fault = match rule {
            Some(rule) => {
                rule.times -= 1;
                rule.fault.clone()
            }
            None => self.fault.borrow().clone(),
        };
        state.seen.push(seen);
        fault
    }
}

/// A running proxy; ends when dropped.
pub struct FaultProxy {
    addr: SocketAddr,
    shared: Arc<Shared>,
    fault: watch::Sender<Fault>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl FaultProxy {
    /// Starts a proxy before `upstream` that passes everything on.
    pub fn start(upstream: SocketAddr) -> FaultProxy {
        let (fault, watched) = watch::channel(Fault::Pass);
        let shared = Arc::new(Shared {
            upstream,
            fault: watched,
            released: Notify::new(),
            held: AtomicUsize::new(0),
            state: Mutex::default(),
        });
        let (end, ended) = oneshot::channel();
        let (ready, listening) = std::sync::mpsc::channel();
        let inner = shared.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.unwrap_or_else(|error| panic!("no runtime: {error}"));
            runtime.block_on(async {
                let listener = first_listener().await;
                let _ = ready.send(listener.local_addr());
                tokio::select! {
                    () = accept_for_ever(listener, inner) => {}
                    _ = ended => {}
                }
            });
        });
        let addr = listening.recv().ok().and_then(Result::ok);
        let addr = addr.unwrap_or_else(|| panic!("the proxy did not start"));
        FaultProxy { addr, shared, fault, end: Some(end), thread: Some(thread) }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// From now on this happens to everything no rule speaks of. Returns when it is so.
    pub fn set(&self, fault: Fault) {
        let refuse = fault == Fault::Refuse;
        let _ = self.fault.send(fault);
        crate::process::until("the proxy to follow", Duration::from_secs(5), || {
            std::net::TcpStream::connect(self.addr).is_err() == refuse
        });
    }

    /// The next `times` requests with this method (empty: any) and this part in their path meet
    /// `fault`; others go on as `set` says.
    pub fn rule(&self, method: &str, path_part: &str, times: usize, fault: Fault) {
        let (method, path_part) = (method.to_owned(), path_part.to_owned());
        let rule = Rule { method, path_part, body_part: String::new(), times, fault };
        self.shared.state().rules.push(rule);
    }

    /// The next `times` requests with these words in their body meet `fault`.
    pub fn rule_for_bodies(&self, words: &str, times: usize, fault: Fault) {
        let (method, path_part) = (String::new(), String::new());
        let rule = Rule { method, path_part, body_part: words.to_owned(), times, fault };
        self.shared.state().rules.push(rule);
    }

    /// From now on requests with these words in their body get this answer.
    pub fn refuse_bodies_with(&self, words: &str, answer: Canned) {
        let (method, path_part) = (String::new(), String::new());
        let (times, fault) = (usize::MAX, Fault::Answer(answer));
        let rule = Rule { method, path_part, body_part: words.to_owned(), times, fault };
        self.shared.state().rules.push(rule);
    }

    /// How many requests are held.
    pub fn held(&self) -> usize {
        self.shared.held.load(Ordering::SeqCst)
    }

    /// Lets what is held go on; returns when it was carried out.
    pub fn release(&self) {
        self.shared.released.notify_waiters();
        crate::process::until("what was held to be carried out", Duration::from_secs(10), || {
            self.held() == 0
        });
    }

    /// Forgets all rules and all requests, and passes everything on.
    pub fn reset(&self) {
        self.set(Fault::Pass);
        *self.shared.state() = State::default();
    }

    /// The HTTP requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.state().seen.clone()
    }

    /// How many requests had this method.
    pub fn count(&self, method: &str) -> usize {
        self.shared.state().seen.iter().filter(|seen| seen.method == method).count()
    }

    /// How many connections said something.
    pub fn connections(&self) -> usize {
        self.shared.state().connections
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn contains(body: &[u8], words: &[u8]) -> bool {
    words.is_empty() || body.windows(words.len()).any(|window| window == words)
}

async fn first_listener() -> TcpListener {
    for _ in 0..20 {
        if let Ok(listener) = listen((Ipv4Addr::LOCALHOST, free_port()).into()) {
            return listener;
        }
    }
    panic!("the proxy found no port")
}

fn listen(addr: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(1024)
}

/// Takes connections while the fault is not `Refuse`; the port is given up meanwhile.
async fn accept_for_ever(first: TcpListener, shared: Arc<Shared>) {
    let Ok(addr) = first.local_addr() else { return };
    let mut fault = shared.fault.clone();
    let mut listener = Some(first);
    loop {
        let refuse = *fault.borrow_and_update() == Fault::Refuse;
        if refuse {
            listener = None;
        } else if listener.is_none() {
            listener = listen(addr).ok();
        }
        tokio::select! {
            changed = fault.changed() => if changed.is_err() { return },
            accepted = accept(listener.as_ref()) => {
                tokio::spawn(serve_connection(accepted, shared.clone()));
            }
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> tokio::net::TcpStream {
    loop {
        match listener {
            None => std::future::pending::<()>().await,
            Some(listener) => {
                if let Ok((stream, _)) = listener.accept().await {
                    return stream;
                }
            }
        }
    }
}
