//! nginx before the API: TLS, one request per connection, the trailing slash.

use super::State;
use super::api;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use zonecast_dns::Authority;

/// Whether the panel speaks TLS, with a certificate that nobody but itself signed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    Off,
    SelfSigned,
}

/// The fingerprint of that certificate.
pub const CERTIFICATE_SHA256: &str = "83259ce71ffb4cad4b71289ace3c3100330f39903a93427a5e291f982ccafb11";
const CERTIFICATE: &str = include_str!("self-signed.crt");
const KEY: &str = include_str!("self-signed.key");

/// An answer of the API.
pub struct Answer {
    pub status: u16,
    pub code: Option<u32>,
    pub json: bool,
    pub body: String,
}

pub async fn serve(listener: TcpListener, tls: Tls, state: Arc<Mutex<State>>, authority: Authority) {
    let acceptor = (tls == Tls::SelfSigned).then(acceptor);
    while let Ok((stream, peer)) = listener.accept().await {
        let (state, authority, acceptor) = (state.clone(), authority.clone(), acceptor.clone());
        tokio::spawn(async move {
            match acceptor {
                None => one(stream, peer.ip(), &state, &authority).await,
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        one(stream, peer.ip(), &state, &authority).await;
                    }
                }
            }
        });
    }
}

fn acceptor() -> tokio_rustls::TlsAcceptor {
    use rustls::pki_types::pem::PemObject;
    let chain = vec![rustls::pki_types::CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap()];
    let key = rustls::pki_types::PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.unwrap().with_no_client_auth().with_single_cert(chain, key).unwrap();
    tokio_rustls::TlsAcceptor::from(Arc::new(config))
}

async fn one(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    peer: IpAddr,
    state: &Arc<Mutex<State>>,
    authority: &Authority,
) {
    let Some((head, body)) = request(&mut stream).await else { return };
    let line = head.lines().next().unwrap_or_default().to_owned();
    let answer = match line.split(' ').nth(1).unwrap_or_default() {
        "/api/" => api::answer(&line, &body, peer, state, authority).await,
        "/api" => Answer { status: 301, code: None, json: false, body: String::new() },
        _ => Answer { status: 404, code: None, json: false, body: "<html>404 Not Found</html>".into() },
    };
    let kind = if answer.json { "application/json; charset=utf-8" } else { "text/html; charset=UTF-8" };
    let code = answer.code.map(|code| format!("Hestia-Exit-Code: {code}\r\n")).unwrap_or_default();
    let head = format!(
        "HTTP/1.1 {} X\r\nServer: nginx\r\nContent-Type: {kind}\r\n{code}Connection: close\r\nContent-Length: {}\r\n\r\n",
        answer.status,
        answer.body.len(),
    );
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(answer.body.as_bytes()).await;
    let _ = stream.shutdown().await;
}

async fn request(stream: &mut (impl AsyncRead + Unpin)) -> Option<(String, String)> {
    let (mut data, mut chunk) = (Vec::new(), vec![0; 65536]);
    let end = loop {
        if let Some(end) = data.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        let length = stream.read(&mut chunk).await.ok().filter(|length| *length > 0)?;
        data.extend_from_slice(&chunk[..length]);
    };
    let head = String::from_utf8_lossy(&data[..end]).to_lowercase();
    let announced = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = data.split_off(end);
    while body.len() < announced.unwrap_or(0) {
        let length = stream.read(&mut chunk).await.ok().filter(|length| *length > 0)?;
        body.extend_from_slice(&chunk[..length]);
    }
    Some((head, String::from_utf8(body).ok()?))
}
