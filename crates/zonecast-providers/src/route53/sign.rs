//! AWS Signature Version 4, header form: who calls, what exactly is called, and when.

use crate::http::Http;
use crate::redact::url_encode;
use reqwest::{Method, RequestBuilder};
use ring::{digest, hmac};
use secrecy::{ExposeSecret, SecretString};
use std::time::{SystemTime, UNIX_EPOCH};

const SERVICE: &str = "route53";
const XML: &str = "text/xml";

/// The keys of one caller.
pub(super) struct Signer {
    pub(super) key_id: String,
    pub(super) secret: SecretString,
    /// With temporary keys.
    pub(super) token: Option<SecretString>,
    pub(super) region: &'static str,
}

/// What is signed of one request.
struct Call<'a> {
    method: &'a str,
    host: &'a str,
    path: &'a str,
    query: &'a str,
    body: Option<&'a str>,
    /// `20150830T123600Z`.
    time: &'a str,
}

impl Signer {
    /// A request with its signature of this moment.
    pub(super) fn request(
        &self,
        http: &Http,
        method: Method,
        url: &str,
        query: &[(&str, &str)],
        body: Option<String>,
    ) -> RequestBuilder {
        let (host, path) = host_and_path(url);
        let query = canonical_query(query);
        let time = timestamp(SystemTime::now());
        let call = Call {
            method: method.as_str(),
            host: &host,
            path,
            query: &query,
            body: body.as_deref(),
            time: &time,
        };
        let authorization = self.authorization(&call);
        let full = if query.is_empty() { url.to_owned() } else { format!("{url}?{query}") };
        let mut request = http
            .request(method, &full)
            .header("Host", &host)
            .header("X-Amz-Date", &time)
            .header("Authorization", authorization);
        if let Some(token) = &self.token {
            request = request.header("X-Amz-Security-Token", token.expose_secret());
        }
        match body {
            Some(body) => request.header("Content-Type", XML).body(body),
            None => request,
        }
    }

    fn authorization(&self, call: &Call<'_>) -> String {
        let mut headers = Vec::new();
        if call.body.is_some() {
            headers.push(("content-type", XML));
        }
        headers.push(("host", call.host));
        headers.push(("x-amz-date", call.time));
        if let Some(token) = &self.token {
            headers.push(("x-amz-security-token", token.expose_secret()));
        }
        let signed: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let signed = signed.join(";");
        let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let canonical = format!(
            "{}\n{}\n{}\n{lines}\n{signed}\n{}",
            call.method,
            call.path,
            call.query,
            sha256_hex(call.body.unwrap_or_default().as_bytes())
        );
        let day = &call.time[..8];
        let scope = format!("{day}/{}/{SERVICE}/aws4_request", self.region);
        let text = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{}", call.time, sha256_hex(canonical.as_bytes()));
        let start = format!("AWS4{}", self.secret.expose_secret());
        let key = [day, self.region, SERVICE, "aws4_request"]
            .iter()
            .fold(start.into_bytes(), |key, part| hmac_sha256(&key, part.as_bytes()));
        let signature = hex::encode(hmac_sha256(&key, text.as_bytes()));
        format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={signed}, Signature={signature}",
            self.key_id
        )
    }
}

/// The region that signs for an endpoint; each partition has one.
pub(super) fn region_of(endpoint: &str) -> &'static str {
    if endpoint.contains(".amazonaws.com.cn") {
        "cn-northwest-1"
    } else if endpoint.contains("us-gov.") {
        "us-gov-west-1"
    } else if endpoint.contains(".amazonaws.eu") {
        "eusc-de-east-1"
    } else {
        "us-east-1"
    }
}

/// The host as the Host header has it (with a port that is not the scheme's own), and the path.
fn host_and_path(url: &str) -> (String, &str) {
    let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
    let at = rest.find('/').unwrap_or(rest.len());
    let (host, path) = rest.split_at(at);
    let default = if scheme == "http" { ":80" } else { ":443" };
    (host.strip_suffix(default).unwrap_or(host).to_owned(), if path.is_empty() { "/" } else { path })
}

fn canonical_query(query: &[(&str, &str)]) -> String {
    let mut pairs: Vec<String> =
        query.iter().map(|(key, value)| format!("{}={}", url_encode(key), url_encode(value))).collect();
    pairs.sort_unstable();
    pairs.join("&")
}

/// A moment as `20150830T123600Z`.
fn timestamp(now: SystemTime) -> String {
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    // Days to a date: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", for years from 1970 on.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (time / 3_600, time / 60 % 60, time % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

fn hmac_sha256(key: &[u8], data: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data).as_ref().to_vec()
}

fn sha256_hex(data: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, data).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Computed with botocore's own signer, 2026-11-21.
    #[test]
    fn signatures_are_those_of_the_reference_signer() {
        let zone = "/2013-04-01/hostedzone/Z111111QQQQQQQ/rrset";
        let query = |pairs: &[(&str, &str)]| canonical_query(pairs);
        let list = query(&[("type", "A"), ("name", "www.example.org."), ("maxitems", "300")]);
        let wild = query(&[("type", "A"), ("name", "\\052.example.org.")]);
        let slash = format!("{zone}/");
        for (method, path, query, body, token, signature) in [
            (
                "GET",
                zone,
                list.as_str(),
                None,
                None,
                "c820eb1797a11cf5f6b90102206d0906a9fd584ae04f6c2ab39af833d77099b0",
            ),
            (
                "POST",
                slash.as_str(),
                "",
                Some("<x/>"),
                None,
                "6a677df37788237890faf5ae2666e3d92735e1c4c10eda1ad7e874240474ccec",
            ),
            (
                "GET",
                zone,
                wild.as_str(),
                None,
                Some("TOKEN"),
                "be2d82b579181de882ea7a5400291124efb6be1e392d2f05e92a974a486ac184",
            ),
        ] {
            let signer = Signer {
                key_id: "AKIDEXAMPLE".into(),
                secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
                token: token.map(Into::into),
                region: region_of("https://route53.amazonaws.com"),
            };
            let time = "20150830T123600Z";
            let call = Call { method, host: "route53.amazonaws.com", path, query, body, time };
            let authorization = signer.authorization(&call);
            assert!(authorization.ends_with(&format!("Signature={signature}")), "{authorization}");
        }
    }

    #[test]
    fn moments_are_written_as_signed() {
        let at = |seconds| timestamp(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "19700101T000000Z");
        assert_eq!(at(1_440_938_160), "20150830T123600Z");
        assert_eq!(at(951_827_696), "20000229T123456Z");
        assert_eq!(at(4_107_542_399), "21000228T235959Z");
    }

    #[test]
    fn hosts_and_regions() {
        assert_eq!(host_and_path("http://127.0.0.1:4000/a/b"), ("127.0.0.1:4000".into(), "/a/b"));
        assert_eq!(host_and_path("https://x.example:443/a"), ("x.example".into(), "/a"));
        assert_eq!(region_of("https://route53.amazonaws.com.cn"), "cn-northwest-1");
        assert_eq!(region_of("https://route53.us-gov.amazonaws.com"), "us-gov-west-1");
    }
}
