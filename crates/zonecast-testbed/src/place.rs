//! Where tests keep what they fetched once, and how they say that they could not.

use std::io::Write as _;
use std::path::PathBuf;

/// The folder for what is fetched once and kept: `$ZONECAST_CACHE`, else `~/.cache/zonecast`. Never in
/// the clone. Exists afterwards.
pub fn cache() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || set("HOME").map(|home| home.join(".cache"));
    let cache = set("ZONECAST_CACHE")
        .or_else(|| Some(set("XDG_CACHE_HOME").or_else(home)?.join("zonecast")))
        .unwrap_or_else(|| std::env::temp_dir().join("zonecast-cache"));
    std::fs::create_dir_all(&cache).unwrap_or_else(|error| panic!("{}: {error}", cache.display()));
    cache
}

/// Says on the terminal that a test proves nothing here, and why. Past the test harness, which would
/// show it for failed tests only.
pub fn skip(reason: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    // Nobody listens where standard error is closed.
    let _ = writeln!(std::io::stderr(), "\nSKIPPED {test}: {reason}");
}
