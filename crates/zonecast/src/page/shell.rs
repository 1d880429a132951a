//! The frame around every page: navigation, messages, the token of its forms.

use super::assets;
use super::session::Flash;

/// What every page knows.
pub struct Shell {
    /// The page's name.
    pub title: String,
    /// Which entry of the navigation it belongs to.
    pub section: &'static str,
    /// The token each form carries.
    pub csrf: String,
    /// The key this session was opened with.
    pub who: String,
    /// What that key may do.
    pub role: &'static str,
    /// It may change things.
    pub may_write: bool,
    /// It may do everything.
    pub is_admin: bool,
    /// Everything is stopped.
    pub paused: bool,
    /// Messages from the step before.
    pub flashes: Vec<Flash>,
    /// Without script, the page loads itself again while work goes on.
    pub refresh: bool,
}

/// One entry of the navigation.
pub struct Entry {
    /// Where it leads.
    pub path: &'static str,
    /// What it says.
    pub label: &'static str,
    /// The section it stands for.
    pub section: &'static str,
}

const fn entry(path: &'static str, label: &'static str, section: &'static str) -> Entry {
    Entry { path, label, section }
}

const ENTRIES: [Entry; 11] = [
    entry("/", "Dashboard", "dashboard"),
    entry("/zones", "Zones", "zones"),
    entry("/hosts", "Hosts", "hosts"),
    entry("/domains", "Domains", "domains"),
    entry("/pools", "Pools", "pools"),
    entry("/jobs", "Jobs", "jobs"),
    entry("/trouble", "Trouble", "trouble"),
    entry("/connections", "Connections", "connections"),
    entry("/explain", "Explain", "explain"),
    entry("/audit", "Audit", "audit"),
    // The last one is an admin's.
    entry("/keys", "Keys", "keys"),
];

impl Shell {
    /// The navigation.
    pub fn entries(&self) -> &'static [Entry] {
        if self.is_admin { &ENTRIES } else { &ENTRIES[..ENTRIES.len() - 1] }
    }

    /// The word in the assets' URLs.
    pub fn assets(&self) -> &'static str {
        &assets::VERSION
    }

    /// This program's version.
    pub fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    /// For pages that nobody is logged in at.
    pub fn nobody(title: &str) -> Shell {
        Shell {
            title: title.to_owned(),
            section: "",
            csrf: String::new(),
            who: String::new(),
            role: "",
            may_write: false,
            is_admin: false,
            paused: false,
            flashes: Vec::new(),
            refresh: false,
        }
    }
}
