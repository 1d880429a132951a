//! Starting and stopping: one process that holds the store, serves the API and the DNS, and works.
//!
//! The order matters at 3 a.m.: the folder first (it has one daemon), then the store (nothing is answered before it is sound), then the
//! authority (names are served again as early as can be), then the API, then the workers, and only
//! then `endpoints.json`, which tells everybody that the daemon is ready. Stopping goes the other way.

mod descriptors;
mod folder;
mod http;

use crate::api;
use crate::app::App;
use crate::catalog::{self, Catalog};
use crate::config::Config;
use crate::page;
use crate::sync::Engine;
use anyhow::Context;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use zonecast_dns::{Authority, Notifier, NotifyOptions, RateLimit, Server, ServerOptions};
use zonecast_engine::embedded_store::EmbeddedStore;
use zonecast_providers::fields::Deps;
use zonecast_store::{MasterKey, Store};

pub use folder::FolderTaken;
use folder::write_atomically;

/// How long provider calls in flight may take to end when the daemon stops.
const STOP_PATIENCE: Duration = Duration::from_secs(20);

/// What a process does; all of it by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roles {
    /// Serves API and page.
    pub api: bool,
    /// Carries wishes to the providers.
    pub worker: bool,
    /// Answers DNS.
    pub dns: bool,
}

impl Default for Roles {
    fn default() -> Roles {
        Roles { api: true, worker: true, dns: true }
    }
}

/// Where a running daemon can be reached, as `endpoints.json` has it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Endpoints {
    /// Base URL of API and page.
    pub http: String,
    /// `address:port` of the authority.
    pub dns: String,
}

/// A running daemon.
pub struct Daemon {
    /// Its parts.
    pub app: App,
    /// Where it listens.
    pub endpoints: Endpoints,
    /// The admin key's text, if this start made it; it is in `admin.key` too.
    pub new_admin_key: Option<String>,
    dns: Option<(Server, Notifier)>,
    http: Option<tokio::task::JoinHandle<()>>,
    stop_http: watch::Sender<bool>,
    /// The data folder is this daemon's until it is dropped.
    _lock: folder::Lock,
}

/// What a daemon that is ready wrote into its data folder.
pub fn endpoints(data: &Path) -> Option<Endpoints> {
    serde_json::from_slice(&fs::read(data.join("endpoints.json")).ok()?).ok()
}

/// Opens the store and everything that hangs on it, without starting anything.
pub async fn open(config: Config) -> anyhow::Result<App> {
    zonecast_providers::reach::public_only(!config.providers.private_addresses);
    folder::prepare(&config.data)?;
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(std::path::PathBuf::from);
    let from_environment = std::env::var("ZONECAST_SECRET_KEY").ok();
    let (key, source) = MasterKey::load(credentials.as_deref(), from_environment.as_deref(), &config.data)?;
    if source.is_beside_the_data() {
        tracing::warn!(
            "secrets are sealed with secret.key in the data folder: whoever copies the folder has both"
        );
    }
    if config.store == "sqlite" {
        folder::make_database(Path::new(&config.store_url()))?;
    }
    let store = Store::open(&config.store_url(), key).await.context("the store cannot be opened")?;
    let authority = Authority::open(Arc::new(EmbeddedStore::new(store.clone())))
        .await
        .map_err(|error| anyhow::anyhow!("the zones cannot be loaded: {error}"))?;
    let deps = Deps { authority: Some(authority.clone()), ..Deps::default() };
    let catalog = Arc::new(Catalog::load(store.clone(), catalog::from_kinds(deps)).await?);
    let config = Arc::new(config);
    let engine = Engine::new(store.clone(), catalog.clone(), config.clone());
    Ok(App { store, catalog, engine, authority, config, plesk_turn: Arc::default() })
}

impl Daemon {
    /// Starts what the roles say and writes `endpoints.json` when all of it is ready. [`FolderTaken`]
    /// where another daemon has the data folder.
    pub async fn start(config: Config, roles: Roles) -> anyhow::Result<Daemon> {
        let lock = folder::take(&config.data)?;
        descriptors::raise();
        // What a daemon that was killed left there speaks of nobody.
        let _ = fs::remove_file(config.data.join("endpoints.json"));
        let app = open(config).await?;
        let new_admin_key = admin_key(&app).await?;
        for zone in crate::service::orchestrator::add_missing(&app).await? {
            tracing::info!(%zone, "added, because the configuration names it");
        }
        let dns = if roles.dns { Some(start_dns(&app)?) } else { None };
        if let Some((server, _)) = &dns {
            app.engine.serve_at(server.local_addr());
        }
        let (stop_http, stopped) = watch::channel(false);
        let (http, address) = match roles.api {
            true => start_http(&app, stopped).await.map(|(task, address)| (Some(task), address))?,
            false => (None, app.config.http),
        };
        if roles.worker {
            app.engine.start();
        }
        let answers_at = dns.as_ref().map_or(app.config.dns, |(server, _)| server.local_addr());
        let endpoints = Endpoints { http: format!("http://{address}"), dns: answers_at.to_string() };
        write_atomically(&app.config.data.join("endpoints.json"), &serde_json::to_vec(&endpoints)?, 0o600)?;
        Ok(Daemon { app, endpoints, new_admin_key, dns, http, stop_http, _lock: lock })
    }

    /// Stops taking calls, lets running ones end, gives leases back and seals what is open.
    pub async fn stop(self) {
        let _ = fs::remove_file(self.app.config.data.join("endpoints.json"));
        self.stop_http.send_replace(true);
        if let Some(http) = self.http {
            let _ = tokio::time::timeout(Duration::from_secs(5), http).await;
        }
        self.app.engine.stop(STOP_PATIENCE).await;
        if let Some((server, notifier)) = self.dns {
            server.shutdown().await;
            drop(notifier);
        }
        self.app.store.close().await;
    }
}

fn start_dns(app: &App) -> anyhow::Result<(Server, Notifier)> {
    let mut options = ServerOptions::new(app.config.dns);
    options.rate_limit = match app.config.authority.answers_per_second {
        0 => None,
        answers => Some(RateLimit { answers_per_second: answers, ..RateLimit::default() }),
    };
    let server = Server::start(app.authority.clone(), &options)
        .with_context(|| format!("cannot answer DNS at {}", app.config.dns))?;
    Ok((server, Notifier::start(app.authority.clone(), NotifyOptions::default())))
}

async fn start_http(
    app: &App,
    stopped: watch::Receiver<bool>,
) -> anyhow::Result<(tokio::task::JoinHandle<()>, SocketAddr)> {
    let listener = tokio::net::TcpListener::bind(app.config.http)
        .await
        .with_context(|| format!("cannot listen at {}", app.config.http))?;
    let address = listener.local_addr()?;
    let routes = page::router(app.clone(), api::router(app.clone()));
    let bounds = http::Bounds { proxies: app.config.api.trusted_proxies.clone(), ..http::Bounds::default() };
    Ok((tokio::spawn(http::serve(listener, routes, bounds, stopped)), address))
}

/// The admin key is made once; its text stands in `admin.key`, which may be deleted.
async fn admin_key(app: &App) -> anyhow::Result<Option<String>> {
    if !app.store.api_keys().await?.is_empty() {
        return Ok(None);
    }
    let text = crate::service::keys::create(app, "admin", "admin", None).await?;
    write_atomically(&app.config.data.join("admin.key"), format!("{text}\n").as_bytes(), 0o600)?;
    Ok(Some(text))
}
