//! `berth.supervisor.v1`: the only place that knows the types of `api`.

use std::{pin::Pin, sync::Arc, time::SystemTime};

use api::supervisor::{self as wire, supervisor_service_server::SupervisorService};
use daemon::{Tasks, unix_micros};
use supervisor_core::{Exit, ProgramId, Readiness, StateName};
use tokio::sync::mpsc;
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::{Request, Response, Status};
use tracing::info_span;

use crate::{
    config::{Difference, signal_number},
    driver::{
        Action, Handle, Mood, OnMistakes, ProgramStatus, Request as Ask, Snapshot, Target, Wait,
    },
    fault::{Fault, FaultCode},
    logs::{Follower, Growth},
    rpc::{describe, program_id},
};

/// Answers gRPC calls from a handle.
#[derive(Debug)]
pub(crate) struct Service {
    handle: Handle,
    tasks: Tasks,
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

impl Service {
    pub(crate) fn new(handle: Handle, tasks: Tasks) -> Self {
        Self { handle, tasks }
    }

    /// The program a request names, by its name or by that of the daemon it runs.
    fn find(&self, name: &str) -> Result<ProgramId, Status> {
        let snapshot = self.handle.snapshot();
        let known = |name: &str| program_id(name).filter(|id| snapshot.program(id).is_some());
        let alias = DAEMONS.iter().find(|(daemon, _)| *daemon == name);
        known(name)
            .or_else(|| alias.and_then(|(_, program)| known(program)))
            .ok_or_else(|| Status::not_found(format!("no such program: {name}")))
    }

    async fn act(&self, action: Action, name: &str, wait: bool) -> Result<(), Status> {
        let id = self.find(name)?;
        let wait = match wait {
            true => Wait::Done,
            false => Wait::Begun,
        };
        self.handle
            .act_on_one(action, id, wait)
            .await
            .map_err(status)
    }

    async fn reread(&self) -> Result<Difference, Status> {
        let reread = |reply| Ask::Reread(OnMistakes::GoOn, reply);
        self.handle.ask(reread).await.map_err(status)
    }

    async fn stop_and_remove(&self, group: &str) -> Result<(), Fault> {
        let target = Target::Group(group.to_owned());
        self.handle.act(Action::Stop, target, Wait::Done).await?;
        let name = group.to_owned();
        self.handle.ask(|reply| Ask::RemoveGroup(name, reply)).await
    }

    async fn apply(&self, difference: &Difference) -> Result<(), Fault> {
        for group in difference.removed.iter().chain(&difference.changed) {
            self.stop_and_remove(group).await?;
        }
        for group in difference.changed.iter().chain(&difference.added) {
            let name = group.clone();
            self.handle.ask(|reply| Ask::AddGroup(name, reply)).await?;
        }
        Ok(())
    }
}

#[tonic::async_trait]
impl SupervisorService for Service {
    type WatchSnapshotStream = Answers<wire::WatchSnapshotResponse>;
    type TailLogStream = Answers<wire::TailLogResponse>;

    async fn get_snapshot(
        &self,
        _: Request<wire::GetSnapshotRequest>,
    ) -> Result<Response<wire::GetSnapshotResponse>, Status> {
        Ok(Response::new(wire::GetSnapshotResponse {
            snapshot: Some(snapshot(&self.handle.snapshot())),
        }))
    }

    async fn watch_snapshot(
        &self,
        _: Request<wire::WatchSnapshotRequest>,
    ) -> Result<Response<Self::WatchSnapshotStream>, Status> {
        let answers = ipc::watch_stream(self.handle.watch(), |state: Arc<Snapshot>| {
            wire::WatchSnapshotResponse {
                snapshot: Some(snapshot(&state)),
            }
        });
        Ok(Response::new(answers))
    }

    async fn start_program(
        &self,
        request: Request<wire::StartProgramRequest>,
    ) -> Result<Response<wire::StartProgramResponse>, Status> {
        let request = request.into_inner();
        self.act(Action::Start, &request.name, request.wait).await?;
        Ok(Response::new(wire::StartProgramResponse {}))
    }

