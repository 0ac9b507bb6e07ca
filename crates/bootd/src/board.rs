//! What bootd knows about itself at this moment, for everyone who reads it.
//!
//! One value behind a `watch`: writers change it in place, readers clone it and never wait for a
//! writer's work. The type is bootd's own; its gRPC form is made in [`crate::service`].

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use daemon::{Epoch, unix_micros};
use tokio::sync::watch;

use crate::plan::{Kind, Plan};

/// The state of the boot.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) epoch: Epoch,
    pub(crate) generation: u64,
    pub(crate) phase: Phase,
    pub(crate) steps: Vec<Step>,
    pub(crate) supervisor: Link,
    pub(crate) orphans_reaped: u64,
    pub(crate) instance_id: String,
    pub(crate) is_init: bool,
    pub(crate) notices: Vec<Notice>,
}

/// Where the instance is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Booting,
    Up,
    Stopping,
}

/// One boot step.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) progress: Progress,
    pub(crate) message: String,
}

/// How far a step has come; times count from the start of bootd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Pending,
    Running {
        started: Duration,
    },
    Ended {
        outcome: Outcome,
        started: Duration,
        took: Duration,
    },
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Skipped,
    /// Did its work in part.
    Degraded,
    Failed,
}

/// The supervisor that bootd keeps alive.
#[derive(Clone, Debug, Default)]
pub(crate) struct Link {
    pub(crate) state: LinkState,
    pub(crate) pid: Option<i32>,
    pub(crate) restarts: u32,
    pub(crate) last_exit: String,
    pub(crate) leftovers_stopped: Vec<String>,
    pub(crate) channel_open: bool,
    pub(crate) last_restart: Option<SystemTime>,
    /// Runs of programs whose pipes bootd keeps.
    pub(crate) held: usize,
    /// Programs of its predecessor that went on and were handed to it.
    pub(crate) taken_over: Vec<String>,
}

/// What the supervisor is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LinkState {
    #[default]
    NotStarted,
    Running,
    Restarting,
    Stopped,
}

/// Something a person should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) at: SystemTime,
    pub(crate) subject: String,
    pub(crate) text: String,
}

/// Writes and reads the state.
#[derive(Clone, Debug)]
pub(crate) struct Board {
    sender: Arc<watch::Sender<State>>,
    started: Instant,
}

impl Board {
    /// A board for a boot that starts to run this plan; `started` is the start of bootd.
    pub(crate) fn new(plan: &Plan, started: Instant) -> Self {
        let steps = plan.steps.iter().map(|step| Step {
            name: step.name.clone(),
            kind: step.kind,
            progress: Progress::Pending,
            message: String::new(),
        });
        let state = State {
            epoch: Epoch::now(),
            generation: 1,
            phase: Phase::Booting,
            steps: steps.collect(),
            supervisor: Link::default(),
            orphans_reaped: 0,
            instance_id: plan.instance_id.clone(),
            is_init: plan.is_init,
            notices: Vec::new(),
        };
        Self {
            sender: Arc::new(watch::Sender::new(state)),
            started,
        }
    }

    /// A receiver of the state and all its changes.
    pub(crate) fn subscribe(&self) -> watch::Receiver<State> {
        self.sender.subscribe()
    }

    /// The state at this moment.
    pub(crate) fn state(&self) -> State {
        self.sender.borrow().clone()
    }

    /// Time since bootd started.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Changes the state.
    pub(crate) fn change(&self, change: impl FnOnce(&mut State)) {
        self.sender.send_modify(|state| {
            change(state);
            state.generation += 1;
        });
    }

    /// Changes what is known of the supervisor.
    pub(crate) fn link(&self, change: impl FnOnce(&mut Link)) {
        self.change(|state| change(&mut state.supervisor));
    }

    /// Adds a notice for people and logs it. A text that stands there already is not repeated.
    pub(crate) fn notice(&self, subject: impl Into<String>, text: impl Into<String>) {
        if let Some(Notice { subject, text, .. }) = self.add(subject.into(), text.into()) {
            tracing::warn!(subject, text, "notice");
        }
    }

    /// Like [`Self::notice`], for what somebody must put right.
    pub(crate) fn mistake(&self, subject: impl Into<String>, text: impl Into<String>) {
        if let Some(Notice { subject, text, .. }) = self.add(subject.into(), text.into()) {
            tracing::error!(subject, text, "mistake");
        }
    }

    /// The notice, unless it stands there already.
    fn add(&self, subject: String, text: String) -> Option<Notice> {
        let at = SystemTime::now();
        let notice = Notice { at, subject, text };
        let is_same =
            |earlier: &Notice| (&earlier.subject, &earlier.text) == (&notice.subject, &notice.text);
        if self.sender.borrow().notices.iter().any(is_same) {
            return None;
        }
        self.change(|state| {
            if state.notices.len() == MAX_NOTICES {
                state.notices.remove(0);
            }
            state.notices.push(notice.clone());
        });
        Some(notice)
    }

    /// Marks a step as running.
    pub(crate) fn step_started(&self, index: usize) {
        let started = self.elapsed();
        self.step(index, |step| step.progress = Progress::Running { started });
    }

    /// Marks a step as ended.
    pub(crate) fn step_ended(&self, index: usize, outcome: Outcome, message: String) {
        let now = self.elapsed();
        self.step(index, |step| {
            let started = match step.progress {
                Progress::Running { started } | Progress::Ended { started, .. } => started,
                Progress::Pending => now,
            };
            let took = now.saturating_sub(started);
            log_end(&step.name, outcome, took, &message);
            step.message = message;
            step.progress = Progress::Ended {
                outcome,
                started,
                took,
            };
        });
    }

    fn step(&self, index: usize, change: impl FnOnce(&mut Step)) {
        self.change(|state| {
            if let Some(step) = state.steps.get_mut(index) {
                change(step);
            }
        });
    }
}

impl Notice {
    /// When, as snapshots carry it.
    pub(crate) fn unix_micros(&self) -> u64 {
        unix_micros(self.at)
    }
}

impl Step {
    /// Whether the step is over.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.progress, Progress::Ended { .. })
    }
}

fn log_end(step: &str, outcome: Outcome, took: Duration, message: &str) {
    match outcome {
        Outcome::Done | Outcome::Skipped => {
            tracing::debug!(step, ?outcome, ?took, message, "boot step ended");
        }
        Outcome::Degraded => tracing::warn!(step, ?took, message, "boot step degraded"),
        Outcome::Failed => tracing::error!(step, ?took, message, "boot step failed"),
    }
}

/// A template that floods notices must not grow PID 1.
const MAX_NOTICES: usize = 200;
