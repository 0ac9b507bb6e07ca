//! Structured logs. They go to a file only: our standard output belongs to the lines that other
//! programs match on.

use std::{collections::BTreeMap, fs, path::PathBuf, sync::Mutex};

use tracing_subscriber::{
    Layer as _,
    filter::{LevelFilter, Targets},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

/// Writes JSON lines to `supervisord.log` in BERTH_LOG_DIR, by default /var/log/berth; an empty
/// BERTH_LOG_DIR means none. The file of the previous run is kept as `.old`. Where it cannot be
/// written there are no structured logs; the main log is not affected.
pub(crate) fn install(environment: &BTreeMap<String, String>) {
    let dir = environment
        .get("BERTH_LOG_DIR")
        .map_or("/var/log/berth", String::as_str);
    if dir.is_empty() {
        return;
    }
    let path = PathBuf::from(dir).join("supervisord.log");
    let _ = fs::create_dir_all(dir);
    let _ = fs::rename(&path, PathBuf::from(dir).join("supervisord.log.old"));
    let Ok(file) = fs::File::create(&path) else {
        return;
    };
    let filter = environment.get("BERTH_LOG").map_or("info", String::as_str);
    let filter: Targets = filter
        .parse()
        .unwrap_or_else(|_| Targets::new().with_default(LevelFilter::INFO));
    let json = tracing_subscriber::fmt::layer()
        .json()
        .with_writer(Mutex::new(file));
    // Only a test that installed its own gets an error here.
    let _ = tracing_subscriber::registry()
        .with(filter)
        .with(json.boxed())
        .try_init();
}
