//! What can be done to a domain as a whole: sync, state, rename, another address, template, import,
//! removal (S4.64-67, S4.72-79). The services decide; a page asks, and says what came of it.

use super::ask::Ask;
use super::domain_form::{path, to_domain};
use super::inputs::Input;
use super::visit::{Fields, Id, Refused, Shown, Visit, see_other};
use crate::problem::Problem;
use crate::service::domains::{self, DomainView};
use crate::service::{Expected, Work};
use serde_json::json;
use zonecast_core::OwnerState;

/// After something was done: its words and its log; else the form once more, with what is wrong.
async fn ended(
    visit: &Visit,
    done: Result<Work<DomainView>, Problem>,
    words: impl Fn(&DomainView) -> String,
    again: impl AsyncFnOnce(&Problem) -> Shown,
) -> Shown {
    match done {
        Ok(work) => {
            visit.say(true, words(&work.data));
            Ok(see_other(&to_domain(&work)))
        }
        Err(problem) if problem.status == 404 => Err(Refused(problem)),
        Err(problem) => again(&problem).await,
    }
}

/// Reads every record afresh and writes it again; with `take_over` also where values of others stand.
pub async fn sync(visit: Visit, Id(id): Id, fields: Fields) -> Shown {
    let body = json!({ "take_over": fields.is_on("take_over") });
    match domains::sync(&visit, &visit.caller, id, &body).await {
        Ok(work) => Ok(see_other(&to_domain(&work))),
        Err(problem) => Ok(visit.done(Err(problem), &format!("/domains/{id}"))),
    }
}

/// Puts it into another state (S4.64, S4.65, S4.75-78).
pub async fn set_state(visit: Visit, Id(id): Id, fields: Fields) -> Shown {
    let body = json!({ "state": fields.get("state") });
    match domains::patch(&visit, &visit.caller, id, &body, Expected(None)).await {
        Ok(work) => {
            visit.say(true, format!("{} is now: {}", work.data.name_unicode, work.data.state));
            Ok(see_other(&to_domain(&work)))
        }
        Err(problem) => Ok(visit.done(Err(problem), &format!("/domains/{id}"))),
    }
}

fn rename_ask(domain: &DomainView, fields: &Fields) -> Ask {
    let choices = [
        ("update", "update: they move along, with what points to the old name"),
        ("erase", "erase: all of them are taken away at every service"),
    ];
    Ask {
        title: format!("Rename {}", domain.name_unicode),
        section: "domains",
        path: path(Some(domain)),
        words: "A zone that is missing under the new name is made where the domain says so.".to_owned(),
        inputs: vec![
            Input::text("name", "New name", fields.get("name")).required(true).hint("example.net"),
            Input::radio("records", "Its records", fields.get("records"), &choices),
        ],
        action: format!("/domains/{}/rename", domain.id),
        button: "Rename",
        ..Ask::default()
    }
}

/// Asks for the new name, and for the choice (S4.72).
pub async fn rename_page(visit: Visit, Id(id): Id, fields: Fields) -> Shown {
    rename_ask(&domains::get(&visit, id).await?, &fields).show(&visit, None, None).await
}

/// Renames.
pub async fn rename(visit: Visit, Id(id): Id, fields: Fields) -> Shown {
    let old = domains::get(&visit, id).await?;
    let mut body = json!({});
    for name in ["name", "records"] {
        if let Some(value) = fields.given(name) {
            body[name] = value.into();
        }
    }
    let done = domains::rename(&visit, &visit.caller, id, &body).await;
    let words = |new: &DomainView| format!("{} is now {}", old.name_unicode, new.name_unicode);
    ended(&visit, done, words, async |problem| {
        rename_ask(&old, &fields).show(&visit, Some(&fields), Some(problem)).await
    })
    .await
}

fn address_ask(domain: &DomainView, fields: &Fields) -> Ask {
    let from = fields.given("from").or_else(|| domain.addresses.first().cloned()).unwrap_or_default();
    Ask {
        title: format!("Change address of {}", domain.name_unicode),
        section: "domains",
        path: path(Some(domain)),
        words: "In every record of the domain that holds the old address the new one takes its place."
            .to_owned(),
        inputs: vec![
            Input::text("from", "From", from).required(true).hint("192.0.2.80"),
            Input::text("to", "To", fields.get("to")).required(true).hint("192.0.2.90"),
        ],
        action: format!("/domains/{}/ip", domain.id),
        button: "Change address",
        ..Ask::default()
    }
}

/// Asks for the two addresses.
pub async fn address_page(visit: Visit, Id(id): Id, fields: Fields) -> Shown {
    address_ask(&domains::get(&visit, id).await?, &fields).show(&visit, None, None).await
}

/// Puts one address in the place of another (S4.74).
pub async fn change_address(visit: Visit, Id(id): Id, fields: Fields) -> Shown {
    let domain = domains::get(&visit, id).await?;
    let mut body = json!({});
    for name in ["from", "to"] {
        if let Some(value) = fields.given(name) {
            body[name] = value.into();
        }
    }
    let done = domains::change_address(&visit, &visit.caller, id, &body).await;
    let words = |domain: &DomainView| {
        let said =
            format!("{}: {} in the place of {}", domain.name_unicode, fields.get("to"), fields.get("from"));
        let left = domain.moved.as_ref().map(|moved| moved.left.join("; ")).unwrap_or_default();
        if left.is_empty() { said } else { format!("{said}. Left, for it only mentions it: {left}") }
    };
    ended(&visit, done, words, async |problem| {
        address_ask(&domain, &fields).show(&visit, Some(&fields), Some(problem)).await
    })
    .await
}

