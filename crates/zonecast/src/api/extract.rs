//! What handlers take from a request; whatever is wrong with it comes back as a [`Problem`].

use super::ApiState;
use super::reply::Refusal;
use crate::app::App;
use crate::problem::Problem;
use crate::service::{Caller, Expected};
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::ops::Deref;
use std::time::Duration;

/// The longest `?wait=`.
pub const WAIT_MAX: Duration = Duration::from_secs(60);

/// The app and who calls it.
pub struct Ctx {
    /// The running Zonecast.
    pub app: App,
    /// Who calls.
    pub caller: Caller,
}

impl Deref for Ctx {
    type Target = App;
    fn deref(&self) -> &App {
        &self.app
    }
}

impl FromRequestParts<ApiState> for Ctx {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Ctx, Refusal> {
        // The gate put it there; a route that was forgotten there stays shut.
        let caller = parts.extensions.get::<Caller>().cloned();
        let caller = caller.ok_or_else(|| Problem::new(401, "this needs a key"))?;
        Ok(Ctx { app: state.app.clone(), caller })
    }
}

/// A JSON body, read as it stands; the service names what is wrong inside.
pub struct Body(pub Value);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Body, Refusal> {
        check_json(&request)?;
        let bytes = read_body(request, state).await?;
        Ok(Body(parse(&bytes)?))
    }
}

/// A JSON body that may be missing.
pub struct OptionalBody(pub Value);

impl<S: Send + Sync> FromRequest<S> for OptionalBody {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<OptionalBody, Refusal> {
        let checked = check_json(&request);
        let bytes = read_body(request, state).await?;
        if bytes.is_empty() {
            return Ok(OptionalBody(Value::Object(serde_json::Map::new())));
        }
        checked?;
        Ok(OptionalBody(parse(&bytes)?))
    }
}

/// A body of plain text, such as a zone file.
pub struct TextBody(pub String);

impl<S: Send + Sync> FromRequest<S> for TextBody {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<TextBody, Refusal> {
        let kind = content_type(&request);
        if !matches!(kind.as_str(), "" | "text/plain" | "text/dns") {
            return Err(Problem::new(
                415,
                format!("send the zone file as text/dns or text/plain, not {kind}"),
            )
            .into());
        }
        let bytes = read_body(request, state).await?;
        let text = String::from_utf8(bytes.to_vec());
        text.map(TextBody).map_err(|_| Problem::new(400, "the body is not UTF-8 text").into())
    }
}

fn content_type(request: &Request) -> String {
    let value = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn check_json(request: &Request) -> Result<(), Problem> {
    let kind = content_type(request);
    if kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json")) {
        return Ok(());
    }
    let sent = if kind.is_empty() { "no content type".to_owned() } else { kind };
    Err(Problem::new(415, format!("send JSON with the content type application/json, not {sent}")))
}

async fn read_body<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status().as_u16() {
        413 => Problem::new(413, "the body is too large"),
        _ => Problem::new(400, "the body could not be read"),
    })
}

fn parse(bytes: &[u8]) -> Result<Value, Problem> {
    serde_json::from_slice(bytes).map_err(|error| Problem::new(400, format!("the body is not JSON: {error}")))
}

/// The id in a path; a text that is no number is simply not there.
pub struct Id(pub i64);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Id, Refusal> {
        let Steps(steps) = Steps::from_request_parts(parts, state).await?;
        let text = steps.first().map(String::as_str).unwrap_or_default();
        Ok(Id(id(text)?))
    }
}

/// Every `{placeholder}` of a path, in order.
pub struct Steps(pub Vec<String>);

impl<S: Send + Sync> FromRequestParts<S> for Steps {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Steps, Refusal> {
        let path = axum::extract::Path::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        let axum::extract::Path(pairs) =
            path.map_err(|_| Problem::new(404, "there is nothing at this path"))?;
        Ok(Steps(pairs.into_iter().map(|(_, value)| value).collect()))
    }
}

/// Reads an id of a path.
pub fn id(text: &str) -> Result<i64, Problem> {
    let id = text.parse::<i64>().ok().filter(|id| *id > 0);
    id.ok_or_else(|| Problem::new(404, format!("{text:?} is not an id: ids are whole numbers from 1")))
}