    async fn stop_program(
        &self,
        request: Request<wire::StopProgramRequest>,
    ) -> Result<Response<wire::StopProgramResponse>, Status> {
        let request = request.into_inner();
        self.act(Action::Stop, &request.name, request.wait).await?;
        Ok(Response::new(wire::StopProgramResponse {}))
    }

    async fn restart_program(
        &self,
        request: Request<wire::RestartProgramRequest>,
    ) -> Result<Response<wire::RestartProgramResponse>, Status> {
        let request = request.into_inner();
        self.act(Action::Restart, &request.name, request.wait)
            .await?;
        Ok(Response::new(wire::RestartProgramResponse {}))
    }

    async fn signal_program(
        &self,
        request: Request<wire::SignalProgramRequest>,
    ) -> Result<Response<wire::SignalProgramResponse>, Status> {
        let request = request.into_inner();
        let number = signal_number(&request.signal).map_err(Status::invalid_argument)?;
        self.act(Action::Signal(number), &request.name, false)
            .await?;
        Ok(Response::new(wire::SignalProgramResponse {}))
    }

    async fn reread(
        &self,
        _: Request<wire::RereadRequest>,
    ) -> Result<Response<wire::RereadResponse>, Status> {
        let difference = Self::reread(self).await?;
        Ok(Response::new(wire::RereadResponse {
            added: difference.added,
            changed: difference.changed,
            removed: difference.removed,
        }))
    }

    async fn update(
        &self,
        _: Request<wire::UpdateRequest>,
    ) -> Result<Response<wire::UpdateResponse>, Status> {
        let difference = Self::reread(self).await?;
        self.apply(&difference).await.map_err(status)?;
        Ok(Response::new(wire::UpdateResponse {
            added: difference.added,
            changed: difference.changed,
            removed: difference.removed,
        }))
    }

