//! What may happen to a program.

use std::time::Duration;

use supervisor_core::{
    Admission, Announcement, Effect, Exit, Input, Probed, ProgramKind, StateName,
};

use super::{Line, Reference, SECOND, Then};

impl Reference {
    /// Whether a fact is believed of a program in this state.
    fn believes(&self, i: usize, fact: &Input) -> bool {
        let line = &self.lines[i];
        let up = line.state == StateName::Starting || line.state == StateName::Running;
        match fact {
            Input::Spawned(_) => true,
            Input::SpawnFailed { .. } => line.state == StateName::Starting,
            Input::Exited { .. } => line.has_process() || line.state == StateName::Unknown,
            Input::SignalFailed(_) => line.has_process(),
            Input::BecameReady(_) => line.has_process() && line.spec.probed == Probed::Yes,
            Input::BecameUnready(_) => line.ready,
            Input::LivenessLost { .. } => up && self.closing.is_none(),
            Input::ConditionsMet(_) | Input::ConditionsRefused { .. } => {
                line.state == StateName::Waiting
            }
            Input::TimeGap(_) | Input::Command(_) => false,
        }
    }

    pub(super) fn fact(&mut self, i: usize, fact: &Input) -> Admission {
        if !self.believes(i, fact) {
            return Admission::Ignored;
        }
        let line = &mut self.lines[i];
        match fact {
            Input::Spawned(run) => {
                let at_once = line.spec.startsecs.is_zero() && line.state == StateName::Starting;
                if line.spec.probed == Probed::Yes {
                    self.effects.push_back(Effect::Probe(run.clone()));
                }
                if at_once {
                    self.run_on(i);
                    self.claim(i);
                }
            }
            Input::SpawnFailed { reason, .. } => {
                line.error = Some(reason.clone());
                self.tell(Announcement::SpawnFailed {
                    reason: reason.clone(),
                });
                self.back_off(i);
                self.judge(i);
            }
            Input::Exited { exit, .. } => self.exited(i, *exit),
            Input::SignalFailed(_) => {
                let held = "a signal to it failed; whether it runs is not known";
                line.held = Some(held.to_owned());
                self.enter(i, StateName::Unknown, None);
            }
            Input::BecameReady(_) => {
                line.ready = true;
                if line.state != StateName::Stopping {
                    line.ready_by = None;
                    if line.must_be_ready() {
                        line.tries = 0;
                    }
                }
            }
            Input::BecameUnready(_) => line.ready = false,
            Input::LivenessLost { reason, .. } => self.unalive(i, reason.clone(), Then::Restart),
            Input::ConditionsMet(_) => line.met = true,
            Input::ConditionsRefused { reason, .. } => {
                line.held = Some(reason.clone());
                self.enter(i, StateName::Stopped, None);
            }
            Input::TimeGap(_) | Input::Command(_) => {}
        }
        Admission::Accepted
    }

    /// What is due for a program happens.
    pub(super) fn happen(&mut self, i: usize) {
        let line = &self.lines[i];
        let lived = line.age(self.now) >= line.spec.startsecs;
        match line.state {
            StateName::Starting if lived => {
                self.run_on(i);
                self.claim(i);
            }
            StateName::Starting | StateName::Running => {
                let time = line.spec.ready_within.expect("that is what is due");
                let reason = format!("not ready within {} s", time.as_secs_f64());
                self.unalive(i, reason, Then::Retry);
            }
            StateName::Stopping => self.kill(i),
            StateName::Stopped | StateName::Exited | StateName::Backoff => self.begin(i, true),
            StateName::Waiting | StateName::Fatal | StateName::Unknown => {}
        }
    }

    fn exited(&mut self, i: usize, exit: Exit) {
        let line = &mut self.lines[i];
        let one_shot = line.spec.kind == ProgramKind::OneShot;
        let success = one_shot && exit == Exit::Code(0);
        let expected = success || line.spec.exitcodes.contains(&exit.status());
        let young = line.age(self.now) < line.spec.startsecs;
        match line.state {
            StateName::Stopping => {
                line.end(exit, expected);
                self.stopped(i, exit, expected);
            }
            StateName::Starting if young && !success => {
                line.end(exit, false);
                line.error = Some("Exited too quickly (process log may have details)".to_owned());
                self.back_off(i);
                self.tell_exit(i, exit, false);
                self.judge(i);
            }
            StateName::Starting => {
                self.run_on(i);
                if !young {
                    self.claim(i);
                }
                self.ended(i, exit, expected);
            }
            StateName::Running => self.ended(i, exit, expected),
            StateName::Unknown
            | StateName::Stopped
            | StateName::Waiting
            | StateName::Backoff
            | StateName::Exited
            | StateName::Fatal => {
                line.end(exit, expected);
                line.held = None;
                self.enter(i, StateName::Stopped, None);
            }
        }
    }

