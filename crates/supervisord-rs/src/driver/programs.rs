//! The processes behind the core's programs: their configuration, pids, logs and times.

mod adopt;
mod check;

use std::{
    collections::{BTreeMap, btree_map},
    io, mem,
    os::fd::OwnedFd,
    path::PathBuf,
    sync::Arc,
    time::SystemTime,
};

use daemon::Tasks;
use nix::errno::Errno;
use supervisor_core::{ProgramId, ProgramView, Run, Scope};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::info_span;

use super::{
    Parts, ProgramStatus,
    inherit::Estate,
    plans::{Settings, readable, shown},
};
use crate::{
    config::{
        Config, GroupConfig, GroupKind, LogTarget, OutputConfig, ProgramConfig, ReadinessProbe,
    },
    logs::{Begin, Channel, Destinations, MainLog, Outlets, Sink, SinkPlan},
    process::{
        Blueprint, Custody, Errors, Fact, Input, Life, OurEnds, Process, Reading, Reaper, Told,
        kill_marked, pipes, resolve, socket, spawn,
    },
};

/// All of them.
#[derive(Debug)]
pub(super) struct Programs {
    entries: BTreeMap<ProgramId, Entry>,
    facts: mpsc::Sender<Fact>,
    tasks: Tasks,
    destinations: Destinations,
    settings: Settings,
    reaper: Reaper,
    custody: Option<Custody>,
    /// The sockets of groups of FastCGI programs.
    sockets: BTreeMap<String, OwnedFd>,
    /// The files that AUTO stood for in groups that were removed. A group that comes back goes on
    /// with them, unless the configuration was read in between: the original's rule.
    retired: BTreeMap<ProgramId, AutoLogs>,
}

/// The files that AUTO stands for on standard output and standard error.
pub(super) type AutoLogs = (Option<PathBuf>, Option<PathBuf>);

#[derive(Debug)]
struct Entry {
    config: Arc<ProgramConfig>,
    reading: Reading,
    running: Option<Running>,
    /// The number of the last process, which events tell after its end.
    last_pid: i32,
    started: Option<SystemTime>,
    stopped: Option<SystemTime>,
    /// What else is known of how its last run ended.
    end_note: Option<&'static str>,
    /// The files that AUTO stands for.
    stdout_auto: Option<PathBuf>,
    stderr_auto: Option<PathBuf>,
}

#[derive(Debug)]
struct Running {
    run: Run,
    mark: String,
    process: Process,
    ended: CancellationToken,
}

impl Programs {
    pub(super) fn new(parts: &Parts, facts: mpsc::Sender<Fact>) -> Self {
        Self {
            entries: BTreeMap::new(),
            facts,
            tasks: parts.tasks.clone(),
            destinations: parts.destinations.clone(),
            settings: Settings::new(parts),
            reaper: Reaper::default(),
            custody: parts.custody.clone(),
            sockets: BTreeMap::new(),
            retired: BTreeMap::new(),
        }
    }

    /// Forgets everything and takes on another configuration.
    pub(super) fn reset(&mut self, config: &Config) {
        self.entries.clear();
        for (_, socket) in mem::take(&mut self.sockets) {
            socket::end(&socket);
        }
        self.retired.clear();
        self.settings.renew(config);
        self.settings.remove_auto_logs(&[]);
    }

    /// Removes the AUTO logs that nobody writes to.
    pub(super) fn clean_up(&self) {
        let kept = self.entries.values().flat_map(|entry| {
            let stdout = entry.stdout_auto.iter();
            stdout.chain(entry.stderr_auto.iter()).cloned()
        });
        let kept: Vec<_> = kept.collect();
        self.settings.remove_auto_logs(&kept);
    }

    /// The configuration was read: what comes has files of its own.
    pub(super) fn renew_auto_logs(&mut self) {
        self.retired.clear();
    }

