//! The shell around `supervisor-core`: it turns events into inputs and effects into deeds.
//!
//! One task owns everything that changes. Others send a [`Request`] or read the latest
//! [`Snapshot`]; they never touch the state. One turn takes one event, in this order:
//!
//! 1. facts about processes, so that nothing is decided on a state that has passed;
//! 2. deadlines;
//! 3. signals to us;
//! 4. requests.

mod act;
mod announce;
mod handle;
mod inherit;
mod listening;
mod pause;
mod plans;
mod programs;
mod reload;
mod snapshot;
mod waiting;
mod watching;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use daemon::{Stop, Tasks};
use supervisor_core::{
    Admission, Command, Core, Deny, Effect, Exit, GroupSpec, Input, Patience, ProgramId, Run,
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

pub(crate) use self::{
    announce::introduce,
    handle::{Action, Handle, OnMistakes, Outcome, Plan, Reopen, Request, Target, Wait},
    snapshot::{Mood, ProgramStatus, Snapshot},
};
use self::{
    inherit::{Estate, Heirs},
    listening::Ticks,
    pause::{Awake, missed},
    programs::Programs,
    waiting::Waiting,
};
use crate::{
    config::{Config, EventType, GroupConfig, GroupKind},
    events::{Event, Pools},
    logs::{Destinations, MainLog, OutputEvent},
    memory::OomKills,
    pid_file::PidFile,
    process::{Custody, Fact, FileLimit, Held},
    signals::{OwnSignal, Signals},
};

/// What the driver is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) config: Config,
    /// Our own environment byte for byte, which every program starts from and the configuration
    /// refers to.
    pub(crate) inherited: BTreeMap<OsString, OsString>,
    /// How many files a program may open.
    pub(crate) files: FileLimit,
    pub(crate) destinations: Destinations,
    pub(crate) tasks: Tasks,
    /// bootd, if it is our parent and keeps our programs' pipes.
    pub(crate) custody: Option<Custody>,
    /// bootd's own start.
    pub(crate) bootd: Option<u64>,
    /// What it kept of our predecessor's.
    pub(crate) held: Vec<Held>,
    /// Where our own state is kept.
    pub(crate) state_dir: PathBuf,
    /// Where cgroups are mounted.
    pub(crate) cgroup_dir: PathBuf,
    pub(crate) epoch: u64,
    pub(crate) overrides: crate::options::Options,
    /// Who has the servers.
    pub(crate) servers: mpsc::Sender<Reopen>,
}

/// The driver.
#[derive(Debug)]
pub(crate) struct Driver {
    core: Core,
    programs: Programs,
    /// Groups the core has, as they were configured when they were added.
    active: BTreeMap<String, GroupConfig>,
    /// The configuration read last; its groups are what `add` adds.
    config: Config,
    waiting: Vec<Waiting>,
    phase: Phase,
    /// How long a shutdown may take.
    patience: Patience,
    pools: Pools,
    ticks: Ticks,
    /// What our predecessor left, while we begin.
    estate: Estate,
    bootd: Option<u64>,
    state_dir: PathBuf,
    /// Whether what a successor must know has changed.
    will_changed: bool,
    /// What ends the looking at start conditions.
    conditions: BTreeMap<ProgramId, CancellationToken>,
    oom_kills: OomKills,
    log: MainLog,
    overrides: crate::options::Options,
    servers: mpsc::Sender<Reopen>,
    /// Whether everything was stopped to begin again.
    over: bool,
    environment: BTreeMap<OsString, OsString>,
    facts: mpsc::Receiver<Fact>,
    requests: mpsc::Receiver<Request>,
    published: watch::Sender<Arc<Snapshot>>,
    /// Whether more has changed than single programs.
    dirty: bool,
    epoch: u64,
    stop: Stop,
    awake: Awake,
    /// What we exit with.
    code: u8,
}

/// What the supervisor is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Serving,
    /// Stopping everything to begin again.
    Restarting,
    ShuttingDown,
    Done,
}

