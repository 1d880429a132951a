//! What the database refuses once must not be refused for ever: after a full disk or an ended session the
//! next call on a healthy database works, and readiness says what writes would say.

use crate::bed::{Bed, add};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use zonecast_store::{MasterKey, PoolRow, Store, StoreError};

/// A file system of a few megabytes, so that it can be full.
struct Small(tempfile::TempDir);

impl Small {
    fn mount() -> Small {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        let done = mount.args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(folder.path()).status().unwrap();
        assert!(done.success(), "these tests mount a small tmpfs, which takes root");
        Small(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes what is left, to the last byte; gives the file to remove.
    fn fill(&self) -> PathBuf {
        let path = self.path().join("filler");
        let mut file = std::fs::File::create(&path).unwrap();
        while file.write_all(&[0; 512]).is_ok() {}
        path
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

#[tokio::test]
async fn a_disk_that_was_full_once_is_forgotten_when_there_is_room() {
    let small = Small::mount();
    let url = small.path().join("zonecast.db").to_string_lossy().into_owned();
    let store = Store::open(&url, MasterKey::ephemeral().unwrap()).await.unwrap();
    for round in 0..3 {
        let filler = small.fill();
        // Every shape of write: a statement of its own, and transactions of several sizes.
        let mut refused = 0;
        for size in [10, 5_000, 200_000, 2_000_000] {
            let alone = store.set_meta("filler", &"x".repeat(size)).await;
            let together = store.add_pool(&pool(round, size), &[]).await.map(drop);
            for error in [alone.err(), together.err()].into_iter().flatten() {
                assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
                refused += 1;
            }
        }
        assert!(refused > 0, "the disk was full");
        assert!(store.healthy().await.is_err(), "ready while writes are refused");
        std::fs::remove_file(filler).unwrap();
        store.healthy().await.unwrap();
        store.set_meta("after", "room").await.unwrap();
        store.add_pool(&pool(round, 0), &[]).await.unwrap();
    }
}

/// PostgreSQL ends every session, between two calls and in the middle of some.
#[tokio::test]
async fn ended_sessions_cost_at_most_the_calls_they_carried() {
    let bed = Bed::postgres().await;
    let zone = bed.zone("example.com").await;
    let killer = sqlx::PgPool::connect(&bed.url).await.unwrap();
    for round in 0..10u8 {
        let context = bed.context(true).await;
        let names: Vec<String> = (0..20).map(|n| format!("vm-{round}-{n}.example.com")).collect();
        let writes: Vec<_> = names.iter().map(|name| [add(zone.id, name, round + 1)]).collect();
        let calls = writes.iter().map(|write| bed.store.write_owners(write, &context));
        let kill = sqlx::query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );
        let (calls, killed) =
            futures_util::join!(futures_util::future::join_all(calls), kill.execute(&killer));
        killed.unwrap();
        for error in calls.into_iter().filter_map(Result::err) {
            assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        }
        bed.store.healthy().await.unwrap();
        bed.add(zone.id, &[&format!("after-{round}.example.com")]).await;
    }
}

/// A pool that takes `size` bytes.
fn pool(round: u8, size: usize) -> PoolRow {
    PoolRow {
        id: 0,
        prefix: format!("10.{round}.{}.0/24", size % 251).parse().unwrap(),
        main_domain: None,
        name_pattern: Some("x".repeat(size)),
        ttl: None,
        ptr_pattern: None,
        version: 0,
    }
}