    /// Prepares for the programs of a group.
    pub(super) fn expect(&mut self, group: &GroupConfig, estate: &Estate, log: &MainLog) {
        for config in &group.programs {
            if self.entries.contains_key(&config.id) {
                continue;
            }
            let retired = self.retired.remove(&config.id);
            let (stdout_auto, stderr_auto) =
                retired.unwrap_or_else(|| estate.auto_logs(&config.id));
            let auto = |there: Option<PathBuf>, channel, output: &OutputConfig| {
                if there.is_some() && output.logfile == LogTarget::Auto {
                    return there;
                }
                let created = self.settings.auto_log(&config.id, channel, output);
                created.unwrap_or_else(|error| {
                    let (name, channel) = (&config.id.name, channel.name());
                    let dir = self.settings.daemon.childlogdir.display();
                    log.error(&format!(
                        "no {channel} log for '{name}': cannot create a file in {dir}: {error}"
                    ));
                    None
                })
            };
            let entry = Entry {
                stdout_auto: auto(stdout_auto, Channel::Stdout, &config.stdout),
                stderr_auto: auto(stderr_auto, Channel::Stderr, &config.stderr),
                reading: Reading::Log,
                config: Arc::clone(config),
                running: None,
                last_pid: 0,
                started: None,
                stopped: None,
                end_note: None,
            };
            self.entries.insert(config.id.clone(), entry);
        }
    }

    /// Says what the standard output of a program is.
    pub(super) fn read_as(&mut self, program: &ProgramId, reading: Reading) {
        if let Some(entry) = self.entries.get_mut(program) {
            entry.reading = reading;
        }
    }

    /// Forgets the programs of a group that was removed.
    pub(super) fn forget(&mut self, group: &GroupConfig) {
        let is_removed = |id: &ProgramId, _: &mut Entry| *id.group == *group.name;
        for (id, entry) in self.entries.extract_if(.., is_removed) {
            self.retired
                .insert(id, (entry.stdout_auto, entry.stderr_auto));
        }
        if let (GroupKind::Fcgi(config), Some(socket)) =
            (&group.kind, self.sockets.remove(&group.name))
        {
            socket::end(&socket);
            socket::remove(config);
        }
    }

    /// The standard input of a group's programs: a socket that is opened when it is first wanted.
    fn input(&mut self, group: &str, kind: &GroupKind, log: &MainLog) -> io::Result<Input> {
        let GroupKind::Fcgi(config) = kind else {
            return Ok(Input::Pipe);
        };
        let socket = match self.sockets.entry(group.to_owned()) {
            btree_map::Entry::Occupied(socket) => socket.into_mut(),
            btree_map::Entry::Vacant(place) => {
                let opened = socket::open(config)?;
                log.info(&format!("Creating socket {}", config.address));
                place.insert(opened)
            }
        };
        socket.try_clone().map(Input::Socket)
    }

    /// Creates the process of a run.
    pub(super) fn spawn(
        &mut self,
        run: &Run,
        kind: &GroupKind,
        log: &MainLog,
    ) -> Result<(), String> {
        let input = self.input(&run.program.group, kind, log).map_err(|error| {
            format!(
                "could not open the socket of {}: {error}",
                run.program.group
            )
        })?;
        let entry = self
            .entries
            .get_mut(&run.program)
            .ok_or("no such program")?;
        entry.started = Some(SystemTime::now());
        entry.end_note = None;
        let config = Arc::clone(&entry.config);
        let name = &config.id.name;
        let dispatchers =
            |error: io::Error| format!("unknown error making dispatchers for '{name}': {error}");
        let (file, words) = resolve(&config.command, &self.settings.search_path(&config))
            .map_err(|error| error.to_string())?;
        let (stdout, stderr) =
            open_sinks(entry, &self.settings, &self.destinations, Begin::Fresh, log)
                .map_err(dispatchers)?;
        let errors = match config.redirect_stderr {
            true => Errors::WithOutput,
            false => Errors::Apart,
        };
        let environment = self
            .settings
            .environment_of(&config, run)
            .map_err(|error| error.to_string())?;
        let setup = self.settings.setup(&config).map_err(dispatchers)?;
        let notify = notify_descriptor(&config);
        let (ours, theirs) = pipes(input, errors, setup.terminal, notify).map_err(dispatchers)?;
        let mark = self.settings.mark(run);
        let kept = hold(self.custody.as_ref(), &mark, &ours, log);
        let blueprint = Blueprint {
            file: &file,
            words: &words,
            environment: &environment,
            setup,
        };
        let pid = spawn(&blueprint, theirs).map_err(|error| {
            if let Some(custody) = kept {
                custody.release(&mark);
            }
            format!("unknown error during fork for '{name}': {error}")
        })?;
        let end = self.reaper.expect(pid);
        if let Some(custody) = kept {
            let _ = custody.bind(&mark, pid.as_raw());
        }
        log.info(&format!("spawned: '{name}' with pid {pid}"));
        let pid = pid.as_raw();
        let life = Life {
            run: run.clone(),
            pid,
            ends: ours,
            end,
            stdout,
            stderr,
            reading: entry.reading,
            facts: self.facts.clone(),
        };
        self.keep(life, mark.clone()).map_err(|error| {
            self.give_up(pid, mark);
            dispatchers(error)
        })
    }

