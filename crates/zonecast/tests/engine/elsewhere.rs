//! A broken provider costs the zones at others next to nothing: measured for each way to be broken.
//!
//! `cargo test -p zonecast --test engine elsewhere -- --ignored --nocapture` prints them. Each
//! way is measured next to a run without the broken provider, and the medians are compared.

use crate::bed::{Bed, until};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use zonecast::catalog::Connector;
use zonecast_providers::Provider;
use zonecast_providers::fields::{Deps, connect, validate};
use zonecast_store::ConnectionRow;
use zonecast_testbed::{Canned, FakeCloudflare, FakeRest, Fault, FaultProxy, Plan};

const ZONES: usize = 12;
const HOSTS: usize = 5;
/// What a call to a healthy provider takes longer than on loopback.
const FAR: Duration = Duration::from_millis(200);

fn ways() -> Vec<(&'static str, Fault)> {
    let says = |status| Fault::Answer(Canned::json(status, r#"{"error":{"code":"odd","message":"no"}}"#));
    let listing = Canned::json(200, r#"{"rrsets":[{"name":"www""#);
    vec![
        ("down", Fault::Refuse),
        ("10 s late", Fault::Delay(Duration::from_secs(10))),
        ("mute", Fault::Hang),
        ("401", says(401)),
        ("403", says(403)),
        ("404", says(404)),
        ("429 in 7 s", Fault::Answer(Canned::too_many("7"))),
        ("429", says(429)),
        ("500", says(500)),
        ("torn", Fault::Answer(listing.torn())),
        ("a page", Fault::Answer(Canned::html(200))),
        ("200 that says no", says(200)),
        ("answers lost", Fault::LoseAnswer),
    ]
}

fn connected(kind: &str, settings: &Value) -> Arc<dyn Provider> {
    let settings = validate(kind, settings.as_object().unwrap()).unwrap();
    connect(kind, &settings, &Deps::default()).unwrap()
}

/// How long 12 zones take to get their hosts, beside a provider broken in this way if there is one. Each
/// call to the healthy provider takes a while, as calls over the Internet do.
async fn run(way: Option<&Fault>) -> Duration {
    let (healthy, broken) = (FakeCloudflare::start(), FakeRest::hetzner());
    let (far, proxy) = (FaultProxy::start(healthy.addr()), FaultProxy::start(broken.addr()));
    broken.create_zone("broken.example");
    let url = format!("{}/client/v4", far.url());
    let to_healthy = connected("cloudflare", &json!({ "server_url": url, "api_token": healthy.token() }));
    let url = format!("{}{}", proxy.url(), broken.base());
    let to_broken = connected("hetzner", &json!({ "server_url": url, "api_token": broken.token() }));
    let connector: Connector = Arc::new(move |row: &ConnectionRow| match row.name.as_str() {
        "broken" => Ok(to_broken.clone()),
        _ => Ok(to_healthy.clone()),
    });
    let bed = Bed::resting(Some(connector), |_| {}).await;
    let names: Vec<String> = (0..ZONES).map(|n| format!("z{n}.example")).collect();
    for name in &names {
        healthy.create_zone(name, Plan::Free);
        let connection = bed.connection(name, name).await;
        bed.zone(name, connection).await;
    }
    let mut zones = names.clone();
    if let Some(fault) = way {
        proxy.set(fault.clone());
        let connection = bed.connection("broken", "broken").await;
        bed.zone("broken.example", connection).await;
        zones.push("broken.example".to_owned());
    }
    for zone in &zones {
        for n in 0..HOSTS {
            bed.host(&format!("h{n}.{zone}"), "192.0.2.1").await;
        }
    }
    far.set(Fault::Delay(FAR));
    let start = Instant::now();
    bed.app.engine.start();
    until("all healthy zones have their hosts", async || {
        names.iter().all(|zone| healthy.lines(zone).iter().filter(|line| line.1 == "A").count() == HOSTS)
    })
    .await;
    let took = start.elapsed();
    let written = broken.lines("broken.example").into_iter().filter(|line| line.1 == "A").count();
    assert_eq!(written, 0, "a failed read plans nothing");
    bed.app.engine.stop(Duration::from_secs(1)).await;
    took
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn healthy_zones_elsewhere() {
    const ROUNDS: usize = 7;
    run(None).await;
    for (title, fault) in ways() {
        let (mut without, mut beside) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            // Taking turns, so that a busy machine is busy for both.
            if round % 2 == 0 {
                without.push(run(None).await);
                beside.push(run(Some(&fault)).await);
            } else {
                beside.push(run(Some(&fault)).await);
                without.push(run(None).await);
            }
        }
        let (without, beside) = (median(&mut without), median(&mut beside));
        let ratio = beside / without;
        eprintln!("{title:17} {without:.3} s without, {beside:.3} s beside: {ratio:.3}x");
    }
}
