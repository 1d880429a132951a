//! One call and what its answer means.
//!
//! With a password or an old key the status is 200 whatever happens: a change asks for the bare exit
//! code (`returncode=yes`), a listing is a failure when it begins with `Error:` or `Usage:`, and `OK`
//! is what a command says that printed nothing, also one that does not exist. With an access key the
//! status is real and the exit code is in `Hestia-Exit-Code`; that header is believed, not the status.

use super::HestiaCp;
use crate::http::{Answer, Failure, class_of, retry_after};
use crate::redact::url_encode;
use crate::{ErrorClass, ProviderError, ZoneRef};
use bytes::BytesMut;
use reqwest::{Method, Response};

/// The longest listing.
const LISTING_MAX: usize = 64 << 20;

/// How a command ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// HestiaCP's exit code; 0 is success.
    pub(super) code: u32,
    /// What it printed.
    pub(super) text: String,
}

/// What is wanted of a command.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// Its output.
    Data,
    /// Its exit code.
    Change,
}

impl HestiaCp {
    /// Runs a command that prints. `Err` when it did not end well.
    pub(super) async fn ask(
        &self,
        zone: &ZoneRef,
        command: &str,
        args: &[&str],
    ) -> Result<String, ProviderError> {
        let said = self.run(zone, command, args, Ask::Data).await;
        let said = said.map_err(|failure| about(zone, failure.error))?;
        match said.code {
            0 => Ok(said.text),
            _ => Err(self.refused(zone, command, &said)),
        }
    }

    /// Runs a command that changes something.
    pub(super) async fn change(&self, zone: &ZoneRef, command: &str, args: &[&str]) -> Result<Said, Failure> {
        let said = self.run(zone, command, args, Ask::Change).await?;
        // The bare code says nothing of the reason. A refused value is refused again, with words; if
        // it is taken this time, all the better.
        if !self.login.is_access_key() && matches!(said.code, 2 | 8) {
            let again = self.run(zone, command, args, Ask::Data).await?;
            if again.code == 0 || !again.text.is_empty() {
                return Ok(again);
            }
        }
        Ok(said)
    }

    /// Sends one command; `Err` when no answer of HestiaCP came back.
    pub(super) async fn run(
        &self,
        zone: &ZoneRef,
        command: &str,
        args: &[&str],
        ask: Ask,
    ) -> Result<Said, Failure> {
        let mut body = format!("{}&cmd={command}", self.login.fields());
        if ask == Ask::Change && !self.login.is_access_key() {
            body.push_str("&returncode=yes");
        }
        // An argument that is left out shifts the later ones: empty ones stand in their place.
        for (index, arg) in args.iter().enumerate() {
            body.push_str(&format!("&arg{}={}", index + 1, url_encode(arg)));
        }
        let request = self.http.request(Method::POST, &self.api).body(body);
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        let response = self.http.open(request, zone.deadline).await?;
        let header = response.headers().get("Hestia-Exit-Code").and_then(|value| value.to_str().ok());
        let header = header.and_then(|text| text.trim().parse().ok());
        let answer = self.whole(response).await?;
        let text = String::from_utf8_lossy(&answer.body).trim().to_owned();
        let coded = ask == Ask::Change && !self.login.is_access_key();
        let said = match (header, self.login.is_access_key()) {
            (Some(code), _) => Some(from_header(code, &text, coded)),
            (None, false) if answer.status.as_u16() == 200 => from_body(command, text, ask),
            _ => None,
        };
        said.ok_or_else(|| self.no_hestia(&answer))
    }

    async fn whole(&self, mut response: Response) -> Result<Answer, Failure> {
        let (status, retry_after) = (response.status(), retry_after(&response));
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.http.cut(&error))? {
            if body.len() + chunk.len() > LISTING_MAX {
                let words = format!("HestiaCP answered with more than {LISTING_MAX} bytes");
                let error = ProviderError::new(ErrorClass::Transient, words);
                return Err(Failure { error, may_have_arrived: true });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, retry_after, body: body.freeze() })
    }

    /// Somebody answered who is not HestiaCP's API, or not any more.
    fn no_hestia(&self, answer: &Answer) -> Failure {
        let mut error = self.http.refusal(answer);
        // Whoever says "no" before HestiaCP has kept the call from it; anything else may have come
        // after the command began.
        let kept_from_it = matches!(answer.status.as_u16(), 300..=499) || answer.retry_after.is_some();
        if answer.status.is_success() {
            error.message = format!("this is not the API of HestiaCP: {}", error.message);
        }
        if answer.status.as_u16() == 404 {
            error.class = ErrorClass::Transient;
            error.message.push_str("; the Server URL ends before api/");
        }
        debug_assert!(!answer.status.is_success() || class_of(answer.status, None) == ErrorClass::Transient);
        Failure { error, may_have_arrived: !kept_from_it }
    }

    /// The error of a command that was refused, in HestiaCP's words.
    pub(super) fn refused(&self, zone: &ZoneRef, command: &str, said: &Said) -> ProviderError {
        let meaning = meaning(said.code);
        let words = match said.text.is_empty() {
            true => format!("exit code {} ({meaning})", said.code),
            false => format!("{} (exit code {}, {meaning})", self.http.say(said.text.as_bytes()), said.code),
        };
        let message = format!("{}: HestiaCP refused {command}: {words}", zone.name);
        ProviderError::new(class(said), message)
    }
}

/// An answer with the header. Where the code was asked for, the body is the code, or words and the
/// code glued to them.
fn from_header(code: u32, body: &str, coded: bool) -> Said {
    let words = body.strip_suffix(&code.to_string()).filter(|_| coded);
    Said { code, text: words.unwrap_or(body).trim().to_owned() }
}

