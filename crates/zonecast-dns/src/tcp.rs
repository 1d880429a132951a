//! The TCP listener: answers too large for UDP, and zone transfers.
//!
//! Connections are bounded in number, as a whole and for one address (`seats`), and a client must finish
//! each message within the idle time-out (RFC 7766 section 6.2.3), so a slow sender holds a connection
//! but briefly, and a newcomer takes the seat of whoever idled longest. Queries of one connection are
//! answered in order.

use crate::answer::{Engine, Response, Scratch, Transport};
use crate::seats::{Seat, Seats};
use crate::xfr::send_transfer;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

/// Transfers running at once; further ones wait their turn within the idle time-out.
const TRANSFERS_MAX: usize = 32;

/// What the connections of one listener share.
pub(crate) struct TcpService {
    pub(crate) engine: Engine,
    pub(crate) seats: Arc<Seats>,
    pub(crate) transfers: Semaphore,
    pub(crate) idle: Duration,
}

impl TcpService {
    pub(crate) fn new(engine: Engine, seats: Arc<Seats>, idle: Duration) -> TcpService {
        TcpService { engine, seats, transfers: Semaphore::new(TRANSFERS_MAX), idle }
    }
}

/// Accepts connections until told to stop; those that are open then end with their present message,
/// or are cut after the idle time-out.
pub(crate) async fn serve(listener: TcpListener, service: Arc<TcpService>, mut stop: watch::Receiver<bool>) {
    let mut tasks = tokio::task::JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener) => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        while tasks.try_join_next().is_some() {}
        let Some((stream, peer)) = accepted else { continue };
        let Some(seat) = service.seats.take(peer.ip(), false) else { continue };
        let (service, stop) = (service.clone(), stop.clone());
        tasks.spawn(async move {
            if let Err(error) = connection(stream, peer, &service, &seat, stop).await {
                tracing::debug!(%peer, %error, "a TCP connection ended early");
            }
        });
    }
    // A transfer to a slow receiver may end unfinished; the receiver comes again.
    let ended = timeout(service.idle, async { while tasks.join_next().await.is_some() {} });
    if ended.await.is_err() {
        tracing::info!(open = tasks.len(), "TCP connections are cut at shutdown");
    }
}

async fn accept(listener: &TcpListener) -> Option<(TcpStream, SocketAddr)> {
    match listener.accept().await {
        Ok(accepted) => Some(accepted),
        Err(error) => {
            // Out of descriptors, most likely: give connections time to end.
            tracing::warn!(%error, "a TCP connection could not be accepted");
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}

async fn connection(
    mut stream: TcpStream,
    peer: SocketAddr,
    service: &TcpService,
    seat: &Seat,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut scratch = Scratch::default();
    let (mut query, mut answer) = (Vec::new(), Vec::new());
    loop {
        let read = tokio::select! {
            read = timeout(service.idle, read_message(&mut stream, &mut query)) => read,
            _ = seat.lost() => return Ok(()),
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
        };
        if !matches!(read, Ok(Ok(true))) {
            return Ok(());
        }
        seat.busy(true);
        let response = {
            let zones = service.engine.zones();
            service.engine.respond(&zones, &query, peer.ip(), Transport::Tcp, &mut scratch, &mut answer)
        };
        match response {
            Response::Drop => return Ok(()),
            Response::Answer { .. } => send_message(&mut stream, &answer, service.idle).await?,
            Response::Transfer(transfer) => {
                let turn = timeout(service.idle, service.transfers.acquire()).await;
                let Ok(Ok(_turn)) = turn else { return Ok(()) };
                let zone = transfer.snapshot.name().clone();
                let sent = send_transfer(&mut stream, *transfer, service.idle).await?;
                tracing::info!(%zone, %peer, records = sent.records, form = sent.form, "zone sent");
            }
        }
        seat.busy(false);
    }
}

/// Reads one message; false at the end of the stream.
async fn read_message(stream: &mut TcpStream, message: &mut Vec<u8>) -> io::Result<bool> {
    let length = match stream.read_u16().await {
        Ok(length) => usize::from(length),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
        Err(error) => return Err(error),
    };
    message.resize(length, 0);
    stream.read_exact(message).await?;
    Ok(true)
}

/// Sends one message in one segment if it fits; a receiver that does not take it in time is given up.
pub(crate) async fn send_message(stream: &mut TcpStream, message: &[u8], idle: Duration) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(|_| io::ErrorKind::InvalidData)?;
    let mut framed = Vec::with_capacity(2 + message.len());
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(message);
    timeout(idle, stream.write_all(&framed)).await.map_err(|_| io::ErrorKind::TimedOut)?
}
