//! Logs: JSON lines in a file, readable lines on stderr.
//!
//! Neither output makes anybody wait (see [`Output`]): a daemon whose log nobody reads goes on.

use std::{
    fs::{self, File},
    io::{self, IsTerminal as _},
    os::fd::AsFd as _,
    panic::PanicHookInfo,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use tracing_subscriber::{
    Layer as _,
    filter::{LevelFilter, Targets},
    fmt::{
        self,
        format::Writer,
        time::{FormatTime as _, SystemTime},
    },
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::output::{Dropped, Output};

/// Where and how much is logged.
#[derive(Clone, Debug)]
pub struct Telemetry {
    /// Levels such as `info` or `info,proxyd=debug`. Spans and fields cannot be named: what reads
    /// those is a tenth of a daemon's size.
    pub filter: String,
    /// File for JSON lines. The file of the previous run is kept as `NAME.old`.
    pub file: Option<PathBuf>,
}

/// The log outputs of this process. Dropped at its end, it waits a moment for the last lines.
#[derive(Debug)]
#[must_use = "the last lines are written when it is dropped"]
pub struct Logs {
    outputs: Vec<Output>,
}

impl Drop for Logs {
    fn drop(&mut self) {
        let until = Instant::now() + FLUSH;
        for output in &self.outputs {
            output.flush(until.saturating_duration_since(Instant::now()));
        }
    }
}

/// Installs the log outputs of this process; later calls change nothing.
///
/// A log file that cannot be opened is no reason not to start: it is reported on stderr, where the
/// supervisor's log keeps it.
pub fn install(telemetry: &Telemetry) -> Logs {
    let (filter, wrong) = match telemetry.filter.parse::<Targets>() {
        Ok(filter) => (filter, None),
        Err(error) => (Targets::new().with_default(LevelFilter::INFO), Some(error)),
    };
    let (file, failed) = match telemetry.file.as_deref().map(open) {
        Some(Ok(file)) => (Some(file), None),
        Some(Err(error)) => (None, Some(error)),
        None => (None, None),
    };
    // Without a stderr there is nobody to tell that there is none.
    let stderr = stderr().ok();
    let human = stderr.clone().map(|stderr| {
        fmt::layer()
            .with_writer(stderr)
            .with_ansi(io::stderr().is_terminal())
            .with_target(false)
            .compact()
    });
    let json = file
        .clone()
        .map(|file| fmt::layer().json().with_writer(file).boxed());
    let installed = tracing_subscriber::registry()
        .with(filter)
        .with(json)
        .with(human)
        .try_init();
    if installed.is_err() {
        return Logs {
            outputs: Vec::new(),
        };
    }
    std::panic::set_hook(Box::new(log_panic));
    if let Some(error) = wrong {
        tracing::error!(%error, filter = telemetry.filter, "log filter refused, using info");
    }
    if let Some(error) = failed {
        tracing::warn!(%error, file = ?telemetry.file, "no log file");
    }
    Logs {
        outputs: file.into_iter().chain(stderr).collect(),
    }
}

/// Opens a fresh log file and keeps the previous one beside it.
fn open(path: &Path) -> io::Result<Output> {
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
    let note = |dropped: Dropped| {
        let (time, Dropped { writes, .. }) = (now(), dropped);
        format!(
            "{{\"timestamp\":\"{time}\",\"level\":\"WARN\",\"fields\":{{\"message\":\"{MISSING}\",\
             \"lines\":{writes}}},\"target\":\"daemon::telemetry\"}}\n"
        )
    };
    Output::start("log-file", File::create(path)?, note)
}

/// A descriptor of its own: the lock of `io::stderr` would be held for as long as nobody reads.
fn stderr() -> io::Result<Output> {
    let descriptor = io::stderr().as_fd().try_clone_to_owned()?;
    let note = |dropped: Dropped| format!("{}  WARN {MISSING} lines={}\n", now(), dropped.writes);
    Output::start("log-stderr", File::from(descriptor), note)
}

/// The time as the log lines show it.
fn now() -> String {
    let mut text = String::new();
    let _ = SystemTime.format_time(&mut Writer::new(&mut text));
    text
}

/// The default hook writes to stderr and waits for its reader.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("unnamed");
    let location = panic.location().map(ToString::to_string);
    let text = panic.payload_as_str().unwrap_or("no text");
    tracing::error!(thread, location, text, "panic, which is a defect");
}

const MISSING: &str = "log lines are missing here: nobody read this output";

/// How long the end of a process waits for its last lines. Part of the shutdown budget of
/// ARCHITECTURE.md.
pub const FLUSH: Duration = Duration::from_millis(100);
