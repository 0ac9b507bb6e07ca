//! `berth.supervisor.v1`: the only place that knows the types of `api`.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use api::supervisor::{self as wire, supervisor_service_server::SupervisorService};
use daemon::{Tasks, unix_micros};
use supervisor_core::{Blocker, DependencyCondition, Exit, ProgramId, Readiness, StateName};
use tokio::sync::mpsc;
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::{Request, Response, Status};
use tracing::info_span;

use crate::{
    config::{Difference, ProgramConfig, signal_number},
    driver::{
        Action, Handle, Mood, OnMistakes, Plan, ProgramStatus, Request as Ask, Snapshot, Target,
        Wait,
    },
    fault::{Fault, FaultCode},
    logs::Growth,
    process::{Usage, by_group},
    rpc::{Following, describe, program_id},
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

    /// What a request names: a program, or with `:*` a whole group.
    fn target(&self, name: &str) -> Result<Target, Status> {
        match name.strip_suffix(":*") {
            Some(group) if self.handle.snapshot().has_group(group) => {
                Ok(Target::Group(group.to_owned()))
            }
            Some(group) => Err(Status::not_found(format!("no such group: {group}"))),
            None => self.find(name).map(Target::One),
        }
    }

    async fn act(&self, action: Action, name: &str, wait: bool) -> Result<(), Status> {
        let target = self.target(name)?;
        let wait = match wait {
            true => Wait::Done,
            false => Wait::Begun,
        };
        let outcomes = self
            .handle
            .act(action, target, wait)
            .await
            .map_err(status)?;
        outcomes
            .into_iter()
            .try_for_each(|outcome| outcome.result)
            .map_err(status)
    }

    async fn reread(&self) -> Result<Plan, Status> {
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
        let plan = Self::reread(self).await?;
        let changes = plan.details.into_iter();
        Ok(Response::new(wire::RereadResponse {
            added: plan.difference.added,
            changed: plan.difference.changed,
            removed: plan.difference.removed,
            plan: plan.name,
            changes: changes
                .map(|(group, differences)| wire::GroupChange { group, differences })
                .collect(),
        }))
    }

    async fn update(
        &self,
        request: Request<wire::UpdateRequest>,
    ) -> Result<Response<wire::UpdateResponse>, Status> {
        let wanted = request.into_inner().plan;
        let plan = Self::reread(self).await?;
        if !wanted.is_empty() && wanted != plan.name {
            return Err(Status::failed_precondition(
                "the configuration or the programs are not as the plan says any more; reread, and \
                 look at the new plan",
            ));
        }
        let difference = plan.difference;
        self.apply(&difference).await.map_err(status)?;
        Ok(Response::new(wire::UpdateResponse {
            added: difference.added,
            changed: difference.changed,
            removed: difference.removed,
        }))
    }

    async fn write_stdin(
        &self,
        request: Request<wire::WriteStdinRequest>,
    ) -> Result<Response<wire::WriteStdinResponse>, Status> {
        let request = request.into_inner();
        let id = self.find(&request.name)?;
        let write = |reply| Ask::Stdin(id, request.data, reply);
        self.handle.ask(write).await.map_err(status)?;
        Ok(Response::new(wire::WriteStdinResponse {}))
    }

    async fn clear_logs(
        &self,
        request: Request<wire::ClearLogsRequest>,
    ) -> Result<Response<wire::ClearLogsResponse>, Status> {
        let target = self.target(&request.into_inner().name)?;
        let outcomes = self.handle.clear_logs(target).await.map_err(status)?;
        outcomes
            .into_iter()
            .try_for_each(|outcome| outcome.result)
            .map_err(status)?;
        Ok(Response::new(wire::ClearLogsResponse {}))
    }

    async fn get_resources(
        &self,
        _: Request<wire::GetResourcesRequest>,
    ) -> Result<Response<wire::GetResourcesResponse>, Status> {
        let usage = tokio::task::spawn_blocking(by_group)
            .await
            .map_err(|error| Status::internal(error.to_string()))?;
        Ok(Response::new(resources(&self.handle.snapshot(), &usage)))
    }

    async fn reexec(
        &self,
        _: Request<wire::ReexecRequest>,
    ) -> Result<Response<wire::ReexecResponse>, Status> {
        self.handle.ask(Ask::Reexec).await.map_err(status)?;
        Ok(Response::new(wire::ReexecResponse {}))
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
        let following = Following::open(&path, before)
            .map_err(|error| Status::not_found(format!("{}: {error}", path.display())))?;
        let (sender, answers) = mpsc::channel(4);
        let (follow, stop) = (request.follow, self.tasks.stop().token());
        self.tasks
            .spawn("grpc log tail", info_span!("tail_log"), async move {
                tokio::select! {
                    () = send_log(following, before, follow, sender) => {}
                    () = stop.cancelled() => {}
                }
            });
        Ok(Response::new(Box::pin(ReceiverStream::new(answers))))
    }
}

