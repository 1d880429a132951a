//! `dns.php`, the read-only endpoint that WHMCS installations of the puqProxmoxKVM module know
//! (S2.78-82, X41, X42). New integrations use `/api/v1`.
//!
//! It has no key: who may read it is said by addresses (`[legacy] allow`), and nobody is by default.

use super::ApiState;
use super::reply::Refusal;
use crate::config::Network;
use crate::problem::Problem;
use crate::service::mapping;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use std::net::{IpAddr, SocketAddr};

/// Where it is, below whatever folder the panel was installed in.
const PATH: &str = "/modules/servers/puqProxmoxKVM/lib/dns/dns.php";

/// Whether a path leads here.
pub fn is_here(path: &str) -> bool {
    path.ends_with(PATH)
}

/// `[{"forward","ip","reverse"}]`, one object per address, in a stable order; streamed, so that its
/// length costs no memory.
pub async fn mapping(State(state): State<ApiState>, request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let words = "this path is read only: it knows GET";
        return ([(header::ALLOW, "GET, HEAD")], Refusal(Problem::new(405, words))).into_response();
    }
    let config = &state.app.config.legacy;
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let client = peer.map(|peer| client_of(peer, request.headers(), &config.trusted_proxies));
    if !client.is_some_and(|client| holds(&config.allow, client)) {
        let words =
            "this address may not read it; `allow` in the table [legacy] of the configuration says who may";
        return Refusal(Problem::new(403, words)).into_response();
    }
    // The first page is read before anything is answered, so that trouble has a status.
    let first = match mapping::page(&state.app, 0).await {
        Ok(page) => page,
        Err(problem) => return Refusal(problem).into_response(),
    };
    let begin = stream::once(async { Ok(Bytes::from_static(b"[")) });
    let parts = stream::unfold(Some((first, true)), move |step| {
        let app = state.app.clone();
        async move {
            let ((rows, next), nothing_yet) = step?;
            let text = chunk(&rows, nothing_yet, next.is_none());
            let following = match next {
                None => None,
                Some(after) => match mapping::page(&app, after).await {
                    Ok(page) => Some((page, nothing_yet && rows.is_empty())),
                    // Cut short, so that nobody takes it for the whole.
                    Err(problem) => return Some((Err(std::io::Error::other(problem.detail)), None)),
                },
            };
            Some((text, following))
        }
    });
    ([(header::CONTENT_TYPE, "application/json")], Body::from_stream(begin.chain(parts))).into_response()
}

/// Rows of the list, between its brackets.
fn chunk(rows: &[mapping::MappingView], nothing_yet: bool, is_last: bool) -> std::io::Result<Bytes> {
    let mut text = Vec::with_capacity(rows.len() * 96 + 1);
    for (index, row) in rows.iter().enumerate() {
        if index > 0 || !nothing_yet {
            text.push(b',');
        }
        serde_json::to_writer(&mut text, row)?;
    }
    if is_last {
        text.push(b']');
    }
    Ok(text.into())
}

/// Who asks: the peer, or, behind proxies of ours, the last address that none of them added.
pub(crate) fn client_of(peer: IpAddr, headers: &HeaderMap, proxies: &[Network]) -> IpAddr {
    let mut client = peer;
    let lines = headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok());
    let said: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    let mut said = said.into_iter().rev();
    while holds(proxies, client) {
        let Some(Ok(before)) = said.next().map(str::parse) else { break };
        client = before;
    }
    client
}

fn holds(networks: &[Network], address: IpAddr) -> bool {
    networks.iter().any(|network| network.0.contains(&address.to_canonical()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(texts: &[&str]) -> Vec<Network> {
        texts.iter().map(|text| Network::try_from((*text).to_owned()).unwrap()).collect()
    }

    fn client(peer: &str, said: &str, proxies: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", said.parse().unwrap());
        client_of(peer.parse().unwrap(), &headers, &networks(proxies)).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        assert_eq!(client("192.0.2.1", "10.0.0.1", &[]), "192.0.2.1");
        assert_eq!(client("192.0.2.1", "10.0.0.1", &["192.0.2.1"]), "10.0.0.1");
        // What the client itself wrote stands before what the proxy added.
        assert_eq!(client("192.0.2.1", "10.0.0.1, 198.51.100.7", &["192.0.2.0/24"]), "198.51.100.7");
        assert_eq!(client("192.0.2.1", "10.0.0.1, 192.0.2.9", &["192.0.2.0/24"]), "10.0.0.1");
        assert_eq!(client("192.0.2.1", "nonsense", &["192.0.2.1"]), "192.0.2.1");
    }

    #[test]
    fn pages_make_one_list() {
        let row = |n: u8| mapping::MappingView {
            forward: format!("h{n}.example.com"),
            ip: format!("192.0.2.{n}"),
            reverse: "mail.example.com".to_owned(),
        };
        let text = |parts: &[Bytes]| String::from_utf8(parts.concat()).unwrap();
        let one = chunk(&[row(1), row(2)], true, false).unwrap();
        let two = chunk(&[row(3)], false, true).unwrap();
        assert_eq!(
            text(&[one, two]),
            r#"{"forward":"h1.example.com","ip":"192.0.2.1","reverse":"mail.example.com"},{"forward":"h2.example.com","ip":"192.0.2.2","reverse":"mail.example.com"},{"forward":"h3.example.com","ip":"192.0.2.3","reverse":"mail.example.com"}]"#
        );
        assert_eq!(text(&[chunk(&[], true, true).unwrap()]), "]");
    }
}
