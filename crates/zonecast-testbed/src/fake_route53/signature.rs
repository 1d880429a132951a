//! Signature Version 4 from the other side: is the caller who he says, and did he say this?

use super::{Keys, State};
use crate::fake_http::{Request, decode};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// The caller's key, or code and message of the refusal.
pub(super) fn caller<'a>(state: &'a State, request: &Request) -> Result<&'a Keys, (&'static str, String)> {
    let missing = || ("MissingAuthenticationToken", "Missing Authentication Token".to_owned());
    let header = request.header("authorization").ok_or_else(missing)?;
    let rest = header.strip_prefix("AWS4-HMAC-SHA256 ").ok_or_else(missing)?;
    let part = |name: &str| {
        let found = rest.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
        found.ok_or_else(|| {
            ("IncompleteSignature", format!("Authorization header requires '{name}' parameter."))
        })
    };
    let (credential, signed, signature) = (part("Credential")?, part("SignedHeaders")?, part("Signature")?);
    let (id, scope) = credential.split_once('/').ok_or_else(missing)?;
    let unknown =
        || ("InvalidClientTokenId", "The security token included in the request is invalid.".to_owned());
    let keys = state.keys.iter().find(|keys| keys.id == id).ok_or_else(unknown)?;
    if keys.token.as_deref() != request.header("x-amz-security-token") {
        return Err(unknown());
    }
    let date = request.header("x-amz-date").unwrap_or_default();
    let parts: Vec<&str> = scope.split('/').collect();
    let [day, region, service, "aws4_request"] = parts.as_slice() else { return Err(missing()) };
    if *service != "route53" || *region != "us-east-1" || !date.starts_with(day) {
        return Err((
            "SignatureDoesNotMatch",
            format!("Credential should be scoped to a valid region and service, not {scope}."),
        ));
    }
    for needed in ["host", "x-amz-date"] {
        if !signed.split(';').any(|name| name == needed) {
            return Err(("IncompleteSignature", format!("{needed} must be signed.")));
        }
    }
    let canonical = canonical(request, signed);
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex(&Sha256::digest(canonical.as_bytes())));
    let mut key = format!("AWS4{}", keys.secret).into_bytes();
    for part in [*day, *region, *service, "aws4_request"] {
        key = mac(&key, part.as_bytes());
    }
    match hex(&mac(&key, text.as_bytes())) == signature {
        true => Ok(keys),
        false => Err((
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.".to_owned(),
        )),
    }
}

fn canonical(request: &Request, signed: &str) -> String {
    let mut pairs: Vec<String> = request
        .query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            format!("{}={}", encode(&decode(key)), encode(&decode(value)))
        })
        .collect();
    pairs.sort();
    let headers: String = signed
        .split(';')
        .map(|name| {
            let value = request.header(name).unwrap_or_default();
            format!("{name}:{}\n", value.split_whitespace().collect::<Vec<_>>().join(" "))
        })
        .collect();
    let body = hex(&Sha256::digest(&request.body));
    format!("{}\n{}\n{}\n{headers}\n{signed}\n{body}", request.method, request.path, pairs.join("&"))
}

fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => (byte as char).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

fn mac(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|error| panic!("{error}"));
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
