//! Which Zonecast a command speaks to: the daemon named by `--url`, the one that runs on the data
//! folder, or, where none runs, this very process over the same store.

use super::args::Global;
use super::failure::Failure;
use super::output::Output;
use crate::app::App;
use crate::client::{Client, ClientError};
use crate::config::Config;
use crate::daemon::{self, Endpoints};
use crate::service::Caller;
use std::path::{Path, PathBuf};
use std::time::Duration;
use zonecast_dns::{Server, ServerOptions};

/// What a resource command works with.
pub struct Context {
    /// Where requests go.
    pub client: Client,
    /// Where answers go.
    pub out: Output,
    /// What was said for all commands.
    pub global: Global,
    own: Option<InProcess>,
}

impl Context {
    /// Finds the daemon, else opens the store.
    pub async fn open(global: &Global) -> Result<Context, Failure> {
        let out = Output::new(global.output, global.quiet);
        let (client, own) = match find_daemon(global).await? {
            Some(client) => (client, None),
            None => {
                let own = InProcess::open(store_config(global)?, "cli").await?;
                (own.client(), Some(own))
            }
        };
        Ok(Context { client, out, global: global.clone(), own })
    }

    /// Lets work of this process end properly.
    pub async fn close(self) {
        if let Some(own) = self.own {
            own.close().await;
        }
    }
}

/// A Zonecast without a daemon: store, workers and a name server on a free loopback port, so that
/// embedded zones can be verified like any others.
pub struct InProcess {
    /// Its parts.
    pub app: App,
    server: Option<Server>,
    source: &'static str,
}

impl InProcess {
    /// Opens the store and starts the workers; `source` is the door that the audit names.
    pub async fn open(config: Config, source: &'static str) -> anyhow::Result<InProcess> {
        let app = Box::pin(daemon::open(config)).await?;
        let loopback = ServerOptions::new(([127, 0, 0, 1], 0).into());
        let server = Server::start(app.authority.clone(), &loopback).ok();
        if let Some(server) = &server {
            app.engine.serve_at(server.local_addr());
        }
        app.engine.start();
        Ok(InProcess { app, server, source })
    }

    /// A client with every right.
    pub fn client(&self) -> Client {
        Client::in_process(crate::api::router(self.app.clone()), Caller::local(self.source))
    }

    /// Where its name server answers.
    pub fn dns(&self) -> Option<std::net::SocketAddr> {
        self.server.as_ref().map(Server::local_addr)
    }

    /// Gives leases back and closes the store.
    pub async fn close(self) {
        self.app.engine.stop(Duration::from_secs(5)).await;
        if let Some(server) = self.server {
            server.shutdown().await;
        }
        if let Err(error) = self.app.store.close().await {
            tracing::warn!(%error, "the store did not close cleanly");
        }
    }
}

/// The daemon that `--url` names (it must answer later), or one that is alive on the data folder.
pub async fn find_daemon(global: &Global) -> Result<Option<Client>, Failure> {
    let data = data_folder(global)?;
    let key = key(global, &data);
    if let Some(url) = &global.url {
        return Ok(Some(Client::connect(url, &key)?));
    }
    let Some(endpoints) = endpoints(&data) else { return Ok(None) };
    let client = Client::connect(&endpoints.http, &key)?;
    Ok(client.is_alive().await.then_some(client))
}

/// The configuration in force: file, environment, command line, the later over the earlier.
pub fn config(global: &Global) -> Result<Config, Failure> {
    let usual = Path::new("zonecast.toml");
    let mut config = match &global.config {
        Some(path) => Config::read(path).map_err(|error| Failure::Usage(format!("{error:#}")))?,
        None if usual.is_file() => Config::read(usual).map_err(|error| Failure::Usage(format!("{error:#}")))?,
        None => Config::default(),
    };
    if let Some(data) = &global.data {
        config.data.clone_from(data);
    }
    if let Ok(store) = std::env::var("ZONECAST_STORE")
        && !store.is_empty()
    {
        config.store = store;
    }
    Ok(config)
}

/// The configuration of a store that is meant to be opened here. A folder that nobody named and that
/// is not there is more likely a wrong working directory than a wish for a new, empty Zonecast.
fn store_config(global: &Global) -> Result<Config, Failure> {
    let config = config(global)?;
    let named = global.data.is_some() || global.config.is_some() || config.store != "sqlite";
    if !named && !config.data.join("zonecast.db").exists() {
        return Err(Failure::Client(ClientError::Unreachable {
            url: config.data.display().to_string(),
            reason: "no daemon and no data are here; start with zonecast quickstart or zonecast serve, or name the daemon by --url or its folder by --data".to_owned(),
        }));
    }
    Ok(config)
}

/// What a running daemon wrote into its data folder.
pub fn endpoints(data: &Path) -> Option<Endpoints> {
    serde_json::from_slice(&std::fs::read(data.join("endpoints.json")).ok()?).ok()
}

/// The data folder in force.
pub fn data_folder(global: &Global) -> Result<PathBuf, Failure> {
    match &global.data {
        Some(data) => Ok(data.clone()),
        None => Ok(config(global)?.data),
    }
}

/// The key in force; empty where there is none.
pub fn key(global: &Global, data: &Path) -> String {
    let file = || std::fs::read_to_string(data.join("admin.key")).ok();
    global.key.clone().or_else(file).unwrap_or_default().trim().to_owned()
}