fn template_ask(domain: &DomainView, fields: &Fields) -> Ask {
    let choices = [
        ("apply", "apply: its records become as it says, all others stay"),
        ("reset", "reset: its records are the only ones, all others go"),
    ];
    let chosen = fields.given("action").unwrap_or_else(|| "apply".to_owned());
    Ask {
        title: format!("Template for {}", domain.name_unicode),
        section: "domains",
        path: path(Some(domain)),
        words: "Web, mail and SPF records, filled in with the addresses of the domain.".to_owned(),
        inputs: vec![Input::radio("action", "The template", &chosen, &choices)],
        action: format!("/domains/{}/template", domain.id),
        button: "Write the records",
        ..Ask::default()
    }
}

/// Asks whether to apply or to reset.
pub async fn template_page(visit: Visit, Id(id): Id, fields: Fields) -> Shown {
    template_ask(&domains::get(&visit, id).await?, &fields).show(&visit, None, None).await
}

/// Applies the template, or resets to it (S4.66, S4.67).
pub async fn template(visit: Visit, Id(id): Id, fields: Fields) -> Shown {
    let domain = domains::get(&visit, id).await?;
    let body = json!({ "action": fields.get("action") });
    let done = domains::apply_template(&visit, &visit.caller, id, &body).await;
    let words = |domain: &DomainView| match fields.get("action") {
        "reset" => format!("{} is reset to the template", domain.name_unicode),
        _ => format!("the template is applied to {}", domain.name_unicode),
    };
    ended(&visit, done, words, async |problem| {
        template_ask(&domain, &fields).show(&visit, Some(&fields), Some(problem)).await
    })
    .await
}

fn import_ask(domain: &DomainView, fields: &Fields) -> Ask {
    let hint = format!("$ORIGIN {}.\n@ 3600 IN A 192.0.2.80", domain.name);
    Ask {
        title: format!("Import a zone file into {}", domain.name_unicode),
        section: "domains",
        path: path(Some(domain)),
        words: "Its records take the place of all the domain has now. SOA and what a signer makes are passed over."
            .to_owned(),
        inputs: vec![
            Input::lines("zone_file", "Zone file", fields.get("zone_file"))
                .required(true)
                .tall(18)
                .hint(&hint)
                .help("up to 250 KB here; a larger one by `zonecast domain import`"),
        ],
        action: format!("/domains/{}/import", domain.id),
        button: "Replace the records",
        version: Some(domain.version),
        ..Ask::default()
    }
}

/// Asks for a zone file.
pub async fn import_page(visit: Visit, Id(id): Id, fields: Fields) -> Shown {
    import_ask(&domains::get(&visit, id).await?, &fields).show(&visit, None, None).await
}

/// Puts its records in the place of all there are.
pub async fn import(visit: Visit, Id(id): Id, fields: Fields) -> Shown {
    let domain = domains::get(&visit, id).await?;
    let expected = Expected(fields.id("version"));
    let done = match fields.given("zone_file") {
        // An empty file would take every record away; that is what removing is for.
        None => Err(Problem::field("/zone_file", "is missing")),
        Some(text) => {
            domains::patch(&visit, &visit.caller, id, &json!({ "zone_file": text }), expected).await
        }
    };
    let words = |domain: &DomainView| {
        format!("{} has the {} record sets of the zone file", domain.name_unicode, domain.record_set.len())
    };
    ended(&visit, done, words, async |problem| {
        import_ask(&domain, &fields).show(&visit, Some(&fields), Some(problem)).await
    })
    .await
}

/// Asks before a domain and its records go.
pub async fn delete_page(visit: Visit, Id(id): Id) -> Shown {
    let domain = domains::get(&visit, id).await?;
    let leaving = if domain.state == OwnerState::Deleting { " It is on its way out already." } else { "" };
    let ask = Ask {
        title: format!("Remove {}", domain.name_unicode),
        section: "domains",
        path: path(Some(&domain)),
        words: format!(
            "Its records are taken out of every zone; the zones stay. The domain stays visible until each has answered.{leaving}"
        ),
        inputs: vec![
            Input::check("forget", "Forget it at once", false)
                .help("what cannot be taken out then stays at the service"),
        ],
        action: format!("/domains/{id}/delete"),
        button: "Remove domain",
        danger: true,
        version: Some(domain.version),
        ..Ask::default()
    };
    ask.show(&visit, None, None).await
}

/// Removes the domain and its records (S4.79).
pub async fn delete(visit: Visit, Id(id): Id, fields: Fields) -> Shown {
    let expected = Expected(fields.id("version"));
    match domains::remove(&visit, &visit.caller, id, fields.is_on("forget"), expected).await {
        Ok(work) => {
            visit.say(true, format!("{} is being removed", work.data.name_unicode));
            Ok(see_other(&work.job_id.map_or_else(|| "/domains".to_owned(), |job| format!("/jobs/{job}"))))
        }
        Err(problem) => Ok(visit.done(Err(problem), &format!("/domains/{id}"))),
    }
}
