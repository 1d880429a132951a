//! A copy of everything, and a life begun anew from it (design section 4 "Restore").

use crate::Site;
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use zonecast::backup::{backup, restore};
use zonecast::config::Config;
use zonecast_core::{Name, RRset, RecordData, RecordType, Serial, Ttl};
use zonecast_dns::{ChangeOptions, Edit, Server, ServerOptions};

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_begins_paused_with_serials_above_every_known_servers() {
    let site = Site::open().await;
    let id = site.embedded("example.com").await;
    let apex = Name::parse("example.com").unwrap();
    // Somebody who serves the zone, and goes on while the backup grows old.
    let secondary =
        Server::start(site.app.authority.clone(), &ServerOptions::new(([127, 0, 0, 1], 0).into()));
    let secondary = secondary.unwrap();
    let place = json!({"dns_servers": [secondary.local_addr().to_string()]});
    site.call("PATCH", &format!("zones/{id}"), Some(place)).await.data();
    let host = json!({"fqdn": "vm.example.com", "addresses": ["192.0.2.1"]});
    site.post("hosts?wait=20s", host).await.data();

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup.db");
    backup(&site.app.config, &file).await.unwrap();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(backup(&site.app.config, &file).await.is_err(), "a backup is never overwritten");
    let before = site.app.authority.snapshot(&apex).unwrap().serial();
    let ahead = Serial(before.0 + 3_000_000);
    let value = RecordData::text(b"after the backup");
    let set = RRset::new(apex.child("later").unwrap(), RecordType::TXT, Ttl::DEFAULT, vec![value]);
    let options = ChangeOptions { expected_serial: None, min_serial: Some(ahead) };
    site.app.authority.apply(&apex, vec![Edit::Set(set)], options).await.unwrap();

    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let config = Config { data: data.clone(), ..Config::default() };
    let refused = restore(&config, &file).await.unwrap_err();
    assert!(refused.to_string().contains("master key") && !data.join("zonecast.db").exists(), "{refused}");
    std::fs::copy(site.app.config.data.join("secret.key"), data.join("secret.key")).unwrap();
    let restored = restore(&config, &file).await.unwrap();
    assert!(restored.silent.is_empty(), "{restored:?}");

    let app = zonecast::daemon::open(config.clone()).await.unwrap();
    assert!(app.store.is_paused().await.unwrap());
    assert_ne!(app.store.installation().await.unwrap(), site.app.store.installation().await.unwrap());
    let now = app.authority.snapshot(&apex).unwrap();
    assert!(now.serial().is_after(ahead), "{} is not after {ahead}", now.serial());
    let vm = Name::parse("vm.example.com").unwrap();
    assert!(now.rrset(&vm, RecordType::A).is_some(), "what the backup held is served");
    assert!(restore(&config, &file).await.is_err(), "a store that is there is never overwritten");
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_is_told_its_own_tools() {
    let config = Config { store: "postgres://nobody@localhost/none".to_owned(), ..Config::default() };
    let refused = backup(&config, std::path::Path::new("unused.db")).await.unwrap_err();
    assert!(refused.to_string().contains("pg_dump"), "{refused}");
}