/// The query string; an unknown or wrong parameter is named.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Query<T>, Refusal> {
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Query(value)),
            Err(rejection) => Err(query_problem(&rejection.body_text()).into()),
        }
    }
}

fn query_problem(text: &str) -> Problem {
    let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(text);
    match text.split_once(": ") {
        Some((field, message)) if !field.contains(' ') => Problem::field(field, message),
        _ => Problem::field(text.split('`').nth(1).unwrap_or("query"), text),
    }
}

/// `If-Match`, where a caller gives it.
pub struct IfMatch(pub Expected);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<IfMatch, Refusal> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else { return Ok(IfMatch(Expected(None))) };
        let tag = value.to_str().unwrap_or_default().trim();
        if tag == "*" {
            return Ok(IfMatch(Expected(None)));
        }
        // A tag we never gave out matches nothing.
        let tag = tag.trim_start_matches("W/").trim_matches('"');
        let version = tag.split('-').next().unwrap_or_default().parse().unwrap_or(-1);
        Ok(IfMatch(Expected(Some(version))))
    }
}

/// Parameters of a call that starts work.
#[derive(Clone, Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WorkQuery {
    /// Wait so long for the job: `10s`, `500ms` or a number of seconds, at most 60 s.
    #[param(value_type = Option<String>, pattern = "^[0-9]{1,6}(\\.[0-9]{1,3})?(s|ms)?$")]
    pub wait: Option<Wait>,
    /// Change nothing; give the plan.
    #[param(value_type = Option<bool>)]
    pub dry_run: bool,
}

/// Parameters of a call that removes an owner.
#[derive(Clone, Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RemoveQuery {
    /// Wait so long for the job.
    #[param(value_type = Option<String>)]
    pub wait: Option<Wait>,
    /// Let it go at once, even where its records could not be taken out.
    #[param(value_type = Option<bool>)]
    pub forget: bool,
    /// Remove nothing; give the plan.
    #[param(value_type = Option<bool>)]
    pub dry_run: bool,
}

impl RemoveQuery {
    /// What it has in common with other work.
    pub fn work(&self) -> WorkQuery {
        WorkQuery { wait: self.wait, dry_run: self.dry_run }
    }
}

/// How long to wait.
#[derive(Clone, Copy, Debug)]
pub struct Wait(pub Duration);

impl<'de> serde::Deserialize<'de> for Wait {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Wait, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        wait(&text).map(Wait).map_err(serde::de::Error::custom)
    }
}

fn wait(text: &str) -> Result<Duration, String> {
    let (number, unit) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => (number, 0.001),
        (None, Some(number)) => (number, 1.0),
        (None, None) => (text, 1.0),
    };
    let plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let seconds = number.parse::<f64>().ok().filter(|_| plain);
    let seconds = seconds.ok_or_else(|| format!("{text:?} is not a time such as 10s, 500ms or 10"))?;
    Ok(Duration::try_from_secs_f64(seconds * unit).unwrap_or(WAIT_MAX).min(WAIT_MAX))
}

/// Items on one page; 100 where nothing is said.
#[derive(Clone, Copy, Debug)]
pub struct Limit(pub usize);

impl Default for Limit {
    fn default() -> Limit {
        Limit(100)
    }
}

impl<'de> serde::Deserialize<'de> for Limit {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Limit, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        match text.parse::<usize>() {
            Ok(limit @ 1..=500) => Ok(Limit(limit)),
            _ => Err(serde::de::Error::custom("must be a whole number from 1 to 500")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_seconds_or_milliseconds_and_never_long() {
        for (text, millis) in
            [("10s", 10_000), ("500ms", 500), ("2", 2_000), ("0.5s", 500), ("999999s", 60_000)]
        {
            assert_eq!(wait(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for bad in ["", "s", "-1", "1h", "NaN", "inf", "1e9", "1 s"] {
            assert!(wait(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_are_whole_numbers_from_one() {
        assert_eq!(id("12").unwrap(), 12);
        for bad in ["0", "-1", "x", "1.0", "99999999999999999999", ""] {
            assert_eq!(id(bad).unwrap_err().status, 404, "{bad}");
        }
    }
}
