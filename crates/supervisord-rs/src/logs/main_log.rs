//! Our own lines, in exactly the original's format: other programs match on them.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use jiff::ZonedDateTime;

use super::{Begin, LogFile, Outlet, Outlets, Rotation, is_stdout, syslog::Syslog};
use crate::config::{DaemonSection, LogLevel};

/// Clones write to the same places, also after these were replaced.
#[derive(Clone, Debug)]
pub(crate) struct MainLog {
    places: Arc<RwLock<Arc<Places>>>,
}

#[derive(Debug)]
struct Places {
    level: LogLevel,
    path: Option<PathBuf>,
    file: Mutex<Option<LogFile>>,
    stdout: Option<Outlet>,
    syslog: Option<Mutex<Syslog>>,
}

impl MainLog {
    /// Opens the log; a file that cannot be opened is reported on standard output and left out.
    pub(crate) fn open(daemon: &DaemonSection, outlets: &Outlets) -> Self {
        let (places, failure) = Places::open(daemon, outlets);
        let log = Self {
            places: Arc::new(RwLock::new(Arc::new(places))),
        };
        log.tell(failure);
        log
    }

    /// Closes the log and opens that of another configuration.
    pub(crate) fn replace(&self, daemon: &DaemonSection, outlets: &Outlets) {
        let (places, failure) = Places::open(daemon, outlets);
        *self.places.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(places);
        self.tell(failure);
    }

    fn tell(&self, failure: Option<String>) {
        if let Some(failure) = failure {
            self.error(&failure);
        }
    }

    fn places(&self) -> Arc<Places> {
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&places)
    }

    pub(crate) fn path(&self) -> Option<PathBuf> {
        self.places().path.clone()
    }

    /// Whether it is detailed enough to hold the output of programs.
    pub(crate) fn is_debug(&self) -> bool {
        self.places().level <= LogLevel::Debug
    }

    pub(crate) fn debug(&self, message: &str) {
        self.log(LogLevel::Debug, message);
    }

    pub(crate) fn info(&self, message: &str) {
        self.log(LogLevel::Info, message);
    }

    pub(crate) fn warn(&self, message: &str) {
        self.log(LogLevel::Warn, message);
    }

    pub(crate) fn error(&self, message: &str) {
        self.log(LogLevel::Error, message);
    }

    pub(crate) fn critical(&self, message: &str) {
        self.log(LogLevel::Critical, message);
    }

    pub(crate) fn log(&self, level: LogLevel, message: &str) {
        let places = self.places();
        if level < places.level {
            return;
        }
        let time = ZonedDateTime::now()
            .strftime("%Y-%m-%d %H:%M:%S,%3f")
            .to_string();
        let line = format!("{time} {} {message}\n", label(level));
        places.with_file(|file| file.write(line.as_bytes()));
        if let Some(stdout) = &places.stdout {
            stdout.write_own(line.as_bytes());
        }
        if let Some(syslog) = &places.syslog {
            let mut syslog = syslog.lock().unwrap_or_else(PoisonError::into_inner);
            for line in message.trim_end_matches('\n').split('\n') {
                syslog.send(&format!("{time} {} {line}\n", label(level)));
            }
        }
    }

    /// Opens the file again, after somebody moved it away.
    pub(crate) fn reopen(&self) {
        self.places().with_file(LogFile::reopen);
    }

    /// Starts over with an empty file.
    pub(crate) fn clear(&self) -> std::io::Result<()> {
        let mut result = Ok(());
        self.places().with_file(|file| result = file.clear());
        result
    }
}

impl Places {
    /// Opens them, and says what could not be opened.
    fn open(daemon: &DaemonSection, outlets: &Outlets) -> (Self, Option<String>) {
        let heard = daemon.nodaemon && !daemon.silent;
        let stdout = heard.then(|| outlets.stdout().clone());
        let path = daemon.logfile.as_deref().map(crate::config::absolute);
        // With the log on stdout, the lines that go to stdout anyway are all of it.
        let path = path.filter(|path| !is_stdout(path) || stdout.is_none());
        let rotation = Rotation::Numbered {
            limit: daemon.logfile_maxbytes,
            backups: daemon.logfile_backups,
        };
        let (mut file, mut failure) = (None, None);
        if let Some(path) = &path {
            match LogFile::open(path, rotation, Begin::GoOn) {
                Ok(opened) => file = Some(opened),
                Err(error) => {
                    let path = path.display();
                    failure = Some(format!("could not open log file {path}: {error}"));
                }
            }
        }
        let places = Self {
            level: daemon.loglevel,
            path,
            file: Mutex::new(file),
            stdout,
            syslog: daemon.syslog.then(|| Mutex::new(Syslog::new(""))),
        };
        (places, failure)
    }

    fn with_file(&self, apply: impl FnOnce(&mut LogFile)) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = file.as_mut() {
            apply(file);
        }
    }
}

fn label(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Critical => "CRIT",
        LogLevel::Error => "ERRO",
        LogLevel::Warn => "WARN",
        LogLevel::Info => "INFO",
        LogLevel::Debug => "DEBG",
        LogLevel::Trace => "TRAC",
        LogLevel::Blather => "BLAT",
    }
}
