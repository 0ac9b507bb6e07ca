//! What somebody may want, as a table.

use std::time::Duration;

use supervisor_core::{
    Admission, Autorestart, Command, Deny, Effect, Exit, GroupSpec, Inherited, Probed, ProgramId,
    ProgramSpec, Resting, Scope, StateName,
};

use super::{Line, Reference, Then};

/// What a command does in a state.
#[derive(Clone, Copy)]
enum Deed {
    Begin,
    AskToStop(Then),
    /// To STOPPED, nothing being there to stop.
    Rest,
    RestAndBegin,
    /// Already being stopped: what follows is another.
    ThenInstead(Then),
    Deny(Deny),
}

impl Reference {
    pub(super) fn command(&mut self, command: &Command) -> Admission {
        let closing = self.closing.is_some();
        let (id, column) = match command {
            Command::Shutdown(patience) => return self.shut_down(*patience),
            Command::Signal(id, number) => return self.signal(id, *number),
            Command::Start(_)
            | Command::Stop(_)
            | Command::Restart(_)
            | Command::AddGroup { .. }
            | Command::RemoveGroup(_)
                if closing =>
            {
                return Admission::Denied(Deny::ShuttingDown);
            }
            Command::AddGroup { spec, inherited } => return self.add(spec, inherited),
            Command::RemoveGroup(name) => return self.remove(name),
            Command::Start(id) => (id, 0),
            Command::Stop(id) => (id, 1),
            Command::Restart(id) => (id, 2),
        };
        match self.lines.iter().position(|line| line.spec.id == *id) {
            Some(i) => self.act(i, self.deeds(i)[column]),
            None => Admission::Denied(Deny::NoSuchProgram),
        }
    }

    /// What start, stop and restart do.
    fn deeds(&self, i: usize) -> [Deed; 3] {
        use Deed::{AskToStop, Begin, Rest, RestAndBegin, ThenInstead};
        let already = Deed::Deny(Deny::AlreadyStarted);
        let idle = Deed::Deny(Deny::NotRunning);
        let unknown = Deed::Deny(Deny::Unknown);
        let line = &self.lines[i];
        match line.state {
            StateName::Stopped | StateName::Exited if line.due.is_some() => [Begin, Rest, Begin],
            StateName::Stopped | StateName::Exited | StateName::Fatal => [Begin, idle, Begin],
            StateName::Waiting | StateName::Backoff => [already, Rest, RestAndBegin],
            StateName::Starting | StateName::Running => {
                [already, AskToStop(Then::Rest), AskToStop(Then::Start)]
            }
            StateName::Stopping => {
                let stop = match line.then {
                    Then::Rest => idle,
                    Then::Start | Then::Restart | Then::Retry => ThenInstead(Then::Rest),
                };
                [Deed::Deny(Deny::Stopping), stop, ThenInstead(Then::Start)]
            }
            StateName::Unknown => [unknown, unknown, unknown],
        }
    }

    fn act(&mut self, i: usize, deed: Deed) -> Admission {
        let refused = self.lines[i].spec.refused.is_some();
        match deed {
            Deed::Deny(deny) => return Admission::Denied(deny),
            Deed::Begin if refused => return Admission::Denied(Deny::Refused),
            Deed::RestAndBegin if refused => {
                self.rest(i);
                return Admission::Denied(Deny::Refused);
            }
            Deed::Begin => self.begin(i, false),
            Deed::AskToStop(then) => self.ask_to_stop(i, then),
            Deed::Rest if self.lines[i].state == StateName::Stopped => self.lines[i].due = None,
            Deed::Rest => self.rest(i),
            Deed::RestAndBegin => {
                self.rest(i);
                self.begin(i, false);
            }
            Deed::ThenInstead(then) => self.lines[i].then = then,
        }
        Admission::Accepted
    }

    fn signal(&mut self, id: &ProgramId, number: i32) -> Admission {
        let Some(i) = self.lines.iter().position(|line| line.spec.id == *id) else {
            return Admission::Denied(Deny::NoSuchProgram);
        };
        if !self.lines[i].has_process() {
            return Admission::Denied(Deny::NotRunning);
        }
        let (run, scope) = (self.run(i), Scope::Leader);
        self.effects
            .push_back(Effect::Signal { run, number, scope });
        Admission::Accepted
    }

