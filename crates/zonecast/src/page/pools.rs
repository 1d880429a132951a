//! Pools: prefixes, what names and TTLs hosts inside get, and the reverse zones they need (S2.84).

use super::ask::Ask;
use super::inputs::Input;
use super::shell::Shell;
use super::text::{Label, encode};
use super::visit::{Fields, Id, Shown, Visit, see_other, show};
use super::zone_form::number;
use crate::problem::Problem;
use crate::service::view::PoolView;
use crate::service::{Expected, pools, zones};
use askama::Template;
use serde_json::{Map, Value};

/// A reverse zone a pool needs, and where it is added.
struct Hint {
    name: String,
    add: String,
}

struct PoolRow {
    view: PoolView,
    hints: Vec<Hint>,
    zones: Vec<(i64, Label)>,
    main_domain: Option<Label>,
}

#[derive(Template)]
#[template(path = "pools.html")]
struct PoolsPage {
    shell: Shell,
    pools: Vec<PoolRow>,
}

/// The list.
pub async fn list_page(visit: Visit) -> Shown {
    let row = |view: PoolView| {
        let zone = |id: &i64| zones::get(&visit, *id).ok().map(|zone| (*id, Label::of(&zone.name)));
        PoolRow {
            hints: view
                .reverse_zones
                .iter()
                .map(|name| Hint { name: name.clone(), add: format!("/zones/new?name={}", encode(name)) })
                .collect(),
            zones: view.zone_ids.iter().filter_map(zone).collect(),
            main_domain: view.main_domain.as_deref().map(Label::of),
            view,
        }
    };
    show(&PoolsPage {
        pools: pools::list(&visit).await?.into_iter().map(row).collect(),
        shell: visit.shell("Pools", "pools").await?,
    })
}

async fn form(
    visit: &Visit,
    pool: Option<&PoolView>,
    given: Option<&Fields>,
    problem: Option<&Problem>,
) -> Shown {
    let stored = |pool: &PoolView, name: &str| match name {
        "main_domain" => pool.main_domain.as_deref().map(|name| Label::of(name).text),
        "name_pattern" => pool.name_pattern.clone(),
        "ptr_pattern" => pool.ptr_pattern.clone(),
        _ => pool.ttl.map(|ttl| ttl.to_string()),
    };
    let value = |name: &str| match (given, pool) {
        (Some(fields), _) => fields.get(name).to_owned(),
        (None, Some(pool)) => stored(pool, name).unwrap_or_default(),
        (None, None) => String::new(),
    };
    let mut inputs = vec![
        Input::text("main_domain", "Main domain", value("main_domain"))
            .hint("example.com")
            .help("completes bare names of hosts inside"),
        Input::text("name_pattern", "Name pattern", value("name_pattern"))
            .hint("vm-{address}")
            .help("names hosts that come without one; {address} is the address with dashes"),
        Input::text("ptr_pattern", "PTR pattern", value("ptr_pattern"))
            .hint("{address}.pool.example.com")
            .help("the reverse name of addresses without their own; {name} is the host's name"),
        Input::text("ttl", "Default TTL", value("ttl")).hint("default").help("in seconds"),
    ];
    if pool.is_none() {
        let prefix = Input::text("prefix", "Prefix", value("prefix"));
        inputs.insert(0, prefix.required(true).hint("192.0.2.0/24 or 2001:db8::/48"));
    }
    let words = pool.map(|pool| format!("Reverse zones: {}.", pool.reverse_zones.join(", ")));
    let ask = Ask {
        title: pool.map_or_else(|| "Add pool".to_owned(), |pool| format!("Edit pool {}", pool.prefix)),
        section: "pools",
        path: vec![("/pools".to_owned(), Label::new("Pools", "Pools"))],
        words: words.unwrap_or_default(),
        inputs,
        action: pool.map_or_else(|| "/pools".to_owned(), |pool| format!("/pools/{}", pool.id)),
        button: if pool.is_some() { "Save" } else { "Add pool" },
        version: pool.map(|pool| pool.version),
        ..Ask::default()
    };
    ask.show(visit, given, problem).await
}

/// The body of the API's call that this form stands for.
fn body(fields: &Fields) -> Value {
    let mut body = Map::new();
    for name in ["main_domain", "name_pattern", "ptr_pattern"] {
        body.insert(name.to_owned(), fields.given(name).map_or(Value::Null, Value::from));
    }
    body.insert("ttl".to_owned(), number(fields.get("ttl")));
    if let Some(prefix) = fields.given("prefix") {
        body.insert("prefix".to_owned(), prefix.into());
    }
    Value::Object(body)
}

/// The empty form.
pub async fn new_page(visit: Visit) -> Shown {
    form(&visit, None, None, None).await
}

/// Adds a pool, and says which reverse zones it needs.
pub async fn add(visit: Visit, fields: Fields) -> Shown {
    match pools::create(&visit, &visit.caller, &body(&fields)).await {
        Ok(pool) => {
            let hint = match (pool.zone_ids.is_empty(), pool.reverse_zones.join(", ")) {
                (true, names) if !names.is_empty() => format!("; reverse zones to add: {names}"),
                _ => String::new(),
            };
            visit.say(true, format!("pool {} is added{hint}", pool.prefix));
            Ok(see_other("/pools"))
        }
        Err(problem) => form(&visit, None, Some(&fields), Some(&problem)).await,
    }
}

/// The form with what is stored.
pub async fn edit_page(visit: Visit, Id(id): Id) -> Shown {
    form(&visit, Some(&pools::get(&visit, id).await?), None, None).await
}

/// Saves it.
pub async fn save(visit: Visit, Id(id): Id, fields: Fields) -> Shown {
    let expected = Expected(fields.id("version"));
    match pools::patch(&visit, &visit.caller, id, &body(&fields), expected).await {
        Ok(pool) => {
            visit.say(true, format!("pool {} is saved; hosts take it at their next change", pool.prefix));
            Ok(see_other("/pools"))
        }
        Err(problem) => {
            let pool = pools::get(&visit, id).await?;
            form(&visit, Some(&pool), Some(&fields), Some(&problem)).await
        }
    }
}

/// Asks before a pool goes.
pub async fn delete_page(visit: Visit, Id(id): Id) -> Shown {
    let pool = pools::get(&visit, id).await?;
    let ask = Ask {
        title: format!("Delete pool {}", pool.prefix),
        section: "pools",
        path: vec![("/pools".to_owned(), Label::new("Pools", "Pools"))],
        words: "Hosts inside keep the names and records they have.".to_owned(),
        action: format!("/pools/{id}/delete"),
        button: "Delete pool",
        danger: true,
        version: Some(pool.version),
        ..Ask::default()
    };
    ask.show(&visit, None, None).await
}

/// Removes it.
pub async fn delete(visit: Visit, Id(id): Id, fields: Fields) -> Shown {
    let prefix = pools::get(&visit, id).await?.prefix;
    let result = pools::remove(&visit, &visit.caller, id, Expected(fields.id("version"))).await;
    Ok(visit.done(result.map(|()| format!("pool {prefix} is deleted")), "/pools"))
}
