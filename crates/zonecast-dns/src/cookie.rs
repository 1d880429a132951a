//! DNS cookies, RFC 7873 with the interoperable server cookie of RFC 9018.
//!
//! A client that shows a cookie of ours has proved its address, so it is not rate limited. Nobody is
//! ever refused for lack of a cookie.

use domain::base::Serial;
use domain::base::opt::cookie::{ClientCookie, StandardServerCookie};
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

/// A server cookie is good for an hour, and for five minutes of clock difference between servers.
const AGE_MAX: u32 = 3600;
const AHEAD_MAX: u32 = 300;

/// The secret of this server's cookies. Random at each start: clients with an old cookie simply
/// learn the new one.
#[derive(Clone)]
pub(crate) struct CookieJar([u8; 16]);

impl CookieJar {
    pub(crate) fn new() -> Result<CookieJar, getrandom::Error> {
        let mut secret = [0; 16];
        getrandom::fill(&mut secret)?;
        Ok(CookieJar(secret))
    }

    /// The cookie to send back: the client's own part and a fresh server part.
    pub(crate) fn answer(&self, asked: &[u8], peer: IpAddr) -> Option<[u8; 24]> {
        let client: [u8; 8] = *asked.first_chunk()?;
        let server = self.server_part(client, now(), peer)?;
        let mut cookie = [0; 24];
        cookie[..8].copy_from_slice(&client);
        cookie[8..].copy_from_slice(&server);
        Some(cookie)
    }

    /// Whether the server part is one this server gave to this address not long ago.
    pub(crate) fn is_ours(&self, asked: &[u8], peer: IpAddr) -> bool {
        let (Some((client, server)), 24) = (asked.split_first_chunk::<8>(), asked.len()) else {
            return false;
        };
        let made = u32::from_be_bytes([server[4], server[5], server[6], server[7]]);
        let age = now().wrapping_sub(made);
        let in_time = age <= AGE_MAX || age.wrapping_neg() <= AHEAD_MAX;
        in_time && self.server_part(*client, made, peer).is_some_and(|ours| ours == *server)
    }

    fn server_part(&self, client: [u8; 8], made: u32, peer: IpAddr) -> Option<[u8; 16]> {
        let client = ClientCookie::from(client);
        let part = StandardServerCookie::calculate(client, Serial(made), peer.to_canonical(), &self.0);
        let mut octets = [0; 16];
        octets[..4].copy_from_slice(&[1, 0, 0, 0]);
        octets[4..8].copy_from_slice(&made.to_be_bytes());
        octets[8..].copy_from_slice(&part.hash());
        Some(octets)
    }
}

fn now() -> u32 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_good_for_its_address_only() {
        let jar = CookieJar::new().unwrap();
        let peer: IpAddr = "192.0.2.1".parse().unwrap();
        let cookie = jar.answer(b"client-1", peer).unwrap();
        assert!(jar.is_ours(&cookie, peer));
        assert!(!jar.is_ours(&cookie, "192.0.2.2".parse().unwrap()));
        assert!(!jar.is_ours(&cookie[..8], peer));
        assert!(!CookieJar::new().unwrap().is_ours(&cookie, peer));
    }
}