async fn send_log(
    mut following: Following,
    before: u64,
    follow: bool,
    sender: mpsc::Sender<Result<wire::TailLogResponse, Status>>,
) {
    let mut data = following.there(before);
    loop {
        let answer = Ok(wire::TailLogResponse { data });
        if sender.send(answer).await.is_err() || !follow {
            return;
        }
        data = tokio::select! {
            growth = following.next() => match growth {
                Growth::None => return,
                Growth::Text(data) | Growth::Restarted(data) => data,
            },
            () = sender.closed() => return,
        };
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
        dropped_output_bytes: state.dropped_output,
        shutting_down: match state.mood {
            Mood::Running => false,
            Mood::Restarting | Mood::Shutdown => true,
        },
    }
}

fn resources(state: &Snapshot, usage: &BTreeMap<i32, Usage>) -> wire::GetResourcesResponse {
    let programs = state.programs.iter().filter_map(|program| {
        // A process group of its own bears the number of the process that leads it.
        let usage = usage.get(&program.pid).filter(|_| program.pid > 0)?;
        Some(wire::ProgramResources {
            name: program.view.id.name.to_string(),
            group: program.view.id.group.to_string(),
            cpu_us: micros(usage.cpu),
            resident_bytes: usage.resident,
            processes: usage.processes,
            threads: usage.threads,
        })
    });
    wire::GetResourcesResponse {
        read_unix_us: unix_micros(SystemTime::now()),
        programs: programs.collect(),
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
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
        waiting_for: view
            .waiting_for
            .iter()
            .map(|b| blocker(b, config))
            .collect(),
        held: view.held.clone().unwrap_or_default(),
        end_note: program.end_note.unwrap_or_default().to_owned(),
        depends_on: config
            .depends_on
            .iter()
            .map(|wish| format!("{}={}", wish.program, wish.condition))
            .collect(),
        start_when: config.start_when.iter().map(ToString::to_string).collect(),
        liveness: config
            .liveness
            .as_ref()
            .map(|liveness| liveness.probe.to_string())
            .unwrap_or_default(),
        failed_starts: view.tries,
        restarts_in_us: view.restart_at.map_or(0, |at| {
            micros(at.saturating_duration_since(Instant::now())).max(1)
        }),
        lost_output_bytes: program.lost_output,
    }
}

/// What a program waits for, for people.
pub(crate) fn blocker(blocker: &Blocker, config: &ProgramConfig) -> String {
    match blocker {
        Blocker::Dependency { program, condition } => {
            let what = match condition {
                DependencyCondition::Started => "be running",
                DependencyCondition::Ready => "be ready",
                DependencyCondition::ExitedZero => "end with exit code 0",
            };
            format!("{program} to {what}")
        }
        Blocker::Conditions => {
            let conditions: Vec<_> = config.start_when.iter().map(ToString::to_string).collect();
            format!("its start conditions: {}", conditions.join(", "))
        }
    }
}

fn wire_state(state: StateName) -> wire::ProgramState {
    match state {
        StateName::Stopped => wire::ProgramState::Stopped,
        StateName::Waiting => wire::ProgramState::Waiting,
        StateName::Starting => wire::ProgramState::Starting,
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
