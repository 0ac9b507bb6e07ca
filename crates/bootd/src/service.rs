//! `berth.boot.v1` on a thread of its own. The only place that knows the generated types.

use std::{path::Path, pin::Pin, time::Duration};

use api::boot::{
    self as proto, BootSnapshot, GetSnapshotRequest, GetSnapshotResponse, ShutdownRequest,
    ShutdownResponse, WatchSnapshotRequest, WatchSnapshotResponse,
    boot_service_server::{BootService, BootServiceServer},
};
use ipc::Wellness;
use tokio_stream::Stream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::{
    board::{Board, LinkState, Outcome, Phase, Progress, State, Step},
    init::Handle,
    plan::Kind,
    steps::Native,
};

/// Serves until `stop`. The accounts come first: the socket is given to their group.
pub(crate) async fn serve(
    board: Board,
    init: Handle,
    socket: &Path,
    wellness: Wellness,
    stop: CancellationToken,
) -> Result<(), String> {
    let mut states = board.subscribe();
    let accounts = states.wait_for(accounts_are_ready);
    // A stuck script before the accounts must not hide the boot from those who look.
    let _ = tokio::time::timeout(ACCOUNTS, accounts).await;
    let listener = ipc::Listener::bind(socket).map_err(|error| chain(&error))?;
    let service = BootServiceServer::new(Service { board, init });
    ipc::Server::new(api::FILE_DESCRIPTOR_SET)
        .add_service(service)
        .wellness(wellness)
        .serve(listener, stop)
        .await
        .map_err(|error| chain(&error))
}

fn accounts_are_ready(state: &State) -> bool {
    let step = state
        .steps
        .iter()
        .find(|step| step.name == Native::Accounts.name());
    step.is_none_or(Step::has_ended)
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

#[derive(Debug)]
struct Service {
    board: Board,
    init: Handle,
}

#[tonic::async_trait]
impl BootService for Service {
    async fn get_snapshot(
        &self,
        _: Request<GetSnapshotRequest>,
    ) -> Result<Response<GetSnapshotResponse>, Status> {
        let snapshot = Some(snapshot(&self.board.state()));
        Ok(Response::new(GetSnapshotResponse { snapshot }))
    }

    type WatchSnapshotStream =
        Pin<Box<dyn Stream<Item = Result<WatchSnapshotResponse, Status>> + Send>>;

    async fn watch_snapshot(
        &self,
        _: Request<WatchSnapshotRequest>,
    ) -> Result<Response<Self::WatchSnapshotStream>, Status> {
        let stream = ipc::watch_stream(self.board.subscribe(), |state| WatchSnapshotResponse {
            snapshot: Some(snapshot(&state)),
        });
        Ok(Response::new(stream))
    }

    async fn shutdown(
        &self,
        request: Request<ShutdownRequest>,
    ) -> Result<Response<ShutdownResponse>, Status> {
        let reason = request.into_inner().reason;
        let reason = if reason.is_empty() {
            "a request over gRPC".to_owned()
        } else {
            format!("a request over gRPC: {reason}")
        };
        self.init.stop(reason);
        Ok(Response::new(ShutdownResponse {}))
    }
}

fn snapshot(state: &State) -> BootSnapshot {
    BootSnapshot {
        epoch: state.epoch.micros(),
        generation: state.generation,
        phase: phase(state.phase).into(),
        steps: state.steps.iter().map(step).collect(),
        supervisor: Some(link(&state.supervisor)),
        orphans_reaped: state.orphans_reaped,
        instance_id: state.instance_id.clone(),
        is_init: state.is_init,
        notices: state
            .notices
            .iter()
            .map(|notice| proto::Notice {
                unix_us: notice.unix_micros(),
                subject: notice.subject.clone(),
                text: notice.text.clone(),
            })
            .collect(),
    }
}

fn phase(phase: Phase) -> proto::Phase {
    match phase {
        Phase::Booting => proto::Phase::Booting,
        Phase::Up => proto::Phase::Up,
        Phase::Stopping => proto::Phase::Stopping,
    }
}

fn step(step: &Step) -> proto::Step {
    let (outcome, started, took) = match step.progress {
        Progress::Pending => (proto::StepOutcome::Pending, None, None),
        Progress::Running { started } => (proto::StepOutcome::Running, Some(started), None),
        Progress::Ended {
            outcome,
            started,
            took,
        } => (ended(outcome), Some(started), Some(took)),
    };
    let kind = match step.kind {
        Kind::Native => proto::StepKind::Native,
        Kind::Script => proto::StepKind::Script,
    };
    proto::Step {
        name: step.name.clone(),
        kind: kind.into(),
        outcome: outcome.into(),
        started_us: started.map(micros),
        duration_us: took.map(micros),
        message: step.message.clone(),
    }
}

fn ended(outcome: Outcome) -> proto::StepOutcome {
    match outcome {
        Outcome::Done => proto::StepOutcome::Done,
        Outcome::Skipped => proto::StepOutcome::Skipped,
        Outcome::Degraded => proto::StepOutcome::Degraded,
        Outcome::Failed => proto::StepOutcome::Failed,
    }
}

fn link(link: &crate::board::Link) -> proto::SupervisorLink {
    let state = match link.state {
        LinkState::NotStarted => proto::SupervisorState::NotStarted,
        LinkState::Running => proto::SupervisorState::Running,
        LinkState::Restarting => proto::SupervisorState::Restarting,
        LinkState::Stopped => proto::SupervisorState::Stopped,
    };
    proto::SupervisorLink {
        state: state.into(),
        pid: link.pid.unwrap_or(0),
        restarts: link.restarts,
        last_exit: link.last_exit.clone(),
        leftovers_stopped: link.leftovers_stopped.clone(),
        channel_open: link.channel_open,
        last_restart_unix_us: link.last_restart.map_or(0, daemon::unix_micros),
        programs_held: u32::try_from(link.held).unwrap_or(u32::MAX),
        programs_taken_over: link.taken_over.clone(),
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

const ACCOUNTS: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