/// An answer of the old login. `None`: this is no answer of HestiaCP's.
fn from_body(command: &str, text: String, ask: Ask) -> Option<Said> {
    if ask == Ask::Change {
        // This one forgets to say its code (seen 2026-11).
        if text.is_empty() && command == "v-make-tmp-file" {
            return Some(Said { code: 0, text });
        }
        let code = text.parse().ok()?;
        return Some(Said { code, text: String::new() });
    }
    let code = match &text {
        text if text.starts_with("Usage:") => 1,
        text if text.starts_with("Error:") => code_of(text),
        text if text == "No pending changes in DNS entry." => 4,
        text if text.starts_with('<') => return None,
        _ => 0,
    };
    let text = if text == "OK" { String::new() } else { text };
    Some(Said { code, text })
}

/// The exit code behind words, where only words are given.
fn code_of(words: &str) -> u32 {
    let known = [
        ("doesn't exist", 3),
        ("does not exist", 3),
        ("limit is reached", 8),
        (" is suspended", 5),
        ("restart failed", 20),
        ("failed to restart", 20),
        ("validation failed", 2),
        ("invalid ", 2),
        ("should be a fully qualified", 2),
        ("is not allowed", 2),
        ("should remain active", 2),
        (" exists", 4),
    ];
    known.iter().find(|(part, _)| words.contains(part)).map_or(255, |(_, code)| *code)
}

/// What to do about an exit code.
pub(super) fn class(said: &Said) -> ErrorClass {
    let has = |part: &str| said.text.contains(part);
    match said.code {
        1 => ErrorClass::Unsupported,
        2 | 7 => ErrorClass::Rejected,
        3 if has("IN A ") => ErrorClass::Rejected,
        3 => ErrorClass::NoSuchZone,
        4 | 6 => ErrorClass::Conflict,
        5 => ErrorClass::Forbidden,
        8 | 13 => ErrorClass::Quota,
        10 if has("not found") => ErrorClass::Unsupported,
        10 if has("permission") || has("argument doesn") => ErrorClass::Forbidden,
        // The wrong secret, the wrong address, the API switched off: it is so for every zone.
        9 | 10 | 11 | 21 => ErrorClass::Unauthorized,
        _ => ErrorClass::Transient,
    }
}

/// HestiaCP's names of its exit codes.
fn meaning(code: u32) -> &'static str {
    const NAMES: [&str; 22] = [
        "OK",
        "ARGS",
        "INVALID",
        "NOTEXIST",
        "EXISTS",
        "SUSPENDED",
        "UNSUSPENDED",
        "INUSE",
        "LIMIT",
        "PASSWORD",
        "FORBIDDEN",
        "DISABLED",
        "PARSING",
        "DISK",
        "LA",
        "CONNECT",
        "FTP",
        "DB",
        "RRD",
        "UPDATE",
        "RESTART",
        "API_DISABLED",
    ];
    NAMES.get(code as usize).copied().unwrap_or("not one of its own")
}

/// Names the zone in an error.
pub(super) fn about(zone: &ZoneRef, mut error: ProviderError) -> ProviderError {
    error.message = format!("{}: {}", zone.name, error.message);
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_login_says_success_for_everything() {
        let data =
            |text: &str| from_body("v-list-dns-records", text.to_owned(), Ask::Data).map(|said| said.code);
        assert_eq!(data("OK"), Some(0));
        assert_eq!(data("Error: dns domain nope.test doesn't exist"), Some(3));
        assert_eq!(data("Error: dns x.test is suspended"), Some(5));
        assert_eq!(data("Error: something else"), Some(255));
        assert_eq!(data("Usage: v-list-dns-records USER DOMAIN [FORMAT]"), Some(1));
        assert_eq!(data("<html>"), None);
        let change =
            |text: &str| from_body("v-add-dns-record", text.to_owned(), Ask::Change).map(|said| said.code);
        assert_eq!(change("0"), Some(0));
        assert_eq!(change("4"), Some(4));
        for torn in ["", "OK", "<html>", "Error: authentication failed"] {
            assert_eq!(change(torn), None, "{torn}");
        }
        assert_eq!(from_body("v-make-tmp-file", String::new(), Ask::Change).unwrap().code, 0);
    }

    #[test]
    fn a_header_is_believed() {
        let glued = from_header(11, "Error: API has been disabled11", true);
        assert_eq!((glued.code, glued.text.as_str()), (11, "Error: API has been disabled"));
        assert_eq!(from_header(10, "10", true).text, "");
        assert_eq!(from_header(0, "{\"a\":10}", false).text, "{\"a\":10}");
    }

    #[test]
    fn codes_and_words_tell_what_to_do() {
        let class_of = |code, text: &str| class(&Said { code, text: text.to_owned() });
        assert_eq!(class_of(3, "Error: dns domain x doesn't exist"), ErrorClass::NoSuchZone);
        assert_eq!(class_of(3, "Error: IN A ns.x does not exist"), ErrorClass::Rejected);
        assert_eq!(class_of(10, "Error: IP is not allowed to connect with API"), ErrorClass::Unauthorized);
        assert_eq!(
            class_of(10, "Error: Key K don't have permission to run the command C"),
            ErrorClass::Forbidden
        );
        assert_eq!(class_of(10, "Error: Command v-x not found"), ErrorClass::Unsupported);
        assert_eq!(class_of(8, ""), ErrorClass::Quota);
        assert_eq!(class_of(20, ""), ErrorClass::Transient);
        assert_eq!(meaning(21), "API_DISABLED");
    }
}
