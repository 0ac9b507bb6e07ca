//! Requests, carried out.

use std::{io, time::Instant};

use supervisor_core::{Admission, Command, Deny, Input, ProgramId, ProgramView, StateName};
use tokio::sync::mpsc;

use super::{
    Action, Driver, Outcome, Phase, Plan, Request, Target, Wait,
    handle::OnMistakes,
    waiting::{Until, Waiting, judge},
};
use crate::{
    events::Event,
    fault::{Fault, FaultCode},
};

impl Driver {
    pub(super) fn request(&mut self, request: Request) {
        match request {
            Request::Act {
                action,
                target,
                wait,
                reply,
            } => self.act(action, &target, wait, &reply),
            Request::AddGroup(name, reply) => {
                let _ = reply.send(self.add_configured(&name));
            }
            Request::RemoveGroup(name, reply) => {
                let _ = reply.send(self.remove(&name));
            }
            Request::Reread(on_mistakes, reply) => {
                let _ = reply.send(self.serving().and_then(|()| self.reread(on_mistakes)));
            }
            Request::Stdin(program, bytes, reply) => {
                let _ = reply.send(self.write(&program, &bytes));
            }
            Request::ClearLogs(target, reply) => self.clear(&target, &reply),
            Request::Settle(reply) => {
                let _ = reply.send(());
            }
            Request::RemoteEvent { kind, data } => self.notify(Event::remote(&kind, &data)),
            Request::Reexec(reply) => {
                let _ = reply.send(self.reexec());
            }
            Request::ShutDown => self.shut_down(Phase::ShuttingDown),
            Request::StartOver => self.shut_down(Phase::Restarting),
        }
    }

    fn serving(&self) -> Result<(), Fault> {
        match self.phase {
            Phase::Serving => Ok(()),
            Phase::Restarting | Phase::ShuttingDown | Phase::Done => {
                Err(Fault::bare(FaultCode::ShutdownState))
            }
        }
    }

    fn act(
        &mut self,
        action: Action,
        target: &Target,
        wait: Wait,
        reply: &mpsc::UnboundedSender<Outcome>,
    ) {
        for (place, program) in self.targets(target, Some(action)).into_iter().enumerate() {
            let begun = self.begin_action(action, &program);
            let until = match begun {
                Ok(until) if wait == Wait::Done => until,
                Ok(_) | Err(_) => None,
            };
            // What the core wants is done before the next program is looked at, so that a program
            // that is up at once, or cannot be, is answered at once.
            while let Some(effect) = self.core.poll_effect() {
                self.carry_out(effect);
            }
            let view = self.core.program(&program);
            let due = match (&begun, until) {
                (Err(fault), _) => Some(Err(fault.clone())),
                (Ok(_), Some(until)) => judge(until, view.as_ref(), &program),
                (Ok(until), None) => Some(spawned(action, *until, view.as_ref())),
            };
            match (due, until) {
                (None, Some(until)) => self.wait(program, until, place, reply),
                (due, _) => {
                    let _ = reply.send(Outcome {
                        program,
                        place,
                        at: Instant::now(),
                        result: due.unwrap_or(Ok(())),
                    });
                }
            }
        }
    }

    fn wait(
        &mut self,
        program: ProgramId,
        until: Until,
        place: usize,
        reply: &mpsc::UnboundedSender<Outcome>,
    ) {
        if let Until::Stopped = until {
            self.log
                .info(&format!("waiting for {} to stop", program.name));
        }
        self.waiting.push(Waiting {
            program,
            until,
            place,
            reply: reply.clone(),
        });
    }

    /// Gives the command and says what to wait for.
    fn begin_action(
        &mut self,
        action: Action,
        program: &ProgramId,
    ) -> Result<Option<Until>, Fault> {
        self.serving()?;
        let before = self
            .core
            .program(program)
            .ok_or_else(|| Fault::new(FaultCode::BadName, program.to_string()))?;
        let id = program.clone();
        let (command, until) = match action {
            Action::Start => {
                self.programs.check_command(program)?;
                (Command::Start(id), Some(Until::Running))
            }
            Action::Stop => (Command::Stop(id), Some(Until::Stopped)),
            Action::Restart => {
                self.programs.check_command(program)?;
                let until = Until::RunningAfter(before.incarnation);
                (Command::Restart(id), Some(until))
            }
            Action::Signal(number) => (Command::Signal(id, number), None),
        };
        match self.core.handle(Input::Command(command), Instant::now()) {
            Admission::Accepted | Admission::Ignored => Ok(until),
            Admission::Denied(deny) => Err(denied(deny, program)),
        }
    }

    /// The programs meant; of a group or all, only those to which the action applies.
    fn targets(&self, target: &Target, action: Option<Action>) -> Vec<ProgramId> {
        let applies = |view: &ProgramView| match action {
            Some(Action::Start) => !view.state.is_running(),
            Some(Action::Stop) => view.state.is_running(),
            Some(Action::Signal(_)) => view.state.is_signallable(),
            Some(Action::Restart) | None => true,
        };
        let group = match target {
            Target::One(program) => return vec![program.clone()],
            Target::Group(name) => Some(name.as_str()),
            Target::All => None,
        };
        let view = self.core.view();
        let priority_of = |name: &str| {
            let found = view.groups.iter().find(|group| &*group.name == name);
            found.map_or(0, |group| group.priority)
        };
        let mut programs: Vec<_> = view
            .programs
            .iter()
            .filter(|program| group.is_none_or(|group| &*program.id.group == group))
            .filter(|program| applies(program))
            .map(|program| {
                let group = priority_of(&program.id.group);
                (
                    group,
                    program.id.group.clone(),
                    program.priority,
                    program.id.clone(),
                )
            })
            .collect();
        programs.sort();
        programs.into_iter().map(|(.., id)| id).collect()
    }

