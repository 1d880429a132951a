//! Style and script of the page, inside the binary: nothing is loaded from elsewhere.

use super::PageState;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

macro_rules! asset {
    ($name:literal, $kind:expr, $file:literal) => {
        ($name, $kind, include_bytes!(concat!("../../assets/", $file)).as_slice())
    };
}

/// Name in the URL, content type, content.
static ASSETS: [(&str, &str, &[u8]); 6] = [
    asset!("pico.css", CSS, "pico-2.1.1.blue.min.css"),
    asset!("zonecast.css", CSS, "zonecast.css"),
    asset!("htmx.js", JS, "htmx-4.0.1.min.js"),
    asset!("hx-sse.js", JS, "hx-sse-4.0.1.min.js"),
    asset!("zonecast.js", JS, "zonecast.js"),
    asset!("icon.svg", "image/svg+xml", "icon.svg"),
];

/// One word for all assets of this build. It is part of their URLs, so a browser may keep them for
/// ever and still sees a new build at once.
pub static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    ASSETS.iter().for_each(|(_, _, content)| hash.update(content));
    hex::encode(&hash.finalize()[..6])
});

/// `GET /assets/{version}/{name}`; open to everybody, for the log-in page needs them.
pub fn route() -> MethodRouter<PageState> {
    get(|Path((version, name)): Path<(String, String)>, headers: HeaderMap| async move {
        asset(&version, &name, &headers)
    })
}

fn asset(version: &str, name: &str, headers: &HeaderMap) -> Response {
    let found = ASSETS.iter().find(|(known, _, _)| *known == name);
    let Some((_, kind, content)) = found else { return StatusCode::NOT_FOUND.into_response() };
    let kept = if version == *VERSION { "public, max-age=31536000, immutable" } else { "no-cache" };
    let tag = format!("\"{}\"", *VERSION);
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|value| value.as_bytes() == tag.as_bytes());
    let heads = [(header::CACHE_CONTROL, kept), (header::ETAG, tag.as_str())];
    match known {
        true => (StatusCode::NOT_MODIFIED, heads).into_response(),
        false => (heads, [(header::CONTENT_TYPE, *kind)], *content).into_response(),
    }
}
