//! `[program:x]`: one section, one or more processes.

mod extended;
mod parse;

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf, time::Duration};

use nix::unistd::{Gid, Uid};
use supervisor_core::{self as core, Autorestart, Probed, ProgramId, ProgramSpec, Scope};

pub(super) use self::parse::{Kind, MOST_PROCESSES, Parsed, parse};
use super::{
    Condition, Dependency, EnvFile, EnvFileError, Limits, Liveness, LogFormat, LogTarget,
    OutputConfig, Readiness, RestartPolicy, StartCondition,
};

/// One process of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramConfig {
    /// Its group and name.
    pub id: ProgramId,
    /// The command line, expanded, not tokenised.
    pub command: String,
    /// Working directory, as written.
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
    /// Exit codes that are no failure, as listed.
    pub exitcodes: Vec<i32>,
    /// Its variables, with those of `[supervisord]` below them.
    pub environment: BTreeMap<String, String>,
    /// What `SUPERVISOR_SERVER_URL` shall say instead of the truth.
    pub serverurl: Option<String>,
    /// Berth: what must have happened to other programs before.
    pub depends_on: Vec<Dependency>,
    /// Berth: what must be so before it starts; all of it.
    pub start_when: Vec<StartCondition>,
    /// Berth: how it is found out that it does its work.
    pub readiness: Option<Readiness>,
    /// Berth: how it is found out that it still does its work.
    pub liveness: Option<Liveness>,
    /// Berth: how long to wait before it is started again.
    pub restart: RestartPolicy,
    /// Berth: exit status 0 at any time is success, and it is not started again.
    pub oneshot: bool,
    /// Berth: whether it gets a terminal of its own.
    pub pty: bool,
    /// Berth: whether its output goes to the raw log, the clean log and our stdout.
    pub log_tiers: bool,
    /// Berth: what the copy of its output on our stdout looks like.
    pub log_format: LogFormat,
    /// Berth: what the kernel allows it.
    pub limits: Limits,
    /// Berth: files with further variables, read when it starts.
    pub env_files: Vec<EnvFile>,
    /// Names in `environment` that come from `[supervisord]` and that `env_files` may replace.
    pub inherited_variables: InheritedVariables,
    /// Berth: whether descendants that left its process group are killed, too.
    pub kill_descendants: bool,
    /// Berth: the exit code with which supervisord ends when this becomes FATAL.
    pub exit_on_fatal: Option<u8>,
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

/// Names of variables that a program has from `[supervisord]`. All sets are equal: where a
/// variable is set is no change.
#[derive(Clone, Debug, Default)]
pub struct InheritedVariables(pub Vec<String>);

impl PartialEq for InheritedVariables {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
impl Eq for InheritedVariables {}

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

impl ProgramConfig {
    /// Stands in for a section that was refused, so that it is seen where programs are listed.
    pub(super) fn refused(id: ProgramId, origin: PathBuf, reason: String) -> Self {
        let mut config = Self::blank(id, origin);
        config.autostart = false;
        config.autorestart = Autorestart::Never;
        config.refused = Some(reason);
        config
    }

    /// All defaults.
    fn blank(id: ProgramId, origin: PathBuf) -> Self {
        Self {
            id,
            command: String::new(),
            directory: None,
            umask: None,
            priority: 999,
            autostart: true,
            autorestart: Autorestart::Unexpected,
            startsecs: 1,
            startretries: 3,
            user: None,
            redirect_stderr: false,
            stdout: OutputConfig::NONE,
            stderr: OutputConfig::NONE,
            stopsignal: 15,
            stopwaitsecs: 10,
            stopasgroup: false,
            killasgroup: false,
            exitcodes: vec![0],
            environment: BTreeMap::new(),
            serverurl: None,
            depends_on: Vec::new(),
            start_when: Vec::new(),
            readiness: None,
            liveness: None,
            restart: RestartPolicy::default(),
            oneshot: false,
            pty: false,
            log_tiers: false,
            log_format: LogFormat::Raw,
            limits: Limits::default(),
            env_files: Vec::new(),
            inherited_variables: InheritedVariables::default(),
            kill_descendants: false,
            exit_on_fatal: None,
            refused: None,
            origin: Origin(origin),
        }
    }

