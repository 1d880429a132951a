//! Which Zonecast a command speaks to: the daemon named by `--url`, the one that runs on the data
//! folder, or, where none runs, this very process over the same store.

use super::args::Global;
use super::failure::Failure;
use super::output::Output;
use crate::client::{Client, ClientError, InProcess};
use crate::config::Config;
pub use crate::daemon::endpoints;
use std::path::{Path, PathBuf};

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
                let config = store_config(global)?;
                let own = match global.dry_run {
                    true => Box::pin(InProcess::look(config, "cli")).await?,
                    false => Box::pin(InProcess::open(config, "cli")).await?,
                };
                (own.client(), Some(own))
            }
        };
        let client = client.dry_run(global.dry_run);
        Ok(Context { client, out, global: global.clone(), own })
    }

    /// Lets work of this process end properly.
    pub async fn close(self) {
        if let Some(own) = self.own {
            own.close().await;
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
        None if usual.is_file() => {
            Config::read(usual).map_err(|error| Failure::Usage(format!("{error:#}")))?
        }
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
