//! Pause holds everywhere: on every node, after a restart, for what is added meanwhile. Registrations
//! go on (design section 4 "Drift").

use crate::bed::{Bed, until};
use zonecast::service::{Caller, connections, pause};
use zonecast_core::ConnectionState;

#[tokio::test]
async fn what_is_added_while_everything_is_paused_is_paused_too_on_every_node_and_after_a_restart() {
    let mut bed = Bed::open(|_| {}).await;
    let caller = Caller::local("test");
    let neighbour = bed.neighbour().await;
    assert!(pause::all(&bed.app, &caller, true).await.unwrap().paused);
    let connection = bed.connection("late", "").await;
    assert_eq!(connections::get(&bed.app, connection).await.unwrap().state, ConnectionState::Paused);
    bed.zone("a.example", connection).await;
    bed.host("vm.a.example", "192.0.2.1").await;
    neighbour.engine.wake();
    bed.restart().await;
    // Both engines look for work several times, and find none.
    until("the other node shows it", async || neighbour.catalog.view().paused).await;
    for _ in 0..10 {
        let now = bed.app.store.now().await.unwrap();
        assert_eq!(bed.app.store.dirty_groups(now).await.unwrap(), []);
        bed.app.engine.changed(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(bed.memory.calls(), [""; 0], "no provider was called");
    pause::all(&bed.app, &caller, false).await.unwrap();
    until("it goes on", async || !bed.there("a.example", "vm.a.example", "A").is_empty()).await;
}

#[tokio::test]
async fn a_connection_paused_by_itself_stays_so_when_everything_goes_on_and_when_its_probe_succeeds() {
    let bed = Bed::open(|_| {}).await;
    let caller = Caller::local("test");
    let connection = bed.connection("one", "").await;
    pause::connection(&bed.app, &caller, connection, true).await.unwrap();
    // What the engine finds out in a pass that was under way.
    bed.app.store.note_connection(connection, ConnectionState::Ok, None, 0, 0).await.unwrap();
    pause::all(&bed.app, &caller, true).await.unwrap();
    pause::all(&bed.app, &caller, false).await.unwrap();
    assert_eq!(connections::get(&bed.app, connection).await.unwrap().state, ConnectionState::Paused);
}
