//! Real servers on loopback for the tests, and the tools to look at them and to hurt them.
//!
//! Every server here is a struct that owns its process and its folder: dropping it kills the one and
//! removes the other, and the process dies with ours in any case. A server is ready when its `start`
//! returns (it was asked, not slept for). When a program is missing, `start` fails with a sentence
//! that names the Debian package: a test that silently skips proves nothing.
//!
//! This crate knows nothing of Zonecast: what the tests look with must not share code with what they
//! look at. It is never part of the product, so its functions panic with the reason instead of
//! returning errors.

mod bind;
mod command;
mod dice;
mod dig;
mod etcd;
mod fake_cloudflare;
mod fake_http;
mod fake_rest;
mod fake_route53;
mod http;
mod key;
mod knot;
mod pages;
mod pdns;
mod place;
mod postgres;
mod prober;
mod process;
mod proxy;
mod proxy_wire;
mod pypi;
mod release;

pub use bind::{Bind, check_zonefile, nsupdate};
pub use dice::Dice;
pub use dig::{Answer, Reply, axfr, dig, dig_tcp, rtype_number};
pub use etcd::Etcd;
pub use fake_cloudflare::{FakeCloudflare, Plan};
pub use fake_rest::FakeRest;
pub use fake_route53::FakeRoute53;
pub use http::{HttpAnswer, http};
pub use key::TsigSecret;
pub use knot::Knot;
pub use pages::Pages;
pub use pdns::{Backend, NOT_BEGUN, PowerDns};
pub use place::{cache, skip};
pub use postgres::Postgres;
pub use prober::{ProbeCounts, Prober};
pub use process::{free_port, until};
pub use proxy::{Canned, Fault, FaultProxy, Seen};
pub use pypi::{from_pypi, succeed};
pub use release::Release;
