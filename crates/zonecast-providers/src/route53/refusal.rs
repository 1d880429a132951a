//! Route 53's refusals: an error document, old form or new, with a code that says more than the status.

use super::wire::NAMESPACE;
use crate::http::{Answer, Failure, Http, class_of};
use crate::redact::Redactor;
use crate::{ErrorClass, ProviderError, ZoneRef};
use quick_xml::de::from_str;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorXml {
    error: Option<ErrorBody>,
    messages: Option<Messages>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorBody {
    code: String,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
struct Messages {
    #[serde(default, rename = "Message")]
    messages: Vec<String>,
}

/// A call that brought nothing usable.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    pub(super) error: ProviderError,
    /// The service's own word, such as `InvalidChangeBatch`; empty where there was none.
    pub(super) code: String,
    /// The service's sentence.
    pub(super) said: String,
    /// A write may have happened.
    pub(super) unknown: bool,
}

impl Refused {
    pub(super) fn lost(zone: &ZoneRef, failure: Failure) -> Refused {
        Refused {
            unknown: failure.may_have_arrived,
            ..Refused::local(failure.error.class, format!("{}: {}", zone.name, failure.error.message))
        }
    }

    pub(super) fn local(class: ErrorClass, words: String) -> Refused {
        Refused {
            error: ProviderError::new(class, words),
            code: String::new(),
            said: String::new(),
            unknown: false,
        }
    }

    /// A success that cannot be read.
    pub(super) fn unreadable(zone: &ZoneRef, unknown: bool) -> Refused {
        let words =
            format!("{}: Route 53 answered with something that is not the XML it should be", zone.name);
        Refused { unknown, ..Refused::local(ErrorClass::Transient, words) }
    }
}

/// Takes a success apart from a refusal. A status of 200 alone is no success.
pub(super) fn open(
    http: &Http,
    redactor: &Redactor,
    zone: &ZoneRef,
    answer: &Answer,
) -> Result<String, Refused> {
    let text = String::from_utf8_lossy(&answer.body);
    let status = answer.status.as_u16();
    if let Some((code, said)) = fault(&text) {
        let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let said = redactor.clean(&words).chars().take(200_000).collect::<String>();
        let class =
            class_of_code(&code, &said).unwrap_or_else(|| class_of(answer.status, answer.retry_after));
        let shown: String = said.chars().take(600).collect();
        let hint = if is_about_time(&code, &said) { "; check this machine's clock" } else { "" };
        let error = ProviderError::new(
            class,
            format!("{}: Route 53 answered {status} {code}: {shown}{hint}", zone.name),
        );
        return Err(Refused { error, code, said, unknown: status >= 500 && status != 503 });
    }
    if !answer.status.is_success() {
        let mut error = http.refusal(answer);
        error.message = format!("{}: {}", zone.name, error.message);
        let unknown = status >= 500 && status != 503;
        return Err(Refused { error, code: String::new(), said: String::new(), unknown });
    }
    if !text.contains(NAMESPACE) {
        let said = http.say(&answer.body);
        let mut refused = Refused::unreadable(zone, true);
        refused.error.message.push_str(&format!(": {said}"));
        return Err(refused);
    }
    Ok(text.into_owned())
}

/// Code and sentence of an error document, old form or new.
fn fault(xml: &str) -> Option<(String, String)> {
    let old = xml.contains("<InvalidChangeBatch");
    if !old && !xml.contains("<ErrorResponse") {
        return None;
    }
    let answer: ErrorXml = from_str(xml).ok()?;
    match (answer.error, answer.messages) {
        (Some(error), _) => Some((error.code, error.message)),
        (None, Some(list)) if old => Some(("InvalidChangeBatch".to_owned(), list.messages.join(", "))),
        _ => None,
    }
}

fn is_about_time(code: &str, said: &str) -> bool {
    matches!(code, "RequestExpired" | "RequestTimeTooSkewed")
        || (code.starts_with("Signature") && (said.contains("expired") || said.contains("not yet current")))
}

fn class_of_code(code: &str, said: &str) -> Option<ErrorClass> {
    Some(match code {
        "InvalidClientTokenId"
        | "SignatureDoesNotMatch"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "RequestExpired"
        | "RequestTimeTooSkewed"
        | "MissingAuthenticationToken"
        | "IncompleteSignature"
        | "UnrecognizedClientException"
        | "InvalidSignatureException" => ErrorClass::Unauthorized,
        "AccessDenied" | "AccessDeniedException" | "NotAuthorizedException" | "OptInRequired" => {
            ErrorClass::Forbidden
        }
        "NoSuchHostedZone" => ErrorClass::NoSuchZone,
        "Throttling" | "ThrottlingException" | "RequestLimitExceeded" | "TooManyRequestsException" => {
            ErrorClass::RateLimited { retry_after: None }
        }
        "PriorRequestNotComplete" | "InternalFailure" | "InternalError" | "ServiceUnavailable" => {
            ErrorClass::Transient
        }
        "LimitsExceeded" | "TooManyHostedZones" | "HostedZoneLimitExceeded" | "DelegationSetNotAvailable" => {
            ErrorClass::Quota
        }
        "InvalidChangeBatch" | "InvalidInput" | "MalformedInput" | "InvalidDomainName"
        | "ValidationError" => {
            if said.contains("Rate exceeded") {
                return Some(ErrorClass::RateLimited { retry_after: None });
            }
            ErrorClass::Rejected
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::Trust;
    use reqwest::StatusCode;
    use zonecast_core::Name;

    fn zone() -> ZoneRef {
        ZoneRef::new(Name::parse("example.org").unwrap())
    }

    fn opened(status: u16, body: &str) -> Refused {
        let redactor = Redactor::new(["topsecret"]);
        let http = Http::new("Route 53", "http://127.0.0.1:1", &Trust::default(), redactor.clone()).unwrap();
        let status = StatusCode::from_u16(status).unwrap();
        let answer = Answer { status, retry_after: None, body: body.to_owned().into() };
        open(&http, &redactor, &zone(), &answer).unwrap_err()
    }

    #[test]
    fn refusals_are_told_apart_by_code() {
        for (status, code, class) in [
            (403, "InvalidClientTokenId", ErrorClass::Unauthorized),
            (403, "SignatureDoesNotMatch", ErrorClass::Unauthorized),
            (403, "AccessDenied", ErrorClass::Forbidden),
            (404, "NoSuchHostedZone", ErrorClass::NoSuchZone),
            (400, "Throttling", ErrorClass::RateLimited { retry_after: None }),
            (400, "PriorRequestNotComplete", ErrorClass::Transient),
            (400, "InvalidChangeBatch", ErrorClass::Rejected),
            (400, "LimitsExceeded", ErrorClass::Quota),
            (200, "InternalFailure", ErrorClass::Transient),
            (503, "Whatever", ErrorClass::Transient),
        ] {
            let xml = format!(
                "<?xml version=\"1.0\"?>\n<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>Sender</Type><Code>{code}</Code><Message>it is &lt;topsecret&gt;</Message></Error><RequestId>1</RequestId></ErrorResponse>"
            );
            let refused = opened(status, &xml);
            assert_eq!(refused.error.class, class, "{code}");
            assert_eq!(refused.said, "it is <[secret]>");
        }
        let old = format!(
            "<InvalidChangeBatch xmlns=\"{NAMESPACE}\"><Messages><Message>a</Message><Message>b</Message></Messages></InvalidChangeBatch>"
        );
        assert_eq!(
            (opened(400, &old).code.as_str(), opened(400, &old).said.as_str()),
            ("InvalidChangeBatch", "a, b")
        );
        assert_eq!(opened(200, "<html><body>hello</body></html>").error.class, ErrorClass::Transient);
        assert_eq!(opened(403, "<html>").error.class, ErrorClass::Forbidden);
    }
}
