//! Neighbours made of the generated services: each says what it is told to say.
//!
//! Shared by the tests and by the example that shows the page with lifelike values.

#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each user of this file uses another part of it"
)]

use std::{
    path::{Path, PathBuf},
    pin::Pin,
};

use api::{
    boot::{self, BootSnapshot, boot_service_server as boot_server},
    gpu::{self, GpuSnapshot, gpu_service_server as gpu_server},
    proxy::{self, ProxySnapshot, proxy_service_server as proxy_server},
    supervisor::{
        self, Program, ProgramState, SupervisorSnapshot, supervisor_service_server as server,
    },
    tunnel::{self, TunnelSnapshot, tunnel_service_server as tunnel_server},
};
use tokio::{runtime::Runtime, sync::watch};
use tokio_stream::Stream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// A neighbour that publishes what is in `says`. It dies with this value.
#[derive(Debug)]
pub(crate) struct Neighbour<S> {
    pub(crate) says: watch::Sender<S>,
    socket: PathBuf,
    /// Its own, so that its connections can end with it, as a process's do.
    runtime: Option<Runtime>,
}

impl<S> Neighbour<S> {
    /// Ends the neighbour and waits until its socket is gone.
    pub(crate) async fn die(self) {
        let socket = self.socket.clone();
        drop(self);
        while socket.exists() {
            tokio::task::yield_now().await;
        }
    }
}

impl<S> Drop for Neighbour<S> {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a neighbour's tasks are not those of the daemon under test"
)]
fn serve<S>(says: watch::Sender<S>, server: ipc::Server, socket: &Path) -> Neighbour<S> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a test may have a thread");
    let entered = runtime.enter();
    let listener = ipc::Listener::bind(socket).expect("a test's own socket can be bound");
    drop(tokio::spawn(
        server.serve(listener, CancellationToken::new()),
    ));
    drop(entered);
    Neighbour {
        says,
        socket: socket.to_owned(),
        runtime: Some(runtime),
    }
}

/// A supervisor whose programs change state when told to.
pub(crate) fn supervisor(run: &Path, first: SupervisorSnapshot) -> Neighbour<SupervisorSnapshot> {
    let says = watch::Sender::new(first);
    let service = server::SupervisorServiceServer::new(Supervisor(says.clone()));
    let grpc = ipc::Server::new(api::FILE_DESCRIPTOR_SET).add_service(service);
    serve(says, grpc, &run.join("supervisord.sock"))
}

struct Supervisor(watch::Sender<SupervisorSnapshot>);

impl Supervisor {
    /// Changes one program, or says that there is none of this name.
    fn change(&self, name: &str, change: impl FnOnce(&mut Program)) -> Result<(), Status> {
        let mut found = false;
        self.0.send_modify(|snapshot| {
            if let Some(program) = snapshot.programs.iter_mut().find(|p| p.name == name) {
                found = true;
                change(program);
                snapshot.generation += 1;
            }
        });
        found
            .then_some(())
            .ok_or_else(|| Status::not_found(format!("no program is named {name}")))
    }
}

fn run(program: &mut Program) {
    program.set_state(ProgramState::Running);
    program.incarnation += 1;
    program.pid += 1;
    program.started_unix_us = daemon::unix_micros(std::time::SystemTime::now());
}

#[tonic::async_trait]
impl server::SupervisorService for Supervisor {
    async fn get_snapshot(
        &self,
        _: Request<supervisor::GetSnapshotRequest>,
    ) -> Result<Response<supervisor::GetSnapshotResponse>, Status> {
        let snapshot = Some(self.0.borrow().clone());
        Ok(Response::new(supervisor::GetSnapshotResponse { snapshot }))
    }

    type WatchSnapshotStream = Answers<supervisor::WatchSnapshotResponse>;

    async fn watch_snapshot(
        &self,
        _: Request<supervisor::WatchSnapshotRequest>,
    ) -> Result<Response<Self::WatchSnapshotStream>, Status> {
        let answers = ipc::watch_stream(self.0.subscribe(), |snapshot| {
            supervisor::WatchSnapshotResponse {
                snapshot: Some(snapshot),
            }
        });
        Ok(Response::new(answers))
    }

    async fn start_program(
        &self,
        request: Request<supervisor::StartProgramRequest>,
    ) -> Result<Response<supervisor::StartProgramResponse>, Status> {
        let name = request.into_inner().name;
        let running = |p: &Program| p.name == name && p.state() == ProgramState::Running;
        if self.0.borrow().programs.iter().any(running) {
            return Err(Status::failed_precondition(format!(
                "{name} is already started"
            )));
        }
        self.change(&name, run)?;
        Ok(Response::new(supervisor::StartProgramResponse {}))
    }

    async fn stop_program(
        &self,
        request: Request<supervisor::StopProgramRequest>,
    ) -> Result<Response<supervisor::StopProgramResponse>, Status> {
        self.change(&request.into_inner().name, |program| {
            program.set_state(ProgramState::Stopped);
            program.pid = 0;
        })?;
        Ok(Response::new(supervisor::StopProgramResponse {}))
    }

