//! `[supervisord]`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{
    environment::pairs,
    expand::expand,
    form::Form,
    names::{Names, Value},
    values::{
        LogLevel, account, boolean, byte_size, existing_directory, existing_parent, home, integer,
        log_level, normal, octal, temporary_directory,
    },
};

/// What the file says of supervisord itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaemonSection {
    /// The main log, absolute; `None` for none.
    pub logfile: Option<PathBuf>,
    /// Whether the main log goes to syslog instead of a file.
    pub syslog: bool,
    /// Size at which the main log is rotated; 0 for never.
    pub logfile_maxbytes: u64,
    /// Rotated main logs that are kept.
    pub logfile_backups: u32,
    /// Least important level that is logged.
    pub loglevel: LogLevel,
    /// Where the pid is written, absolute.
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
    /// Soft limit of processes of our account.
    pub minprocs: u64,
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
    /// `names` hold the variables and `here`; `host` is the name of this machine.
    pub(super) fn parse(form: &Form<'_>, names: &Names, host: &str) -> Self {
        let own_home = names.home();
        let path = |text: &str| Ok(home(text, own_home));
        let parent = |text: &str| existing_parent(text, own_home);
        let directory = |text: &str| existing_directory(text, own_home);
        let count = |text: &str| integer(text).map(|n| u64::try_from(n).unwrap_or(0));
        let usual = MainLogTarget::File(normal(Path::new("supervisord.log")));
        let log = form.value("logfile", names, usual, |text| {
            MainLogTarget::parse(text, own_home)
        });
        let mut section = Self {
            logfile: None,
            syslog: false,
            logfile_maxbytes: form.value("logfile_maxbytes", names, 50 << 20, |text| {
                byte_size(text).map(|n| u64::try_from(n).unwrap_or(0))
            }),
            logfile_backups: form.value("logfile_backups", names, 10, |text| {
                count(text).map(|n| u32::try_from(n).unwrap_or(u32::MAX))
            }),
            loglevel: form.value("loglevel", names, LogLevel::Info, log_level),
            pidfile: normal(&form.value("pidfile", names, "supervisord.pid".into(), parent)),
            umask: form.value("umask", names, 0o022, octal),
            directory: form.optional("directory", names, directory),
            nodaemon: form.value("nodaemon", names, false, boolean),
            silent: form.value("silent", names, false, boolean),
            minfds: form.value("minfds", names, 1024, count),
            minprocs: form.value("minprocs", names, 200, count),
            user: form.optional("user", names, |text| account(text).map(|user| user.name)),
            identifier: form
                .text("identifier", names)
                .unwrap_or_else(|| "supervisor".to_owned()),
            childlogdir: form
                .optional("childlogdir", names, directory)
                .or_else(|| temporary_directory(|name| names.inherited(name)))
                .unwrap_or_else(|| "/tmp".into()),
            nocleanup: form.value("nocleanup", names, false, boolean),
            strip_ansi: form.value("strip_ansi", names, false, boolean),
            environment: environment(form, names, host),
            portal_log_dir: form.value(
                "berth_portal_log_dir",
                names,
                "/var/log/portal".into(),
                path,
            ),
            log_dir: form.value("berth_log_dir", names, "/var/log".into(), path),
            socket: form.optional("berth_socket", names, path),
        };
        section.set_log(log);
        section
    }

    /// Sends the main log elsewhere.
    pub(crate) fn set_log(&mut self, target: MainLogTarget) {
        self.syslog = target == MainLogTarget::Syslog;
        self.logfile = match target {
            MainLogTarget::None | MainLogTarget::Syslog => None,
            MainLogTarget::File(path) => Some(path),
        };
    }
}

/// Where the main log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MainLogTarget {
    /// Nowhere. The original would create a file called `NONE`.
    None,
    Syslog,
    /// An absolute path.
    File(PathBuf),
}

impl MainLogTarget {
    pub(super) fn parse(text: &str, own_home: Option<&Path>) -> Result<Self, String> {
        match text {
            "syslog" => Ok(Self::Syslog),
            text if ["none", "off"].contains(&text.to_lowercase().as_str()) => Ok(Self::None),
            text => existing_parent(text, own_home).map(|path| Self::File(normal(&path))),
        }
    }
}

/// Expanded twice, as 4.3.0 does: the second time with the name of the machine, which the first
/// time does not know.
fn environment(form: &Form<'_>, names: &Names, host: &str) -> BTreeMap<String, String> {
    let again = names.with("host_node_name", Value::Text(host.to_owned()));
    form.value("environment", names, BTreeMap::new(), |text| {
        pairs(&expand(text, &again)?)
    })
}
