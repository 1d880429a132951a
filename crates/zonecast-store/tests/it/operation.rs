//! Whatever is stored in an operation is committed at once.

use crate::bed::*;
use crate::on_both;
use zonecast_store::*;

on_both! {
    an_operation_is_there_as_a_whole_or_not_at_all
    a_refused_part_is_taken_back_and_the_rest_stays
    a_failed_commit_leaves_nothing
}

async fn an_operation_is_there_as_a_whole_or_not_at_all(bed: Bed) {
    let zone = bed.zone("example.com").await;
    for commits in [false, true] {
        let operation = bed.store.operation().await.unwrap();
        let connection = operation.add_connection(&connection("second"), &[]).await.unwrap();
        let added = operation.add_zone(&zone_row("example.org", connection.id), &[]).await.unwrap();
        assert!(operation.zone(added.id).await.unwrap().is_some(), "it sees its own");
        let context = WriteContext { epoch: operation.epoch().await.unwrap(), ..bed.context(true).await };
        let write = [add(zone.id, "vm-1.example.com", 1)];
        let written = operation.write_owners(&write, &context).await.unwrap();
        let job = operation.open_job(context.job.as_ref().unwrap(), None).await.unwrap();
        let how = Raise { job_id: Some(job), ..Raise::asked(Priority::Bulk) };
        operation.raise(zone.id, &[name("a.example.com")], &how).await.unwrap();
        operation.close_job(job).await.unwrap();
        if commits {
            operation.commit().await.unwrap();
            assert!(bed.store.job(written.job_id.unwrap()).await.unwrap().is_some());
        } else {
            drop(operation);
        }
        let found = usize::from(commits);
        assert_eq!(bed.store.zones().await.unwrap().len(), 1 + found);
        assert_eq!(bed.store.connections().await.unwrap().len(), 1 + found);
        assert_eq!(bed.store.count_hosts(&OwnerFilter::default()).await.unwrap(), found as i64);
        assert_eq!(bed.dirty(zone.id).await.len(), 2 * found);
        assert_eq!(bed.store.jobs(&JobFilter::default(), None, 9).await.unwrap().len(), 2 * found);
    }
}

async fn a_refused_part_is_taken_back_and_the_rest_stays(bed: Bed) {
    let zone = bed.zone("example.com").await;
    let before = bed.store.epoch().await.unwrap();
    let operation = bed.store.operation().await.unwrap();
    let named = operation.add_connection(&connection("at example.com"), &[]).await;
    assert!(matches!(named, Err(StoreError::Constraint { by: Some(_), .. })), "{named:?}");
    let twin = operation.add_zone(&zone_row("example.com", zone.connection_id), &[]).await;
    assert!(matches!(twin, Err(StoreError::Constraint { .. })), "{twin:?}");
    assert_eq!(operation.epoch().await.unwrap(), before, "what a refused part did is taken back");
    operation.set_meta("kept", "yes").await.unwrap();
    operation.commit().await.unwrap();
    assert_eq!(bed.store.meta("kept").await.unwrap().as_deref(), Some("yes"));
    assert_eq!(bed.store.epoch().await.unwrap(), before);
    assert_eq!(bed.store.zones().await.unwrap().len(), 1);
}

async fn a_failed_commit_leaves_nothing(bed: Bed) {
    bed.store.commits(Some(1));
    let operation = bed.store.operation().await.unwrap();
    operation.add_connection(&connection("second"), &[]).await.unwrap();
    operation.set_meta("kept", "no").await.unwrap();
    assert!(matches!(operation.commit().await, Err(StoreError::Unavailable(_))));
    assert!(bed.store.connections().await.unwrap().is_empty());
    bed.store.set_meta("after", "well").await.unwrap();
    assert_eq!(bed.store.meta("kept").await.unwrap(), None);
}
