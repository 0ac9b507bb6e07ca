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
        let (heard, status) = tokio::select! {
            ended = listen(daemon, channel.clone(), facts) => ended,
            () = ipc::silence(channel.clone()) => (false, Some(Status::aborted(HANGS))),
        };
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
            let mut client = BootServiceClient::new(channel);
            let answer = client.watch_snapshot(boot::WatchSnapshotRequest {});
            pump(daemon, answer, facts, |m: boot::WatchSnapshotResponse| {
                m.snapshot.map(convert::boot)
            })
            .await
        }
        Daemon::Supervisord => {
            let mut client = SupervisorServiceClient::new(channel);
            let answer = client.watch_snapshot(supervisor::WatchSnapshotRequest {});
            pump(
                daemon,
                answer,
                facts,
                |m: supervisor::WatchSnapshotResponse| m.snapshot.map(convert::supervisor),
            )
            .await
        }
        Daemon::Proxyd => {
            let mut client = ProxyServiceClient::new(channel);
            let answer = client.watch_snapshot(proxy::WatchSnapshotRequest {});
            pump(daemon, answer, facts, |m: proxy::WatchSnapshotResponse| {
                m.snapshot.map(convert::proxy)
            })
            .await
        }
        Daemon::Tunneld => {
            let mut client = TunnelServiceClient::new(channel);
            let answer = client.watch_snapshot(tunnel::WatchSnapshotRequest {});
            pump(daemon, answer, facts, |m: tunnel::WatchSnapshotResponse| {
                m.snapshot.map(convert::tunnel)
            })
            .await
        }
        Daemon::Gpuprobe => {
            let mut client = GpuServiceClient::new(channel);
            let answer = client.watch_snapshot(gpu::WatchSnapshotRequest {});
            pump(daemon, answer, facts, |m: gpu::WatchSnapshotResponse| {
                m.snapshot.map(convert::gpu)
            })
            .await
        }
    }
}

async fn pump<M>(
    daemon: Daemon,
    answer: impl Future<Output = Result<Response<Streaming<M>>, Status>>,
    facts: &mpsc::Sender<Fact>,
    convert: impl Fn(M) -> Option<Said>,
) -> (bool, Option<Status>) {
    // A neighbour says its state at once; later it may be quiet for as long as it likes.
    let begun = async {
        let mut stream = answer.await?.into_inner();
        let first = stream.message().await;
        Ok((stream, first))
    };
    let begun = tokio::time::timeout(FIRST_WORD, begun).await;
    let (mut stream, mut next) = match begun.unwrap_or_else(|_| Err(Status::aborted(MUTE))) {
        Ok(begun) => begun,
        Err(status) => return (false, Some(status)),
    };
    let mut heard = false;
    loop {
        match next {
            Ok(Some(message)) => {
                if let Some(said) = convert(message) {
                    heard = true;
                    if facts.send(Fact::Said { daemon, said }).await.is_err() {
                        return (heard, None);
                    }
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
        next = stream.message().await;
    }
}

const HANGS: &str = "it does not answer any more; it may hang";
const MUTE: &str = "it took the call and does not say its state";
const FIRST_WORD: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_neighbour_that_takes_the_call_and_hangs_is_lost() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gpuprobe.sock");
        let _hung = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let (facts, mut heard) = mpsc::channel(1);
        let told = async {
            tokio::select! {
                () = follow(Daemon::Gpuprobe, ipc::connect(&path), &facts) => None,
                fact = heard.recv() => fact,
            }
        };
        let told = tokio::time::timeout(Duration::from_secs(60), told).await;
        assert!(
            matches!(&told, Ok(Some(Fact::Lost { problem, .. })) if problem == MUTE),
            "{told:?}"
        );
    }
}
