//! What the core should do, written to be read and not to be fast.
//!
//! Every program is a line in a table. Nothing is remembered that can be found by looking at the
//! whole table, and the whole table is looked at after every event.

mod closing;
mod commands;
mod facts;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use self::closing::Closing;
use supervisor_core::{
    Admission, Announcement, Blocker, Conditional, DependencyCondition, DependencyTarget, Effect,
    Exit, Incarnation, Input, Mood, Probed, ProgramId, ProgramSpec, ProgramView, Readiness, Run,
    StateName,
};

/// The table. Time is counted from an instant long ago.
pub(crate) struct Reference {
    pub(crate) zero: Instant,
    pub(crate) now: Duration,
    pub(crate) effects: VecDeque<Effect>,
    lines: Vec<Line>,
    groups: BTreeMap<Arc<str>, i64>,
    past: BTreeMap<ProgramId, u64>,
    closing: Option<Closing>,
}

/// One program.
struct Line {
    spec: ProgramSpec,
    state: StateName,
    /// When something happens to it in this state: a retry, a kill, a planned restart.
    due: Option<Duration>,
    /// What follows its stop.
    then: Then,
    incarnation: u64,
    started: Option<Duration>,
    /// When it must have been ready.
    ready_by: Option<Duration>,
    ready: bool,
    /// Whether the start conditions of a waiting start were met.
    met: bool,
    /// Whether nobody asked for the start that is waiting.
    unasked: bool,
    tries: u32,
    /// Restarts in a row.
    row: u32,
    restarts: u32,
    last_exit: Option<(Exit, bool)>,
    ended_well: bool,
    error: Option<String>,
    held: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Rest,
    Start,
    Restart,
    Retry,
}

impl Reference {
    pub(crate) fn new(zero: Instant) -> Self {
        Self {
            zero,
            now: Duration::ZERO,
            effects: VecDeque::new(),
            lines: Vec::new(),
            groups: BTreeMap::new(),
            past: BTreeMap::new(),
            closing: None,
        }
    }

    /// Everything is forgotten but the names of runs.
    pub(crate) fn succeed(&mut self) {
        let lines = self.lines.drain(..);
        let last = lines.map(|line| (line.spec.id, line.incarnation));
        self.past.extend(last);
        self.groups.clear();
        self.closing = None;
    }

    pub(crate) fn handle(&mut self, input: &Input) -> Admission {
        let admission = match input {
            Input::Command(command) => self.command(command),
            Input::TimeGap(gap) => {
                self.freeze(*gap);
                Admission::Accepted
            }
            Input::Spawned(run)
            | Input::SpawnFailed { run, .. }
            | Input::Exited { run, .. }
            | Input::SignalFailed(run)
            | Input::BecameReady(run)
            | Input::BecameUnready(run)
            | Input::LivenessLost { run, .. }
            | Input::ConditionsMet(run)
            | Input::ConditionsRefused { run, .. } => {
                let concerned = |line: &Line| {
                    line.spec.id == run.program && line.incarnation == run.incarnation.0
                };
                match self.lines.iter().position(concerned) {
                    Some(i) => self.fact(i, input),
                    None => Admission::Ignored,
                }
            }
        };
        self.settle();
        self.close();
        admission
    }

