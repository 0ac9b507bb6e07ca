//! Answers that are given later.

use std::{collections::BTreeSet, time::Instant};

use supervisor_core::{Incarnation, ProgramId, ProgramView, StateName};
use tokio::sync::mpsc;

use super::{Driver, Outcome};
use crate::fault::{Fault, FaultCode};

/// Somebody who waits for a program to get somewhere.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) program: ProgramId,
    pub(super) until: Until,
    pub(super) place: usize,
    pub(super) reply: mpsc::UnboundedSender<Outcome>,
}

/// Where the program shall get.
#[derive(Clone, Copy, Debug)]
pub(super) enum Until {
    /// It counts as running.
    Running,
    /// It has ended.
    Stopped,
    /// A run after this one counts as running.
    RunningAfter(Incarnation),
}

impl Driver {
    /// Answers everybody whose program got there, or cannot any more. Called after every turn with
    /// the programs that have changed, so no state in between is missed.
    pub(super) fn answer_waiting(&mut self, changed: &[ProgramId]) {
        if self.waiting.is_empty() {
            return;
        }
        let core = &self.core;
        let changed: BTreeSet<&ProgramId> = changed.iter().collect();
        self.waiting.retain(|waiting| {
            if !changed.contains(&waiting.program) {
                return true;
            }
            let view = core.program(&waiting.program);
            let Some(result) = judge(waiting.until, view.as_ref(), &waiting.program) else {
                return true;
            };
            let _ = waiting.reply.send(Outcome {
                program: waiting.program.clone(),
                place: waiting.place,
                at: Instant::now(),
                result,
            });
            false
        });
    }
}

/// The answer, if it is due.
pub(super) fn judge(
    until: Until,
    view: Option<&ProgramView>,
    program: &ProgramId,
) -> Option<Result<(), Fault>> {
    let Some(view) = view else {
        return Some(Err(Fault::new(FaultCode::BadName, program.to_string())));
    };
    match until {
        Until::Stopped => view.state.is_stopped().then_some(Ok(())),
        Until::Running => started(view),
        Until::RunningAfter(run) if view.incarnation > run => started(view),
        Until::RunningAfter(_) => match view.state {
            StateName::Stopping => None,
            StateName::Stopped
            | StateName::Waiting
            | StateName::Starting
            | StateName::Running
            | StateName::Backoff
            | StateName::Exited
            | StateName::Fatal
            | StateName::Unknown => Some(Err(fault(FaultCode::AbnormalTermination, view))),
        },
    }
}

fn started(view: &ProgramView) -> Option<Result<(), Fault>> {
    match view.state {
        StateName::Running => Some(Ok(())),
        StateName::Waiting | StateName::Starting => None,
        StateName::Stopped
        | StateName::Backoff
        | StateName::Stopping
        | StateName::Exited
        | StateName::Fatal
        | StateName::Unknown => {
            let code = match view.spawn_error {
                Some(_) => FaultCode::SpawnError,
                None => FaultCode::AbnormalTermination,
            };
            Some(Err(fault(code, view)))
        }
    }
}

fn fault(code: FaultCode, view: &ProgramView) -> Fault {
    Fault::new(code, view.id.to_string())
}
