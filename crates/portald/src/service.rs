//! `berth.portal.v1`: what portald tells about itself over gRPC.

use std::pin::Pin;

use api::portal::{
    Feed, GetSnapshotRequest, GetSnapshotResponse, PortalSnapshot, WatchSnapshotRequest,
    WatchSnapshotResponse, portal_service_server::PortalService,
};
use daemon::Epoch;
use tokio::sync::watch;
use tokio_stream::Stream;
use tonic::{Request, Response, Status};

use crate::hub::Standing;

/// Answers from what the hub tells.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) standing: watch::Receiver<Standing>,
    pub(crate) epoch: Epoch,
    pub(crate) listen: String,
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl PortalService for Service {
    type WatchSnapshotStream = Answers<WatchSnapshotResponse>;

    async fn get_snapshot(
        &self,
        _request: Request<GetSnapshotRequest>,
    ) -> Result<Response<GetSnapshotResponse>, Status> {
        let snapshot = snapshot(&self.standing.borrow(), self.epoch, &self.listen);
        Ok(Response::new(GetSnapshotResponse {
            snapshot: Some(snapshot),
        }))
    }

    async fn watch_snapshot(
        &self,
        _request: Request<WatchSnapshotRequest>,
    ) -> Result<Response<Self::WatchSnapshotStream>, Status> {
        let (epoch, listen) = (self.epoch, self.listen.clone());
        let answers = ipc::watch_stream(self.standing.clone(), move |standing: Standing| {
            WatchSnapshotResponse {
                snapshot: Some(snapshot(&standing, epoch, &listen)),
            }
        });
        Ok(Response::new(answers))
    }
}

fn snapshot(standing: &Standing, epoch: Epoch, listen: &str) -> PortalSnapshot {
    PortalSnapshot {
        epoch: epoch.micros(),
        generation: standing.generation,
        listen: listen.to_owned(),
        viewers: standing.viewers,
        problems: standing.problems.clone(),
        feeds: standing
            .feeds
            .iter()
            .map(|(daemon, feed)| Feed {
                daemon: daemon.name().to_owned(),
                connected: feed.connected,
                problem: feed.problem.clone(),
                epoch: feed.epoch,
                restarts_seen: feed.restarts_seen,
            })
            .collect(),
    }
}