    /// When something happens next by itself.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        let lines = self.lines.iter().filter_map(Line::next_due);
        lines.chain(self.closing_due()).min()
    }

    /// Does what is due, once for each program.
    pub(crate) fn tick(&mut self) {
        let due = |i: &usize| self.lines[*i].next_due().filter(|at| *at <= self.now);
        let mut order: Vec<_> = (0..self.lines.len()).filter(|i| due(i).is_some()).collect();
        order.sort_by_key(|i| due(i));
        for i in order {
            if self.lines[i].next_due().is_some_and(|at| at <= self.now) {
                self.happen(i);
                self.settle();
            }
        }
        self.close();
    }

    pub(crate) fn views(&self) -> Vec<ProgramView> {
        let mut views: Vec<_> = (0..self.lines.len()).map(|i| self.view(i)).collect();
        views.sort_by(|a, b| a.id.cmp(&b.id));
        views
    }

    pub(crate) fn groups(&self) -> Vec<(Arc<str>, i64)> {
        self.groups.clone().into_iter().collect()
    }

    pub(crate) fn mood(&self) -> Mood {
        match self.closing {
            Some(_) => Mood::ShuttingDown,
            None => Mood::Serving,
        }
    }

    fn view(&self, i: usize) -> ProgramView {
        let line = &self.lines[i];
        let mut waiting_for = Vec::new();
        if line.state == StateName::Waiting {
            waiting_for = self.blockers(i);
            if !line.met {
                waiting_for.push(Blocker::Conditions);
            }
        }
        let planned = [StateName::Stopped, StateName::Exited, StateName::Backoff];
        let restart_at = line.due.filter(|_| planned.contains(&line.state));
        ProgramView {
            id: line.spec.id.clone(),
            priority: line.spec.priority,
            state: line.state,
            readiness: match (line.spec.probed, line.ready) {
                (Probed::No, _) => Readiness::NoProbe,
                (Probed::Yes, true) => Readiness::Ready,
                (Probed::Yes, false) => Readiness::NotReady,
            },
            incarnation: Incarnation(line.incarnation),
            started: line.started.map(|at| self.zero + at),
            last_exit: line.last_exit,
            restarts: line.restarts,
            spawn_error: line.error.clone(),
            waiting_for,
            held: line.held.clone(),
            restart_at: restart_at.map(|at| self.zero + at),
            tries: line.tries,
        }
    }

    /// Whatever waits for nothing any more is spawned.
    fn settle(&mut self) {
        self.give_up_if_closing();
        for i in 0..self.lines.len() {
            let waits = self.lines[i].state == StateName::Waiting;
            if waits && self.lines[i].met && self.blockers(i).is_empty() {
                self.spawn(i);
            }
        }
    }

    fn blockers(&self, i: usize) -> Vec<Blocker> {
        let mut blockers = Vec::new();
        for dependency in &self.lines[i].spec.depends_on {
            let mut wanted = match &dependency.target {
                DependencyTarget::Program(id) => vec![id.clone()],
                DependencyTarget::Group(name) => self.members(name),
            };
            if let DependencyTarget::Group(name) = &dependency.target
                && !self.groups.contains_key(name)
            {
                wanted.push(ProgramId::new(name, "*"));
            }
            for program in wanted {
                let condition = dependency.condition;
                let line = self.lines.iter().find(|line| line.spec.id == program);
                let itself = program == self.lines[i].spec.id;
                if itself || !line.is_some_and(|line| line.has_done(condition)) {
                    blockers.push(Blocker::Dependency { program, condition });
                }
            }
        }
        blockers.sort();
        blockers.dedup();
        blockers
    }

    fn members(&self, group: &str) -> Vec<ProgramId> {
        let ids = self.lines.iter().map(|line| line.spec.id.clone());
        ids.filter(|id| &*id.group == group).collect()
    }

    /// A start begins: it waits or is spawned.
    fn begin(&mut self, i: usize, unasked: bool) {
        let line = &mut self.lines[i];
        line.incarnation += 1;
        line.unasked = unasked;
        line.met = line.spec.conditional == Conditional::No;
        (line.error, line.held) = (None, None);
        if !unasked {
            line.row = 0;
        }
        if self.lines[i].met && self.blockers(i).is_empty() {
            return self.spawn(i);
        }
        self.enter(i, StateName::Waiting, None);
        if !self.lines[i].met {
            self.effects.push_back(Effect::CheckConditions(self.run(i)));
        }
    }

    fn spawn(&mut self, i: usize) {
        let line = &mut self.lines[i];
        line.restarts += u32::from(line.unasked);
        line.started = Some(self.now);
        line.ended_well = false;
        line.ready_by = line.spec.ready_within.map(|time| self.now + time);
        self.enter(i, StateName::Starting, None);
        self.effects.push_back(Effect::Spawn(self.run(i)));
    }

    fn rest(&mut self, i: usize) {
        let waited = self.lines[i].state == StateName::Waiting;
        self.enter(i, StateName::Stopped, None);
        if waited && self.lines[i].spec.conditional == Conditional::Yes {
            self.effects
                .push_back(Effect::ForgetConditions(self.run(i)));
        }
    }

    fn ask_to_stop(&mut self, i: usize, then: Then) {
        let line = &mut self.lines[i];
        line.then = then;
        let kill_at = self.now + line.spec.stop_wait;
        let (number, scope) = (line.spec.stop_signal, line.spec.stop_scope);
        self.enter(i, StateName::Stopping, Some(kill_at));
        let run = self.run(i);
        self.effects
            .push_back(Effect::Signal { run, number, scope });
    }

    fn kill(&mut self, i: usize) {
        let line = &mut self.lines[i];
        line.due = Some(self.now + line.spec.stop_wait.max(SECOND));
        let scope = line.spec.kill_scope;
        let run = self.run(i);
        self.tell(Announcement::Killing(run.clone()));
        let number = 9;
        self.effects
            .push_back(Effect::Signal { run, number, scope });
    }

    fn enter(&mut self, i: usize, to: StateName, due: Option<Duration>) {
        let run = self.run(i);
        let line = &mut self.lines[i];
        let from = line.state;
        (line.state, line.due) = (to, due);
        let expected = line.last_exit.map(|(_, expected)| expected);
        let tries = line.tries;
        self.tell(Announcement::Entered {
            run,
            from,
            to,
            tries,
            expected: expected.filter(|_| to == StateName::Exited),
        });
    }

    fn tell(&mut self, told: Announcement) {
        self.effects.push_back(Effect::Announce(told));
    }

    fn run(&self, i: usize) -> Run {
        Run {
            program: self.lines[i].spec.id.clone(),
            incarnation: Incarnation(self.lines[i].incarnation),
        }
    }

    fn freeze(&mut self, gap: Duration) {
        for line in &mut self.lines {
            for at in [&mut line.started, &mut line.due, &mut line.ready_by] {
                *at = at.map(|at| at + gap);
            }
        }
        if let Some(closing) = &mut self.closing {
            closing.freeze(gap);
        }
    }
}

