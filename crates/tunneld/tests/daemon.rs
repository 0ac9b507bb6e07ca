//! tunneld in process, asked over its socket and its HTTP port.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on may stop anywhere"
)]

use std::{collections::BTreeMap, fs, path::PathBuf, time::Duration};

use api::tunnel::{
    GetSnapshotRequest, RelayState, TunnelSnapshot, WatchSnapshotRequest, WatchSnapshotResponse,
    tunnel_service_client::TunnelServiceClient,
};
use daemon::{Outcome, Stop, Tasks};
use tonic::{Streaming, transport::Channel};
use tunneld::Settings;

#[tokio::test]
async fn every_app_of_the_file_gets_its_ways_and_a_change_is_seen() {
    let daemon = Daemon::start(&[("PUBLIC_IPADDR", "203.0.113.7")], |dir| {
        fs::write(
            dir.join("portal.yaml"),
            yaml("localhost:8080:18080:/:Jupyter"),
        )
        .unwrap();
        String::new()
    });
    let mut watch = daemon.watch().await;
    let first = next(&mut watch, |s| s.apps.len() == 1).await;
    assert_eq!(first.relay(), RelayState::NotConfigured);
    assert!(first.relay_advice.contains("No relay is configured"));
    assert_eq!(first.apps[0].app, "Jupyter");
    // PUBLIC_IPADDR marks a platform, and its ports are not mapped.
    assert!(first.apps[0].direct_problem.contains("-p 8080:8080"));

    let next_file = daemon.dir.path().join("portal.yaml.next");
    let two = "localhost:8080:18080:/:Jupyter|localhost:6006:16006:/:TensorBoard";
    fs::write(&next_file, yaml(two)).unwrap();
    fs::rename(next_file, daemon.dir.path().join("portal.yaml")).unwrap();
    let second = next(&mut watch, |s| s.apps.len() == 2).await;
    assert!(second.generation > first.generation);
    assert_eq!(second.epoch, first.epoch);
    drop(watch);
    daemon.stop().await;
}

#[tokio::test]
async fn a_missing_file_is_a_problem_until_it_appears() {
    let daemon = Daemon::start(&[], |_| String::new());
    let mut watch = daemon.watch().await;
    let first = next(&mut watch, |s| !s.problems.is_empty()).await;
    assert!(
        first.problems[0].contains("portal.yaml does not exist"),
        "{first:?}"
    );
    let path = daemon.dir.path().join("portal.yaml");
    fs::write(path, yaml("localhost:1111:11111:/:Instance Portal")).unwrap();
    let second = next(&mut watch, |s| s.apps.len() == 1).await;
    assert_eq!(second.problems, Vec::<String>::new());
    assert_eq!(second.apps[0].direct_url, "http://localhost:1111/");
    drop(watch);
    daemon.stop().await;
}

#[tokio::test]
async fn what_cannot_be_used_is_said_once_each_and_degrades_the_health() {
    let daemon = Daemon::start(&[("CF_TUNNEL_TOKEN", "sekret")], |dir| {
        fs::write(dir.join("portal.yaml"), yaml("localhost:1111:11111:/:P")).unwrap();
        "wss://user:hunter2@relay.example".to_owned()
    });
    let snapshot = daemon.snapshot().await;
    assert_eq!(snapshot.relay(), RelayState::NotConfigured);
    let [problem] = &snapshot.problems[..] else {
        panic!("{snapshot:?}");
    };
    assert!(problem.starts_with("relay: relay connections are not part"));
    let [notice] = &snapshot.notices[..] else {
        panic!("{snapshot:?}");
    };
    assert!(notice.contains("CF_TUNNEL_TOKEN"));
    let all = format!("{snapshot:?}");
    assert!(!all.contains("sekret") && !all.contains("hunter2"), "{all}");
    let request = tonic_health::pb::HealthCheckRequest {
        service: String::new(),
    };
    let mut health =
        tonic_health::pb::health_client::HealthClient::new(ipc::connect(&daemon.socket));
    let status = health.check(request).await.unwrap().into_inner().status;
    assert_eq!(status, tonic_health::ServingStatus::NotServing as i32);
    daemon.stop().await;
}

