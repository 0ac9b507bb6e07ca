//! `[program:x]`: one section, one or more processes.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use nix::unistd::{Gid, Uid};
use supervisor_core::{Autorestart, Probed, ProgramId, ProgramSpec, Scope};

use super::{
    Names, Refused,
    environment::pairs,
    expand::expand,
    ini::Section,
    values::{
        account, boolean, byte_size, existing_parent, exit_codes, home, integer, octal, plain_name,
        signal_number,
    },
};

/// One process of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramConfig {
    /// Its group and name.
    pub id: ProgramId,
    /// The command line, expanded, not tokenised.
    pub command: String,
    /// Working directory.
    pub directory: Option<PathBuf>,
    /// File mode mask.
    pub umask: Option<u32>,
    /// Lower starts first.
    pub priority: i64,
    /// Whether it starts with its group.
    pub autostart: bool,
    /// When it is started again.
    pub autorestart: Autorestart,
    /// Seconds it must stay up.
    pub startsecs: i64,
    /// Attempts after a failed one.
    pub startretries: i64,
    /// Account to run as.
    pub user: Option<User>,
    /// Whether stderr goes where stdout goes.
    pub redirect_stderr: bool,
    /// Where stdout goes.
    pub stdout: OutputConfig,
    /// Where stderr goes.
    pub stderr: OutputConfig,
    /// Signal that asks it to stop.
    pub stopsignal: i32,
    /// Seconds it may take to stop.
    pub stopwaitsecs: i64,
    /// Whether its process group gets the stop signal.
    pub stopasgroup: bool,
    /// Whether its process group is killed.
    pub killasgroup: bool,
    /// Exit codes that are no failure.
    pub exitcodes: BTreeSet<i32>,
    /// Its variables, with those of `[supervisord]` below them.
    pub environment: BTreeMap<String, String>,
    /// What `SUPERVISOR_SERVER_URL` shall say instead of the truth.
    pub serverurl: Option<String>,
    /// Berth: what to ask whether it is ready.
    pub probe: Option<ProbeTarget>,
    /// Berth: pause after the first failed question; it grows to a second.
    pub probe_interval: Duration,
    /// Berth: whether its output goes to the raw log, the clean log and our stdout.
    pub log_tiers: bool,
    /// Why the section was refused; the other fields are defaults then.
    pub refused: Option<String>,
    /// The file that defines it.
    pub origin: Origin,
}

/// The file a program was defined in. All are equal: where a program is written is no change.
#[derive(Clone, Debug)]
pub struct Origin(pub PathBuf);

impl PartialEq for Origin {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
impl Eq for Origin {}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its name, which decides its further groups.
    pub name: String,
    /// Its number.
    pub uid: Uid,
    /// Its group.
    pub gid: Gid,
}

/// Where one of the two outputs goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputConfig {
    /// The file.
    pub logfile: LogTarget,
    /// Size at which it is rotated; 0 for never.
    pub maxbytes: i64,
    /// Rotated files that are kept.
    pub backups: i64,
    /// Reported to clients, otherwise unused.
    pub capture_maxbytes: i64,
    /// Reported to clients, otherwise unused.
    pub events_enabled: bool,
    /// Reported to clients, otherwise unused.
    pub syslog: bool,
}

/// A log file as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogTarget {
    /// No log.
    None,
    /// A generated name in `childlogdir`.
    Auto,
    /// This file.
    File(PathBuf),
}

/// What to ask whether a program is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeTarget {
    /// Any answer below 500 to a GET, except 404.
    Http {
        /// Host name or address.
        host: String,
        /// Port.
        port: u16,
        /// Path with query, starting with `/`.
        path: String,
    },
    /// A connection.
    Tcp {
        /// Host name or address.
        host: String,
        /// Port.
        port: u16,
    },
}

impl ProgramConfig {
    /// The processes of `section` as members of `group`.
    pub(super) fn parse(
        section: &Section,
        group: &str,
        names: &Names,
        common: &BTreeMap<String, String>,
    ) -> Result<Vec<Self>, Refused> {
        let program = plain_name(section.suffix()).map_err(|text| Refused {
            line: section.line,
            text,
        })?;
        let mut names = names.clone();
        names.insert("program_name".to_owned(), program);
        names.insert("group_name".to_owned(), group.to_owned());
        let first = section.value("numprocs_start", &names, 0, integer)?;
        let count = section.value("numprocs", &names, 1, integer)?;
        if count > MOST_PROCESSES {
            return Err(section.refused("numprocs", &format!("more than {MOST_PROCESSES}")));
        }
        let pattern = section.raw("process_name").unwrap_or("%(program_name)s");
        if count > 1 && !pattern.contains("%(process_num)") {
            return Err(section.refused(
                "process_name",
                "%(process_num) must be present within process_name when numprocs > 1",
            ));
        }
        let mut programs = Vec::new();
        for number in first..first.saturating_add(count) {
            names.insert("process_num".to_owned(), number.to_string());
            names.insert("numprocs".to_owned(), count.to_string());
            programs.push(Self::parse_one(section, group, &mut names, common)?);
        }
        programs.sort_by(|a, b| (a.priority, &a.id).cmp(&(b.priority, &b.id)));
        Ok(programs)
    }

