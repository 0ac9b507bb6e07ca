//! The processes behind the core's programs: their configuration, pids, logs and times.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    hash::{BuildHasher as _, RandomState},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use daemon::Tasks;
use supervisor_core::{ProgramId, ProgramView, Run};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::info_span;

use super::{Parts, ProgramStatus};
use crate::{
    config::{Config, DaemonSection, GroupConfig, LogTarget, OutputConfig, ProgramConfig},
    fault::{Fault, FaultCode},
    logs::{MainLog, Rotation, Sink, SinkPlan, Stdout, is_stdout},
    process::{Blueprint, CommandError, Fact, Order, Process, resolve, spawn},
    readiness,
};

/// All of them.
#[derive(Debug)]
pub(super) struct Programs {
    entries: BTreeMap<ProgramId, Entry>,
    facts: mpsc::Sender<Fact>,
    tasks: Tasks,
    stdout: Stdout,
    settings: Settings,
    epoch: u64,
}

/// What all programs share.
#[derive(Debug)]
struct Settings {
    /// Our own environment, which every program starts from.
    environment: BTreeMap<String, String>,
    server_url: Option<String>,
    daemon: DaemonSection,
}

#[derive(Debug)]
struct Entry {
    config: Arc<ProgramConfig>,
    process: Option<(Run, Process, CancellationToken)>,
    started: Option<SystemTime>,
    stopped: Option<SystemTime>,
    /// The files that AUTO stands for.
    stdout_auto: Option<PathBuf>,
    stderr_auto: Option<PathBuf>,
}

impl Programs {
    pub(super) fn new(parts: &Parts, facts: mpsc::Sender<Fact>) -> Self {
        let mut environment = parts.environment.clone();
        // The descriptor is ours alone; a child that read the variable would find another there.
        environment.remove(crate::BOOTD_FD);
        let programs = Self {
            entries: BTreeMap::new(),
            facts,
            tasks: parts.tasks.clone(),
            stdout: parts.stdout.clone(),
            settings: Settings {
                environment,
                server_url: parts.config.server_url(),
                daemon: parts.config.daemon.clone(),
            },
            epoch: parts.epoch,
        };
        programs.remove_auto_logs();
        programs
    }

    /// Forgets everything and takes on another configuration.
    pub(super) fn reset(&mut self, config: &Config) {
        self.entries.clear();
        self.settings.server_url = config.server_url();
        self.settings.daemon = config.daemon.clone();
        self.remove_auto_logs();
    }

    /// Prepares for the programs of a group.
    pub(super) fn expect(&mut self, group: &GroupConfig) {
        for config in &group.programs {
            if self.entries.contains_key(&config.id) {
                continue;
            }
            let auto = |channel, output: &OutputConfig| match output.logfile {
                LogTarget::Auto => self.settings.auto_log(&config.id, channel),
                LogTarget::None | LogTarget::File(_) => None,
            };
            let entry = Entry {
                stdout_auto: auto("stdout", &config.stdout),
                stderr_auto: auto("stderr", &config.stderr),
                config: Arc::new(config.clone()),
                process: None,
                started: None,
                stopped: None,
            };
            self.entries.insert(config.id.clone(), entry);
        }
    }

    /// Forgets the programs of a group that was removed.
    pub(super) fn forget(&mut self, group: &str) {
        self.entries.retain(|id, _| &*id.group != group);
    }

    /// Creates the process of a run.
    pub(super) fn spawn(&mut self, run: &Run, log: &MainLog) -> Result<(), String> {
        let entry = self
            .entries
            .get_mut(&run.program)
            .ok_or("no such program")?;
        entry.started = Some(SystemTime::now());
        let config = &entry.config;
        let name = &config.id.name;
        let mut lost = Vec::new();
        let mut open = |plan: SinkPlan| {
            Sink::open(&plan, &self.stdout, &mut lost)
                .map_err(|error| format!("unknown error making dispatchers for '{name}': {error}"))
        };
        let mut stdout = open(self.settings.stdout_plan(entry))?;
        let mut stderr = open(self.settings.stderr_plan(entry))?;
        for tier in lost {
            log.error(&format!("no log tier for '{name}': {tier}"));
        }
        let blueprint = Blueprint {
            environment: self.settings.environment_of(config, run, self.epoch),
            search: self.settings.search_path(config),
            config,
        };
        let created = spawn(&blueprint).map_err(|error| {
            let error = error.to_string();
            let sink = if config.redirect_stderr {
                &mut stdout
            } else {
                &mut stderr
            };
            sink.write(format!("supervisor: {error}\n").as_bytes());
            sink.finish();
            error
        })?;
        log.info(&format!("spawned: '{name}' with pid {}", created.pid));
        let span = info_span!("program", name = %run.program, incarnation = run.incarnation.0);
        let facts = self.facts.clone();
        let (process, life) = Process::keep(created, run.clone(), stdout, stderr, facts);
        self.tasks.spawn("program", span, life);
        entry.process = Some((run.clone(), process, CancellationToken::new()));
        Ok(())
    }

