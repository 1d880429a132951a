//! What the zones' own servers answer for a name, asked now, server by server (X37).

use super::explain::asked;
use super::touch::{Place, places};
use crate::app::App;
use crate::catalog::{View, ZoneEntry};
use crate::problem::Problem;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;
use utoipa::ToSchema;
use zonecast_core::{Name, RRset, RecordData, RecordType};
use zonecast_dns::{QueryOptions, query};
use zonecast_store::ClaimRow;

/// How long one server may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// Most questions of one call.
const QUESTIONS_MAX: usize = 200;

/// What was found.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct VerifyView {
    /// The name asked for.
    pub name: String,
    /// The types asked for.
    pub types: Vec<String>,
    /// Every server that answered has what is wanted, and at least one did.
    pub ok: bool,
    /// One sentence.
    pub message: String,
    /// One answer per zone, server and type.
    pub answers: Vec<ServerAnswer>,
}

/// What one server answered.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ServerAnswer {
    /// The zone.
    pub zone_id: i64,
    /// Its name.
    pub zone: String,
    /// Who was asked, `address:port`.
    pub server: String,
    /// The name asked for, as it stands in the zone.
    pub name: String,
    /// The type asked for.
    #[serde(rename = "type")]
    pub rtype: String,
    /// What should be there.
    pub wanted: Vec<String>,
    /// What was answered.
    pub values: Vec<String>,
    /// The TTL of the answer.
    pub ttl: Option<u32>,
    /// The response code.
    pub rcode: Option<String>,
    /// The server speaks with authority.
    pub authoritative: bool,
    /// `served`, `stale` (something else), `unreachable`.
    pub result: String,
    /// Why there is no answer.
    pub error: Option<String>,
    /// How long it took, in milliseconds.
    pub milliseconds: Option<u64>,
}

struct Question {
    zone_id: i64,
    zone: Name,
    server: SocketAddr,
    name: Name,
    rtype: RecordType,
    wanted: Vec<RecordData>,
}

/// Asks every server of every zone that takes the name. Without a type: what is desired at the name.
pub async fn verify(app: &App, name: &str, rtype: Option<&str>) -> Result<VerifyView, Problem> {
    let view = app.catalog.view();
    let (name, first) = asked(name, rtype)?;
    let claims = app.store.claims_at(std::slice::from_ref(&name)).await?;
    let rtypes = if rtype.is_some() { vec![first] } else { types_of(&claims, first) };
    let mut questions = Vec::new();
    for rtype in &rtypes {
        questions.extend(questions_for(app, &view, &name, *rtype, &claims).await?);
    }
    questions.truncate(QUESTIONS_MAX);
    let answers: Vec<ServerAnswer> = futures_util::future::join_all(questions.iter().map(ask)).await;
    let (ok, message) = sum_up(&name, &answers);
    let types = rtypes.iter().map(ToString::to_string).collect();
    Ok(VerifyView { name: name.to_string(), types, ok, message, answers })
}

fn types_of(claims: &[ClaimRow], first: RecordType) -> Vec<RecordType> {
    let mut types: Vec<RecordType> = claims.iter().map(|claim| claim.data.rtype()).collect();
    types.sort_unstable();
    types.dedup();
    if types.is_empty() {
        types.push(first);
    }
    types
}

/// Every place where the claims of the type go; where there is none, where one would.
fn places_in(view: &View, name: &Name, rtype: RecordType, claims: &[ClaimRow]) -> Vec<Place> {
    let of_type = claims.iter().filter(|claim| claim.data.rtype() == rtype);
    let mut whose: Vec<Option<&Name>> = of_type.map(|claim| claim.domain.as_ref()).collect();
    whose.sort_unstable();
    whose.dedup();
    if whose.is_empty() {
        whose.push(None);
    }
    let all = whose.into_iter().flat_map(|domain| places(view, name, rtype, None, domain));
    let mut seen = HashSet::new();
    all.filter(|place| seen.insert(place.zone_id)).collect()
}