    /// Ends a process that was created and whose output cannot be carried, as another will be
    /// started in its place.
    fn give_up(&mut self, pid: i32, mark: String) {
        let end = self.reaper.give_up(pid);
        let custody = self.custody.clone();
        let stop = self.tasks.stop().token();
        self.tasks
            .spawn("given up", info_span!("given up", pid), async move {
                tokio::select! {
                    _ = end => {}
                    () = stop.cancelled() => {}
                }
                if let Some(custody) = custody {
                    custody.release(&mark);
                }
            });
    }

    fn keep(&mut self, life: Life, mark: String) -> io::Result<()> {
        let (run, pid) = (life.run.clone(), life.pid);
        let (process, life) = Process::keep(life)?;
        self.begin_life(run, pid, mark, process, life);
        Ok(())
    }

    fn begin_life(
        &mut self,
        run: Run,
        pid: i32,
        mark: String,
        process: Process,
        life: impl Future<Output = ()> + Send + 'static,
    ) {
        let span = info_span!("program", name = %run.program, incarnation = run.incarnation.0);
        self.tasks.spawn("program", span, life);
        if let Some(entry) = self.entries.get_mut(&run.program) {
            entry.last_pid = pid;
            entry.running = Some(Running {
                run,
                mark,
                process,
                ended: CancellationToken::new(),
            });
        }
    }

    pub(super) fn outlets(&self) -> &Outlets {
        &self.destinations.outlets
    }

    pub(super) fn custody(&self) -> Option<&Custody> {
        self.custody.as_ref()
    }

    pub(super) fn facts(&self) -> mpsc::Sender<Fact> {
        self.facts.clone()
    }

    pub(super) fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// The generated names of a program's logs.
    pub(super) fn auto_logs(&self, program: &ProgramId) -> AutoLogs {
        let entry = self.entries.get(program);
        entry.map_or((None, None), |entry| {
            (entry.stdout_auto.clone(), entry.stderr_auto.clone())
        })
    }

    /// Takes note of the end of a run.
    pub(super) fn ended(&mut self, run: &Run, at: SystemTime) {
        let Some(entry) = self.entries.get_mut(&run.program) else {
            return;
        };
        let Some(running) = entry.running.take_if(|running| running.run == *run) else {
            return;
        };
        running.ended.cancel();
        entry.stopped = Some(at);
        if entry.config.kill_descendants {
            let mark = running.mark.clone();
            // Reading every process takes a while on a large machine.
            drop(tokio::task::spawn_blocking(move || kill_marked(&mark)));
        }
        if let Some(custody) = &self.custody {
            custody.release(&running.mark);
        }
    }

    /// Notes what else is known of how a run ended; the next run forgets it.
    pub(super) fn note_end(&mut self, program: &ProgramId, note: &'static str) {
        if let Some(entry) = self.entries.get_mut(program) {
            entry.end_note = Some(note);
        }
    }

    /// Reaps what has ended, and says what of it was nobody's.
    pub(super) fn reap(&mut self) -> Vec<crate::process::Orphan> {
        self.reaper.reap()
    }

    /// Takes the end of a process that bootd reaped for us.
    pub(super) fn told(&mut self, told: Told) {
        self.reaper.told(told.pid, told.exit);
    }

    /// The configuration of a run that is under way, and what tells of its end.
    pub(super) fn current(&self, run: &Run) -> Option<(&ProgramConfig, CancellationToken)> {
        let entry = self.entries.get(&run.program)?;
        let running = entry
            .running
            .as_ref()
            .filter(|running| running.run == *run)?;
        Some((&entry.config, running.ended.clone()))
    }