    /// Stands in for a section that was refused, so that it is seen where programs are listed.
    pub(super) fn refused(name: &str, group: &str, origin: PathBuf, reason: String) -> Self {
        let output = OutputConfig {
            logfile: LogTarget::None,
            maxbytes: 0,
            backups: 0,
            capture_maxbytes: 0,
            events_enabled: false,
            syslog: false,
        };
        Self {
            id: ProgramId::new(group, name),
            command: String::new(),
            directory: None,
            umask: None,
            priority: 999,
            autostart: false,
            autorestart: Autorestart::Never,
            startsecs: 1,
            startretries: 3,
            user: None,
            redirect_stderr: false,
            stdout: output.clone(),
            stderr: output,
            stopsignal: 15,
            stopwaitsecs: 10,
            stopasgroup: false,
            killasgroup: false,
            exitcodes: BTreeSet::new(),
            environment: BTreeMap::new(),
            serverurl: None,
            probe: None,
            probe_interval: FIRST_INTERVAL,
            log_tiers: false,
            refused: Some(reason),
            origin: Origin(origin),
        }
    }

    /// What the core needs to know.
    pub fn spec(&self) -> ProgramSpec {
        let seconds = |n: i64| Duration::from_secs(u64::try_from(n).unwrap_or(0));
        let scope = |group| if group { Scope::Group } else { Scope::Leader };
        ProgramSpec {
            id: self.id.clone(),
            priority: self.priority,
            autostart: self.autostart,
            autorestart: self.autorestart,
            startsecs: seconds(self.startsecs),
            startretries: self.startretries,
            exitcodes: self.exitcodes.clone(),
            stop_signal: self.stopsignal,
            stop_wait: seconds(self.stopwaitsecs),
            stop_scope: scope(self.stopasgroup),
            kill_scope: scope(self.killasgroup),
            probed: match self.probe {
                Some(_) => Probed::Yes,
                None => Probed::No,
            },
            refused: self.refused.clone(),
            ..ProgramSpec::new(self.id.clone())
        }
    }

    fn parse_one(
        section: &Section,
        group: &str,
        names: &mut Names,
        common: &BTreeMap<String, String>,
    ) -> Result<Self, Refused> {
        let own = section.value("environment", names, BTreeMap::new(), pairs)?;
        for (name, value) in &own {
            names.insert(format!("ENV_{name}"), value.clone());
        }
        let names = &*names;
        let name = section
            .text("process_name", names)?
            .unwrap_or_else(|| section.suffix().trim().to_owned());
        let name = plain_name(&name).map_err(|e| section.refused("process_name", &e))?;
        let mut environment = common.clone();
        environment.extend(own);
        let redirect_stderr = section.value("redirect_stderr", names, false, boolean)?;
        let stdout = OutputConfig::parse(section, "stdout", names)?;
        let mut stderr = OutputConfig::parse(section, "stderr", names)?;
        if redirect_stderr {
            stderr.logfile = LogTarget::None;
        }
        let stopasgroup = section.value("stopasgroup", names, false, boolean)?;
        let killasgroup = section.value("killasgroup", names, stopasgroup, boolean)?;
        if stopasgroup && !killasgroup {
            let reason = "Cannot set stopasgroup=true and killasgroup=false";
            return Err(section.refused("killasgroup", reason));
        }
        let tiers = stdout.logfile == LogTarget::File("/dev/stdout".into());
        Ok(Self {
            id: ProgramId::new(group, &name),
            command: section.text("command", names)?.ok_or_else(|| Refused {
                line: section.line,
                text: "program section does not specify a command".to_owned(),
            })?,
            directory: section.value("directory", names, None, |t| Ok(Some(home(t))))?,
            umask: section.value("umask", names, None, |t| octal(t).map(Some))?,
            priority: section.value("priority", names, 999, integer)?,
            autostart: section.value("autostart", names, true, boolean)?,
            autorestart: section.value(
                "autorestart",
                names,
                Autorestart::Unexpected,
                autorestart,
            )?,
            startsecs: section.value("startsecs", names, 1, integer)?,
            startretries: section.value("startretries", names, 3, integer)?,
            user: section.value("user", names, None, |t| user(t).map(Some))?,
            redirect_stderr,
            stdout,
            stderr,
            stopsignal: section.value("stopsignal", names, 15, signal_number)?,
            stopwaitsecs: section.value("stopwaitsecs", names, 10, integer)?,
            stopasgroup,
            killasgroup,
            exitcodes: section.value("exitcodes", names, [0].into(), exit_codes)?,
            environment,
            serverurl: section
                .text("serverurl", names)?
                .filter(|url| !url.trim().eq_ignore_ascii_case("auto")),
            probe: probe(section, names)?,
            probe_interval: section.value("readiness_interval", names, FIRST_INTERVAL, interval)?,
            log_tiers: section.value("log_tiers", names, tiers, boolean)?,
            refused: None,
            origin: Origin(section.file.clone()),
        })
    }
}