    fn add(&mut self, group: &GroupSpec, inherited: &[(ProgramId, Inherited)]) -> Admission {
        if self.groups.contains_key(&group.name) {
            return Admission::Denied(Deny::AlreadyAdded);
        }
        self.groups.insert(group.name.clone(), group.priority);
        let mut starting = Vec::new();
        for spec in &group.programs {
            let mut line = Line::new(spec, self.past.get(&spec.id).copied().unwrap_or(0));
            match inherited.iter().find(|(id, _)| *id == spec.id) {
                Some((_, inherited)) => self.take_over(&mut line, inherited),
                None if spec.autostart && spec.refused.is_none() => {
                    starting.push(self.lines.len());
                }
                None => {}
            }
            self.lines.push(line);
            let i = self.lines.len() - 1;
            let line = &self.lines[i];
            if line.has_process() && line.spec.probed == Probed::Yes && !line.ready {
                self.effects.push_back(Effect::Probe(self.run(i)));
            }
        }
        self.settle();
        for i in starting {
            self.begin(i, false);
            self.settle();
        }
        Admission::Accepted
    }

    fn take_over(&self, line: &mut Line, inherited: &Inherited) {
        match inherited {
            Inherited::Running {
                incarnation,
                started,
                ready,
            } => {
                let started = *started - self.zero;
                line.incarnation = incarnation.0;
                line.started = Some(started);
                if !ready {
                    line.ready_by = line.spec.ready_within.map(|time| started + time);
                }
                line.ready = *ready && line.spec.probed == Probed::Yes;
                line.error = None;
                line.state = match self.now - started < line.spec.startsecs {
                    true => StateName::Starting,
                    false => StateName::Running,
                };
            }
            Inherited::Resting { state, incarnation } => {
                line.incarnation = incarnation.0;
                line.settle_down(state);
            }
        }
    }

    fn remove(&mut self, name: &str) -> Admission {
        if !self.groups.contains_key(name) {
            return Admission::Denied(Deny::NoSuchProgram);
        }
        let member = |line: &Line| &*line.spec.id.group == name;
        let members = self.lines.iter().filter(|line| member(line));
        if members.clone().any(|line| !line.is_stopped()) {
            return Admission::Denied(Deny::StillRunning);
        }
        let last: Vec<_> = members
            .map(|line| (line.spec.id.clone(), line.incarnation))
            .collect();
        self.past.extend(last);
        self.lines.retain(|line| !member(line));
        self.groups.remove(name);
        Admission::Accepted
    }
}

impl Line {
    fn new(spec: &ProgramSpec, last: u64) -> Self {
        Self {
            spec: spec.clone(),
            state: match spec.refused {
                Some(_) => StateName::Fatal,
                None => StateName::Stopped,
            },
            due: None,
            then: Then::Rest,
            incarnation: last,
            started: None,
            ready_by: None,
            ready: false,
            met: false,
            unasked: false,
            tries: 0,
            row: 0,
            restarts: 0,
            last_exit: None,
            ended_well: false,
            error: spec.refused.clone(),
            held: None,
        }
    }

    fn settle_down(&mut self, resting: &Resting) {
        if let Resting::Exited(exit, expected) = resting {
            self.last_exit = Some((*exit, *expected));
            self.ended_well = *exit == Exit::Code(0);
        }
        if self.spec.refused.is_some() {
            return;
        }
        match resting {
            Resting::Stopped => {}
            Resting::Exited(exit, expected) => {
                self.state = StateName::Exited;
                let error = format!("Bad exit code {}", exit.status());
                self.error = Some(error).filter(|_| !expected);
            }
            Resting::Fatal(reason) => {
                self.state = StateName::Fatal;
                self.error = Some(reason.clone());
            }
        }
    }

    /// Whether an exit that was not asked for is followed by a restart.
    pub(super) fn starts_again(&self, expected: bool, one_shot: bool) -> bool {
        match self.spec.autorestart {
            Autorestart::Never => false,
            Autorestart::Always => !one_shot || !expected,
            Autorestart::Unexpected => !expected,
        }
    }

    pub(super) fn age(&self, now: Duration) -> Duration {
        now - self.started.unwrap_or(now)
    }
}