    async fn restart_program(
        &self,
        request: Request<supervisor::RestartProgramRequest>,
    ) -> Result<Response<supervisor::RestartProgramResponse>, Status> {
        self.change(&request.into_inner().name, run)?;
        Ok(Response::new(supervisor::RestartProgramResponse {}))
    }

    async fn signal_program(
        &self,
        _: Request<supervisor::SignalProgramRequest>,
    ) -> Result<Response<supervisor::SignalProgramResponse>, Status> {
        Err(unused())
    }

    async fn reread(
        &self,
        _: Request<supervisor::RereadRequest>,
    ) -> Result<Response<supervisor::RereadResponse>, Status> {
        Err(unused())
    }

    async fn update(
        &self,
        _: Request<supervisor::UpdateRequest>,
    ) -> Result<Response<supervisor::UpdateResponse>, Status> {
        Err(unused())
    }

    type TailLogStream = Answers<supervisor::TailLogResponse>;

    async fn write_stdin(
        &self,
        _: Request<supervisor::WriteStdinRequest>,
    ) -> Result<Response<supervisor::WriteStdinResponse>, Status> {
        Err(unused())
    }

    async fn clear_logs(
        &self,
        _: Request<supervisor::ClearLogsRequest>,
    ) -> Result<Response<supervisor::ClearLogsResponse>, Status> {
        Err(unused())
    }

    async fn get_resources(
        &self,
        _: Request<supervisor::GetResourcesRequest>,
    ) -> Result<Response<supervisor::GetResourcesResponse>, Status> {
        Err(unused())
    }

    async fn reexec(
        &self,
        _: Request<supervisor::ReexecRequest>,
    ) -> Result<Response<supervisor::ReexecResponse>, Status> {
        Err(unused())
    }

    async fn tail_log(
        &self,
        _: Request<supervisor::TailLogRequest>,
    ) -> Result<Response<Self::TailLogStream>, Status> {
        Err(unused())
    }
}

fn unused() -> Status {
    Status::unimplemented("the page does not call this")
}

/// A service that has only the snapshot calls, or those and one that nobody calls.
macro_rules! speaker {
    ($name:ident, $api:ident, $server:ident, $trait:ident, $serve:ident, $snapshot:ident,
     $socket:literal $(, $extra:item)?) => {
        struct $trait(watch::Sender<$snapshot>);

        pub(crate) fn $name(run: &Path, first: $snapshot) -> Neighbour<$snapshot> {
            let says = watch::Sender::new(first);
            let service = $server::$serve::new($trait(says.clone()));
            let grpc = ipc::Server::new(api::FILE_DESCRIPTOR_SET).add_service(service);
            serve(says, grpc, &run.join($socket))
        }

        #[tonic::async_trait]
        impl $server::$trait for $trait {
            async fn get_snapshot(
                &self,
                _: Request<$api::GetSnapshotRequest>,
            ) -> Result<Response<$api::GetSnapshotResponse>, Status> {
                let snapshot = Some(self.0.borrow().clone());
                Ok(Response::new($api::GetSnapshotResponse { snapshot }))
            }

            type WatchSnapshotStream = Answers<$api::WatchSnapshotResponse>;

            async fn watch_snapshot(
                &self,
                _: Request<$api::WatchSnapshotRequest>,
            ) -> Result<Response<Self::WatchSnapshotStream>, Status> {
                let answers = ipc::watch_stream(self.0.subscribe(), |snapshot| {
                    $api::WatchSnapshotResponse {
                        snapshot: Some(snapshot),
                    }
                });
                Ok(Response::new(answers))
            }

            $($extra)?
        }
    };
}

speaker!(
    bootd,
    boot,
    boot_server,
    BootService,
    BootServiceServer,
    BootSnapshot,
    "bootd.sock",
    async fn shutdown(
        &self,
        _: Request<boot::ShutdownRequest>,
    ) -> Result<Response<boot::ShutdownResponse>, Status> {
        Err(unused())
    }
);
speaker!(
    proxyd,
    proxy,
    proxy_server,
    ProxyService,
    ProxyServiceServer,
    ProxySnapshot,
    "proxyd.sock",
    async fn revoke_sessions(
        &self,
        _: Request<proxy::RevokeSessionsRequest>,
    ) -> Result<Response<proxy::RevokeSessionsResponse>, Status> {
        Err(unused())
    }
);
speaker!(
    tunneld,
    tunnel,
    tunnel_server,
    TunnelService,
    TunnelServiceServer,
    TunnelSnapshot,
    "tunneld.sock"
);
speaker!(
    gpuprobe,
    gpu,
    gpu_server,
    GpuService,
    GpuServiceServer,
    GpuSnapshot,
    "gpuprobe.sock"
);
