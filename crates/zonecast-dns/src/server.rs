//! The listeners of one address: UDP threads, the TCP acceptor, and how they start and stop.

use crate::answer::Engine;
use crate::authority::Authority;
use crate::rate::{RateLimit, RateLimiter};
use crate::seats::Seats;
use crate::tcp::TcpService;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;

/// How often a UDP thread without queries looks whether it should stop.
const STOP_LOOK: Duration = Duration::from_millis(100);
/// A burst of queries waits in the kernel, not on the floor.
const RECEIVE_BUFFER: usize = 4 << 20;
/// Tries to find a port that is free for both UDP and TCP.
const PORT_TRIES: usize = 32;

/// Where and how to listen.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// The address; port 0 picks one that is free for UDP and TCP.
    pub listen: SocketAddr,
    /// UDP threads; 0 is one per core.
    pub udp_threads: usize,
    /// TCP connections open at once; a newcomer takes the seat of the one that idled longest.
    pub tcp_connections_max: usize,
    /// How many of them one address may have.
    pub tcp_of_one_address: usize,
    /// How long a TCP client may take for one message, either way.
    pub tcp_idle: Duration,
    /// Rate limit of UDP answers; `None` switches it off.
    pub rate_limit: Option<RateLimit>,
}

impl ServerOptions {
    /// The defaults for an address.
    pub fn new(listen: SocketAddr) -> ServerOptions {
        ServerOptions {
            listen,
            udp_threads: 0,
            tcp_connections_max: 1000,
            tcp_of_one_address: 100,
            tcp_idle: Duration::from_secs(10),
            rate_limit: Some(RateLimit::default()),
        }
    }
}

/// Running listeners. Dropping it stops them without waiting.
pub struct Server {
    address: SocketAddr,
    stop_udp: Arc<AtomicBool>,
    stop_tcp: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
    tcp: Option<tokio::task::JoinHandle<()>>,
}

impl Server {
    /// Binds UDP and TCP and begins to answer. Must be called inside a tokio runtime.
    pub fn start(authority: Authority, options: &ServerOptions) -> io::Result<Server> {
        let engine = Engine::new(authority).map_err(io::Error::other)?;
        let threads = match options.udp_threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let (listener, sockets) = bind(options.listen, threads)?;
        let address = listener.local_addr()?;
        let stop_udp = Arc::new(AtomicBool::new(false));
        let (stop_tcp, stopped) = watch::channel(false);

        // Held until the last UDP thread has ended: a new server that got the port before would share
        // the queries with the old one.
        let port = Arc::new(listener.try_clone()?);
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let seats = Seats::new(options.tcp_connections_max, options.tcp_of_one_address);
        let service = TcpService::new(engine.clone(), seats, options.tcp_idle);
        let tcp = tokio::spawn(crate::tcp::serve(listener, Arc::new(service), stopped));
        let mut server = Server { address, stop_udp, stop_tcp, threads: Vec::new(), tcp: Some(tcp) };
        for (index, socket) in sockets.into_iter().enumerate() {
            let (engine, stop, port) = (engine.clone(), server.stop_udp.clone(), port.clone());
            let rate_limit = options.rate_limit;
            let thread = std::thread::Builder::new().name(format!("dns-udp-{index}"));
            let thread = thread.spawn(move || {
                keep_serving(&socket, &engine, rate_limit, &stop);
                drop((socket, port));
            })?;
            server.threads.push(thread);
        }
        Ok(server)
    }

    /// The address really bound, for UDP and TCP alike.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Stops taking queries, lets running answers and transfers end, and waits for that.
    pub async fn shutdown(mut self) {
        self.signal_stop();
        let threads = std::mem::take(&mut self.threads);
        if let Some(tcp) = self.tcp.take() {
            let _ = tcp.await;
        }
        let joined =
            tokio::task::spawn_blocking(move || threads.into_iter().map(JoinHandle::join).all(|t| t.is_ok()));
        if !matches!(joined.await, Ok(true)) {
            tracing::error!(address = %self.address, "a UDP thread had panicked");
        }
    }

    fn signal_stop(&self) {
        self.stop_udp.store(true, Ordering::Relaxed);
        let _ = self.stop_tcp.send(true);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.signal_stop();
    }
}

/// A panic is a bug in one answer; it costs that batch of queries, not the listener.
fn keep_serving(socket: &UdpSocket, engine: &Engine, rate_limit: Option<RateLimit>, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let limiter = rate_limit.map(RateLimiter::new);
        let served = std::panic::AssertUnwindSafe(|| crate::udp::serve(socket, engine, limiter, stop));
        if std::panic::catch_unwind(served).is_err() {
            tracing::error!("answering a UDP query panicked; the listener goes on");
        }
    }
}

/// TCP first: unlike UDP with a shared port, it fails when another server already has the port.
fn bind(listen: SocketAddr, threads: usize) -> io::Result<(std::net::TcpListener, Vec<UdpSocket>)> {
    let mut tries = if listen.port() == 0 { PORT_TRIES } else { 1 };
    loop {
        let listener = bind_tcp(listen)?;
        let address = listener.local_addr()?;
        let sockets: io::Result<Vec<UdpSocket>> = (0..threads).map(|_| bind_udp(address)).collect();
        tries -= 1;
        match sockets {
            Ok(sockets) => return Ok((listener, sockets)),
            Err(error) if tries == 0 => return Err(error),
            Err(_) => {}
        }
    }
}

fn bind_tcp(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restarted server must not wait for the old one's connections to fade.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn bind_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_port(true)?;
    // The kernel may grant less; that is no reason not to serve.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    socket.set_read_timeout(Some(STOP_LOOK))?;
    socket.bind(&address.into())?;
    let socket: UdpSocket = socket.into();
    if address.ip().is_unspecified() {
        crate::udp::want_destination(&socket, address.is_ipv6())?;
    }
    Ok(socket)
}
