//! Our own lines, in exactly the original's format: other programs match on them.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use jiff::ZonedDateTime;

use super::{Begin, LogFile, Outlet, Rotation, is_stdout, syslog::Syslog};
use crate::config::{DaemonSection, LogLevel};

/// Clones write to the same places.
#[derive(Clone, Debug)]
pub(crate) struct MainLog {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    level: LogLevel,
    path: Option<PathBuf>,
    file: Mutex<Option<LogFile>>,
    stdout: Option<Outlet>,
    syslog: Option<Mutex<Syslog>>,
}

impl MainLog {
    /// Opens the log; a file that cannot be opened is reported on `stdout` and left out.
    pub(crate) fn open(daemon: &DaemonSection, stdout: Option<Outlet>) -> Self {
        let path = daemon.logfile.as_deref().map(crate::config::absolute);
        // With the log on stdout, the lines that go to stdout anyway are all of it.
        let path = path.filter(|path| !is_stdout(path) || stdout.is_none());
        let rotation = Rotation::Numbered {
            limit: daemon.logfile_maxbytes,
            backups: daemon.logfile_backups,
        };
        let opened = path
            .as_deref()
            .map(|path| LogFile::open(path, rotation, Begin::GoOn));
        let (file, failure) = match opened {
            Some(Ok(file)) => (Some(file), None),
            Some(Err(error)) => (None, Some(error)),
            None => (None, None),
        };
        let log = Self {
            inner: Arc::new(Inner {
                level: daemon.loglevel,
                path,
                file: Mutex::new(file),
                stdout,
                syslog: None,
            }),
        };
        if let (Some(error), Some(path)) = (failure, log.path()) {
            log.error(&format!(
                "could not open log file {}: {error}",
                path.display()
            ));
        }
        log
    }

    pub(crate) fn path(&self) -> Option<&Path> {
        self.inner.path.as_deref()
    }

    /// Whether it is detailed enough to hold the output of programs.
    pub(crate) fn is_debug(&self) -> bool {
        self.inner.level <= LogLevel::Debug
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
        if level < self.inner.level {
            return;
        }
        let time = ZonedDateTime::now()
            .strftime("%Y-%m-%d %H:%M:%S,%3f")
            .to_string();
        let line = format!("{time} {} {message}\n", label(level));
        self.with_file(|file| file.write(line.as_bytes()));
        if let Some(stdout) = &self.inner.stdout {
            stdout.write_own(line.as_bytes());
        }
        if let Some(syslog) = &self.inner.syslog {
            let mut syslog = syslog.lock().unwrap_or_else(PoisonError::into_inner);
            syslog.write(format!("{} {message}", label(level)).as_bytes());
        }
    }

    /// Opens the file again, after somebody moved it away.
    pub(crate) fn reopen(&self) {
        self.with_file(LogFile::reopen);
    }

    /// Starts over with an empty file.
    pub(crate) fn clear(&self) -> std::io::Result<()> {
        let mut result = Ok(());
        self.with_file(|file| result = file.clear());
        result
    }

    fn with_file(&self, apply: impl FnOnce(&mut LogFile)) {
        let mut file = self
            .inner
            .file
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
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