    /// Takes note of the end of a run.
    pub(super) fn ended(&mut self, run: &Run, at: SystemTime) {
        let Some(entry) = self.entries.get_mut(&run.program) else {
            return;
        };
        if entry
            .process
            .as_ref()
            .is_some_and(|(other, ..)| other == run)
        {
            if let Some((.., probe)) = entry.process.take() {
                probe.cancel();
            }
            entry.stopped = Some(at);
        }
    }

    /// Asks the program whether it is ready, until it is or has ended.
    pub(super) fn probe(&self, run: &Run) {
        let Some(entry) = self.entries.get(&run.program) else {
            return;
        };
        let (Some((_, _, ended)), Some(target)) = (&entry.process, &entry.config.probe) else {
            return;
        };
        let probe = readiness::Probe {
            target: target.clone(),
            first_interval: entry.config.probe_interval,
        };
        let (ended, facts, run) = (ended.clone(), self.facts.clone(), run.clone());
        let span = info_span!("probe", name = %run.program);
        self.tasks.spawn("readiness probe", span, async move {
            tokio::select! {
                () = ended.cancelled() => {}
                () = probe.succeed() => {
                    let _ = facts.send(Fact::Ready(run)).await;
                }
            }
        });
    }

    pub(super) fn order(&self, run: &Run, order: Order) {
        if let Some((other, process, _)) = self.process(&run.program)
            && other == run
        {
            process.order(order);
        }
    }