    /// What the core needs to know.
    pub fn spec(&self) -> ProgramSpec {
        let seconds = |n: i64| Duration::from_secs(u64::try_from(n).unwrap_or(0));
        let scope = |group| if group { Scope::Group } else { Scope::Leader };
        let depends_on = self.depends_on.iter().map(|dependency| core::Dependency {
            target: core::DependencyTarget::Program(dependency.program.clone()),
            condition: match dependency.condition {
                Condition::Started => core::DependencyCondition::Started,
                Condition::Ready => core::DependencyCondition::Ready,
                Condition::Exited => core::DependencyCondition::ExitedZero,
            },
        });
        ProgramSpec {
            priority: self.priority,
            autostart: self.autostart,
            autorestart: self.autorestart,
            startsecs: seconds(self.startsecs),
            startretries: self.startretries,
            exitcodes: self.exitcodes.iter().copied().collect(),
            stop_signal: self.stopsignal,
            stop_wait: seconds(self.stopwaitsecs),
            stop_scope: scope(self.stopasgroup),
            kill_scope: scope(self.killasgroup),
            probed: match self.readiness {
                Some(_) => Probed::Yes,
                None => Probed::No,
            },
            ready_within: self.readiness.as_ref().and_then(|r| r.timeout),
            depends_on: depends_on.collect(),
            conditional: match self.start_when.is_empty() {
                true => core::Conditional::No,
                false => core::Conditional::Yes,
            },
            restart: self.restart.spec(),
            kind: match self.oneshot {
                true => core::ProgramKind::OneShot,
                false => core::ProgramKind::Service,
            },
            refused: self.refused.clone(),
            ..ProgramSpec::new(self.id.clone())
        }
    }

    /// The keys whose values are different in another configuration.
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        macro_rules! differing {
            ($($key:literal: $field:ident),* $(,)?) => {
                [$(($key, self.$field != other.$field)),*]
            };
        }
        let keys = differing![
            "command": command, "directory": directory, "umask": umask, "priority": priority,
            "autostart": autostart, "autorestart": autorestart, "startsecs": startsecs,
            "startretries": startretries, "user": user, "redirect_stderr": redirect_stderr,
            "stdout_…": stdout, "stderr_…": stderr, "stopsignal": stopsignal,
            "stopwaitsecs": stopwaitsecs, "stopasgroup": stopasgroup, "killasgroup": killasgroup,
            "exitcodes": exitcodes, "environment": environment, "serverurl": serverurl,
            "depends_on": depends_on, "start_when": start_when, "readiness_…": readiness,
            "liveness_…": liveness, "restart_…": restart, "oneshot": oneshot, "pty": pty,
            "log_tiers": log_tiers, "log_format": log_format, "rlimit_…, nice": limits,
            "env_file": env_files, "kill_descendants": kill_descendants,
            "exit_on_fatal": exit_on_fatal,
        ];
        let differing = keys.into_iter().filter(|(_, differs)| *differs);
        differing.map(|(key, _)| key).collect()
    }

    /// The variables of the configuration for one start: `environment` and the files, of which a
    /// later one wins, between `[supervisord]` and the program's own.
    ///
    /// # Errors
    /// When a file cannot be used.
    pub fn variables(&self) -> Result<BTreeMap<OsString, OsString>, EnvFileError> {
        let mut variables: BTreeMap<OsString, OsString> = self
            .environment
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        let replaceable = |name: &OsString| {
            let inherited = &self.inherited_variables.0;
            let own = name.to_str().is_some_and(|name| {
                self.environment.contains_key(name) && !inherited.iter().any(|n| n == name)
            });
            !own
        };
        for file in &self.env_files {
            let read = file.read()?;
            variables.extend(read.into_iter().filter(|(name, _)| replaceable(name)));
        }
        Ok(variables)
    }

    /// Whether stdout goes to our own.
    fn logs_to_stdout(&self) -> bool {
        self.stdout.logfile == LogTarget::File("/dev/stdout".into())
    }
}
