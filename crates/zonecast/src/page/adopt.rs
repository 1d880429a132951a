//! Moving in: bring an export, see the plan, add it; and the pairs of one zone (docs/moving-in.md).
//!
//! The export stays in the session between plan and adding: it holds secrets, which no page sends back.

use super::inputs::Input;
use super::shell::Shell;
use super::text::Label;
use super::visit::{Fields, Id, Refused, Shown, Visit, see_other, show, show_as};
use crate::service::zones;
use crate::sources::adopt::{self, Adoption, Found, State, Step, Wanted};
use crate::sources::puq::Export;
use askama::Template;
use axum::http::StatusCode;

/// New things shown on the page; left out ones are all shown.
const SHOWN: usize = 200;

#[derive(Template)]
#[template(path = "adopt.html")]
struct FormPage {
    shell: Shell,
    error: String,
    main_domain: Input,
}

#[derive(Template)]
#[template(path = "adopt_plan.html")]
struct PlanPage {
    shell: Shell,
    path: (String, Label),
    adoption: Adoption,
    done: bool,
    secrets: Vec<Input>,
    action: String,
}

impl PlanPage {
    fn steps(&self, state: State) -> Vec<&Step> {
        self.adoption.in_state(state).collect()
    }

    /// What was or would be added, the first of it.
    fn adds(&self) -> Vec<&Step> {
        let state = if self.done { State::Added } else { State::New };
        self.adoption.in_state(state).take(SHOWN).collect()
    }

    fn counted(&self) -> String {
        self.adoption.counted(if self.done { State::Added } else { State::New })
    }

    fn there(&self) -> String {
        self.adoption.counted(State::There)
    }
}

/// The plan for what was found, as this visitor may carry it out.
async fn plan_for(visit: &Visit, found: &Found) -> Result<Adoption, Refused> {
    let client = adopt::here(visit, &visit.caller);
    adopt::plan(&client, found).await.map_err(|error| Refused(error.into()))
}

/// What stands in a zone.
async fn pairs_of(visit: &Visit, id: i64) -> Result<Found, Refused> {
    let client = adopt::here(visit, &visit.caller);
    adopt::pairs(&client, &[id]).await.map_err(|error| Refused(error.into()))
}

/// Asks for the export.
pub async fn form_page(visit: Visit) -> Shown {
    form(&visit, "", String::new()).await
}

async fn form(visit: &Visit, main_domain: &str, error: String) -> Shown {
    let help = "completes VMs whose service has no whole name";
    let main_domain = Input::text("main_domain", "Main domain", main_domain).hint("vps.example.com");
    let main_domain = Input { help: help.to_owned(), ..main_domain };
    let status = if error.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    show_as(status, &FormPage { shell: visit.shell("Move in", "zones").await?, error, main_domain })
}

/// Reads the export and shows what would be added.
pub async fn plan_page(visit: Visit, fields: Fields) -> Shown {
    let mut export = Export::default();
    let mut name = "";
    let mut error = "choose a file".to_owned();
    for (field, value) in fields.iter() {
        match field {
            "file_name" => name = value,
            "file" if !name.is_empty() => match export.add(name, value.as_bytes()) {
                Ok(()) => error.clear(),
                Err(words) => return form(&visit, fields.get("main_domain"), words).await,
            },
            _ => {}
        }
    }
    if !error.is_empty() {
        return form(&visit, fields.get("main_domain"), error).await;
    }
    let found = export.found(fields.given("main_domain").as_deref());
    let shown = plan(&visit, &found).await;
    visit.keep(found);
    shown
}

async fn plan(visit: &Visit, found: &Found) -> Shown {
    let adoption = plan_for(visit, found).await?;
    of_export(visit, found.wanted(), adoption).await
}

/// What becomes of the export, with a field for each secret that it does not have.
async fn of_export(visit: &Visit, wanted: Vec<Wanted>, adoption: Adoption) -> Shown {
    let path = ("/adopt".to_owned(), Label::new("Move in", "Move in"));
    page(visit, path, "/adopt/apply", adoption, wanted.iter().map(secret).collect()).await
}

/// A secret that the export does not have; without it its zones are left out.
fn secret(wanted: &Wanted) -> Input {
    let label = format!("{} of {}", wanted.label, wanted.account);
    Input::secret(&secret_name(wanted), &label, false)
}

fn secret_name(wanted: &Wanted) -> String {
    format!("{} {}", wanted.account, wanted.field)
}

async fn page(
    visit: &Visit,
    path: (String, Label),
    action: &str,
    adoption: Adoption,
    secrets: Vec<Input>,
) -> Shown {
    let done = adoption.has(State::Added);
    let shell = visit.shell(if done { "Moved in" } else { "Move in: the plan" }, "zones").await?;
    show(&PlanPage { shell, path, adoption, done, secrets, action: action.to_owned() })
}

/// Adds what the plan shows, or shows it again with what stands in the way.
async fn carry_out(visit: &Visit, found: &Found) -> Result<Adoption, Refused> {
    let mut adoption = plan_for(visit, found).await?;
    if adoption.written_at_once.is_empty() {
        let client = adopt::here(visit, &visit.caller);
        adopt::carry_out(&client, &mut adoption).await.map_err(|error| Refused(error.into()))?;
    }
    Ok(adoption)
}

/// Adds what was brought.
pub async fn apply(visit: Visit, fields: Fields) -> Shown {
    let Some(mut found) = visit.kept() else {
        visit.say(false, "nothing is kept of the files you brought: bring them again");
        return Ok(see_other("/adopt"));
    };
    for wanted in found.wanted() {
        if let Some(secret) = fields.given(&secret_name(&wanted)) {
            found.give(&wanted.account, wanted.field, &secret);
        }
    }
    let adoption = carry_out(&visit, &found).await;
    let wanted = found.wanted();
    // What was left out may be brought in with the next press, once its reason is gone.
    visit.keep(found);
    of_export(&visit, wanted, adoption?).await
}

/// The pairs of a zone as hosts: the plan.
pub async fn zone_page(visit: Visit, Id(id): Id) -> Shown {
    let found = pairs_of(&visit, id).await?;
    let adoption = plan_for(&visit, &found).await?;
    of_zone(&visit, id, adoption).await
}

/// Adds them, as they are now.
pub async fn apply_zone(visit: Visit, Id(id): Id) -> Shown {
    let found = pairs_of(&visit, id).await?;
    let adoption = carry_out(&visit, &found).await?;
    of_zone(&visit, id, adoption).await
}

async fn of_zone(visit: &Visit, id: i64, adoption: Adoption) -> Shown {
    let zone = zones::get(visit, id)?;
    let path = (format!("/zones/{id}"), Label::new(&zone.name, &zone.name_unicode));
    page(visit, path, &format!("/zones/{id}/adopt"), adoption, Vec::new()).await
}
