use std::time::Instant;

use api::boot::boot_service_client::BootServiceClient;
use ipc::Wellness;
use tokio_stream::StreamExt as _;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use super::*;
use crate::{
    facts::{Facts, Launch},
    init::Init,
    options::Options,
    plan::plan,
    system::Signals,
};

/// A service over a real socket; the init behind it does not run.
struct Bench {
    board: Board,
    init: Init,
    socket: std::path::PathBuf,
    wellness: Wellness,
    stop: CancellationToken,
    _dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let facts = Facts {
            environment: instance::Variables::from([("CONTAINER_ID".to_owned(), "7".to_owned())]),
            options: Options::default(),
            is_init: true,
            is_root: true,
            scripts: None,
            launch: Launch::Entrypoint,
        };
        let board = Board::new(&plan(&facts, Path::new("/boot.d")), Instant::now());
        let signals = Signals::block_all().unwrap();
        let init = Init::new(
            signals,
            std::sync::Arc::default(),
            board.clone(),
            Vec::new(),
        );
        let dir = tempfile::tempdir().unwrap();
        Self {
            board,
            init: init.unwrap(),
            socket: dir.path().join("run/bootd.sock"),
            wellness: Wellness::Well,
            stop: CancellationToken::new(),
            _dir: dir,
        }
    }

    fn degraded() -> Self {
        Self {
            wellness: Wellness::Degraded,
            ..Self::new()
        }
    }

    async fn health(&self, service: &str) -> ServingStatus {
        let mut client = HealthClient::new(ipc::connect(&self.socket));
        let service = service.to_owned();
        let answer = client.check(HealthCheckRequest { service }).await;
        answer.unwrap().into_inner().status()
    }

    fn serve(&self) -> impl Future<Output = Result<(), String>> + use<> {
        let (board, init) = (self.board.clone(), self.init.handle());
        let (socket, stop) = (self.socket.clone(), self.stop.clone());
        let wellness = self.wellness;
        async move { serve(board, init, &socket, wellness, stop).await }
    }

    fn client(&self) -> BootServiceClient<tonic::transport::Channel> {
        BootServiceClient::new(ipc::connect(&self.socket))
    }
}

async fn with_service<T>(bench: &Bench, story: impl Future<Output = T>) -> T {
    bench.board.step_started(0);
    bench.board.step_ended(0, Outcome::Done, "ready".to_owned());
    let socket = bench.socket.clone();
    tokio::select! {
        ended = bench.serve() => panic!("the service ended: {ended:?}"),
        answer = async {
            while !socket.exists() {
                tokio::task::yield_now().await;
            }
            story.await
        } => answer,
    }
}

#[tokio::test]
async fn a_snapshot_carries_the_timeline_and_follows_changes() {
    let bench = Bench::new();
    let story = async {
        let mut watched = bench
            .client()
            .watch_snapshot(WatchSnapshotRequest {})
            .await
            .unwrap()
            .into_inner();
        let first = watched.next().await.unwrap().unwrap().snapshot.unwrap();
        assert_eq!(first.instance_id, "7");
        assert_eq!(first.steps[0].outcome(), proto::StepOutcome::Done);
        assert_eq!(first.steps[1].outcome(), proto::StepOutcome::Pending);
        assert_eq!(first.steps[1].started_us, None);
        bench.board.notice("PORTAL_CONFIG entry 1", "is refused");
        let second = watched.next().await.unwrap().unwrap().snapshot.unwrap();
        assert!(second.generation > first.generation);
        assert_eq!(second.epoch, first.epoch);
        assert_eq!(second.notices[0].subject, "PORTAL_CONFIG entry 1");
    };
    with_service(&bench, story).await;
}

#[tokio::test]
async fn a_shutdown_is_handed_to_the_init_thread_and_answered_at_once() {
    let bench = Bench::new();
    let story = async {
        let reason = "a test".to_owned();
        let answer = bench.client().shutdown(ShutdownRequest { reason }).await;
        assert!(answer.is_ok());
        let reason = bench.init.next_stop();
        assert_eq!(reason.as_deref(), Some("a request over gRPC: a test"));
    };
    with_service(&bench, story).await;
}

#[tokio::test]
async fn refused_settings_show_as_degraded_health() {
    for (bench, status) in [
        (Bench::new(), ServingStatus::Serving),
        (Bench::degraded(), ServingStatus::NotServing),
    ] {
        let story = async {
            for service in ["", "berth.boot.v1.BootService"] {
                assert_eq!(bench.health(service).await, status, "{service:?}");
            }
        };
        with_service(&bench, story).await;
    }
}

#[tokio::test]
async fn the_socket_appears_when_the_accounts_are_ready_and_goes_with_the_service() {
    let bench = Bench::new();
    let serving = bench.serve();
    tokio::pin!(serving);
    tokio::select! {
        biased;
        ended = &mut serving => panic!("{ended:?}"),
        () = tokio::task::yield_now() => {}
    }
    assert!(!bench.socket.exists());
    bench.board.step_ended(0, Outcome::Done, String::new());
    let socket = bench.socket.clone();
    tokio::select! {
        ended = &mut serving => panic!("{ended:?}"),
        () = async { while !socket.exists() { tokio::task::yield_now().await; } } => {}
    }
    bench.stop.cancel();
    serving.await.unwrap();
    assert!(!bench.socket.exists());
}

#[test]
fn a_repeated_notice_stands_once_and_their_number_is_bounded() {
    let board = Bench::new().board;
    for _ in 0..3 {
        board.notice("a", "b");
    }
    assert_eq!(board.state().notices.len(), 1);
    for number in 0..500 {
        board.notice("a", number.to_string());
    }
    assert_eq!(board.state().notices.len(), 200);
}
