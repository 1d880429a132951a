//! The HTTP listener of API and page: HTTP/1.1, with an end to everything a client may hold open.
//!
//! A client has `HEADERS` for its first byte and its headers and as long between two requests, `BODY`
//! for a body, `STALL` for taking what is sent; connections are bounded as a whole and for one address
//! (`zonecast_dns::Seats`), those of trusted proxies only as a whole. `axum::serve` has none of that.

use crate::config::Network;
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use futures_util::{StreamExt, stream};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep, timeout_at};
use tower::ServiceExt;
use zonecast_dns::{Seat, Seats};

/// How the listener bounds its clients.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    /// For the first byte and all headers of a request, also after the request before.
    pub headers: Duration,
    /// For a body as a whole.
    pub body: Duration,
    /// For a client that takes nothing of what is sent.
    pub stall: Duration,
    /// Connections at once.
    pub most: usize,
    /// Of them, for one address.
    pub of_one_address: usize,
    /// Whose connections are many people's.
    pub proxies: Vec<Network>,
}

impl Default for Bounds {
    fn default() -> Bounds {
        let seconds = Duration::from_secs;
        let proxies = Vec::new();
        Bounds {
            headers: seconds(30),
            body: seconds(60),
            stall: seconds(60),
            most: 1_000,
            of_one_address: 200,
            proxies,
        }
    }
}

/// Serves until told to stop; requests under way are then answered.
pub(super) async fn serve(
    listener: TcpListener,
    routes: Router,
    bounds: Bounds,
    mut stopped: watch::Receiver<bool>,
) {
    let seats = Seats::new(bounds.most, bounds.of_one_address);
    let bounds = Arc::new(bounds);
    let mut tasks = tokio::task::JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.wait_for(|stop| *stop) => break,
        };
        while tasks.try_join_next().is_some() {}
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, most likely: give connections time to end.
                tracing::warn!(%error, "an HTTP connection could not be accepted");
                sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let is_proxy = bounds.proxies.iter().any(|proxy| proxy.0.contains(&peer.ip().to_canonical()));
        let Some(seat) = seats.take(peer.ip(), is_proxy) else { continue };
        let client = Client { peer, seat: Arc::new(seat), routes: routes.clone(), bounds: bounds.clone() };
        tasks.spawn(client.serve(stream, stopped.clone()));
    }
    while tasks.join_next().await.is_some() {}
}

/// One connection.
#[derive(Clone)]
struct Client {
    peer: SocketAddr,
    seat: Arc<Seat>,
    routes: Router,
    bounds: Arc<Bounds>,
}