impl Line {
    fn next_due(&self) -> Option<Duration> {
        match self.state {
            StateName::Starting => {
                let running_at = self.started.map(|at| at + self.spec.startsecs);
                running_at.into_iter().chain(self.unready_at()).min()
            }
            StateName::Running => self.unready_at(),
            StateName::Stopped | StateName::Exited | StateName::Backoff | StateName::Stopping => {
                self.due
            }
            StateName::Waiting | StateName::Fatal | StateName::Unknown => None,
        }
    }

    fn unready_at(&self) -> Option<Duration> {
        self.ready_by.filter(|_| self.spec.probed == Probed::Yes)
    }

    fn has_done(&self, condition: DependencyCondition) -> bool {
        let running = self.state == StateName::Running;
        let rests = [StateName::Stopped, StateName::Exited, StateName::Fatal];
        match condition {
            DependencyCondition::Started => running,
            DependencyCondition::Ready => running && (self.ready || self.spec.probed == Probed::No),
            DependencyCondition::ExitedZero => rests.contains(&self.state) && self.ended_well,
        }
    }

    fn has_process(&self) -> bool {
        let with = [StateName::Starting, StateName::Running, StateName::Stopping];
        with.contains(&self.state)
    }

    fn is_stopped(&self) -> bool {
        let stopped = [
            StateName::Stopped,
            StateName::Exited,
            StateName::Fatal,
            StateName::Unknown,
        ];
        stopped.contains(&self.state)
    }
}

const SECOND: Duration = Duration::from_secs(1);
