//! How a zone's own service signs it: what the registrar has to know.

use super::shell::Shell;
use super::text::Label;
use super::visit::{Id, Shown, Visit, show};
use super::zones::provider_label;
use crate::service::{dnssec, zones};
use askama::Template;
use zonecast_providers::dnssec::Signed;

#[derive(Template)]
#[template(path = "zone_dnssec.html")]
struct DnssecPage {
    shell: Shell,
    id: i64,
    name: Label,
    provider: String,
    signed: Option<Signed>,
    error: String,
}

/// DS and DNSKEY as the provider tells them now.
pub async fn show_page(visit: Visit, Id(id): Id) -> Shown {
    let view = zones::get(&visit, id)?;
    let (signed, error) = match dnssec::of_zone(&visit, id).await {
        Ok(signed) => (signed, String::new()),
        Err(problem) => (None, super::error::sentence(&problem)),
    };
    show(&DnssecPage {
        id,
        name: Label::new(&view.name, &view.name_unicode),
        provider: provider_label(&view.provider),
        signed,
        error,
        shell: visit.shell(&format!("DNSSEC of {}", view.name_unicode), "zones").await?,
    })
}