impl OutputConfig {
    fn parse(section: &Section, channel: &str, names: &Names) -> Result<Self, Refused> {
        let key = |suffix: &str| format!("{channel}_{suffix}");
        let key_file = key("logfile");
        let mut syslog = section.value(&key("syslog"), names, false, boolean)?;
        let logfile = match section.text(&key_file, names)? {
            None => LogTarget::Auto,
            Some(text) => {
                // The original expands file names twice, so a literal percent is %%%%.
                let text = expand(&text, &|name| names.get(name).cloned())
                    .map_err(|reason| section.refused(&key_file, &reason))?;
                match text.to_lowercase().as_str() {
                    "none" | "off" => LogTarget::None,
                    "auto" => LogTarget::Auto,
                    "syslog" => {
                        syslog = true;
                        LogTarget::None
                    }
                    _ => LogTarget::File(
                        existing_parent(&text).map_err(|e| section.refused(&key_file, &e))?,
                    ),
                }
            }
        };
        Ok(Self {
            logfile,
            maxbytes: section.value(&key("logfile_maxbytes"), names, 50 << 20, byte_size)?,
            backups: section.value(&key("logfile_backups"), names, 10, integer)?,
            capture_maxbytes: section.value(&key("capture_maxbytes"), names, 0, byte_size)?,
            events_enabled: section.value(&key("events_enabled"), names, false, boolean)?,
            syslog,
        })
    }
}

fn autorestart(text: &str) -> Result<Autorestart, String> {
    if text.eq_ignore_ascii_case("unexpected") {
        return Ok(Autorestart::Unexpected);
    }
    match boolean(text) {
        Ok(true) => Ok(Autorestart::Always),
        Ok(false) => Ok(Autorestart::Never),
        Err(_) => Err(format!("invalid 'autorestart' value '{text}'")),
    }
}

fn user(text: &str) -> Result<User, String> {
    account(text).map(|account| User {
        name: account.name,
        uid: account.uid,
        gid: account.gid,
    })
}

fn interval(text: &str) -> Result<Duration, String> {
    text.trim()
        .parse::<f64>()
        .ok()
        .filter(|seconds| (0.01..=60.0).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| format!("not a number of seconds from 0.01 to 60: '{text}'"))
}

fn probe(section: &Section, names: &Names) -> Result<Option<ProbeTarget>, Refused> {
    let http = section.value("readiness_http", names, None, |t| http(t).map(Some))?;
    let tcp = section.value("readiness_tcp", names, None, |t| tcp(t).map(Some))?;
    match (http, tcp) {
        (Some(_), Some(_)) => {
            let reason = "give either readiness_http or readiness_tcp";
            Err(section.refused("readiness_tcp", reason))
        }
        (http, tcp) => Ok(http.or(tcp)),
    }
}

fn http(text: &str) -> Result<ProbeTarget, String> {
    let wrong = || format!("not an address like http://127.0.0.1:8080/path: '{text}'");
    let rest = text.trim().strip_prefix("http://").ok_or_else(wrong)?;
    let (address, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    let printable = path.bytes().all(|b| b.is_ascii_graphic());
    let (host, port) = address.rsplit_once(':').unwrap_or((address, "80"));
    match port.parse() {
        Ok(port) if port > 0 && !host.is_empty() && printable => Ok(ProbeTarget::Http {
            host: host.to_owned(),
            port,
            path: path.to_owned(),
        }),
        Ok(_) | Err(_) => Err(wrong()),
    }
}

fn tcp(text: &str) -> Result<ProbeTarget, String> {
    let parsed = text.trim().rsplit_once(':').and_then(|(host, port)| {
        let port = port.parse().ok().filter(|port| *port > 0)?;
        (!host.is_empty()).then(|| ProbeTarget::Tcp {
            host: host.to_owned(),
            port,
        })
    });
    parsed.ok_or_else(|| format!("not an address like 127.0.0.1:22: '{text}'"))
}

impl std::fmt::Display for ProbeTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Http { host, port, path } => write!(f, "http://{host}:{port}{path}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

const FIRST_INTERVAL: Duration = Duration::from_millis(100);
/// More is a slip of the keyboard.
const MOST_PROCESSES: i64 = 10_000;
