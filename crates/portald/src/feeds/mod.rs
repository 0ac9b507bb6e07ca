//! The lines to the neighbours: one task per daemon follows its `Watch…` stream and reports every
//! snapshot and every loss; [`Supervisor`] carries the page's commands out.
//!
//! The generated gRPC types stop here. This module decides nothing: what a snapshot means for the
//! page is the view's business.

mod commands;
mod convert;

use std::{path::Path, time::Duration};

use api::{
    boot::{self, boot_service_client::BootServiceClient},
    gpu::{self, gpu_service_client::GpuServiceClient},
    proxy::{self, proxy_service_client::ProxyServiceClient},
    supervisor::{self, supervisor_service_client::SupervisorServiceClient},
    tunnel::{self, tunnel_service_client::TunnelServiceClient},
};
use daemon::Tasks;
use tokio::sync::mpsc;
use tonic::{Code, Response, Status, Streaming, transport::Channel};

pub(crate) use commands::{Command, CommandError, Supervisor};

use crate::{
    hub::Fact,
    neighbours::{Daemon, Said},
};

/// Starts one follower per neighbour.
pub(crate) fn follow_all(sockets: &Path, tasks: &Tasks, facts: &mpsc::Sender<Fact>) {
    for daemon in Daemon::ALL {
        let channel = ipc::connect(&socket(sockets, daemon));
        let facts = facts.clone();
        let stop = tasks.stop().clone();
        let span = tracing::info_span!("feed", daemon = daemon.name());
        tasks.spawn("feed", span, async move {
            tokio::select! {
                () = follow(daemon, channel, &facts) => {}
                () = stop.requested() => {}
            }
        });
    }
}

/// The socket of a neighbour.
pub(crate) fn socket(sockets: &Path, daemon: Daemon) -> std::path::PathBuf {
    sockets.join(format!("{}.sock", daemon.name()))
}

/// Follows one neighbour for ever, through all its deaths.
async fn follow(daemon: Daemon, channel: Channel, facts: &mpsc::Sender<Fact>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let (heard, status) = listen(daemon, channel.clone(), facts).await;
        let problem = status.map_or_else(
            || "it closed the stream".to_owned(),
            |status| ipc::describe(&status),
        );
        if heard {
            pause = FIRST_PAUSE;
        }
        if facts.send(Fact::Lost { daemon, problem }).await.is_err() {
            return;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// One connection: whether a snapshot came over it, and how it ended.
async fn listen(
    daemon: Daemon,
    channel: Channel,
    facts: &mpsc::Sender<Fact>,
) -> (bool, Option<Status>) {
    match daemon {
        Daemon::Bootd => {
            let answer = BootServiceClient::new(channel)
                .watch_snapshot(boot::WatchSnapshotRequest {})
                .await;
            pump(daemon, answer, facts, |m: boot::WatchSnapshotResponse| {
                m.snapshot.map(convert::boot)
            })
            .await
        }
        Daemon::Supervisord => {
            let answer = SupervisorServiceClient::new(channel)
                .watch_snapshot(supervisor::WatchSnapshotRequest {})
                .await;
            pump(
                daemon,
                answer,
                facts,
                |m: supervisor::WatchSnapshotResponse| m.snapshot.map(convert::supervisor),
            )
            .await
        }
        Daemon::Proxyd => {
            let answer = ProxyServiceClient::new(channel)
                .watch_snapshot(proxy::WatchSnapshotRequest {})
                .await;
            pump(daemon, answer, facts, |m: proxy::WatchSnapshotResponse| {
                m.snapshot.map(convert::proxy)
            })
            .await
        }
        Daemon::Tunneld => {
            let answer = TunnelServiceClient::new(channel)
                .watch_snapshot(tunnel::WatchSnapshotRequest {})
                .await;
            pump(daemon, answer, facts, |m: tunnel::WatchSnapshotResponse| {
                m.snapshot.map(convert::tunnel)
            })
            .await
        }
        Daemon::Gpuprobe => {
            let answer = GpuServiceClient::new(channel)
                .watch_snapshot(gpu::WatchSnapshotRequest {})
                .await;
            pump(daemon, answer, facts, |m: gpu::WatchSnapshotResponse| {
                m.snapshot.map(convert::gpu)
            })
            .await
        }
    }
}

async fn pump<M>(
    daemon: Daemon,
    answer: Result<Response<Streaming<M>>, Status>,
    facts: &mpsc::Sender<Fact>,
    convert: impl Fn(M) -> Option<Said>,
) -> (bool, Option<Status>) {
    let mut stream = match answer {
        Ok(answer) => answer.into_inner(),
        Err(status) => return (false, Some(status)),
    };
    let mut heard = false;
    loop {
        match stream.message().await {
            Ok(Some(message)) => {
                let Some(said) = convert(message) else {
                    continue;
                };
                heard = true;
                if facts.send(Fact::Said { daemon, said }).await.is_err() {
                    return (heard, None);
                }
            }
            Ok(None) => return (heard, None),
            // The transport's words name its layers; to a person it is one thing.
            Err(status) if heard && status.code() != Code::PermissionDenied => {
                tracing::debug!(%status, "stream broke");
                return (heard, Some(Status::aborted("its connection broke")));
            }
            Err(status) => return (heard, Some(status)),
        }
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
