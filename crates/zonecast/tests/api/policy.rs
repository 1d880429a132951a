//! A zone's policy: the same fields at every door, and what is stored and not understood.

use crate::Site;
use clap::CommandFactory;
use serde_json::json;
use zonecast::settings::ZoneSettings;
use zonecast_engine::describe::Kind;
use zonecast_store::NewAudit;

/// Sample 7, B13 (S1): a word too many in a stored policy is kept and said; every other one counts, also
/// after a change of one field.
#[tokio::test(flavor = "multi_thread")]
async fn one_word_too_many_resets_no_policy() {
    let site = Site::open().await;
    let body =
        json!({"name": "a.test", "provider": "embedded", "ttl": 77, "managed": "full", "values_max": 9});
    let id = site.post("zones", body).await.data()["id"].as_i64().unwrap();
    let path = format!("zones/{id}");
    let mut row = site.app.store.zone(id).await.unwrap().unwrap();
    row.settings.insert("x".to_owned(), json!(1));
    site.app.store.update_zone(&row, &[] as &[NewAudit]).await.unwrap();
    site.app.catalog.reload().await.unwrap();

    for change in [None, Some(json!({"verify_seconds": 34})), Some(json!({"ttl": 78}))] {
        if let Some(change) = change {
            let changed = site.call("PATCH", &path, Some(change)).await;
            assert!(changed.data()["notes"][0].as_str().unwrap().contains("\"x\""), "{}", changed.text);
        }
        let zone = site.get(&path).await;
        let data = zone.data();
        assert_eq!((&data["managed"], &data["values_max"]), (&json!("full"), &json!(9)), "{}", zone.text);
        assert!(data["notes"][0].as_str().unwrap().contains("\"x\""), "{}", zone.text);
        let stored = site.app.store.zone(id).await.unwrap().unwrap().settings;
        assert_eq!((&stored["x"], &stored["managed"]), (&json!(1), &json!("full")));
    }
    let zone = site.get(&path).await;
    assert_eq!((&zone.data()["ttl"], &zone.data()["verify_seconds"]), (&json!(78), &json!(34)));
}

/// A field is described once and then is in the schema of bodies and answers, a flag with its meaning,
/// a field of the page's form (tests/page) and a row of docs/fields.md (tests/tidy); and it is read,
/// stored, shown and taken back, wrong values named.
#[tokio::test(flavor = "multi_thread")]
async fn every_field_of_the_policy_is_at_every_door() {
    let site = Site::open().await;
    let id = site.embedded("a.test").await;
    let (path, spec) = (format!("zones/{id}"), zonecast::api::description());
    let cli = zonecast::cli::Cli::command();
    let zone = cli.find_subcommand("zone").unwrap();
    for field in ZoneSettings::FIELDS {
        let name = field.name;
        for schema in ["ZoneBody", "ZoneSettings"] {
            let described = &spec["components"]["schemas"][schema]["properties"][name]["description"];
            assert_eq!(described, field.meaning, "{schema} {name}");
        }
        for command in ["add", "set"] {
            let command = zone.find_subcommand(command).unwrap();
            let help = command.get_arguments().find(|arg| arg.get_id() == name).and_then(clap::Arg::get_help);
            assert!(help.is_some_and(|help| help.to_string().starts_with(field.meaning)), "{name}");
        }
        let value = match field.kind {
            Kind::Flag => json!((field.default)() != json!(true)),
            Kind::Number { most, .. } => json!(most.min(77)),
            Kind::Line { .. } => json!("rack 7"),
            Kind::Choice(words) => {
                json!(words.iter().rev().find(|word| json!(word.0) != (field.default)()).unwrap().0)
            }
            Kind::Prefix => json!("192.0.2.0/26"),
            Kind::Servers => json!(["192.0.2.53:53"]),
        };
        let set = site.call("PATCH", &path, Some(json!({ name: value.clone() }))).await;
        assert_eq!(set.data()[name], value, "{name}: {}", set.text);
        assert_eq!(site.get(&path).await.data()[name], value, "{name}");
        let wrong = site.call("PATCH", &path, Some(json!({ name: {"odd": 1} }))).await;
        assert_eq!(wrong.fields(), [format!("/{name}")], "{}", wrong.text);
        let back = site.call("PATCH", &path, Some(json!({ name: null }))).await;
        assert_eq!(back.data()[name], (field.default)(), "{name}: {}", back.text);
    }
}

/// A zone's comment is found by the list's filter.
#[tokio::test(flavor = "multi_thread")]
async fn a_zone_is_found_by_its_comment() {
    let site = Site::open().await;
    site.post("zones", json!({"name": "a.test", "provider": "embedded", "comment": "Kunde Müller"}))
        .await
        .data();
    site.embedded("b.test").await;
    let found = site.get("zones?search=m%C3%BCller").await;
    let names: Vec<_> = found.data().as_array().unwrap().iter().map(|zone| &zone["name"]).collect();
    assert_eq!(names, ["a.test"], "{}", found.text);
}
