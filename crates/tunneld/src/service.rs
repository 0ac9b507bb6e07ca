//! `berth.tunnel.v1` on the socket. The only place that knows the generated types.

use std::pin::Pin;

use api::tunnel::{
    AppAccess, GetSnapshotRequest, GetSnapshotResponse, RelayState, TunnelSnapshot,
    WatchSnapshotRequest, WatchSnapshotResponse,
    tunnel_service_server::{TunnelService, TunnelServiceServer},
};
use daemon::{Epoch, Stop};
use tokio_stream::Stream;
use tonic::{Request, Response, Status};

use crate::{
    state::{Desk, State},
    ways::Ways,
};

/// Serves until `stop`. `problems` degrade the health.
pub(crate) async fn serve(
    listener: ipc::Listener,
    desk: Desk,
    epoch: Epoch,
    problems: &[String],
    stop: Stop,
) -> Result<(), ipc::ServeError> {
    let service = TunnelServiceServer::new(Service { desk, epoch });
    ipc::Server::new(api::FILE_DESCRIPTOR_SET)
        .add_service(service)
        .wellness(ipc::Wellness::despite(problems))
        .serve(listener, stop.token())
        .await
}

struct Service {
    desk: Desk,
    epoch: Epoch,
}

#[tonic::async_trait]
impl TunnelService for Service {
    async fn get_snapshot(
        &self,
        _: Request<GetSnapshotRequest>,
    ) -> Result<Response<GetSnapshotResponse>, Status> {
        Ok(Response::new(GetSnapshotResponse {
            snapshot: Some(message(&self.desk.state(), self.epoch)),
        }))
    }

    type WatchSnapshotStream =
        Pin<Box<dyn Stream<Item = Result<WatchSnapshotResponse, Status>> + Send>>;

    async fn watch_snapshot(
        &self,
        _: Request<WatchSnapshotRequest>,
    ) -> Result<Response<Self::WatchSnapshotStream>, Status> {
        let epoch = self.epoch;
        let states = self.desk.follow();
        Ok(Response::new(ipc::watch_stream(states, move |state| {
            WatchSnapshotResponse {
                snapshot: Some(message(&state, epoch)),
            }
        })))
    }
}

fn message(state: &State, epoch: Epoch) -> TunnelSnapshot {
    TunnelSnapshot {
        epoch: epoch.micros(),
        generation: state.generation,
        relay: RelayState::NotConfigured.into(),
        relay_advice: state.relay_advice().to_owned(),
        apps: state.ways().into_iter().map(access).collect(),
        notices: state.notices().to_vec(),
        problems: state.problems(),
    }
}

fn access(ways: Ways) -> AppAccess {
    let (direct_url, direct_problem) = match ways.direct {
        Ok(url) => (url, String::new()),
        Err(why) => (String::new(), why),
    };
    let (ssh_command, ssh_url) = ways
        .ssh
        .map(|ssh| (ssh.command, ssh.url))
        .unwrap_or_default();
    AppAccess {
        app: ways.app,
        direct_url,
        direct_problem,
        ssh_command,
        ssh_url,
    }
}
