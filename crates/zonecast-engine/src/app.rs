//! The parts of one running Zonecast, held together.
//!
//! The daemon, a command without a daemon and the library all hold an [`App`]; they differ in what
//! they start around it (listeners, workers), never in how a wish is stored or carried out.

use crate::catalog::Catalog;
use crate::config::Config;
use crate::sync::Engine;
use std::sync::Arc;
use zonecast_dns::Authority;
use zonecast_store::Store;

/// One running Zonecast. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// What is remembered.
    pub store: Store,
    /// What is configured.
    pub catalog: Arc<Catalog>,
    /// Who does the work.
    pub engine: Engine,
    /// The embedded authority.
    pub authority: Authority,
    /// How this process was set up.
    pub config: Arc<Config>,
    /// Calls of Plesk store in turn, in the order they came.
    pub plesk_turn: Arc<tokio::sync::Mutex<()>>,
}
