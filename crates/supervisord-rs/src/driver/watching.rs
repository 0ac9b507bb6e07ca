//! Readiness, liveness and start conditions of programs, as the driver has them looked after.

use supervisor_core::{Input, Run, StateName};
use tokio_util::sync::CancellationToken;
use tracing::info_span;

use super::Driver;
use crate::{
    config::ReadinessProbe,
    process::Fact,
    watch::{Check, Verdict, become_ready, decide, watch_life},
};

impl Driver {
    /// Waits until a program is ready, or has ended.
    pub(super) fn watch_readiness(&self, run: &Run) {
        let Some((config, ended)) = self.programs.current(run) else {
            return;
        };
        let Some(readiness) = config.readiness.clone() else {
            return;
        };
        match readiness.probe {
            // These are heard of where the output is read.
            ReadinessProbe::Log(_) | ReadinessProbe::Notify(_) => return,
            ReadinessProbe::Network(_) | ReadinessProbe::File(_) => {}
        }
        let (facts, run) = (self.programs.facts(), run.clone());
        let span = info_span!("probe", name = %run.program);
        self.programs
            .tasks()
            .spawn("readiness probe", span, async move {
                tokio::select! {
                    () = ended.cancelled() => {}
                    () = become_ready(&readiness) => {
                        let _ = facts.send(Fact::Ready(run)).await;
                    }
                }
            });
    }

    /// Watches the life of a program that has just come up, or just become ready if it says so.
    pub(super) fn watch_liveness(&self, run: &Run) {
        let Some((config, ended)) = self.programs.current(run) else {
            return;
        };
        let Some(liveness) = config.liveness.clone() else {
            return;
        };
        let (facts, run) = (self.programs.facts(), run.clone());
        let span = info_span!("liveness", name = %run.program);
        self.programs
            .tasks()
            .spawn("liveness probe", span, async move {
                let lost = tokio::select! {
                    () = ended.cancelled() => return,
                    reason = watch_life(&liveness, &run, &facts) => reason,
                };
                let _ = facts.send(Fact::LivenessLost(run, lost)).await;
            });
    }

    /// A program came up. Where it says when it is ready, that comes first.
    pub(super) fn came_up(&self, run: &Run, to: StateName) {
        let says = self
            .programs
            .current(run)
            .is_some_and(|(config, _)| config.readiness.is_some());
        if to == StateName::Running && !says {
            self.watch_liveness(run);
        }
    }

    /// Finds out whether a program may start.
    pub(super) fn check_conditions(&mut self, run: &Run) {
        let Some(config) = self.programs.config(&run.program) else {
            return;
        };
        let conditions = config.start_when.clone();
        let forgotten = CancellationToken::new();
        self.conditions
            .insert(run.program.clone(), forgotten.clone());
        let (facts, run, environment) =
            (self.programs.facts(), run.clone(), self.environment.clone());
        let span = info_span!("conditions", name = %run.program);
        self.programs
            .tasks()
            .spawn("start conditions", span, async move {
                tokio::select! {
                    () = forgotten.cancelled() => {}
                    verdict = decide(conditions, &environment) => {
                        let _ = facts.send(Fact::Conditions(run, verdict)).await;
                    }
                }
            });
    }

    /// Nobody waits for the conditions of a run any more.
    pub(super) fn forget_conditions(&mut self, run: &Run) {
        if let Some(forgotten) = self.conditions.remove(&run.program) {
            forgotten.cancel();
        }
    }

    pub(super) fn conditions_decided(&mut self, run: Run, verdict: Verdict) -> Input {
        self.conditions.remove(&run.program);
        match verdict {
            Verdict::Met => Input::ConditionsMet(run),
            Verdict::Refused(reason) => {
                self.log.info(&format!("{}: {reason}", run.program.name));
                Input::ConditionsRefused { run, reason }
            }
        }
    }

    /// Runs the command that finds out whether a program lives.
    pub(super) fn run_check(&mut self, check: Check) {
        let Check {
            run,
            command,
            reply,
        } = check;
        let _ = reply.send(self.programs.spawn_check(&run, &command));
    }
}
