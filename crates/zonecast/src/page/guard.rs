//! The guard of the page: who may see it, whether a form is ours, and what every answer carries.
//!
//! Shut by default: every path needs a session but the log-in and the assets. A form is believed when
//! three things agree: the cookie (SameSite=Strict), where the browser says it comes from, and the
//! token that only our own pages hold. The body of a form is read here, so no handler can forget the
//! token.

use super::visit::{Fields, Refused, Visit};
use super::{PageState, error};
use crate::problem::Problem;
use crate::service::{Role, keys};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Largest form.
const FORM_MAX: usize = 256 * 1024;
/// The one form that brings files, and how large they may be together.
const UPLOAD: (&str, u64) = ("/adopt", 64 * 1024 * 1024);
/// Nothing from elsewhere, nothing inline; `data:` for the small pictures inside Pico's style.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The layer around every page.
pub async fn guard(State(state): State<PageState>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let mut response = match path.starts_with("/assets/") {
        true => next.run(request).await,
        false => page(state, request, next).await,
    };
    let headers = response.headers_mut();
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Not `no-referrer`: browsers would then send `Origin: null` with our own forms.
        (header::REFERRER_POLICY, "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !path.starts_with("/assets/") {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

async fn page(state: PageState, mut request: Request, next: Next) -> Response {
    let open = request.uri().path() == "/login";
    let fragment = is_fragment(request.headers());
    let visit = match visit_of(&state, request.method(), request.uri(), request.headers()).await {
        Ok(visit) => visit,
        Err(problem) => return error::bare(&problem),
    };
    if visit.is_none() && !open {
        return to_login(&request, fragment);
    }
    if let Some(visit) = &visit
        && let Err(problem) = visit.caller.require(required_role(request.method(), request.uri().path()))
    {
        return error::page(Some(visit), &problem);
    }
    if request.method() == Method::POST {
        request = match read_form(request, visit.as_ref()).await {
            Ok(request) => request,
            Err(problem) => return error::page(visit.as_ref(), &problem),
        };
    }
    if let Some(visit) = &visit {
        request.extensions_mut().insert(visit.clone());
    }
    let response = next.run(request).await;
    match response.extensions().get::<Refused>() {
        Some(Refused(problem)) => error::page(visit.as_ref(), problem),
        None => response,
    }
}

/// Whether htmx asks for a piece of a page.
fn is_fragment(headers: &HeaderMap) -> bool {
    headers.contains_key("hx-request")
}

/// The session behind the cookie, and the key behind the session.
async fn visit_of(
    state: &PageState,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Option<Visit>, Problem> {
    let fragment = is_fragment(headers);
    let by_itself = uri.path().ends_with("/live") || (fragment && *method == Method::GET);
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let known = cookies
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == super::login::COOKIE || *name == super::login::COOKIE_TLS)
        .find_map(|(_, cookie)| state.sessions.find(cookie, !by_itself));
    let Some(known) = known else { return Ok(None) };
    let Some(mut caller) = keys::holder(&state.app, known.key_id).await? else {
        state.sessions.close(&known.id);
        return Ok(None);
    };
    caller.source = "page".to_owned();
    Ok(Some(Visit::new(state.clone(), caller, known, fragment)))
}

fn to_login(request: &Request, fragment: bool) -> Response {
    let back = match *request.method() {
        Method::GET => request.uri().path_and_query().map_or("/", |whole| whole.as_str()),
        _ => "/",
    };
    let target = format!("/login?next={}", super::text::encode(back));
    let live = request.uri().path().ends_with("/live");
    match fragment || live {
        // A piece of a page cannot lead elsewhere by itself.
        true => (StatusCode::UNAUTHORIZED, [("hx-redirect", target)]).into_response(),
        false => super::visit::see_other(&target),
    }
}

/// The role a screen needs, as at the API: keys are an admin's to see, connections an admin's to change.
fn required_role(method: &Method, path: &str) -> Role {
    match (path.split('/').nth(1).unwrap_or_default(), *method == Method::POST) {
        ("keys", _) | ("connections", true) => Role::Admin,
        ("login" | "logout", _) | (_, false) => Role::Viewer,
        (_, true) => Role::Operator,
    }
}

/// Reads a form, once it is sure that it is one of ours.
async fn read_form(request: Request, visit: Option<&Visit>) -> Result<Request, Problem> {
    if !from_here(request.headers(), request.uri()) {
        return Err(Problem::new(403, "this form was sent from another site, so nothing was done"));
    }
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.unwrap_or_default().to_owned();
    let brings_files = visit.is_some() && request.uri().path() == UPLOAD.0;
    let (mut parts, body) = request.into_parts();
    let fields = match multer::parse_boundary(&kind) {
        Ok(boundary) if brings_files => read_files(body, boundary).await?,
        _ if kind.starts_with("application/x-www-form-urlencoded") => {
            let bytes = axum::body::to_bytes(body, FORM_MAX).await;
            Fields::parse(&bytes.map_err(|_| Problem::new(413, "the form is too large"))?)
        }
        _ => return Err(Problem::new(415, "a form is sent as application/x-www-form-urlencoded")),
    };
    let header = parts.headers.get("x-csrf-token").and_then(|value| value.to_str().ok());
    let token = header.unwrap_or_else(|| fields.get("_csrf"));
    if let Some(visit) = visit
        && !super::session::same_token(token, &visit.csrf)
        // The log-in page may be open in a second tab; it changes nothing of this session.
        && parts.uri.path() != "/login"
    {
        return Err(Problem::new(
            403,
            "this form is from an older log-in, so nothing was done: go back, load the page again, and send it once more",
        ));
    }
    parts.extensions.insert(fields);
    Ok(Request::from_parts(parts, Body::empty()))
}

/// Reads a form that brings files: each is two fields, `file_name` and `file`.
async fn read_files(body: Body, boundary: String) -> Result<Fields, Problem> {
    let limit = multer::SizeLimit::new().whole_stream(UPLOAD.1);
    let limit = multer::Constraints::new().size_limit(limit);
    let mut form = multer::Multipart::with_constraints(body.into_data_stream(), boundary, limit);
    let wrong = |error: multer::Error| match error {
        multer::Error::StreamSizeExceeded { .. } => {
            let megabytes = UPLOAD.1 / 1024 / 1024;
            Problem::new(
                413,
                format!("the files are larger than {megabytes} MB: use the command line for them"),
            )
        }
        error => Problem::new(400, format!("the form could not be read: {error}")),
    };
    let mut fields = Vec::new();
    while let Some(field) = form.next_field().await.map_err(wrong)? {
        let name = field.name().unwrap_or_default().to_owned();
        fields.extend(field.file_name().map(|file| ("file_name".to_owned(), file.to_owned())));
        let value = field.bytes().await.map_err(wrong)?;
        fields.push((name, String::from_utf8_lossy(&value).into_owned()));
    }
    Ok(Fields::of(fields))
}

/// Whether the browser says that the form stood on a page of ours. A client that says nothing is no
/// browser that could be led astray.
fn from_here(headers: &HeaderMap, uri: &Uri) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin" || site == "none";
    }
    let Some(origin) = text("origin") else { return true };
    let host = text("host").map(str::to_owned).or_else(|| uri.authority().map(ToString::to_string));
    let place = origin.split_once("://").map(|(_, place)| place);
    place.is_some() && place == host.as_deref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_comes_from_here_or_from_elsewhere() {
        for (headers, here) in [
            (vec![], true),
            (vec![("sec-fetch-site", "same-origin")], true),
            (vec![("sec-fetch-site", "same-site")], false),
            (vec![("sec-fetch-site", "cross-site")], false),
            (vec![("origin", "http://zc.example:8053"), ("host", "zc.example:8053")], true),
            (vec![("origin", "http://evil.example"), ("host", "zc.example:8053")], false),
            (vec![("origin", "null"), ("host", "zc.example:8053")], false),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in &headers {
                map.insert(*name, value.parse().unwrap());
            }
            assert_eq!(from_here(&map, &Uri::from_static("/x")), here, "{headers:?}");
        }
    }
}
