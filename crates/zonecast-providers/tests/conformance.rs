//! Every provider tells the story, chapter by chapter. A new one is a stage in `stages/` and one line
//! at the end of this file.

mod stages;

use zonecast_providers::conformance::CHAPTERS;

macro_rules! story {
    ($($provider:ident => $stage:expr;)*) => { $(story!(@ $provider, $stage,
        an_empty_zone, come_and_go, many_values_then_fewer, only_the_ttl_changes,
        cname_gives_way_and_comes_back, neighbours_stay, foreign_values_keep_their_spelling,
        long_and_odd_texts, texts_cut_by_hand, wildcard, national_names, apex,
        reverse_zones_and_empty_non_terminals,
        many_types, five_hundred_values, every_change_twice, gone_and_made_again,
        one_bad_among_a_hundred, more_than_one_batch, half_a_listing_is_none,
        one_odd_record_hides_itself_alone, a_foreign_write_in_between,
        nothing_is_there_any_more, answer_lost, failures_are_told_apart,
        test_does_what_the_work_does,
    );)* };
    (@ $provider:ident, $stage:expr, $($chapter:ident,)*) => {
        mod $provider {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $chapter() {
                    let chapter = super::chapter(stringify!($chapter));
                    let stage = $stage;
                    (chapter.tell)(&stage).await;
                }
            )*

            #[test]
            fn no_chapter_is_forgotten() {
                let titles: Vec<&str> = super::CHAPTERS.iter().map(|chapter| chapter.title).collect();
                assert_eq!(titles, [$(stringify!($chapter)),*]);
            }
        }
    };
}

fn chapter(title: &str) -> &'static zonecast_providers::conformance::Chapter {
    CHAPTERS.iter().find(|chapter| chapter.title == title).unwrap()
}

story! {
    memory => crate::stages::memory::MemoryStage::new(zonecast_core::Guard::None);
    memory_guarded => crate::stages::memory::MemoryStage::new(zonecast_core::Guard::CompareAndSet);
    embedded => crate::stages::embedded::EmbeddedStage::start().await;
    hestiacp => crate::stages::hestiacp::HestiaStage::start(crate::stages::hestiacp::By::AccessKey).await;
    hestiacp_password => crate::stages::hestiacp::HestiaStage::start(crate::stages::hestiacp::By::Password).await;
    powerdns_sqlite => crate::stages::powerdns::PowerDnsStage::start(zonecast_testbed::Backend::Sqlite);
    powerdns_lmdb => crate::stages::powerdns::PowerDnsStage::start(zonecast_testbed::Backend::Lmdb);
    cloudflare => crate::stages::cloudflare::CloudflareStage::start();
    route53 => crate::stages::route53::Route53Stage::start();
    rfc2136_bind => crate::stages::rfc2136::Rfc2136Stage::bind();
    rfc2136_knot => crate::stages::rfc2136::Rfc2136Stage::knot();
    coredns_file => crate::stages::coredns::FileStage::start();
    desec => crate::stages::rest::RestStage::desec();
    hetzner => crate::stages::rest::RestStage::hetzner();
    gandi => crate::stages::rest::RestStage::gandi();
    digitalocean => crate::stages::rest::RestStage::digitalocean();
    godaddy => crate::stages::rest::RestStage::godaddy();
    ovh => crate::stages::rest::RestStage::ovh();
    coredns_secondary => crate::stages::coredns::SecondaryStage::start().await;
}
