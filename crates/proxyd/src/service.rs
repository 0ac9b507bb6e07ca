//! `berth.proxy.v1` on the daemon's socket. The only place where its types appear.

use std::{pin::Pin, sync::Arc, time::Duration};

use api::proxy::{
    GetSnapshotRequest, GetSnapshotResponse, LatencyBucket, ListenState, ProxySnapshot,
    RevokeSessionsRequest, RevokeSessionsResponse, Route, UpstreamState, WatchSnapshotRequest,
    WatchSnapshotResponse, proxy_service_server::ProxyService,
};
use daemon::Epoch;
use tokio::sync::watch;
use tokio_stream::Stream;
use tonic::{Request, Response, Status};

use crate::{
    board::{Numbered, RouteView},
    connection::Front,
    counters::{Counts, LATENCIES},
    port::Listening,
};

/// Answers calls from the published state.
pub(crate) struct Service {
    pub(crate) epoch: Epoch,
    pub(crate) views: watch::Receiver<Numbered>,
    pub(crate) front: Arc<Front>,
}

#[tonic::async_trait]
impl ProxyService for Service {
    type WatchSnapshotStream =
        Pin<Box<dyn Stream<Item = Result<WatchSnapshotResponse, Status>> + Send>>;

    async fn get_snapshot(
        &self,
        _request: Request<GetSnapshotRequest>,
    ) -> Result<Response<GetSnapshotResponse>, Status> {
        let snapshot = Some(snapshot(self.epoch, &self.views.borrow()));
        Ok(Response::new(GetSnapshotResponse { snapshot }))
    }

    async fn watch_snapshot(
        &self,
        _request: Request<WatchSnapshotRequest>,
    ) -> Result<Response<Self::WatchSnapshotStream>, Status> {
        let epoch = self.epoch;
        let stream = ipc::watch_stream(self.views.clone(), move |numbered| WatchSnapshotResponse {
            snapshot: Some(snapshot(epoch, &numbered)),
        });
        Ok(Response::new(stream))
    }

    async fn revoke_sessions(
        &self,
        _request: Request<RevokeSessionsRequest>,
    ) -> Result<Response<RevokeSessionsResponse>, Status> {
        self.front.gate.revoke().map_err(|error| {
            tracing::error!(%error, "sessions not revoked");
            Status::internal(format!("{error}; no session was revoked"))
        })?;
        tracing::info!("all sessions revoked");
        Ok(Response::new(RevokeSessionsResponse {}))
    }
}

fn snapshot(epoch: Epoch, numbered: &Numbered) -> ProxySnapshot {
    let view = &numbered.view;
    ProxySnapshot {
        epoch: epoch.micros(),
        generation: numbered.generation,
        routes: view.routes.iter().map(route).collect(),
        tls: view.tls.served,
        tls_reason: view.tls.reason.clone(),
        auth: view.auth,
        problems: view.problems.clone(),
        connections_refused: view.refused,
    }
}

fn route(view: &RouteView) -> Route {
    let [requests_2xx, requests_3xx, requests_4xx, requests_5xx] = view.counts.classes;
    let (listen, listen_error) = match &view.listening {
        Listening::Starting => (ListenState::Unspecified, String::new()),
        Listening::Yes => (ListenState::Listening, String::new()),
        Listening::Failed(reason) => (ListenState::Failed, reason.clone()),
    };
    let upstream = match view.counts.reached {
        None => UpstreamState::Untried,
        Some(true) => UpstreamState::Reached,
        Some(false) => UpstreamState::Refused,
    };
    Route {
        app: view.site.app.clone(),
        listen_port: view.site.listen.get().into(),
        upstream_port: view.site.upstream.get().into(),
        auth: view.site.auth,
        listen: listen.into(),
        listen_error,
        requests_2xx,
        requests_3xx,
        requests_4xx,
        requests_5xx,
        requests_unauthorized: view.counts.unauthorized,
        open_websockets: view.counts.websockets,
        upstream: upstream.into(),
        received_bytes: view.counts.received,
        sent_bytes: view.counts.sent,
        latency: latency(&view.counts),
        latency_sum_us: micros(view.counts.latency_sum),
    }
}

fn latency(counts: &Counts) -> Vec<LatencyBucket> {
    let limits = LATENCIES.map(micros);
    let limits = limits.into_iter().chain([0]);
    let buckets = limits.zip(counts.latency);
    buckets
        .map(|(limit_us, count)| LatencyBucket { limit_us, count })
        .collect()
}

fn micros(time: Duration) -> u64 {
    time.as_micros().try_into().unwrap_or(u64::MAX)
}
