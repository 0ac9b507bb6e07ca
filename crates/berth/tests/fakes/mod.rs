//! A supervisor that knows a few programs and remembers what it was asked.

use std::{
    path::Path,
    pin::Pin,
    process::Output,
    sync::{Arc, Mutex},
};

use api::supervisor::{
    self, Exit, GetSnapshotRequest, GetSnapshotResponse, Program, ProgramState, Readiness,
    RereadRequest, RereadResponse, RestartProgramRequest, RestartProgramResponse,
    SignalProgramRequest, SignalProgramResponse, StartProgramRequest, StartProgramResponse,
    StopProgramRequest, StopProgramResponse, SupervisorSnapshot, TailLogRequest, TailLogResponse,
    UpdateRequest, UpdateResponse, WatchSnapshotRequest, WatchSnapshotResponse,
    exit::How,
    supervisor_service_server::{SupervisorService, SupervisorServiceServer},
};
use tokio_stream::Stream;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{Request, Response, Status};

/// An instance of which only the supervisor runs.
pub(crate) struct Instance {
    dir: tempfile::TempDir,
    calls: Arc<Mutex<Vec<String>>>,
    _stop: DropGuard,
}

impl Instance {
    pub(crate) fn start(programs: Vec<Program>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = ipc::Listener::bind(&dir.path().join("supervisord.sock")).unwrap();
        let calls = Arc::default();
        let fake = Fake {
            programs,
            calls: Arc::clone(&calls),
        };
        let stop = CancellationToken::new();
        let server = ipc::Server::new(api::FILE_DESCRIPTOR_SET)
            .add_service(SupervisorServiceServer::new(fake));
        #[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
        drop(tokio::spawn(server.serve(listener, stop.clone())));
        Self {
            dir,
            calls,
            _stop: stop.drop_guard(),
        }
    }

    pub(crate) fn run_dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn berth(&self, arguments: &[&str]) -> Output {
        super::berth(self.run_dir(), arguments)
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }
}

/// A program that runs, or has given up.
pub(crate) fn program(name: &str, runs: bool) -> Program {
    let mut program = Program {
        name: name.to_owned(),
        group: name.to_owned(),
        log_path: format!("/var/log/portal/{name}.log"),
        ..Program::default()
    };
    if runs {
        program.set_state(ProgramState::Running);
        program.set_readiness(Readiness::Ready);
        program.pid = 42;
    } else {
        program.set_state(ProgramState::Fatal);
        program.last_exit = Some(Exit {
            how: Some(How::Code(3)),
            expected: false,
        });
    }
    program
}

struct Fake {
    programs: Vec<Program>,
    calls: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    fn note(&self, verb: &str, name: &str, wait: bool) {
        let wait = if wait { " wait" } else { "" };
        self.calls
            .lock()
            .unwrap()
            .push(format!("{verb} {name}{wait}"));
    }
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl SupervisorService for Fake {
    type WatchSnapshotStream = Answers<WatchSnapshotResponse>;
    type TailLogStream = Answers<TailLogResponse>;

    async fn get_snapshot(
        &self,
        _: Request<GetSnapshotRequest>,
    ) -> Result<Response<GetSnapshotResponse>, Status> {
        Ok(Response::new(GetSnapshotResponse {
            snapshot: Some(SupervisorSnapshot {
                epoch: 1,
                generation: 1,
                programs: self.programs.clone(),
                ..SupervisorSnapshot::default()
            }),
        }))
    }

    async fn watch_snapshot(
        &self,
        _: Request<WatchSnapshotRequest>,
    ) -> Result<Response<Self::WatchSnapshotStream>, Status> {
        Err(Status::unimplemented("not faked"))
    }

    async fn start_program(
        &self,
        _: Request<StartProgramRequest>,
    ) -> Result<Response<StartProgramResponse>, Status> {
        Err(Status::failed_precondition("already started"))
    }

    async fn stop_program(
        &self,
        request: Request<StopProgramRequest>,
    ) -> Result<Response<StopProgramResponse>, Status> {
        let request = request.into_inner();
        self.note("stop", &request.name, request.wait);
        Ok(Response::new(StopProgramResponse {}))
    }

    async fn restart_program(
        &self,
        request: Request<RestartProgramRequest>,
    ) -> Result<Response<RestartProgramResponse>, Status> {
        let request = request.into_inner();
        self.note("restart", &request.name, request.wait);
        Ok(Response::new(RestartProgramResponse {}))
    }

    async fn signal_program(
        &self,
        _: Request<SignalProgramRequest>,
    ) -> Result<Response<SignalProgramResponse>, Status> {
        Err(Status::unimplemented("not faked"))
    }

    async fn reread(&self, _: Request<RereadRequest>) -> Result<Response<RereadResponse>, Status> {
        Err(Status::unimplemented("not faked"))
    }

    async fn update(&self, _: Request<UpdateRequest>) -> Result<Response<UpdateResponse>, Status> {
        Err(Status::unimplemented("not faked"))
    }

    async fn write_stdin(
        &self,
        _: Request<supervisor::WriteStdinRequest>,
    ) -> Result<Response<supervisor::WriteStdinResponse>, Status> {
        Err(Status::unimplemented("not faked"))
    }

    async fn clear_logs(
        &self,
        _: Request<supervisor::ClearLogsRequest>,
    ) -> Result<Response<supervisor::ClearLogsResponse>, Status> {
        Err(Status::unimplemented("not faked"))
    }

    async fn get_resources(
        &self,
        _: Request<supervisor::GetResourcesRequest>,
    ) -> Result<Response<supervisor::GetResourcesResponse>, Status> {
        Err(Status::unimplemented("not faked"))
    }

    async fn reexec(
        &self,
        _: Request<supervisor::ReexecRequest>,
    ) -> Result<Response<supervisor::ReexecResponse>, Status> {
        Err(Status::unimplemented("not faked"))
    }

    async fn tail_log(
        &self,
        request: Request<TailLogRequest>,
    ) -> Result<Response<Self::TailLogStream>, Status> {
        let request = request.into_inner();
        let lines = |from: u32, to| (from..=to).map(|n| format!("line {n}\n")).collect();
        let mut parts: Vec<String> = vec![match request.bytes {
            0 => String::new(),
            _ => lines(1, 40),
        }];
        if request.follow {
            parts.push("appended\n".to_owned());
            parts.push("one more\n".to_owned());
        }
        let answers = parts.into_iter().map(|part| {
            Ok(TailLogResponse {
                data: part.into_bytes(),
            })
        });
        Ok(Response::new(Box::pin(tokio_stream::iter(answers))))
    }
}
