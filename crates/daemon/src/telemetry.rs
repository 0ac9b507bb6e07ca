//! Logs: JSON lines in a file, readable lines on stderr.

use std::{
    fs::{self, File},
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
    sync::Mutex,
};

use tracing_subscriber::{
    EnvFilter, Layer as _, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

/// Where and how much is logged.
#[derive(Clone, Debug)]
pub struct Telemetry {
    /// Filter such as `info` or `info,proxyd=debug`.
    pub filter: String,
    /// File for JSON lines. The file of the previous run is kept as `NAME.old`.
    pub file: Option<PathBuf>,
}

/// Installs the log outputs of this process; later calls change nothing.
///
/// A log file that cannot be opened is no reason not to start: it is reported on stderr, where the
/// supervisor's log keeps it.
pub fn install(telemetry: &Telemetry) {
    let (filter, wrong) = match EnvFilter::try_new(&telemetry.filter) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new("info"), Some(error)),
    };
    let (file, failed) = match telemetry.file.as_deref().map(open) {
        Some(Ok(file)) => (Some(file), None),
        Some(Err(error)) => (None, Some(error)),
        None => (None, None),
    };
    let human = fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .compact();
    let json = file.map(|file| fmt::layer().json().with_writer(Mutex::new(file)).boxed());
    let installed = tracing_subscriber::registry()
        .with(filter)
        .with(json)
        .with(human)
        .try_init();
    if installed.is_err() {
        return;
    }
    if let Some(error) = wrong {
        tracing::error!(%error, filter = telemetry.filter, "log filter refused, using info");
    }
    if let Some(error) = failed {
        tracing::warn!(%error, file = ?telemetry.file, "no log file");
    }
}

/// Opens a fresh log file and keeps the previous one beside it.
fn open(path: &Path) -> io::Result<File> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    let mut old = path.as_os_str().to_owned();
    old.push(".old");
    match fs::rename(path, old) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    File::create(path)
}