    /// A program that was RUNNING has ended.
    fn ended(&mut self, i: usize, exit: Exit, expected: bool) {
        let one_shot = self.lines[i].spec.kind == ProgramKind::OneShot;
        let mut at = None;
        if self.lines[i].starts_again(expected, one_shot) {
            at = self.plan(i);
        }
        let line = &mut self.lines[i];
        line.end(exit, expected);
        if !expected {
            line.error = Some(format!("Bad exit code {}", exit.status()));
        }
        if !line.must_be_ready() {
            line.tries = 0;
        }
        self.enter(i, StateName::Exited, at);
        self.tell_exit(i, exit, expected);
        if at == Some(self.now) {
            self.begin(i, true);
        }
    }

    /// A program that was told to has ended.
    fn stopped(&mut self, i: usize, exit: Exit, expected: bool) {
        let then = self.lines[i].then;
        let mut at = None;
        if then == Then::Restart {
            at = self.plan(i);
        }
        match then {
            Then::Retry => self.back_off(i),
            Then::Rest | Then::Start | Then::Restart => self.enter(i, StateName::Stopped, at),
        }
        let program = self.lines[i].spec.id.clone();
        self.tell(Announcement::Stopped {
            program,
            exit,
            expected,
        });
        match then {
            Then::Retry => self.judge(i),
            Then::Start => self.begin(i, false),
            Then::Restart if at == Some(self.now) => self.begin(i, true),
            Then::Rest | Then::Restart => {}
        }
    }

    /// When it is started again after a run; none during a shutdown.
    fn plan(&mut self, i: usize) -> Option<Duration> {
        let line = &mut self.lines[i];
        let age = line.age(self.now);
        let long = age > 10 * SECOND && age > line.spec.restart.delay && age > line.spec.startsecs;
        if long {
            line.row = 0;
        }
        self.pause(i, Duration::ZERO)
    }

    /// The end of the pause before another restart in the row, at least a second after the start.
    fn pause(&mut self, i: usize, original: Duration) -> Option<Duration> {
        let line = &mut self.lines[i];
        line.row += 1;
        let policy = &line.spec.restart;
        let mut pause = policy.delay.min(policy.max);
        for _ in 1..line.row {
            pause = pause.mul_f64(policy.factor).min(policy.max);
        }
        if policy.delay.is_zero() {
            pause = original;
        }
        let brake = line.started.unwrap_or_default() + SECOND;
        Some((self.now + pause).max(brake)).filter(|_| self.closing.is_none())
    }

    fn back_off(&mut self, i: usize) {
        self.lines[i].tries += 1;
        let seconds = Duration::from_secs(u64::from(self.lines[i].tries));
        let at = self.pause(i, seconds);
        self.enter(i, StateName::Backoff, at);
    }

    fn judge(&mut self, i: usize) {
        if i64::from(self.lines[i].tries) > self.lines[i].spec.startretries {
            self.give_up(i);
            let id = self.lines[i].spec.id.clone();
            self.tell(Announcement::GaveUp(id));
        }
    }

    pub(super) fn give_up(&mut self, i: usize) {
        self.lines[i].tries = 0;
        self.enter(i, StateName::Fatal, None);
    }

    fn unalive(&mut self, i: usize, reason: String, then: Then) {
        self.lines[i].error = Some(reason.clone());
        let run = self.run(i);
        self.tell(Announcement::Unalive { run, reason });
        self.ask_to_stop(i, then);
    }

    fn run_on(&mut self, i: usize) {
        if !self.lines[i].must_be_ready() {
            self.lines[i].tries = 0;
        }
        self.enter(i, StateName::Running, None);
    }

    /// Says that it was up for startsecs.
    fn claim(&mut self, i: usize) {
        self.tell(Announcement::EnteredRunning {
            program: self.lines[i].spec.id.clone(),
            startsecs: self.lines[i].spec.startsecs,
        });
    }

    fn tell_exit(&mut self, i: usize, exit: Exit, expected: bool) {
        let program = self.lines[i].spec.id.clone();
        self.tell(Announcement::Exited {
            program,
            exit,
            expected,
        });
    }
}

impl Line {
    fn end(&mut self, exit: Exit, expected: bool) {
        self.ready = false;
        self.last_exit = Some((exit, expected));
        self.ended_well = exit == Exit::Code(0);
    }

    /// Whether only being ready makes a start a success.
    fn must_be_ready(&self) -> bool {
        self.spec.probed == Probed::Yes && self.spec.ready_within.is_some()
    }
}