#[tokio::test]
async fn a_busy_http_port_costs_the_http_api_alone() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let daemon = Daemon::start_on(&address, &[], |dir| {
        fs::write(dir.join("portal.yaml"), yaml("localhost:1111:11111:/:P")).unwrap();
        String::new()
    });
    let mut watch = daemon.watch().await;
    let told = next(&mut watch, |s| !s.problems.is_empty()).await;
    assert!(told.problems[0].contains(&address), "{told:?}");
    assert_eq!(told.apps.len(), 1);
    drop(watch);
    daemon.stop().await;
}

struct Daemon {
    dir: tempfile::TempDir,
    socket: PathBuf,
    tasks: Tasks,
    running: tokio::task::JoinHandle<anyhow::Result<()>>,
}

impl Daemon {
    fn start(variables: &[(&str, &str)], prepare: impl FnOnce(&std::path::Path) -> String) -> Self {
        Self::start_on("127.0.0.1:0", variables, prepare)
    }

    /// `prepare` fills the directory and names the relay.
    fn start_on(
        listen: &str,
        variables: &[(&str, &str)],
        prepare: impl FnOnce(&std::path::Path) -> String,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let relay = prepare(dir.path());
        let socket = dir.path().join("run/tunneld.sock");
        let settings = Settings {
            socket: socket.clone(),
            listen: listen.to_owned(),
            portal_yaml: dir.path().join("portal.yaml"),
            relay,
        };
        let tasks = Tasks::new(Stop::new());
        let owned = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
        let context = daemon::Context {
            tasks: tasks.clone(),
            environment: variables.iter().map(owned).collect::<BTreeMap<_, _>>(),
            problems: daemon::Settings::problems(&settings),
        };
        #[expect(clippy::disallowed_methods, reason = "stands in for the daemon's main")]
        let running = tokio::spawn(tunneld::run(settings, context));
        Self {
            dir,
            socket,
            tasks,
            running,
        }
    }

    async fn client(&self) -> TunnelServiceClient<Channel> {
        let appears = async {
            while tokio::net::UnixStream::connect(&self.socket).await.is_err() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LIMIT, appears)
            .await
            .expect("the socket in time");
        TunnelServiceClient::new(ipc::connect(&self.socket))
    }

    async fn watch(&self) -> Streaming<WatchSnapshotResponse> {
        let answer = self
            .client()
            .await
            .watch_snapshot(WatchSnapshotRequest {})
            .await;
        answer.unwrap().into_inner()
    }

    async fn snapshot(&self) -> TunnelSnapshot {
        let answer = self
            .client()
            .await
            .get_snapshot(GetSnapshotRequest {})
            .await;
        answer.unwrap().into_inner().snapshot.unwrap()
    }

    async fn stop(self) {
        self.tasks.stop().request();
        self.running.await.unwrap().unwrap();
        let outcome = self.tasks.shut_down(Duration::from_secs(5)).await;
        assert_eq!(outcome, Outcome::Drained);
    }
}

async fn next(
    watch: &mut Streaming<WatchSnapshotResponse>,
    condition: impl Fn(&TunnelSnapshot) -> bool,
) -> TunnelSnapshot {
    let found = async {
        loop {
            let snapshot = watch.message().await.unwrap().unwrap().snapshot.unwrap();
            if condition(&snapshot) {
                return snapshot;
            }
        }
    };
    tokio::time::timeout(LIMIT, found)
        .await
        .expect("the condition holds in time")
}

fn yaml(config: &str) -> String {
    let (apps, errors) = instance::portal_config::parse(config);
    assert_eq!(errors, []);
    instance::portal_yaml::render(&apps)
}

const LIMIT: Duration = Duration::from_secs(20);
