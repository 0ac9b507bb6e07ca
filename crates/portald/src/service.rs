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

use crate::hub::Published;

/// Answers from what the hub published.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) published: watch::Receiver<Published>,
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
        let snapshot = snapshot(&self.published.borrow(), self.epoch, &self.listen);
        Ok(Response::new(GetSnapshotResponse {
            snapshot: Some(snapshot),
        }))
    }

    async fn watch_snapshot(
        &self,
        _request: Request<WatchSnapshotRequest>,
    ) -> Result<Response<Self::WatchSnapshotStream>, Status> {
        let (epoch, listen) = (self.epoch, self.listen.clone());
        let answers = ipc::watch_stream(self.published.clone(), move |published: Published| {
            WatchSnapshotResponse {
                snapshot: Some(snapshot(&published, epoch, &listen)),
            }
        });
        Ok(Response::new(answers))
    }
}

fn snapshot(published: &Published, epoch: Epoch, listen: &str) -> PortalSnapshot {
    PortalSnapshot {
        epoch: epoch.micros(),
        generation: published.generation,
        listen: listen.to_owned(),
        viewers: published.viewers,
        problems: published.world.refused_input().cloned().collect(),
        feeds: published
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