impl Client {
    async fn serve(self, stream: TcpStream, mut stopped: watch::Receiver<bool>) {
        let _ = stream.set_nodelay(true);
        let io = TokioIo::new(Taking { stream, stall: self.bounds.stall, stalled: None });
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(self.bounds.headers);
        let client = self.clone();
        let service = hyper::service::service_fn(move |request| client.clone().answer(request));
        let mut connection = std::pin::pin!(builder.serve_connection(io, service));
        tokio::select! {
            _ = connection.as_mut() => return,
            () = self.seat.lost() => return,
            _ = stopped.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    }

    async fn answer(self, request: hyper::Request<Incoming>) -> Result<Response, std::convert::Infallible> {
        self.seat.busy(true);
        let mut request: Request = request.map(|body| bounded(body, Instant::now() + self.bounds.body));
        request.extensions_mut().insert(ConnectInfo(self.peer));
        let answer = self.routes.oneshot(request).await;
        self.seat.busy(false);
        answer
    }
}

/// A body that breaks off when it is not there in time.
fn bounded(body: Incoming, end: Instant) -> Body {
    use hyper::body::Body as _;
    if body.is_end_stream() {
        return Body::empty();
    }
    let late = || io::Error::new(io::ErrorKind::TimedOut, "the body did not come in time");
    let parts = stream::unfold(Some(Body::new(body).into_data_stream()), move |body| async move {
        let mut body = body?;
        match timeout_at(end, body.next()).await {
            Ok(part) => part.map(|part| (part.map_err(io::Error::other), Some(body))),
            Err(_) => Some((Err(late()), None)),
        }
    });
    Body::from_stream(parts)
}

/// A stream whose other side has to take what is written, sooner or later.
struct Taking {
    stream: TcpStream,
    stall: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Taking {
    fn bound<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stall = self.stall;
        ready!(self.stalled.get_or_insert_with(|| Box::pin(sleep(stall))).as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Taking {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Taking {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.bound(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.bound(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::{get, post};
    use bytes::Bytes;
    use std::sync::atomic::{AtomicBool, Ordering};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpSocket;
    use tokio::time::timeout;

    /// Nothing here takes so long unless it is held open.
    const PATIENCE: Duration = Duration::from_secs(20);

    struct Listening {
        at: SocketAddr,
        _stop: watch::Sender<bool>,
        /// The endless answer was given up.
        given_up: Arc<AtomicBool>,
    }

    struct Dropped(Arc<AtomicBool>);

    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    async fn listening(bounds: Bounds) -> Listening {
        let given_up = Arc::new(AtomicBool::new(false));
        let flag = given_up.clone();
        let endless = move || {
            let dropped = Dropped(flag.clone());
            let parts = stream::repeat_with(move || {
                let _held = &dropped;
                Ok::<_, io::Error>(Bytes::from_static(&[0; 65_536]))
            });
            async move { Body::from_stream(parts) }
        };
        let routes = Router::new()
            .route("/", get(async || "well"))
            .route("/body", post(async |body: Bytes| body.len().to_string()))
            .route("/endless", get(endless));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(serve(listener, routes, bounds, stopped));
        Listening { at, _stop: stop, given_up }
    }

    async fn client(from: [u8; 4], to: SocketAddr) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        socket.connect(to).await.unwrap()
    }

    /// What comes until the other side closes.
    async fn until_closed(stream: &mut TcpStream, what: &str) -> String {
        let mut text = Vec::new();
        let closed = timeout(PATIENCE, stream.read_to_end(&mut text)).await;
        assert!(closed.is_ok(), "{what} is held open for ever");
        String::from_utf8_lossy(&text).into_owned()
    }

    fn short() -> Bounds {
        let moment = Duration::from_millis(300);
        Bounds { headers: moment, body: moment, stall: moment, ..Bounds::default() }
    }

    /// S1, E25: first byte, headers, body, idling.
    #[tokio::test]
    async fn whatever_a_client_holds_open_has_an_end() {
        let here = listening(short()).await;
        for (what, said, answer) in [
            ("a client without a byte", "", ""),
            ("half a header", "GET / HTTP/1.1\r\nHos", ""),
            ("half a body", "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc", "400"),
            (
                "a body in pieces",
                "POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n",
                "400",
            ),
            ("idling after an answer", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "well"),
        ] {
            let mut stream = client([127, 0, 0, 1], here.at).await;
            stream.write_all(said.as_bytes()).await.unwrap();
            let text = until_closed(&mut stream, what).await;
            assert!(text.contains(answer), "{what}: {text}");
        }
        let mut taker = client([127, 0, 0, 1], here.at).await;
        taker.write_all(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let given_up = async {
            while !here.given_up.load(Ordering::Relaxed) {
                tokio::task::yield_now().await;
            }
        };
        assert!(timeout(PATIENCE, given_up).await.is_ok(), "who takes nothing holds an answer for ever");
    }

    /// 900 half-open requests shut nobody out.
    #[tokio::test]
    async fn a_crowd_of_half_open_requests_shuts_nobody_out() {
        let here = listening(Bounds { most: 40, of_one_address: 20, ..Bounds::default() }).await;
        let mut crowd = Vec::new();
        for n in 0..120 {
            let from = if n < 60 { [127, 0, 0, 2] } else { [127, 0, 1, n] };
            let mut one = client(from, here.at).await;
            one.write_all(b"GET / HTTP/1.1\r\nHos").await.unwrap();
            crowd.push(one);
        }
        for from in [[127, 0, 0, 2], [127, 0, 0, 3]] {
            let mut stream = client(from, here.at).await;
            stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
            let text = until_closed(&mut stream, "an honest client").await;
            assert!(text.ends_with("well"), "{from:?}: {text}");
        }
        assert_eq!(crowd.len(), 120);
    }
}
