//! `web/api/index.php`: who may, and what an answer looks like for either kind of login.

use super::State;
use super::commands::{self, Ended};
use super::http::Answer;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use zonecast_dns::Authority;

type Fields = BTreeMap<String, String>;

pub async fn answer(
    line: &str,
    body: &str,
    peer: IpAddr,
    state: &Arc<Mutex<State>>,
    dns: &Authority,
) -> Answer {
    let mut fields = form(body);
    let has = |fields: &Fields, name: &str| fields.contains_key(name);
    if !line.starts_with("post ") || !["access_key", "user", "hash"].iter().any(|name| has(&fields, name)) {
        let words = "data received is null or invalid, check https://hestiacp.com/docs/server-administration/rest-api.html";
        return error(405, words, "data");
    }
    if let Some((key, secret)) = fields.get("hash").and_then(|hash| hash.split_once(':'))
        && key.len() == 20
        && secret.len() == 40
        && !has(&fields, "access_key")
    {
        let (key, secret) = (key.to_owned(), secret.to_owned());
        fields.remove("hash");
        fields.extend([("access_key".to_owned(), key), ("secret_key".to_owned(), secret)]);
    }
    let wanted = if fields.get("returncode").is_some_and(|value| value == "yes") { "code" } else { "data" };
    if has(&fields, "access_key") && has(&fields, "secret_key") {
        return connection(&fields, wanted, peer, state, dns).await;
    }
    legacy(&fields, wanted, peer, state, dns).await
}

async fn legacy(
    fields: &Fields,
    wanted: &str,
    peer: IpAddr,
    state: &Arc<Mutex<State>>,
    dns: &Authority,
) -> Answer {
    let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
    let refused = {
        let state = state.lock().unwrap();
        let known = |hash: &str| state.api_keys.contains(hash);
        if !state.api {
            let mut refused = error(11, "Error: API Disabled", wanted);
            refused.body = format!("Error: API has been disabled{}", refused.body);
            Some(refused)
        } else if state.allowed.as_ref().is_some_and(|allowed| !allowed.contains(&peer)) {
            Some(error(10, "Error: IP is not allowed to connect with API", wanted))
        } else if field("hash").is_empty() && field("user") != "admin" {
            Some(error(10, "Error: authentication failed", wanted))
        } else if (field("hash").is_empty() && field("password") != state.password)
            || (!field("hash").is_empty() && !known(field("hash")))
        {
            Some(error(9, "Error: authentication failed", wanted))
        } else {
            bad_command(field("cmd")).map(|words| error(2, &words, wanted))
        }
    };
    if let Some(refused) = refused {
        return refused;
    }
    let ended = commands::run(state, dns, field("cmd"), &args(fields)).await;
    let body = match (wanted, field("cmd"), &ended) {
        // The one that forgets its code.
        ("code", "v-make-tmp-file", _) => String::new(),
        ("code", _, Ended { code, .. }) => code.to_string(),
        (_, _, Ended { output, .. }) if output.is_empty() => "OK".into(),
        (_, _, Ended { output, .. }) => format!("{output}\n"),
    };
    Answer { status: 200, code: None, json: false, body }
}

async fn connection(
    fields: &Fields,
    wanted: &str,
    peer: IpAddr,
    state: &Arc<Mutex<State>>,
    dns: &Authority,
) -> Answer {
    let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
    let (key, command) = (field("access_key"), field("cmd"));
    let refused = {
        let state = state.lock().unwrap();
        let any = |allowed: &Vec<IpAddr>| allowed.iter().any(|ip| ip.is_unspecified());
        if state.api_system == 0 {
            Some((11, "API has been disabled".to_owned()))
        } else if state.allowed.as_ref().is_some_and(|allowed| !allowed.contains(&peer) && !any(allowed)) {
            Some((10, "IP is not allowed to connect with API".to_owned()))
        } else if let Some(words) = bad_command(command) {
            Some((2, words))
        } else {
            may(&state, key, field("secret_key"), command, field("arg1"))
        }
    };
    if let Some((code, words)) = refused {
        return error(code, &words, wanted);
    }
    let ended = commands::run(state, dns, command, &args(fields)).await;
    let (code, output) = (ended.code, ended.output.trim().to_owned());
    let status = match (wanted, code) {
        ("code", _) => 200,
        (_, 0) if output.is_empty() => 204,
        (_, 0) => 200,
        _ => status_of(code),
    };
    let json = status == 200 && output.starts_with('{') && output.len() > 4;
    let body = if wanted == "code" { code.to_string() } else { output };
    Answer { status, code: Some(code), json, body }
}

/// `v-check-access-key`, and the rights of another user's key.
fn may(state: &State, key: &str, secret: &str, command: &str, user: &str) -> Option<(u32, String)> {
    let Some(access) = state.access.get(key) else {
        return Some((9, format!("Error: key {key} doesn't exist")));
    };
    if access.secret != secret {
        return Some((9, format!("Error: Invalid secret key for key {key}")));
    }
    if !commands::is_known(command) {
        return Some((10, format!("Error: Command {command} not found")));
    }
    if access.commands.as_ref().is_some_and(|commands| !commands.contains(&command)) {
        let words = format!("Error: Key {key} don't have permission to run the command {command}");
        return Some((10, words));
    }
    if access.user != "admin" && state.api_system < 2 {
        return Some((21, "API has been disabled".to_owned()));
    }
    if access.user != "admin" && user != access.user && command != "v-list-sys-config" {
        return Some((10, format!("Key {key} - the \"user\" argument doesn\\'t match the key\\'s user")));
    }
    None
}

fn bad_command(command: &str) -> Option<String> {
    let sound = command.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    match (command.is_empty(), sound) {
        (true, _) => Some("Command not provided".to_owned()),
        (_, false) => Some(format!("{command} command invalid")),
        _ => None,
    }
}

fn error(code: u32, words: &str, wanted: &str) -> Answer {
    let body = match (wanted, words.starts_with("Error:")) {
        ("code", _) => code.to_string(),
        (_, true) => words.to_owned(),
        _ => format!("Error: {words}"),
    };
    Answer { status: status_of(code), code: Some(code), json: false, body }
}

fn status_of(code: u32) -> u16 {
    match code {
        0 => 200,
        2 => 422,
        5 | 6 | 9 | 10 | 21 => 401,
        100.. => code as u16,
        _ => 400,
    }
}

/// Gaps close up, and values are trimmed.
fn args(fields: &Fields) -> Vec<String> {
    (1..=13).filter_map(|n| fields.get(&format!("arg{n}"))).map(|value| value.trim().to_owned()).collect()
}

fn form(body: &str) -> Fields {
    let decode = |text: &str| {
        let (mut out, mut bytes) = (Vec::new(), text.bytes());
        while let Some(byte) = bytes.next() {
            match byte {
                b'+' => out.push(b' '),
                b'%' => {
                    let hex = [bytes.next().unwrap_or(b'0'), bytes.next().unwrap_or(b'0')];
                    out.push(u8::from_str_radix(&String::from_utf8_lossy(&hex), 16).unwrap_or(b'?'));
                }
                other => out.push(other),
            }
        }
        String::from_utf8_lossy(&out).into_owned()
    };
    body.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}
