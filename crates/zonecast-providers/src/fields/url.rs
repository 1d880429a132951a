//! URLs as people type them.

use crate::http::canonical_endpoint;

/// Normalises a URL so that a person sees what will be used: scheme and host in lower case, no slash
/// at the end, the path kept, the port kept as typed.
///
/// `HTTPS://PDNS.example.com:443/api/` becomes `https://pdns.example.com:443/api`.
pub fn normalise_url(text: &str) -> Result<String, String> {
    if !text.contains("://") {
        return Err(format!("{text:?} has no scheme: write https://{text} or http://{text}"));
    }
    let url = reqwest::Url::parse(text).map_err(|error| format!("{text:?} is not a URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("{}:// is not spoken here: write https:// or http://", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("user and password do not belong into the URL".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("the URL ends before ? and #".to_owned());
    }
    let host = url.host_str().ok_or("the URL names no host")?;
    let rest = text.split_once("://").map(|(_, rest)| rest).unwrap_or_default();
    let authority = rest.split('/').next().unwrap_or_default();
    let typed = authority.rsplit_once(':').map(|(_, port)| port).filter(|port| port.parse::<u16>().is_ok());
    let port = typed.map(|port| format!(":{port}")).unwrap_or_default();
    Ok(format!("{}://{host}{port}{}", url.scheme(), url.path().trim_end_matches('/')))
}

/// Several URLs with commas or blanks between, each as [`normalise_url`] gives it, with commas.
pub fn normalise_urls(text: &str) -> Result<String, String> {
    let parts = text.split([',', ' ']).filter(|part| !part.is_empty());
    let normal: Result<Vec<String>, String> = parts.map(normalise_url).collect();
    normal.map(|parts| parts.join(","))
}

/// Whether two URLs lead to the same place, however they are spelled.
pub fn is_same_endpoint(a: &str, b: &str) -> bool {
    canonical_endpoint(a) == canonical_endpoint(b)
}
