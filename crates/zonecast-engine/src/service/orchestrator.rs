//! The zones that the configuration names (`[orchestrator.dns] zones`): there after each start.
//!
//! A daemon that is set up by a file alone needs no call before its first host. What a person changed
//! at such a zone since then stays, and a zone taken off the list is not removed: a line lost from a
//! file must never empty a zone.

use super::{Caller, Role, zone_new, zones::EMBEDDED};
use crate::app::App;
use crate::config::OrchestratorDns;
use crate::problem::Problem;
use serde_json::{Value, json};
use zonecast_core::Name;

/// The provider that feeds CoreDNS.
const COREDNS: &str = "coredns";

/// Adds the zones that are missing, and gives their names back. Called twice, or by two nodes at
/// once, it adds each once. The problem names the zone and what of the settings is not right.
pub async fn add_missing(app: &App) -> Result<Vec<Name>, Problem> {
    let config = &app.config.orchestrator.dns;
    let mut added = Vec::new();
    for name in config.zones.iter().filter(|name| !is_there(app, name)) {
        let body = body(config, name).map_err(|words| of_zone(name, &Problem::new(422, words)))?;
        match zone_new::create(app, &caller(), &body).await {
            Ok(_) => added.push(name.clone()),
            // Another node was faster.
            Err(problem) if problem.status == 409 => {
                app.catalog.reload().await?;
            }
            Err(problem) => return Err(of_zone(name, &problem)),
        }
    }
    Ok(added)
}

/// At CoreDNS or at the embedded authority; a zone of that name elsewhere is another one.
fn is_there(app: &App, name: &Name) -> bool {
    let view = app.catalog.view();
    view.zones.values().filter(|zone| zone.row.name == *name).any(|zone| {
        let connection = view.connections.get(&zone.row.connection_id);
        connection.is_some_and(|entry| [COREDNS, EMBEDDED].contains(&entry.row.provider.as_str()))
    })
}

/// The zone as a caller would write it.
fn body(config: &OrchestratorDns, name: &Name) -> Result<Value, String> {
    let backend = if config.coredns_backend.is_empty() { "secondary" } else { &config.coredns_backend };
    let mut settings = json!({ "backend": backend, "coredns_url": config.coredns_url });
    for (key, value) in &config.coredns_settings {
        settings[key] = match value.strip_prefix("env:") {
            Some(variable) => std::env::var(variable)
                .map_err(|_| format!("coredns_settings.{key}: there is no environment variable {variable}"))?
                .into(),
            None if is_secret(key) => {
                return Err(format!(
                    "coredns_settings.{key}: is a secret; write env:NAME of a variable that holds it"
                ));
            }
            None => value.clone().into(),
        };
    }
    let made_by_us = ["secondary", "file"].contains(&backend);
    Ok(json!({
        "name": name.to_string(),
        "provider": COREDNS,
        "settings": settings,
        "create_missing_zone": made_by_us,
    }))
}

/// A configuration file is shown and copied, so a secret is not written there.
fn is_secret(key: &str) -> bool {
    let kind = zonecast_providers::fields::kinds().into_iter().find(|kind| kind.name == COREDNS);
    kind.is_some_and(|kind| kind.fields.iter().any(|field| field.name == key && field.secret))
}

fn caller() -> Caller {
    Caller { actor: "config".to_owned(), role: Role::Admin, source: "config".to_owned(), once: None }
}

fn of_zone(name: &Name, problem: &Problem) -> Problem {
    Problem::new(problem.status, format!("orchestrator.dns: the zone {name} cannot be added: {problem}"))
}
