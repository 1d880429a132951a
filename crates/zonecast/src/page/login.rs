//! Logging in with a key, and out.

use super::PageState;
use super::shell::Shell;
use super::visit::{Fields, Shown, Visit, see_other, set, show, show_as};
use crate::service::keys;
use askama::Template;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The cookie's name over plain HTTP.
pub const COOKIE: &str = "zonecast_session";
/// The cookie's name over TLS: with this prefix browsers refuse it from anywhere but this very host.
pub const COOKIE_TLS: &str = "__Host-zonecast_session";

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    shell: Shell,
    next: String,
    error: String,
}

/// Asks for a key.
pub async fn form(fields: Fields) -> Shown {
    show(&LoginPage { shell: Shell::nobody("Log in"), next: next_of(&fields), error: String::new() })
}

/// Takes a key.
pub async fn enter(State(state): State<PageState>, request: Request) -> Shown {
    let fields = request.extensions().get::<Fields>().cloned().unwrap_or_default();
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
    let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    // Behind a proxy everybody has its address; who is shut out is one of them.
    let address =
        crate::api::legacy::client_of(peer, request.headers(), &state.app.config.api.trusted_proxies);
    let next = next_of(&fields);
    let page = |error: String| LoginPage { shell: Shell::nobody("Log in"), next: next.clone(), error };
    if let Some(seconds) = state.failures.wait(address) {
        let words =
            format!("too many wrong keys from your address: try again in {} minutes", seconds / 60 + 1);
        let mut response = show_as(StatusCode::TOO_MANY_REQUESTS, &page(words))?;
        set(&mut response, header::RETRY_AFTER, &seconds.to_string());
        return Ok(response);
    }
    let Some(key_id) = keys::log_in(&state.app, fields.get("key"), "page").await? else {
        state.failures.count(address);
        tracing::warn!(%address, "a log-in with a wrong key");
        return show_as(StatusCode::UNAUTHORIZED, &page("this key opens nothing here".to_owned()));
    };
    state.failures.forget(address);
    // Always a new id: one that somebody else put into this browser is worth nothing.
    let cookie = state.sessions.open(key_id)?;
    let mut response = see_other(&next);
    set(&mut response, header::SET_COOKIE, &cookie_line(&cookie, is_tls(request.headers()), ""));
    Ok(response)
}

/// Ends the session.
pub async fn leave(visit: Visit, headers: HeaderMap) -> Response {
    visit.leave_for_good();
    let mut response = see_other("/login");
    set(&mut response, header::SET_COOKIE, &cookie_line("", is_tls(&headers), "; Max-Age=0"));
    response
}

fn cookie_line(value: &str, tls: bool, more: &str) -> String {
    let (name, secure) = if tls { (COOKIE_TLS, "; Secure") } else { (COOKIE, "") };
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{more}")
}

/// TLS ends at a proxy in front of the daemon, which says so.
fn is_tls(headers: &HeaderMap) -> bool {
    headers.get("x-forwarded-proto").is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"https"))
}

/// Where to go after the log-in: a path of ours, nothing else.
fn next_of(fields: &Fields) -> String {
    let next = fields.get("next");
    let ours = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains(['\\', '\n', '\r', '\t'])
        && !next.starts_with("/login");
    if ours { next.to_owned() } else { "/".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_in_leads_to_a_path_of_ours_only() {
        let next = |text: &str| {
            next_of(&Fields::parse(format!("next={}", super::super::text::encode(text)).as_bytes()))
        };
        assert_eq!(next("/hosts/5?a=b"), "/hosts/5?a=b");
        for bad in ["", "//evil.example", "https://evil.example", "/\\evil.example", "/login", "/\t/evil"] {
            assert_eq!(next(bad), "/", "{bad}");
        }
    }

    #[test]
    fn the_cookie_is_for_this_host_and_no_script() {
        assert_eq!(cookie_line("x", false, ""), "zonecast_session=x; Path=/; HttpOnly; SameSite=Strict");
        assert_eq!(
            cookie_line("x", true, ""),
            "__Host-zonecast_session=x; Path=/; HttpOnly; SameSite=Strict; Secure"
        );
    }
}