    pub(super) fn write(&self, program: &ProgramId, bytes: &[u8]) -> io::Result<()> {
        match self.process(program) {
            Some((_, process, _)) => process.write(bytes),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    pub(super) fn pid(&self, program: &ProgramId) -> i32 {
        self.process(program)
            .map_or(0, |(_, process, _)| process.pid)
    }

    pub(super) fn reopen_logs(&self) {
        for entry in self.entries.values() {
            if let Some((_, process, _)) = &entry.process {
                process.reopen_logs();
            }
        }
    }

    pub(super) fn clear_logs(&self, program: &ProgramId) -> io::Result<()> {
        self.process(program)
            .map_or(Ok(()), |(_, process, _)| process.clear_logs())
    }

    /// Whether the file of a program is there and may be executed, before anything is tried.
    pub(super) fn check_command(&self, program: &ProgramId) -> Result<(), Fault> {
        let Some(entry) = self.entries.get(program) else {
            return Ok(());
        };
        if entry.config.refused.is_some() {
            return Ok(());
        }
        let search = self.settings.search_path(&entry.config);
        match resolve(&entry.config.command, search) {
            Ok(_) => Ok(()),
            Err(error @ CommandError::NotFound(_)) => {
                Err(Fault::new(FaultCode::NoFile, error.to_string()))
            }
            Err(error) => Err(Fault::new(FaultCode::NotExecutable, error.to_string())),
        }
    }

    pub(super) fn status(&self, view: ProgramView) -> Option<ProgramStatus> {
        let entry = self.entries.get(&view.id)?;
        let (raw, text) = match self.settings.stdout_plan(entry) {
            SinkPlan::Tiers { raw, clean } => (Some(raw), Some(clean)),
            SinkPlan::File { path, .. } => (Some(path.clone()), Some(path)),
            SinkPlan::Nothing | SinkPlan::Stdout => (None, None),
        };
        Some(ProgramStatus {
            config: Arc::clone(&entry.config),
            pid: self.pid(&view.id),
            view,
            started: entry.started,
            stopped: entry.stopped,
            stdout_log: shown(&entry.config.stdout, entry.stdout_auto.as_ref()),
            stderr_log: shown(&entry.config.stderr, entry.stderr_auto.as_ref()),
            stdout_text: text,
            raw_log: raw,
        })
    }

    fn process(&self, program: &ProgramId) -> Option<&(Run, Process, CancellationToken)> {
        self.entries.get(program)?.process.as_ref()
    }

    /// Removes the AUTO logs of earlier runs under our identifier.
    fn remove_auto_logs(&self) {
        if self.settings.daemon.nocleanup {
            return;
        }
        let mark = format!("---{}-", self.settings.daemon.identifier);
        let Ok(entries) = fs::read_dir(&self.settings.daemon.childlogdir) else {
            return;
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let ours = name
                .to_string_lossy()
                .split_once(&mark)
                .is_some_and(|(head, tail)| {
                    !head.is_empty()
                        && tail.split_once(".log").is_some_and(|(_, number)| {
                            number
                                .chars()
                                .all(|char| char == '.' || char.is_ascii_digit())
                        })
                });
            if ours {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

impl Settings {
    fn environment_of(
        &self,
        config: &ProgramConfig,
        run: &Run,
        epoch: u64,
    ) -> BTreeMap<String, String> {
        let mut environment = self.environment.clone();
        let mut set = |name: &str, value: &str| {
            environment.insert(name.to_owned(), value.to_owned());
        };
        set("SUPERVISOR_ENABLED", "1");
        if let Some(url) = config.serverurl.as_ref().or(self.server_url.as_ref()) {
            set("SUPERVISOR_SERVER_URL", url);
        }
        set("SUPERVISOR_PROCESS_NAME", &config.id.name);
        set("SUPERVISOR_GROUP_NAME", &config.id.group);
        environment.extend(config.environment.clone());
        environment.insert(
            "BERTH_INCARNATION".to_owned(),
            format!("{epoch}/{}/{}", run.program, run.incarnation.0),
        );
        environment
    }

    fn search_path<'a>(&'a self, config: &'a ProgramConfig) -> &'a str {
        let own = config.environment.get("PATH");
        own.or_else(|| self.environment.get("PATH"))
            .map_or("/bin:/usr/bin:/usr/local/bin", String::as_str)
    }

    fn stdout_plan(&self, entry: &Entry) -> SinkPlan {
        let config = &entry.config;
        if config.log_tiers {
            let name = match config.id.group == config.id.name {
                true => config.id.name.to_string(),
                false => format!("{}-{}", config.id.group, config.id.name),
            };
            return SinkPlan::Tiers {
                raw: self.daemon.portal_log_dir.join(format!("{name}.log")),
                clean: self.daemon.log_dir.join(format!("{name}.log")),
            };
        }
        self.plan(&config.stdout, entry.stdout_auto.as_deref())
    }

    fn stderr_plan(&self, entry: &Entry) -> SinkPlan {
        match entry.config.redirect_stderr {
            true => SinkPlan::Nothing,
            false => self.plan(&entry.config.stderr, entry.stderr_auto.as_deref()),
        }
    }

    fn plan(&self, output: &OutputConfig, auto: Option<&Path>) -> SinkPlan {
        let path = match &output.logfile {
            LogTarget::None => return SinkPlan::Nothing,
            LogTarget::File(path) if is_stdout(path) => return SinkPlan::Stdout,
            LogTarget::File(path) => path.clone(),
            LogTarget::Auto => match auto {
                Some(path) => path.to_owned(),
                None => return SinkPlan::Nothing,
            },
        };
        let rotation = match u64::try_from(output.maxbytes) {
            Ok(limit) if limit > 0 => Rotation::Numbered {
                limit,
                backups: u32::try_from(output.backups).unwrap_or(0),
            },
            Ok(_) | Err(_) => Rotation::Never,
        };
        SinkPlan::File {
            path,
            rotation,
            strip: self.daemon.strip_ansi,
        }
    }

    /// Creates the file that AUTO stands for.
    fn auto_log(&self, id: &ProgramId, channel: &str) -> Option<PathBuf> {
        let identifier = &self.daemon.identifier;
        let dir = crate::config::absolute(&self.daemon.childlogdir);
        for _ in 0..8 {
            let random = RandomState::new().hash_one(channel) % (36 * 36 * 36 * 36 * 36 * 36);
            let name = format!("{}-{channel}---{identifier}-{random:08x}.log", id.name);
            let path = dir.join(name);
            let created = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path);
            match created {
                Ok(_) => return Some(path),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(_) => return None,
            }
        }
        None
    }
}

/// The file as clients are told.
fn shown(output: &OutputConfig, auto: Option<&PathBuf>) -> Option<PathBuf> {
    match &output.logfile {
        LogTarget::None => None,
        LogTarget::Auto => auto.cloned(),
        LogTarget::File(path) => Some(path.clone()),
    }
}
