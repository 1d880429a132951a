//! One connection through the proxy: telling HTTP from bytes, and doing the damage.

use crate::proxy::{Canned, Fault, Seen, Shared};
use std::io::Result;
use std::sync::Arc;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const METHODS: [&str; 7] = ["GET ", "PUT ", "POST ", "PATCH ", "DELETE ", "HEAD ", "OPTIONS "];
const HEAD_MAX: usize = 64 * 1024;

/// Serves one connection to its end; what goes wrong on it is nobody else's business.
pub(crate) async fn serve_connection(mut client: TcpStream, shared: Arc<Shared>) {
    let mut start = vec![0; 4096];
    let Ok(length) = client.read(&mut start).await else { return };
    start.truncate(length);
    if length == 0 {
        return;
    }
    shared.count_connection();
    let is_http = METHODS.iter().any(|method| start.starts_with(method.as_bytes()));
    let _ = match is_http {
        true => serve_http(client, start, &shared).await,
        false => serve_bytes(client, start, &shared).await,
    };
}

async fn serve_http(mut client: TcpStream, start: Vec<u8>, shared: &Shared) -> Result<()> {
    let Some((head, body)) = read_request(&mut client, start).await? else { return Ok(()) };
    let first = head.lines().next().unwrap_or_default().to_owned();
    let mut words = first.split(' ');
    let fault = shared.take(Seen {
        method: words.next().unwrap_or_default().to_owned(),
        path: words.next().unwrap_or_default().to_owned(),
        head: head.to_ascii_lowercase(),
        body: body.clone(),
        at: Instant::now(),
    });
    match fault {
        Fault::Answer(canned) => answer(&mut client, &canned).await,
        Fault::Hang => wait_for_the_end(&mut client).await,
        Fault::Refuse => reset(client),
        Fault::Pass => forward(client, &head, &body, shared, usize::MAX).await,
        Fault::CutAfter(bytes) => forward(client, &head, &body, shared, bytes).await,
        Fault::LoseAnswer => forward(client, &head, &body, shared, 0).await,
        Fault::Hold => {
            shared.hold().await;
            let forwarded = forward(client, &head, &body, shared, usize::MAX).await;
            shared.landed();
            forwarded
        }
        Fault::Delay(time) => {
            tokio::time::sleep(time).await;
            forward(client, &head, &body, shared, usize::MAX).await
        }
    }
}

/// Reads one request whole; `None` when the client went away first.
async fn read_request(client: &mut TcpStream, mut data: Vec<u8>) -> Result<Option<(String, Vec<u8>)>> {
    let mut chunk = vec![0; 64 * 1024];
    let head_end = loop {
        if let Some(end) = data.windows(4).position(|w| w == b"\r\n\r\n") {
            break end + 4;
        }
        let length = client.read(&mut chunk).await?;
        if length == 0 || data.len() > HEAD_MAX {
            return Ok(None);
        }
        data.extend_from_slice(&chunk[..length]);
    };
    let head = String::from_utf8_lossy(&data[..head_end]).into_owned();
    let announced = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let mut body = data.split_off(head_end);
    while body.len() < announced.unwrap_or(0) {
        let length = client.read(&mut chunk).await?;
        if length == 0 {
            return Ok(None);
        }
        body.extend_from_slice(&chunk[..length]);
    }
    Ok(Some((head, body)))
}

/// Passes a request on and the first `limit` bytes of the answer back. The whole answer is read from
/// the server in any case: the request is carried out before anything is lost.
async fn forward(
    mut client: TcpStream,
    head: &str,
    body: &[u8],
    shared: &Shared,
    limit: usize,
) -> Result<()> {
    let mut server = TcpStream::connect(shared.upstream).await?;
    let mut request = String::with_capacity(head.len() + 24);
    for line in head.lines().take_while(|line| !line.is_empty()) {
        if !line.to_ascii_lowercase().starts_with("connection:") {
            request.push_str(line);
            request.push_str("\r\n");
        }
    }
    request.push_str("Connection: close\r\n\r\n");
    server.write_all(request.as_bytes()).await?;
    server.write_all(body).await?;
    let mut chunk = vec![0; 64 * 1024];
    let mut left = limit;
    loop {
        let length = server.read(&mut chunk).await?;
        if length == 0 {
            break;
        }
        let send = length.min(left);
        client.write_all(&chunk[..send]).await?;
        left -= send;
    }
    if limit == usize::MAX { client.shutdown().await } else { reset(client) }
}

async fn answer(client: &mut TcpStream, canned: &Canned) -> Result<()> {
    let mut head = format!("HTTP/1.1 {} Canned\r\nConnection: close\r\n", canned.status);
    for (name, value) in &canned.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", canned.body.len()));
    client.write_all(head.as_bytes()).await?;
    let sent = if canned.torn { &canned.body[..canned.body.len() / 2] } else { &canned.body[..] };
    client.write_all(sent).await?;
    client.shutdown().await
}

async fn serve_bytes(client: TcpStream, start: Vec<u8>, shared: &Shared) -> Result<()> {
    let fault = shared.fault.borrow().clone();
    let limit = match fault {
        Fault::Hang | Fault::Hold => {
            let mut client = client;
            return wait_for_the_end(&mut client).await;
        }
        Fault::Refuse | Fault::Answer(_) => return reset(client),
        Fault::CutAfter(bytes) => bytes,
        Fault::LoseAnswer => 0,
        Fault::Delay(time) => {
            tokio::time::sleep(time).await;
            usize::MAX
        }
        Fault::Pass => usize::MAX,
    };
    let mut server = TcpStream::connect(shared.upstream).await?;
    server.write_all(&start).await?;
    let (mut from_server, mut to_server) = server.split();
    let (client_read, client_write) = client.into_split();
    let (mut from_client, mut to_client) = (client_read, client_write);
    let up = async {
        tokio::io::copy(&mut from_client, &mut to_server).await?;
        to_server.shutdown().await
    };
    let down = async {
        if limit == 0 {
            // The request is carried out before its answer is lost.
            from_server.read_u8().await?;
        }
        let mut part = (&mut from_server).take(limit as u64);
        tokio::io::copy(&mut part, &mut to_client).await?;
        to_client.shutdown().await
    };
    match limit {
        usize::MAX => tokio::try_join!(up, down).map(|_| ()),
        // The cut ends the connection, whatever the client still wants to say.
        _ => tokio::select! { ended = down => ended, ended = up => ended },
    }
}

async fn wait_for_the_end(client: &mut TcpStream) -> Result<()> {
    let mut sink = [0; 4096];
    while client.read(&mut sink).await? > 0 {}
    Ok(())
}

fn reset(client: TcpStream) -> Result<()> {
    client.set_zero_linger()?;
    drop(client);
    Ok(())
}