/// What one turn of the driver is about.
#[derive(Debug)]
enum Turn {
    Fact(Fact),
    /// A deadline of the core, or merely time to look.
    Due,
    Tick,
    Signal(OwnSignal),
    /// A part of us.
    Lost,
    Request(Request),
}

impl Driver {
    /// A driver and the handle to it. Nothing starts before [`Driver::run`].
    pub(crate) fn new(parts: Parts) -> (Self, Handle) {
        let (fact_sender, facts) = mpsc::channel(256);
        let (request_sender, requests) = mpsc::channel(64);
        let (published, snapshot) = watch::channel(Arc::new(Snapshot::empty(parts.epoch)));
        let driver = Self {
            core: Core::new(),
            programs: Programs::new(&parts, fact_sender),
            active: BTreeMap::new(),
            pools: Pools::new(&parts.config.daemon.identifier),
            ticks: Ticks::default(),
            estate: Estate::open(&parts.state_dir, parts.bootd, parts.held),
            bootd: parts.bootd,
            state_dir: parts.state_dir,
            will_changed: true,
            conditions: BTreeMap::new(),
            oom_kills: OomKills::watch(parts.cgroup_dir),
            config: parts.config,
            waiting: Vec::new(),
            phase: Phase::Serving,
            // Under bootd the time that is left before the container is killed is what counts.
            patience: match parts.custody {
                Some(_) => Patience::Budget,
                None => Patience::Own,
            },
            log: parts.destinations.log,
            overrides: parts.overrides,
            servers: parts.servers,
            over: false,
            environment: parts.inherited,
            facts,
            requests,
            published,
            dirty: true,
            epoch: parts.epoch,
            stop: parts.tasks.stop().clone(),
            awake: Awake::new(Instant::now()),
            code: 0,
        };
        (driver, Handle::new(request_sender, snapshot))
    }

    /// Runs until everything was stopped as asked; gives the exit code.
    pub(crate) async fn run(mut self, mut signals: Signals, mut pid_file: PidFile) -> u8 {
        self.tend_channel();
        self.say_started();
        self.begin();
        while self.phase != Phase::Done {
            // The last turn may have been interrupted, too.
            let now = self.step();
            // While a deadline is awaited we look in between, so that a pause is noticed that is
            // shorter than the wait; without deadlines nothing wakes us.
            let deadline = self.core.poll_timeout();
            let wake = deadline.map(|at| at.clamp(now, now + BEAT));
            let turn = tokio::select! {
                biased;
                Some(fact) = self.facts.recv() => Turn::Fact(fact),
                () = until(wake) => Turn::Due,
                () = until(self.ticks.next()) => Turn::Tick,
                signal = signals.next() => Turn::Signal(signal),
                // A part of us was lost; what is left stops in order and is started again.
                () = self.stop.requested(), if self.phase == Phase::Serving => Turn::Lost,
                Some(request) = self.requests.recv() => Turn::Request(request),
            };
            let now = Instant::now();
            self.awake.rest(now);
            self.make_up_for(wake.and_then(|wake| missed(wake, now)));
            self.take(turn, now);
            self.settle();
            if std::mem::take(&mut self.over) {
                // Removed before it is written: it may be the same file.
                drop(pid_file);
                self.start_over().await;
                pid_file = PidFile::write(&self.config.daemon, &self.log);
                self.say_started();
                self.begin();
            }
        }
        self.code
    }

    fn take(&mut self, turn: Turn, now: Instant) {
        match turn {
            Turn::Fact(fact) => self.fact(fact),
            Turn::Due => self.core.handle_timeout(now),
            Turn::Tick => self.tick(),
            Turn::Signal(signal) => self.signal(signal),
            Turn::Lost => self.shut_down(Phase::ShuttingDown),
            Turn::Request(request) => self.request(request),
        }
    }

    fn say_started(&self) {
        let pid = std::process::id();
        self.log
            .info(&format!("supervisord started with pid {pid}"));
    }

