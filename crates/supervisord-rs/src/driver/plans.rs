//! What the process of a run is created with: its environment, its logs, its limits.

use std::{
    collections::BTreeMap,
    ffi::{CString, OsString},
    fs::{self, OpenOptions},
    hash::{BuildHasher as _, RandomState},
    io,
    os::unix::{ffi::OsStrExt as _, fs::OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use nix::sys::resource::{RLIM_INFINITY, Resource};
use supervisor_core::{ProgramId, Run};

use super::Parts;

use crate::{
    config::{
        Config, DaemonSection, EnvFileError, Limit, Limits, LogFormat, LogTarget, OutputConfig,
        ProgramConfig, ReadinessProbe,
    },
    logs::{Channel, Rotation, SinkPlan, TargetPlan, TierPlan, is_stdout},
    process::{FileLimit, Identity, Setup, Terminal},
};

/// What all programs share.
#[derive(Debug)]
pub(super) struct Settings {
    /// Our own environment, which every program starts from.
    environment: BTreeMap<OsString, OsString>,
    server_url: Option<String>,
    pub(super) daemon: DaemonSection,
    epoch: u64,
    files: FileLimit,
    /// Where checkpoints of logs are kept, if somebody may take our programs over.
    journal: Option<PathBuf>,
}

impl Settings {
    pub(super) fn new(parts: &Parts) -> Self {
        let mut environment = parts.inherited.clone();
        // The descriptor is ours alone; a child that read the variable would find another there.
        environment.remove(std::ffi::OsStr::new(crate::BOOTD_FD));
        let survives = parts.custody.is_some();
        Self {
            environment,
            server_url: parts.config.server_url(),
            daemon: parts.config.daemon.clone(),
            epoch: parts.epoch,
            files: parts.files,
            journal: survives.then(|| parts.state_dir.join("journal")),
        }
    }

    pub(super) fn renew(&mut self, config: &Config) {
        self.server_url = config.server_url();
        self.daemon = config.daemon.clone();
    }

    /// The name of a run beyond our own life.
    pub(super) fn mark(&self, run: &Run) -> String {
        let ProgramId { group, name } = &run.program;
        format!("{}/{group}:{name}/{}", self.epoch, run.incarnation.0)
    }

    pub(super) fn environment_of(
        &self,
        config: &ProgramConfig,
        run: &Run,
    ) -> Result<BTreeMap<OsString, OsString>, EnvFileError> {
        let mut environment = self.environment.clone();
        let mut set = |name: &str, value: &str| {
            environment.insert(name.into(), value.into());
        };
        set("SUPERVISOR_ENABLED", "1");
        if let Some(url) = config.serverurl.as_ref().or(self.server_url.as_ref()) {
            set("SUPERVISOR_SERVER_URL", url);
        }
        set("SUPERVISOR_PROCESS_NAME", &config.id.name);
        set("SUPERVISOR_GROUP_NAME", &config.id.group);
        environment.extend(config.variables()?);
        environment.insert("BERTH_INCARNATION".into(), self.mark(run).into());
        Ok(environment)
    }

    pub(super) fn search_path(&self, config: &ProgramConfig) -> String {
        let own = config.environment.get("PATH").cloned();
        own.or_else(|| {
            let path = self.environment.get(std::ffi::OsStr::new("PATH"));
            path.map(|path| path.to_string_lossy().into_owned())
        })
        .unwrap_or_else(|| "/bin:/usr/bin:/usr/local/bin".to_owned())
    }

    pub(super) fn setup(&self, config: &ProgramConfig) -> io::Result<Setup> {
        let directory = config
            .directory
            .as_ref()
            .map(|path| CString::new(path.as_os_str().as_bytes()))
            .transpose()?;
        Ok(Setup {
            directory,
            umask: config.umask,
            identity: config
                .user
                .as_ref()
                .map(|user| Identity::of(&user.name, user.uid, user.gid)),
            limits: self.limits(&config.limits),
            nice: config.limits.nice,
            oom_score_adj: config.limits.oom_score_adj,
            terminal: match config.pty {
                true => Terminal::Controlling,
                false => Terminal::No,
            },
        })
    }

    fn limits(&self, limits: &Limits) -> Vec<(Resource, u64, u64)> {
        let own = Limit {
            soft: Some(self.files.soft),
            hard: Some(self.files.hard),
        };
        let wanted = [
            (Resource::RLIMIT_NOFILE, Some(limits.nofile.unwrap_or(own))),
            (Resource::RLIMIT_NPROC, limits.nproc),
            (Resource::RLIMIT_CORE, limits.core),
            (Resource::RLIMIT_AS, limits.address_space),
            (Resource::RLIMIT_MEMLOCK, limits.memlock),
            (Resource::RLIMIT_STACK, limits.stack),
        ];
        let number = |limit: Option<u64>| limit.unwrap_or(RLIM_INFINITY);
        wanted
            .into_iter()
            .filter_map(|(resource, limit)| {
                let limit = limit?;
                Some((resource, number(limit.soft), number(limit.hard)))
            })
            .collect()
    }

    /// Where the output goes, given the files that AUTO stands for.
    pub(super) fn stdout_plan(&self, config: &ProgramConfig, auto: Option<&Path>) -> SinkPlan {
        let mut plan = self.plan(config, &config.stdout, Channel::Stdout, auto);
        if config.log_tiers {
            let name = file_name(&config.id);
            plan.target = TargetPlan::Tiers(TierPlan {
                raw: self.daemon.portal_log_dir.join(format!("{name}.log")),
                clean: self.daemon.log_dir.join(format!("{name}.log")),
                checkpoint: self.journal.as_ref().map(|dir| dir.join(&name)),
                json: match config.log_format {
                    LogFormat::Raw => None,
                    LogFormat::Json => Some(name),
                },
                limit: TIER_LIMIT,
            });
            plan.strip = false;
        }
        plan.watch = match config.readiness.as_ref().map(|readiness| &readiness.probe) {
            Some(ReadinessProbe::Log(pattern)) => Some(pattern.clone()),
            Some(_) | None => None,
        };
        plan
    }

    pub(super) fn stderr_plan(&self, config: &ProgramConfig, auto: Option<&Path>) -> SinkPlan {
        match config.redirect_stderr {
            true => SinkPlan::nothing(Channel::Stderr),
            false => self.plan(config, &config.stderr, Channel::Stderr, auto),
        }
    }

    fn plan(
        &self,
        config: &ProgramConfig,
        output: &OutputConfig,
        channel: Channel,
        auto: Option<&Path>,
    ) -> SinkPlan {
        let path = match &output.logfile {
            LogTarget::None => None,
            LogTarget::File(path) => Some(path.clone()),
            LogTarget::Auto => auto.map(PathBuf::from),
        };
        let rotation = match u64::try_from(output.maxbytes) {
            Ok(limit) if limit > 0 => Rotation::Numbered {
                limit,
                backups: u32::try_from(output.backups).unwrap_or(0),
            },
            Ok(_) | Err(_) => Rotation::Never,
        };
        let name = config.id.name.to_string();
        SinkPlan {
            target: path.map_or(TargetPlan::Nothing, |path| TargetPlan::File {
                path,
                rotation,
            }),
            channel,
            strip: self.daemon.strip_ansi,
            capture: usize::try_from(output.capture_maxbytes).unwrap_or(0),
            log_events: output.events_enabled,
            syslog: output.syslog.then(|| name.clone()),
            copy: Some(name),
            watch: None,
        }
    }

    /// Creates the file that AUTO stands for; `None` where output has no log or another one.
    ///
    /// # Errors
    /// When it cannot be created.
    pub(super) fn auto_log(
        &self,
        id: &ProgramId,
        channel: Channel,
        output: &OutputConfig,
    ) -> io::Result<Option<PathBuf>> {
        match output.logfile {
            LogTarget::None | LogTarget::File(_) => return Ok(None),
            LogTarget::Auto => {}
        }
        let identifier = &self.daemon.identifier;
        let dir = crate::config::absolute(&self.daemon.childlogdir);
        loop {
            let random = RandomState::new().hash_one(channel.name()) % RANDOM_NAMES;
            let name = format!(
                "{}-{}---{identifier}-{random:08x}.log",
                id.name,
                channel.name()
            );
            let path = dir.join(name);
            let created = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path);
            match created {
                Ok(_) => return Ok(Some(path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Removes the AUTO logs of earlier runs under our identifier, except those in `kept`.
    pub(super) fn remove_auto_logs(&self, kept: &[PathBuf]) {
        if self.daemon.nocleanup {
            return;
        }
        let mark = format!("---{}-", self.daemon.identifier);
        let Ok(entries) = fs::read_dir(&self.daemon.childlogdir) else {
            return;
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let ours = is_auto_log(&name.to_string_lossy(), &mark);
            if ours && !kept.contains(&entry.path()) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// `NAME-CHANNEL---IDENTIFIER-RANDOM.log`, also rotated.
fn is_auto_log(name: &str, mark: &str) -> bool {
    let plain = |text: &str| {
        text.chars()
            .all(|char| char == '.' || char.is_ascii_digit())
    };
    name.split_once(mark).is_some_and(|(head, tail)| {
        !head.is_empty()
            && tail
                .split_once(".log")
                .is_some_and(|(_, number)| plain(number))
    })
}

/// The name of a program's log files: short where the group has that name, too.
pub(super) fn file_name(id: &ProgramId) -> String {
    match id.group == id.name {
        true => id.name.to_string(),
        false => format!("{}-{}", id.group, id.name),
    }
}

/// The file as clients are told.
pub(super) fn shown(output: &OutputConfig, auto: Option<&PathBuf>) -> Option<PathBuf> {
    match &output.logfile {
        LogTarget::None => None,
        LogTarget::Auto => auto.cloned(),
        LogTarget::File(path) => Some(path.clone()),
    }
}

/// The files from which a plan's text can be read back: as it is, and readable.
pub(super) fn readable(plan: &SinkPlan) -> (Option<PathBuf>, Option<PathBuf>) {
    match &plan.target {
        TargetPlan::Tiers(tiers) => (Some(tiers.raw.clone()), Some(tiers.clean.clone())),
        TargetPlan::File { path, .. } if is_stdout(path) => (None, None),
        TargetPlan::File { path, .. } => (Some(path.clone()), Some(path.clone())),
        TargetPlan::Nothing => (None, None),
    }
}

/// Size at which a tier is set aside.
const TIER_LIMIT: u64 = 5 << 20;
const RANDOM_NAMES: u64 = 36 * 36 * 36 * 36 * 36 * 36;