    /// Ends at once and leaves the programs to whoever bootd starts next.
    fn reexec(&mut self) -> Result<(), Fault> {
        self.serving()?;
        if self.programs.custody().is_none() {
            let text = "bootd is not our parent, so nobody would take the programs over";
            return Err(Fault::new(FaultCode::Failed, text));
        }
        self.log.warn("ending to be started anew; programs go on");
        self.will_changed = true;
        self.write_will();
        self.code = REEXEC;
        self.phase = Phase::Done;
        Ok(())
    }

    fn add_configured(&mut self, name: &str) -> Result<(), Fault> {
        self.serving()?;
        let group = self.config.groups.iter().find(|group| group.name == name);
        let Some(group) = group.cloned() else {
            return Err(Fault::new(FaultCode::BadName, name));
        };
        if self.active.contains_key(name) {
            return Err(Fault::new(FaultCode::AlreadyAdded, name));
        }
        match self.add(group) {
            Admission::Accepted | Admission::Ignored => Ok(()),
            Admission::Denied(_) => Err(Fault::new(FaultCode::AlreadyAdded, name)),
        }
    }

    fn remove(&mut self, name: &str) -> Result<(), Fault> {
        self.serving()?;
        let command = Input::Command(Command::RemoveGroup(name.into()));
        match self.core.handle(command, Instant::now()) {
            Admission::Accepted | Admission::Ignored => {
                if let Some(group) = self.active.remove(name) {
                    self.programs.forget(&group);
                }
                self.close_pool(name);
                self.dirty = true;
                Ok(())
            }
            Admission::Denied(Deny::StillRunning) => Err(Fault::new(FaultCode::StillRunning, name)),
            Admission::Denied(_) => Err(Fault::new(FaultCode::BadName, name)),
        }
    }

    fn reread(&mut self, on_mistakes: OnMistakes) -> Result<Plan, Fault> {
        let plan = self.reload()?;
        let mistakes: Vec<_> = self.config.mistakes().map(ToString::to_string).collect();
        if on_mistakes == OnMistakes::Fault && !mistakes.is_empty() {
            return Err(Fault::new(FaultCode::CantReread, mistakes.join("; ")));
        }
        Ok(plan)
    }

    fn write(&self, program: &ProgramId, bytes: &[u8]) -> Result<(), Fault> {
        self.serving()?;
        let name = program.to_string();
        let running = |view: &ProgramView| match view.state {
            StateName::Starting | StateName::Running => true,
            StateName::Stopped
            | StateName::Waiting
            | StateName::Backoff
            | StateName::Stopping
            | StateName::Exited
            | StateName::Fatal
            | StateName::Unknown => false,
        };
        match self.core.program(program) {
            None => return Err(Fault::new(FaultCode::BadName, name)),
            Some(view) if !running(&view) => return Err(Fault::new(FaultCode::NotRunning, name)),
            Some(_) => {}
        }
        match self.programs.write(program, bytes) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                Err(Fault::new(FaultCode::NoFile, name))
            }
            Err(error) => Err(Fault::new(FaultCode::Failed, format!("{name}: {error}"))),
        }
    }

    fn clear(&self, target: &Target, reply: &mpsc::UnboundedSender<Outcome>) {
        for (place, program) in self.targets(target, None).into_iter().enumerate() {
            let name = program.to_string();
            let result = match self.serving() {
                Err(fault) => Err(fault),
                Ok(()) if self.core.program(&program).is_none() => {
                    Err(Fault::new(FaultCode::BadName, name))
                }
                Ok(()) => self
                    .programs
                    .clear_logs(&program)
                    .map_err(|_| Fault::new(FaultCode::Failed, name)),
            };
            let _ = reply.send(Outcome {
                program,
                place,
                at: Instant::now(),
                result,
            });
        }
    }
}

/// The exit code that asks bootd for a new supervisor at once.
const REEXEC: u8 = 77;

/// The answer to somebody who does not wait: only a start that failed at once is a failure.
fn spawned(action: Action, until: Option<Until>, view: Option<&ProgramView>) -> Result<(), Fault> {
    match (action, until, view) {
        (Action::Start, Some(_), Some(view)) if view.spawn_error.is_some() => {
            Err(Fault::new(FaultCode::SpawnError, view.id.to_string()))
        }
        _ => Ok(()),
    }
}

fn denied(deny: Deny, program: &ProgramId) -> Fault {
    let name = program.to_string();
    match deny {
        Deny::NoSuchProgram => Fault::new(FaultCode::BadName, name),
        Deny::AlreadyStarted => Fault::new(FaultCode::AlreadyStarted, name),
        Deny::Stopping => Fault::new(FaultCode::AbnormalTermination, name),
        Deny::NotRunning => Fault::new(FaultCode::NotRunning, name),
        Deny::Refused => Fault::new(FaultCode::SpawnError, name),
        Deny::AlreadyAdded => Fault::new(FaultCode::AlreadyAdded, name),
        Deny::StillRunning => Fault::new(FaultCode::StillRunning, name),
        Deny::ShuttingDown => Fault::bare(FaultCode::ShutdownState),
        Deny::Unknown => Fault::new(
            FaultCode::Failed,
            format!("{name} is in an unknown process state"),
        ),
    }
}
