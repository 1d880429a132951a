//! A zone's policy: what is stored and not understood.

use crate::Site;
use serde_json::json;
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
