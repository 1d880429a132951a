//! PowerDNS as newer releases have it, where they can be had: the whole story again. What the API does
//! differs between 4.7, 4.9 and 5 (`docs/providers/powerdns.md`).

mod stages;

use stages::powerdns::PowerDnsStage;
use zonecast_providers::conformance::CHAPTERS;
use zonecast_testbed::{Backend, PowerDns, Release, skip};

async fn story(suite: &str, version: &str, backend: Backend) {
    let release = match Release::powerdns(suite) {
        Ok(release) => release,
        Err(words) => return skip(&words),
    };
    for chapter in CHAPTERS {
        let server = PowerDns::start_release(&release, backend);
        let found = server.version();
        assert!(found.starts_with(version), "Debian {suite} has PowerDNS {found} now: name it here");
        eprintln!("PowerDNS {found} on {backend:?}: {}", chapter.title);
        (chapter.tell)(&PowerDnsStage::over(server, backend)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_story_of_4_9_on_sqlite() {
    story("trixie", "4.9.", Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_story_of_4_9_on_lmdb() {
    story("trixie", "4.9.", Backend::Lmdb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_story_of_5_on_sqlite() {
    story("forky", "5.", Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_story_of_5_on_lmdb() {
    story("forky", "5.", Backend::Lmdb).await;
}