    pub(super) fn config(&self, program: &ProgramId) -> Option<&ProgramConfig> {
        self.entries.get(program).map(|entry| &*entry.config)
    }

    /// Sends a signal to the process of a run, if it is still there.
    pub(super) fn signal(&self, run: &Run, number: i32, scope: Scope) -> Result<(), Errno> {
        match self.running(&run.program) {
            Some(running) if running.run == *run => {
                self.reaper.signal(running.process.pid, number, scope)
            }
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn write(&self, program: &ProgramId, bytes: &[u8]) -> io::Result<()> {
        match self.running(program) {
            Some(running) => running.process.write(bytes),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// The number of its process; 0 if there is none.
    pub(super) fn pid(&self, program: &ProgramId) -> i32 {
        self.running(program)
            .map_or(0, |running| running.process.pid)
    }

    /// The number of its last process, which may have ended.
    pub(super) fn last_pid(&self, program: &ProgramId) -> i32 {
        self.entries.get(program).map_or(0, |entry| entry.last_pid)
    }

    pub(super) fn reopen_logs(&self) {
        for running in self.entries.values().filter_map(|e| e.running.as_ref()) {
            running.process.reopen_logs();
        }
    }

    pub(super) fn clear_logs(&self, program: &ProgramId) -> io::Result<()> {
        self.running(program)
            .map_or(Ok(()), |running| running.process.clear_logs())
    }

    pub(super) fn status(&self, view: ProgramView) -> Option<ProgramStatus> {
        let entry = self.entries.get(&view.id)?;
        let (raw, text) = readable(&stdout_plan(entry, &self.settings));
        Some(ProgramStatus {
            config: Arc::clone(&entry.config),
            pid: self.pid(&view.id),
            view,
            started: entry.started,
            stopped: entry.stopped,
            end_note: entry.end_note,
            lost_output: entry
                .running
                .as_ref()
                .map_or(0, |r| r.process.lost_output()),
            stdout_log: shown(&entry.config.stdout, entry.stdout_auto.as_ref()),
            stderr_log: shown(&entry.config.stderr, entry.stderr_auto.as_ref()),
            stdout_text: text,
            raw_log: raw,
        })
    }

    /// Bytes of output that were dropped because nobody read them.
    pub(super) fn dropped_output(&self) -> u64 {
        self.destinations.outlets.dropped()
    }

    fn running(&self, program: &ProgramId) -> Option<&Running> {
        self.entries.get(program)?.running.as_ref()
    }
}

fn stdout_plan(entry: &Entry, settings: &Settings) -> SinkPlan {
    settings.stdout_plan(&entry.config, entry.stdout_auto.as_deref())
}

fn open_sinks(
    entry: &Entry,
    settings: &Settings,
    destinations: &Destinations,
    begin: Begin,
    log: &MainLog,
) -> io::Result<(Sink, Sink)> {
    let mut lost = Vec::new();
    let stderr = settings.stderr_plan(&entry.config, entry.stderr_auto.as_deref());
    let stdout = Sink::open(
        &stdout_plan(entry, settings),
        destinations,
        begin,
        &mut lost,
    )?;
    let stderr = Sink::open(&stderr, destinations, begin, &mut lost)?;
    for tier in lost {
        log.error(&format!(
            "no log tier for '{}': {tier}",
            entry.config.id.name
        ));
    }
    Ok((stdout, stderr))
}

/// Has bootd keep the ends; a bootd that cannot costs the program its survival only.
fn hold<'a>(
    custody: Option<&'a Custody>,
    mark: &str,
    ours: &OurEnds,
    log: &MainLog,
) -> Option<&'a Custody> {
    let custody = custody?;
    match custody.hold(mark, ours) {
        Ok(()) => Some(custody),
        Err(error) => {
            log.warn(&format!("bootd does not keep the pipes of {mark}: {error}"));
            None
        }
    }
}

/// The number under which a program says that it is ready, if it does.
fn notify_descriptor(config: &ProgramConfig) -> Option<i32> {
    match &config.readiness.as_ref()?.probe {
        ReadinessProbe::Notify(number) => Some(*number),
        ReadinessProbe::Network(_) | ReadinessProbe::File(_) | ReadinessProbe::Log(_) => None,
    }
}

const SIGKILL: i32 = 9;
