//! The page: what an admin sees in a browser, written by the server, at `/` of the API's listener.
//!
//! Each screen is a file with its handlers over `service`, the same functions that the API calls, and
//! a template; nothing is decided or validated here. Every form works without script: it is sent,
//! answered with 303 and a message on the next page, or with 422 and the same form with the errors at
//! their fields. htmx makes that quicker (Test, the fields of a type) and live (states, logs).
//!
//! `guard` stands before all of it; `visit` is what handlers get; `inputs` are the fields of forms.

mod adopt;
mod ask;
mod assets;
mod audit;
mod connection_new;
mod connections;
mod dashboard;
mod dnssec;
mod domain_form;
mod domain_record;
mod domain_work;
mod domains;
mod drift;
mod error;
mod explain;
mod guard;
mod host_form;
mod hosts;
mod inputs;
mod jobs;
mod keys;
mod login;
mod pools;
mod session;
mod shell;
mod standing;
mod text;
mod trouble;
mod visit;
mod zone_form;
mod zones;

use crate::app::App;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};
use std::sync::Arc;

/// What every handler can reach.
#[derive(Clone)]
pub struct PageState {
    app: App,
    sessions: Arc<session::Sessions>,
    failures: Arc<session::Failures>,
}

/// The page of a running Zonecast; what it does not know goes to `beyond`, the API.
pub fn router(app: App, beyond: Router) -> Router {
    let state = PageState { app, sessions: Arc::default(), failures: Arc::default() };
    let mut router = Router::new().route("/assets/{version}/{name}", assets::route());
    for (path, methods) in screens() {
        router = router.route(path, methods);
    }
    router
        .layer(from_fn_with_state(state.clone(), guard::guard))
        .layer(tower_http::catch_panic::CatchPanicLayer::new())
        .with_state(state)
        .fallback_service(beyond)
}

/// Every path of the page but the assets; tests walk through it and find each one shut.
pub fn paths() -> Vec<&'static str> {
    screens().into_iter().map(|(path, _)| path).collect()
}

/// Paths and what answers there.
type Screens = Vec<(&'static str, MethodRouter<PageState>)>;

fn screens() -> Screens {
    [around(), of_zones(), of_hosts(), of_domains()].concat()
}

fn around() -> Screens {
    vec![
        ("/", get(dashboard::show_page)),
        ("/login", get(login::form).post(login::enter)),
        ("/logout", post(login::leave)),
        ("/jobs", get(jobs::list_page)),
        ("/jobs/{id}", get(jobs::show_job)),
        ("/jobs/{id}/live", get(jobs::live)),
        ("/jobs/{id}/state", get(jobs::state_piece)),
        ("/jobs/{id}/retry", post(jobs::retry)),
        ("/jobs/{id}/cancel", post(jobs::cancel)),
        ("/trouble", get(trouble::show_page)),
        ("/drift", get(drift::show_page)),
        ("/connections", get(connections::list_page).post(connection_new::add)),
        ("/connections/new", get(connection_new::new_page)),
        ("/connections/new/fields", post(connection_new::new_page)),
        ("/connections/{id}/edit", get(connections::edit_page)),
        ("/connections/{id}", post(connections::save)),
        ("/connections/{id}/test", post(connections::test)),
        ("/connections/{id}/pause", post(connections::pause)),
        ("/connections/{id}/resume", post(connections::resume)),
        ("/keys", get(keys::list_page).post(keys::add)),
        ("/keys/new", get(keys::new_page)),
        ("/keys/{id}/delete", get(keys::delete_page).post(keys::delete)),
        ("/explain", get(explain::show_page)),
        ("/audit", get(audit::show_page)),
        ("/pause", post(dashboard::pause)),
        ("/resume", post(dashboard::resume)),
    ]
}

fn of_zones() -> Screens {
    vec![
        ("/zones", get(zones::list_page).post(zone_form::add)),
        ("/zones/new", get(zone_form::new_page)),
        ("/zones/new/fields", post(zone_form::other_type)),
        ("/zones/new/test", post(zone_form::test)),
        ("/zones/{id}", get(zones::show_zone).post(zone_form::save)),
        ("/zones/{id}/edit", get(zone_form::edit_page)),
        ("/zones/{id}/test", post(zones::test)),
        ("/zones/{id}/sync", post(zones::sync)),
        ("/zones/{id}/rematch", post(zones::rematch)),
        ("/zones/{id}/pause", post(zones::pause)),
        ("/zones/{id}/resume", post(zones::resume)),
        ("/zones/{id}/approve", post(zones::approve)),
        ("/zones/{id}/delete", get(zones::delete_page).post(zones::delete)),
        ("/zones/{id}/plan", get(zones::plan_page)),
        ("/zones/{id}/records", get(zones::records_page)),
        ("/zones/{id}/dnssec", get(dnssec::show_page)),
        ("/zones/{id}/adopt", get(adopt::zone_page).post(adopt::apply_zone)),
        ("/adopt", get(adopt::form_page).post(adopt::plan_page)),
        ("/adopt/apply", post(adopt::apply)),
    ]
}

fn of_hosts() -> Screens {
    vec![
        ("/hosts", get(hosts::list_page).post(host_form::add)),
        ("/hosts/new", get(host_form::new_page)),
        ("/hosts/{id}", get(hosts::show_host).post(host_form::save)),
        ("/hosts/{id}/edit", get(host_form::edit_page)),
        ("/hosts/{id}/records", get(hosts::records_piece)),
        ("/hosts/{id}/rdns", post(hosts::set_reverse_name)),
        ("/hosts/{id}/sync", post(hosts::sync)),
        ("/hosts/{id}/state", post(hosts::set_state)),
        ("/hosts/{id}/delete", get(hosts::delete_page).post(hosts::delete)),
        ("/pools", get(pools::list_page).post(pools::add)),
        ("/pools/new", get(pools::new_page)),
        ("/pools/{id}", post(pools::save)),
        ("/pools/{id}/edit", get(pools::edit_page)),
        ("/pools/{id}/delete", get(pools::delete_page).post(pools::delete)),
    ]
}

fn of_domains() -> Screens {
    vec![
        ("/domains", get(domains::list_page).post(domain_form::add)),
        ("/domains/new", get(domain_form::new_page)),
        ("/domains/{id}", get(domains::show_domain).post(domain_form::save)),
        ("/domains/{id}/edit", get(domain_form::edit_page)),
        ("/domains/{id}/records", get(domains::records_piece)),
        ("/domains/{id}/record", get(domain_record::form_page).post(domain_record::save)),
        ("/domains/{id}/record/remove", post(domain_record::remove)),
        ("/domains/{id}/import", get(domain_work::import_page).post(domain_work::import)),
        ("/domains/{id}/sync", post(domain_work::sync)),
        ("/domains/{id}/state", post(domain_work::set_state)),
        ("/domains/{id}/rename", get(domain_work::rename_page).post(domain_work::rename)),
        ("/domains/{id}/ip", get(domain_work::address_page).post(domain_work::change_address)),
        ("/domains/{id}/template", get(domain_work::template_page).post(domain_work::template)),
        ("/domains/{id}/delete", get(domain_work::delete_page).post(domain_work::delete)),
    ]
}
