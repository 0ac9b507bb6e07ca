//! `[supervisord]`.

use std::{collections::BTreeMap, path::PathBuf};

use super::{
    Names, Refused,
    environment::pairs,
    ini::Section,
    values::{
        LogLevel, account, boolean, byte_size, existing_directory, existing_parent, home, integer,
        log_level, octal,
    },
};

/// What the file says of supervisord itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaemonSection {
    /// The main log; `None` for none.
    pub logfile: Option<PathBuf>,
    /// Size at which the main log is rotated; 0 for never.
    pub logfile_maxbytes: u64,
    /// Rotated main logs that are kept.
    pub logfile_backups: u32,
    /// Least important level that is logged.
    pub loglevel: LogLevel,
    /// Where the pid is written.
    pub pidfile: PathBuf,
    /// Umask when going to the background.
    pub umask: u32,
    /// Directory when going to the background.
    pub directory: Option<PathBuf>,
    /// Stay in the foreground.
    pub nodaemon: bool,
    /// No log on stdout.
    pub silent: bool,
    /// Soft limit of open files.
    pub minfds: u64,
    /// Account to run as, by name.
    pub user: Option<String>,
    /// Shown to clients and part of log names.
    pub identifier: String,
    /// Where AUTO logs go.
    pub childlogdir: PathBuf,
    /// Keep AUTO logs of earlier runs.
    pub nocleanup: bool,
    /// Strip escape sequences from the logs of programs.
    pub strip_ansi: bool,
    /// Variables for all programs.
    pub environment: BTreeMap<String, String>,
    /// Berth: where raw logs of programs go.
    pub portal_log_dir: PathBuf,
    /// Berth: where clean logs of programs go.
    pub log_dir: PathBuf,
    /// Berth: socket of the gRPC service; `None` leaves it to the environment.
    pub socket: Option<PathBuf>,
}

impl DaemonSection {
    pub(super) fn parse(section: &Section, names: &Names) -> Result<Self, Refused> {
        let limit = |text: &str| byte_size(text).map(|n| u64::try_from(n).unwrap_or(0));
        let path = |text: &str| Ok(Some(home(text)));
        let text = |text: &str| Ok(text.to_owned());
        Ok(Self {
            logfile: section.value("logfile", names, Some("supervisord.log".into()), log_file)?,
            logfile_maxbytes: section.value("logfile_maxbytes", names, 50 << 20, limit)?,
            logfile_backups: section.value("logfile_backups", names, 10, |t| {
                integer(t).map(|n| u32::try_from(n).unwrap_or(0))
            })?,
            loglevel: section.value("loglevel", names, LogLevel::Info, log_level)?,
            pidfile: section.value("pidfile", names, "supervisord.pid".into(), existing_parent)?,
            umask: section.value("umask", names, 0o022, octal)?,
            directory: section.value("directory", names, None, |t| {
                existing_directory(t).map(Some)
            })?,
            nodaemon: section.value("nodaemon", names, false, boolean)?,
            silent: section.value("silent", names, false, boolean)?,
            minfds: section.value("minfds", names, 1024, |t| {
                integer(t).map(|n| u64::try_from(n).unwrap_or(0))
            })?,
            user: section.value("user", names, None, |t| account(t).map(|u| Some(u.name)))?,
            identifier: section.value("identifier", names, "supervisor".to_owned(), text)?,
            childlogdir: section.value(
                "childlogdir",
                names,
                std::env::temp_dir(),
                existing_directory,
            )?,
            nocleanup: section.value("nocleanup", names, false, boolean)?,
            strip_ansi: section.value("strip_ansi", names, false, boolean)?,
            environment: section.value("environment", names, BTreeMap::new(), pairs)?,
            portal_log_dir: section
                .value("berth_portal_log_dir", names, None, path)?
                .unwrap_or_else(|| "/var/log/portal".into()),
            log_dir: section
                .value("berth_log_dir", names, None, path)?
                .unwrap_or_else(|| "/var/log".into()),
            socket: section.value("berth_socket", names, None, path)?,
        })
    }
}

fn log_file(text: &str) -> Result<Option<PathBuf>, String> {
    match text.to_lowercase().as_str() {
        "none" | "off" => Ok(None),
        "syslog" => Err("syslog is not supported; name a file or NONE".to_owned()),
        _ => existing_parent(text).map(Some),
    }
}