    /// Adds all configured groups and lets their programs start.
    fn begin(&mut self) {
        for group in self.config.groups.clone() {
            if self.estate.was_active(&group.name) {
                let _ = self.add(group);
            }
        }
        self.dissolve_estate();
        self.programs.clean_up();
        self.notify(Event::own(EventType::SupervisorStateChangeRunning));
        self.awake.rest(Instant::now());
        self.settle();
    }

    /// Ends a step of a turn.
    fn step(&mut self) -> Instant {
        let now = Instant::now();
        let missed = self.awake.step(now);
        self.make_up_for(missed);
        now
    }

    /// Gives the time back that all of us missed, our programs with us, because we were frozen or
    /// stopped.
    fn make_up_for(&mut self, missed: Option<Duration>) {
        let Some(missed) = missed else { return };
        self.log.warn(&format!(
            "{:.1} seconds were missed; every deadline moves by them",
            missed.as_secs_f64()
        ));
        let _ = self.core.handle(Input::TimeGap(missed), Instant::now());
    }

    /// Carries out what the core wants, answers who waits, and tells who watches.
    fn settle(&mut self) {
        while let Some(effect) = self.core.poll_effect() {
            self.carry_out(effect);
            self.step();
        }
        self.deliver_events();
        let changed = self.core.take_changed();
        self.answer_waiting(&changed);
        self.publish(&changed);
        self.write_will();
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Spawn(run) => {
                let now = Instant::now();
                let group = self.active.get(&*run.program.group);
                let kind = group.map_or(GroupKind::Programs, |group| group.kind.clone());
                let input = match self.programs.spawn(&run, &kind, &self.log) {
                    Ok(()) => Input::Spawned(run),
                    Err(reason) => Input::SpawnFailed { run, reason },
                };
                let _ = self.core.handle(input, now);
            }
            Effect::Signal { run, number, scope } => {
                if let Err(errno) = self.programs.signal(&run, number, scope) {
                    let text = format!("unknown problem killing {}: {errno}", run.program.name);
                    self.log.critical(&text);
                    let _ = self.core.handle(Input::SignalFailed(run), Instant::now());
                }
            }
            Effect::Probe(run) => self.watch_readiness(&run),
            Effect::CheckConditions(run) => self.check_conditions(&run),
            Effect::ForgetConditions(run) => self.forget_conditions(&run),
            Effect::Announce(announcement) => self.announce(&announcement),
            Effect::Drained => self.drained(),
        }
    }

    fn fact(&mut self, fact: Fact) {
        let input = match fact {
            Fact::Exited(run, exit) => {
                // Not when the signal came: what the program wrote before is told before.
                self.log.debug("received SIGCHLD indicating a child quit");
                self.ended(&run, exit);
                Input::Exited { run, exit }
            }
            Fact::Output(run, OutputEvent::Seen) | Fact::Ready(run) => {
                self.watch_liveness(&run);
                Input::BecameReady(run)
            }
            Fact::LivenessLost(run, reason) => Input::LivenessLost { run, reason },
            Fact::Conditions(run, verdict) => self.conditions_decided(run, verdict),
            Fact::Output(run, output) => {
                let pid = self.programs.last_pid(&run.program);
                if let Some(event) = Event::output(&run.program, pid, &output) {
                    self.notify(event);
                }
                return;
            }
            Fact::ListenerSaid(run, bytes) => return self.listen(&run, &bytes),
            Fact::Told(told) => return self.programs.told(told),
            Fact::Check(check) => return self.run_check(check),
            Fact::EndCheck(pid) => return self.programs.end_check(pid),
        };
        let _ = self.core.handle(input, Instant::now());
    }

    fn ended(&mut self, run: &Run, exit: Exit) {
        let killed = matches!(exit, Exit::Signal { number: 9, .. });
        if killed && self.oom_kills.happened() {
            let (name, pid) = (&run.program.name, self.programs.last_pid(&run.program));
            self.log.warn(&format!(
                "{name} ({pid}) was killed by the kernel: out of memory"
            ));
            self.programs.note_end(&run.program, OUT_OF_MEMORY);
        }
        self.programs.ended(run, SystemTime::now());
    }

    /// Reaps children; who they were is told by their tasks, except of those that are nobody's.
    fn child_ended(&mut self) {
        for orphan in self.programs.reap() {
            let how = match orphan.exit {
                Exit::Code(code) => format!("exit status {code}"),
                Exit::Signal { number, .. } => {
                    format!("terminated by {}", crate::config::signal_name(number))
                }
            };
            self.log
                .info(&format!("reaped unknown pid {} ({how})", orphan.pid));
        }
    }

    fn signal(&mut self, signal: OwnSignal) {
        let name = signal.name();
        match signal {
            OwnSignal::Stop(_) => {
                self.log
                    .warn(&format!("received {name} indicating exit request"));
                self.shut_down(Phase::ShuttingDown);
            }
            OwnSignal::Restart if self.phase == Phase::ShuttingDown => self.log.warn(&format!(
                "ignored {name} indicating restart request (shutdown in progress)"
            )),
            OwnSignal::Restart => {
                self.log
                    .warn(&format!("received {name} indicating restart request"));
                self.shut_down(Phase::Restarting);
            }
            OwnSignal::ReopenLogs => {
                self.log
                    .info(&format!("received {name} indicating log reopen request"));
                self.log.reopen();
                self.log.info("supervisord logreopen");
                self.programs.reopen_logs();
            }
            OwnSignal::Child => self.child_ended(),
        }
    }

    /// Begins to stop everything. Asked a second time to end, nobody waits any longer; asked a
    /// second time to restart, it goes on as it was.
    fn shut_down(&mut self, phase: Phase) {
        let before = std::mem::replace(&mut self.phase, phase);
        self.dirty = true;
        match (before, phase) {
            (Phase::Serving, _) => {
                self.notify(Event::own(EventType::SupervisorStateChangeStopping));
                self.deliver_events();
            }
            // Everything is being stopped as it is; only what follows is another.
            (Phase::Restarting, Phase::ShuttingDown) => return,
            // Who asks a second time wants it at once.
            (Phase::ShuttingDown, Phase::ShuttingDown) => {}
            (before, _) => {
                self.phase = before;
                return;
            }
        }
        let patience = match phase {
            // Nobody waits for a restart but who asked for it.
            Phase::Restarting => Patience::Own,
            Phase::Serving | Phase::ShuttingDown | Phase::Done => self.patience,
        };
        let command = Input::Command(Command::Shutdown(patience));
        let _ = self.core.handle(command, Instant::now());
    }

    fn drained(&mut self) {
        match self.phase {
            Phase::Restarting => self.over = true,
            Phase::Serving | Phase::ShuttingDown | Phase::Done => self.phase = Phase::Done,
        }
    }

    fn add(&mut self, group: GroupConfig) -> Admission {
        if self.active.contains_key(&group.name) {
            return Admission::Denied(Deny::AlreadyAdded);
        }
        let spec: GroupSpec = group.spec();
        self.programs.expect(&group, &self.estate, &self.log);
        self.open_pool(&group);
        self.notify(Event::group(EventType::ProcessGroupAdded, &group.name));
        let Heirs { inherited, mute } = self.inherit(&group);
        self.will_changed = true;
        let command = Command::AddGroup { spec, inherited };
        self.active.insert(group.name.clone(), group);
        self.dirty = true;
        let now = Instant::now();
        let admission = self.core.handle(Input::Command(command), now);
        for program in mute {
            // The core ends the process as configured, and starts another when it has ended.
            let _ = self
                .core
                .handle(Input::Command(Command::Restart(program)), now);
        }
        admission
    }
}

const OUT_OF_MEMORY: &str = "killed by the kernel: out of memory";
/// How often we look while a deadline is awaited.
const BEAT: Duration = Duration::from_millis(500);

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
