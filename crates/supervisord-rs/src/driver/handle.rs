//! What others may ask of the driver.

use std::{sync::Arc, time::Instant};

use supervisor_core::ProgramId;
use tokio::sync::{mpsc, oneshot, watch};

use super::Snapshot;
use crate::{
    config::{Config, Difference},
    fault::{Fault, FaultCode},
};

/// Reaches the driver. Reads never wait for it.
#[derive(Clone, Debug)]
pub(crate) struct Handle {
    requests: mpsc::Sender<Request>,
    snapshot: watch::Receiver<Arc<Snapshot>>,
}

/// Asks whoever has the servers for those of another configuration.
#[derive(Debug)]
pub(crate) struct Reopen {
    pub(crate) config: Config,
    /// Told when they are open, or cannot be.
    pub(crate) done: oneshot::Sender<()>,
}

/// Something to be done.
#[derive(Debug)]
pub(crate) enum Request {
    /// Do something to programs; one answer per program.
    Act {
        action: Action,
        target: Target,
        wait: Wait,
        reply: mpsc::UnboundedSender<Outcome>,
    },
    /// Add a group of the configuration read last.
    AddGroup(String, Reply<()>),
    /// Forget a group whose programs have stopped.
    RemoveGroup(String, Reply<()>),
    /// Read the configuration again.
    Reread(OnMistakes, Reply<Plan>),
    /// Write to a program's standard input.
    Stdin(ProgramId, Vec<u8>, Reply<()>),
    /// Empty the logs of programs.
    ClearLogs(Target, mpsc::UnboundedSender<Outcome>),
    /// Answer once everything asked before can be seen in the snapshot.
    Settle(oneshot::Sender<()>),
    /// Send an event of a client's to whoever listens.
    RemoteEvent { kind: String, data: String },
    /// End without touching the programs; somebody else takes them over.
    Reexec(Reply<()>),
    /// Stop everything and end.
    ShutDown,
    /// Stop everything and begin again with the configuration as it is then.
    StartOver,
}

/// What applying the configuration would do.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Two plans of one name do the same.
    pub(crate) name: String,
    pub(crate) difference: Difference,
    /// The changed groups, and what is different in them.
    pub(crate) details: Vec<(String, Vec<String>)>,
}

/// Carries one answer.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, Fault>>;

/// What to do when the configuration has mistakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnMistakes {
    /// Take over what is right and answer with a fault, as clients of the original expect.
    Fault,
    /// Take over what is right.
    GoOn,
}

/// What to do to a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Start,
    Stop,
    Restart,
    Signal(i32),
}

/// Which programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    One(ProgramId),
    Group(String),
    All,
}

/// When an answer is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// When it is done: running, or ended.
    Done,
    /// When it has begun.
    Begun,
}

/// What became of one program.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) program: ProgramId,
    /// Its place among all programs of the request.
    pub(crate) place: usize,
    pub(crate) at: Instant,
    pub(crate) result: Result<(), Fault>,
}

impl Handle {
    pub(super) fn new(
        requests: mpsc::Sender<Request>,
        snapshot: watch::Receiver<Arc<Snapshot>>,
    ) -> Self {
        Self { requests, snapshot }
    }

    /// Waits until there is a state to be read: until the configured programs are there.
    pub(crate) async fn begun(&self) {
        // A driver that is gone has begun, too.
        let _ = self
            .snapshot
            .clone()
            .wait_for(|snapshot| snapshot.generation > 0)
            .await;
    }

    /// The latest state.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.borrow())
    }

    /// The state as it changes.
    pub(crate) fn watch(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshot.clone()
    }

    /// Does something to one program.
    pub(crate) async fn act_on_one(
        &self,
        action: Action,
        program: ProgramId,
        wait: Wait,
    ) -> Result<(), Fault> {
        let outcomes = self.act(action, Target::One(program), wait).await?;
        let first = outcomes.into_iter().next();
        first.map_or_else(|| Err(gone()), |outcome| outcome.result)
    }

    /// Does something to programs; the outcomes come in the order a client expects.
    pub(crate) async fn act(
        &self,
        action: Action,
        target: Target,
        wait: Wait,
    ) -> Result<Vec<Outcome>, Fault> {
        let (reply, outcomes) = mpsc::unbounded_channel();
        self.send(Request::Act {
            action,
            target,
            wait,
            reply,
        })
        .await?;
        let outcomes = collect(outcomes).await;
        self.settled().await;
        Ok(ordered(outcomes))
    }

    /// Empties the logs of programs.
    pub(crate) async fn clear_logs(&self, target: Target) -> Result<Vec<Outcome>, Fault> {
        let (reply, outcomes) = mpsc::unbounded_channel();
        self.send(Request::ClearLogs(target, reply)).await?;
        let outcomes = collect(outcomes).await;
        self.settled().await;
        Ok(outcomes)
    }

    /// Sends a request that has one answer.
    pub(crate) async fn ask<T>(
        &self,
        request: impl FnOnce(Reply<T>) -> Request,
    ) -> Result<T, Fault> {
        let (reply, answer) = oneshot::channel();
        self.send(request(reply)).await?;
        let answer = answer.await.map_err(|_| gone())?;
        self.settled().await;
        answer
    }

    /// Waits until what was answered can be seen in the snapshot: who was told that a program has
    /// stopped must not read then that it is stopping.
    async fn settled(&self) {
        let (reply, settled) = oneshot::channel();
        if self.send(Request::Settle(reply)).await.is_ok() {
            let _ = settled.await;
        }
    }

    /// Sends a request that has no answer.
    pub(crate) async fn send(&self, request: Request) -> Result<(), Fault> {
        self.requests.send(request).await.map_err(|_| gone())
    }
}

async fn collect(mut outcomes: mpsc::UnboundedReceiver<Outcome>) -> Vec<Outcome> {
    let mut all = Vec::new();
    while let Some(outcome) = outcomes.recv().await {
        all.push(outcome);
    }
    all
}

/// In the order they completed; what completed at about the same time is in the order of priority,
/// as the original finds it when it looks.
fn ordered(mut outcomes: Vec<Outcome>) -> Vec<Outcome> {
    outcomes.sort_by_key(|outcome| outcome.at);
    let mut ordered = Vec::with_capacity(outcomes.len());
    let mut together: Vec<Outcome> = Vec::new();
    for outcome in outcomes {
        let apart = together
            .last()
            .is_some_and(|last| outcome.at.duration_since(last.at).as_millis() > SAME_TIME);
        if apart {
            together.sort_by_key(|outcome| outcome.place);
            ordered.append(&mut together);
        }
        together.push(outcome);
    }
    together.sort_by_key(|outcome| outcome.place);
    ordered.append(&mut together);
    ordered
}

/// The driver has ended: the supervisor is on its way out.
fn gone() -> Fault {
    Fault::bare(FaultCode::ShutdownState)
}

const SAME_TIME: u128 = 100;