    async fn tail_log(
        &self,
        request: Request<wire::TailLogRequest>,
    ) -> Result<Response<Self::TailLogStream>, Status> {
        let request = request.into_inner();
        let id = self.find(&request.name)?;
        let path = self
            .handle
            .snapshot()
            .program(&id)
            .and_then(|p| p.raw_log.clone());
        let path = path.ok_or_else(|| {
            Status::failed_precondition(format!("{id} logs nowhere that could be read"))
        })?;
        let before = u64::from(request.bytes.min(LONGEST_TAIL));
        let follower = Follower::open(&path, before)
            .map_err(|error| Status::not_found(format!("{}: {error}", path.display())))?;
        let (sender, answers) = mpsc::channel(4);
        let (follow, stop) = (request.follow, self.tasks.stop().token());
        self.tasks
            .spawn("grpc log tail", info_span!("tail_log"), async move {
                tokio::select! {
                    () = send_log(follower, follow, sender) => {}
                    () = stop.cancelled() => {}
                }
            });
        Ok(Response::new(Box::pin(ReceiverStream::new(answers))))
    }
}

async fn send_log(
    mut follower: Follower,
    follow: bool,
    sender: mpsc::Sender<Result<wire::TailLogResponse, Status>>,
) {
    loop {
        let data = match follower.next() {
            Growth::Text(data) | Growth::Restarted(data) => data,
            Growth::None if !follow => return,
            Growth::None => {
                tokio::select! {
                    () = sender.closed() => return,
                    () = tokio::time::sleep(LOOK_AGAIN) => continue,
                }
            }
        };
        if sender
            .send(Ok(wire::TailLogResponse { data }))
            .await
            .is_err()
        {
            return;
        }
    }
}

fn snapshot(state: &Snapshot) -> wire::SupervisorSnapshot {
    let now = SystemTime::now();
    wire::SupervisorSnapshot {
        epoch: state.epoch,
        generation: state.generation,
        programs: state.programs.iter().map(|p| program(p, now)).collect(),
        problems: state
            .problems
            .iter()
            .map(|problem| wire::ConfigProblem {
                file: problem.file.display().to_string(),
                line: problem.line,
                section: problem.section.clone(),
                text: problem.text.clone(),
            })
            .collect(),
        shutting_down: match state.mood {
            Mood::Running => false,
            Mood::Restarting | Mood::Shutdown => true,
        },
    }
}

fn program(program: &ProgramStatus, now: SystemTime) -> wire::Program {
    let (view, config) = (&program.view, &program.config);
    wire::Program {
        name: view.id.name.to_string(),
        group: view.id.group.to_string(),
        state: wire_state(view.state).into(),
        readiness: match view.readiness {
            Readiness::NoProbe => wire::Readiness::NoProbe,
            Readiness::NotReady => wire::Readiness::NotReady,
            Readiness::Ready => wire::Readiness::Ready,
        }
        .into(),
        probe: config
            .readiness
            .as_ref()
            .map(|readiness| readiness.probe.to_string())
            .unwrap_or_default(),
        pid: program.pid,
        incarnation: view.incarnation.0,
        started_unix_us: program.started.map_or(0, unix_micros),
        stopped_unix_us: program.stopped.map_or(0, unix_micros),
        last_exit: view.last_exit.map(|(exit, expected)| wire::Exit {
            expected,
            how: Some(match exit {
                Exit::Code(code) => wire::exit::How::Code(code),
                Exit::Signal { number, .. } => wire::exit::How::Signal(number),
            }),
        }),
        restarts: view.restarts,
        description: describe(program, now),
        spawn_error: view.spawn_error.clone().unwrap_or_default(),
        log_path: program
            .raw_log
            .as_ref()
            .map(|path| path.display().to_string())
            .unwrap_or_default(),
        command: config.command.clone(),
        autostart: config.autostart,
        defined_in: config.origin.0.display().to_string(),
    }
}

fn wire_state(state: StateName) -> wire::ProgramState {
    match state {
        StateName::Stopped => wire::ProgramState::Stopped,
        StateName::Waiting | StateName::Starting => wire::ProgramState::Starting,
        StateName::Running => wire::ProgramState::Running,
        StateName::Backoff => wire::ProgramState::Backoff,
        StateName::Stopping => wire::ProgramState::Stopping,
        StateName::Exited => wire::ProgramState::Exited,
        StateName::Fatal => wire::ProgramState::Fatal,
        StateName::Unknown => wire::ProgramState::Unknown,
    }
}

/// The one place that turns faults into gRPC codes.
#[expect(clippy::needless_pass_by_value, reason = "fits map_err")]
fn status(fault: Fault) -> Status {
    let name = fault.detail.as_deref().unwrap_or_default();
    match fault.code {
        FaultCode::BadName => Status::not_found(format!("no such program or group: {name}")),
        FaultCode::AlreadyStarted => {
            Status::failed_precondition(format!("{name}: already started"))
        }
        FaultCode::NotRunning => Status::failed_precondition(format!("{name}: not running")),
        FaultCode::ShutdownState => Status::failed_precondition("the supervisor is shutting down"),
        FaultCode::NoFile | FaultCode::NotExecutable => Status::failed_precondition(name),
        FaultCode::StillRunning => Status::failed_precondition(format!("{name}: still running")),
        FaultCode::AlreadyAdded => Status::already_exists(format!("{name}: already added")),
        FaultCode::SpawnError => Status::aborted(format!("{name}: could not be started")),
        FaultCode::AbnormalTermination => {
            Status::aborted(format!("{name}: ended before it counted as running"))
        }
        FaultCode::BadSignal | FaultCode::BadArguments | FaultCode::IncorrectParameters => {
            Status::invalid_argument(fault.to_string())
        }
        FaultCode::CantReread => Status::failed_precondition(name),
        FaultCode::UnknownMethod | FaultCode::SignatureUnsupported | FaultCode::Failed => {
            Status::internal(fault.to_string())
        }
    }
}

/// Daemons and the programs that run them.
const DAEMONS: &[(&str, &str)] = &[
    ("proxyd", "caddy"),
    ("portald", "instance_portal"),
    ("tunneld", "tunnel_manager"),
];
const LONGEST_TAIL: u32 = 1 << 20;
const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_millis(100);
