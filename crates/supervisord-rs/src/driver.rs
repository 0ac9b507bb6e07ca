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
mod programs;
mod reload;
mod snapshot;
mod waiting;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Instant, SystemTime},
};

use daemon::{Stop, Tasks};
use supervisor_core::{Admission, Command, Core, Effect, Input, Patience};
use tokio::sync::{mpsc, watch};

pub(crate) use self::{
    announce::report,
    handle::{Action, Handle, OnMistakes, Outcome, Request, Target, Wait},
    snapshot::{Mood, ProgramStatus, Snapshot},
};
use self::{programs::Programs, waiting::Waiting};
use crate::{
    config::{Config, GroupConfig},
    logs::{MainLog, Stdout},
    process::{Fact, Order},
    signals::{OwnSignal, Signals},
};

/// What the driver is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) log: MainLog,
    pub(crate) stdout: Stdout,
    pub(crate) tasks: Tasks,
    pub(crate) epoch: u64,
    pub(crate) overrides: crate::options::Options,
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
    log: MainLog,
    overrides: crate::options::Options,
    environment: BTreeMap<String, String>,
    facts: mpsc::Receiver<Fact>,
    requests: mpsc::Receiver<Request>,
    published: watch::Sender<Arc<Snapshot>>,
    /// The core's generation that was published, and our own counter.
    seen: u64,
    dirty: bool,
    epoch: u64,
    stop: Stop,
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
            config: parts.config,
            waiting: Vec::new(),
            phase: Phase::Serving,
            log: parts.log,
            overrides: parts.overrides,
            environment: parts.environment,
            facts,
            requests,
            published,
            seen: 0,
            dirty: true,
            epoch: parts.epoch,
            stop: parts.tasks.stop().clone(),
        };
        (driver, Handle::new(request_sender, snapshot))
    }

    /// Runs until everything was stopped as asked.
    pub(crate) async fn run(mut self, mut signals: Signals) {
        self.begin();
        while self.phase != Phase::Done {
            let deadline = self.core.poll_timeout();
            tokio::select! {
                biased;
                Some(fact) = self.facts.recv() => self.fact(fact),
                () = until(deadline) => self.core.handle_timeout(Instant::now()),
                signal = signals.next() => self.signal(signal),
                // A part of us was lost; what is left stops in order and is started again.
                () = self.stop.requested(), if self.phase == Phase::Serving => {
                    self.shut_down(Phase::ShuttingDown);
                }
                Some(request) = self.requests.recv() => self.request(request),
            }
            self.settle();
        }
    }

    /// Adds all configured groups and lets their programs start.
    fn begin(&mut self) {
        for group in self.config.groups.clone() {
            let _ = self.add(group);
        }
        self.settle();
    }

    /// Carries out what the core wants, answers who waits, and tells who watches.
    fn settle(&mut self) {
        while let Some(effect) = self.core.poll_effect() {
            self.carry_out(effect);
        }
        self.answer_waiting();
        self.publish();
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Spawn(run) => {
                let now = Instant::now();
                let input = match self.programs.spawn(&run, &self.log) {
                    Ok(()) => Input::Spawned(run),
                    Err(reason) => Input::SpawnFailed { run, reason },
                };
                let _ = self.core.handle(input, now);
            }
            Effect::Signal { run, number, scope } => {
                self.programs.order(&run, Order { number, scope });
            }
            Effect::Probe(run) => self.programs.probe(&run),
            // No program has start conditions.
            Effect::CheckConditions(_) | Effect::ForgetConditions(_) => {}
            Effect::Announce(announcement) => self.announce(&announcement),
            Effect::Drained => self.drained(),
        }
    }

    fn fact(&mut self, fact: Fact) {
        let input = match fact {
            Fact::Exited(run, exit) => {
                self.programs.ended(&run, SystemTime::now());
                Input::Exited { run, exit }
            }
            Fact::SignalFailed(run, errno) => {
                let text = format!("unknown problem killing {}: {errno}", run.program.name);
                self.log.critical(&text);
                Input::SignalFailed(run)
            }
            Fact::Ready(run) => Input::BecameReady(run),
        };
        let _ = self.core.handle(input, Instant::now());
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
                self.programs.reopen_logs();
            }
        }
    }

    /// Begins to stop everything. Asked a second time to end, nobody waits any longer; asked a
    /// second time to restart, it goes on as it was.
    fn shut_down(&mut self, phase: Phase) {
        let again = self.phase != Phase::Serving;
        if again && phase == Phase::Restarting {
            return;
        }
        self.phase = phase;
        self.dirty = true;
        let _ = self.core.handle(
            Input::Command(Command::Shutdown(Patience::Budget)),
            Instant::now(),
        );
    }

    fn drained(&mut self) {
        match self.phase {
            Phase::Restarting => self.start_over(),
            Phase::Serving | Phase::ShuttingDown | Phase::Done => self.phase = Phase::Done,
        }
    }

    fn add(&mut self, group: GroupConfig) -> Admission {
        let command = Command::AddGroup {
            spec: group.spec(),
            inherited: Vec::new(),
        };
        self.programs.expect(&group);
        let admission = self.core.handle(Input::Command(command), Instant::now());
        if admission == Admission::Accepted {
            self.active.insert(group.name.clone(), group);
        }
        admission
    }

    fn publish(&mut self) {
        if self.core.generation() == self.seen && !self.dirty {
            return;
        }
        self.seen = self.core.generation();
        self.dirty = false;
        let generation = self.published.borrow().generation + 1;
        let snapshot = self.snapshot(generation);
        self.published.send_replace(Arc::new(snapshot));
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