async fn questions_for(
    app: &App,
    view: &View,
    name: &Name,
    rtype: RecordType,
    claims: &[ClaimRow],
) -> Result<Vec<Question>, Problem> {
    let mut questions = Vec::new();
    for place in places_in(view, name, rtype, claims) {
        let Some(zone) = view.zone(place.zone_id) else { continue };
        let rtype = if place.cname.is_some() { RecordType::CNAME } else { rtype };
        let wanted = wanted_at(app, view, zone, &place.name, rtype).await?;
        questions.extend(app.engine.servers_of(zone).await.into_iter().map(|server| Question {
            zone_id: zone.row.id,
            zone: zone.row.name.clone(),
            server,
            name: place.name.clone(),
            rtype,
            wanted: wanted.clone(),
        }));
    }
    Ok(questions)
}

async fn wanted_at(
    app: &App,
    view: &View,
    zone: &ZoneEntry,
    name: &Name,
    rtype: RecordType,
) -> Result<Vec<RecordData>, Problem> {
    let ttl = app.config.orchestrator.dns.ttl;
    let wanted =
        crate::sync::desired_in_zone(&app.store, view, zone, std::slice::from_ref(name), ttl).await?;
    let sets = wanted.into_iter().flat_map(|wanted| wanted.desired.sets);
    Ok(sets.filter(|set| set.rtype == rtype).flat_map(|set| set.values).collect())
}

async fn ask(question: &Question) -> ServerAnswer {
    let texts = |values: &[RecordData]| values.iter().map(RecordData::to_text).collect::<Vec<_>>();
    let mut said = ServerAnswer {
        zone_id: question.zone_id,
        zone: question.zone.to_string(),
        server: question.server.to_string(),
        name: question.name.to_string(),
        rtype: question.rtype.to_string(),
        wanted: texts(&question.wanted),
        values: Vec::new(),
        ttl: None,
        rcode: None,
        authoritative: false,
        result: "unreachable".to_owned(),
        error: None,
        milliseconds: None,
    };
    let options = QueryOptions { timeout: PATIENCE, ..QueryOptions::default() };
    match query(question.server, &question.name, question.rtype, options).await {
        Err(error) => said.error = Some(error.to_string()),
        Ok(answer) => {
            let set = answer.rrset(&question.name, question.rtype);
            said.values = set.map(|set| texts(&set.values)).unwrap_or_default();
            said.ttl = set.map(|set| set.ttl.seconds());
            said.rcode = Some(answer.rcode.to_string());
            said.authoritative = answer.authoritative;
            said.milliseconds = Some(answer.elapsed.as_millis() as u64);
            said.result = judge(question, answer.authoritative, set).to_owned();
        }
    }
    said
}

fn judge(question: &Question, authoritative: bool, set: Option<&RRset>) -> &'static str {
    let there = |value: &RecordData| set.is_some_and(|set| set.values.contains(value));
    match question.wanted.is_empty() {
        _ if !authoritative => "unreachable",
        true if set.is_none() => "served",
        false if question.wanted.iter().all(there) => "served",
        _ => "stale",
    }
}

fn sum_up(name: &Name, answers: &[ServerAnswer]) -> (bool, String) {
    let served = answers.iter().filter(|answer| answer.result == "served").count();
    let stale = answers.iter().filter(|answer| answer.result == "stale").count();
    let values = answers.iter().any(|answer| !answer.values.is_empty());
    match (answers.is_empty(), served, stale) {
        (true, ..) => (false, format!("no zone with known servers takes {name}: see explain")),
        (_, 0, 0) => (false, format!("no server answers for {name}")),
        (_, _, 0) if values => {
            (true, format!("{name} is served by {served} of {} servers asked", answers.len()))
        }
        (_, _, 0) => (false, format!("{name} is not there, and nothing wants it there")),
        _ => (false, format!("{stale} of {} servers do not have what is wanted for {name}", answers.len())),
    }
}
