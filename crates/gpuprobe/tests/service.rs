//! gpuprobe in process, asked over its socket.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on may stop anywhere"
)]

use std::{
    path::{Path, PathBuf},
    sync::mpsc,
    time::Duration,
};

use api::gpu::{
    DriverState, GetSnapshotRequest, GpuSnapshot, WatchSnapshotRequest,
    gpu_service_client::GpuServiceClient,
};
use daemon::{Outcome, Stop, Tasks};
use gpuprobe::{
    Device, Driver, Failure, FailureKind, Identity, Nvml, Process, Pulse, Reading, Settings, Source,
};
use tonic::{Streaming, transport::Channel};

#[tokio::test]
async fn a_machine_without_a_driver_is_a_state_with_text_and_advice() {
    let dir = tempfile::tempdir().unwrap();
    let library = dir.path().join("libabsent.so.1").display().to_string();
    let path = library.clone();
    let probe = Probe::start(dir.path(), move || Nvml::new(path));
    let snapshot = probe.until(|s| s.state() != DriverState::Unspecified).await;
    assert_eq!(snapshot.state(), DriverState::NoDriver);
    assert!(snapshot.state_text.contains(&library), "{snapshot:?}");
    assert!(!snapshot.advice.is_empty());
    assert!(snapshot.devices.is_empty());
    assert!(snapshot.epoch > 0 && snapshot.generation > 0);
    probe.stop().await;
}

#[tokio::test]
async fn a_library_that_is_not_one_is_refused_and_the_daemon_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("text.so");
    std::fs::write(&file, "not a library").unwrap();
    let probe = Probe::start(dir.path(), move || Nvml::new(file.display().to_string()));
    let snapshot = probe.until(|s| s.state() != DriverState::Unspecified).await;
    assert_eq!(snapshot.state(), DriverState::NoDriver);
    probe.stop().await;
}

#[tokio::test]
async fn recorded_samples_arrive_with_what_a_card_lacks_left_absent() {
    let dir = tempfile::tempdir().unwrap();
    let probe = Probe::start(dir.path(), Recorded::two_cards);
    let snapshot = probe.until(|s| !s.devices.is_empty()).await;
    assert_eq!(snapshot.state(), DriverState::Ok);
    assert_eq!(snapshot.driver_version, "580.82.07");
    let [first, second] = &snapshot.devices[..] else {
        panic!("{snapshot:?}");
    };
    assert_eq!(first.utilization_percent, Some(97));
    assert_eq!(first.fan_percent, None);
    assert_eq!(first.processes[0].pid, 4242);
    assert!(second.error.contains("fell off"), "{second:?}");
    assert_eq!(second.utilization_percent, None);
    probe.stop().await;
}

#[tokio::test]
async fn a_call_that_does_not_return_is_seen_and_forgiven_when_it_does() {
    let dir = tempfile::tempdir().unwrap();
    let (release, gate) = mpsc::channel();
    let probe = Probe::start(dir.path(), || Recorded::stuck_after_first(gate));
    let mut watch = probe.watch().await;
    let hung = next(&mut watch, |s| s.state() == DriverState::Hung).await;
    assert!(hung.state_text.contains("nvmlStuck"), "{hung:?}");
    assert!(!hung.devices[0].error.is_empty());
    assert_eq!(hung.devices[0].utilization_percent, None);
    drop(release);
    let again = next(&mut watch, |s| s.state() == DriverState::Ok).await;
    assert!(again.generation > hung.generation);
    drop(watch);
    probe.stop().await;
}

#[tokio::test]
async fn a_driver_that_goes_away_takes_its_readings_along() {
    let dir = tempfile::tempdir().unwrap();
    let (release, gate) = mpsc::channel();
    let probe = Probe::start(dir.path(), || Recorded::then(SecondRead::Fails(gate)));
    let mut watch = probe.watch().await;
    next(&mut watch, |s| s.state() == DriverState::Ok).await;
    drop(release);
    let failed = next(&mut watch, |s| s.state() == DriverState::Mismatch).await;
    assert!(failed.devices.is_empty());
    assert!(failed.advice.contains("Stop and start"), "{failed:?}");
    drop(watch);
    probe.stop().await;
}

#[tokio::test]
async fn a_failure_is_known_again_when_closing_the_driver_took_long() {
    let dir = tempfile::tempdir().unwrap();
    let (release, gate) = mpsc::channel();
    let (open, failing) = mpsc::channel();
    drop(open);
    let probe = Probe::start(dir.path(), || Recorded {
        close: Some(gate),
        ..Recorded::then(SecondRead::Fails(failing))
    });
    let mut watch = probe.watch().await;
    let hung = next(&mut watch, |s| s.state() == DriverState::Hung).await;
    assert!(hung.state_text.contains("nvmlShutdown"), "{hung:?}");
    drop(release);
    let after = next(&mut watch, |s| s.state() != DriverState::Hung).await;
    assert_eq!(after.state(), DriverState::Mismatch);
    drop(watch);
    probe.stop().await;
}

#[tokio::test]
async fn a_panic_of_the_sampler_ends_the_daemon() {
    let dir = tempfile::tempdir().unwrap();
    let probe = Probe::start(dir.path(), || Recorded::then(SecondRead::Panics));
    // The second read comes at the watched pace.
    let _watch = probe.watch().await;
    let ended = tokio::time::timeout(LIMIT, probe.running).await;
    let error = ended.expect("the end in time").unwrap().unwrap_err();
    assert!(error.to_string().contains("sampler"), "{error}");
}

#[tokio::test]
async fn health_answers() {
    let dir = tempfile::tempdir().unwrap();
    let probe = Probe::start(dir.path(), Recorded::two_cards);
    let health = probe.health().await;
    assert_eq!(health, tonic_health::ServingStatus::Serving as i32);
    probe.stop().await;
}

#[tokio::test]
async fn a_refused_setting_degrades_the_health_and_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let probe = Probe::start_with(dir.path(), Recorded::two_cards, |settings| {
        settings.interval = 0;
    });
    let health = probe.health().await;
    assert_eq!(health, tonic_health::ServingStatus::NotServing as i32);
    let snapshot = probe.until(|_| true).await;
    assert!(
        snapshot.problems[0].starts_with("interval: 0 is not between"),
        "{snapshot:?}"
    );
    probe.stop().await;
}

struct Probe {
    tasks: Tasks,
    socket: PathBuf,
    running: tokio::task::JoinHandle<anyhow::Result<()>>,
}

impl Probe {
    fn start<S: Source>(dir: &Path, make: impl FnOnce() -> S + Send + 'static) -> Self {
        Self::start_with(dir, make, |_| {})
    }

    fn start_with<S: Source>(
        dir: &Path,
        make: impl FnOnce() -> S + Send + 'static,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let mut settings = Settings {
            socket: dir.join("run/gpuprobe.sock"),
            hang_after: 1,
            ..Settings::default()
        };
        change(&mut settings);
        let socket = settings.socket.clone();
        let tasks = Tasks::new(Stop::new());
        let context = daemon::Context {
            tasks: tasks.clone(),
            environment: std::collections::BTreeMap::new(),
            problems: daemon::Settings::problems(&settings),
        };
        #[expect(clippy::disallowed_methods, reason = "stands in for the daemon's main")]
        let running = tokio::spawn(gpuprobe::run_with(settings, context, make));
        Self {
            tasks,
            socket,
            running,
        }
    }

    fn client(&self) -> GpuServiceClient<Channel> {
        GpuServiceClient::new(ipc::connect(&self.socket))
    }

    async fn connected(&self) {
        let appears = async {
            while tokio::net::UnixStream::connect(&self.socket).await.is_err() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LIMIT, appears)
            .await
            .expect("the socket in time");
    }

    async fn watch(&self) -> Streaming<api::gpu::WatchSnapshotResponse> {
        self.connected().await;
        let answer = self.client().watch_snapshot(WatchSnapshotRequest {}).await;
        answer.unwrap().into_inner()
    }

    async fn until(&self, condition: impl Fn(&GpuSnapshot) -> bool) -> GpuSnapshot {
        let mut watch = self.watch().await;
        next(&mut watch, condition).await;
        let answer = self.client().get_snapshot(GetSnapshotRequest {}).await;
        answer.unwrap().into_inner().snapshot.unwrap()
    }

    async fn health(&self) -> i32 {
        self.connected().await;
        let mut client =
            tonic_health::pb::health_client::HealthClient::new(ipc::connect(&self.socket));
        let request = tonic_health::pb::HealthCheckRequest {
            service: String::new(),
        };
        client.check(request).await.unwrap().into_inner().status
    }

    async fn stop(self) {
        self.tasks.stop().request();
        self.running.await.unwrap().unwrap();
        let outcome = self.tasks.shut_down(Duration::from_secs(5)).await;
        assert_eq!(outcome, Outcome::Drained);
        assert!(!self.socket.exists());
    }
}

async fn next(
    watch: &mut Streaming<api::gpu::WatchSnapshotResponse>,
    condition: impl Fn(&GpuSnapshot) -> bool,
) -> GpuSnapshot {
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

const LIMIT: Duration = Duration::from_secs(20);

/// Plays samples.
struct Recorded {
    reads: u32,
    second_read: SecondRead,
    /// Holds the closing of the driver up until the other end is dropped.
    close: Option<mpsc::Receiver<()>>,
}

enum SecondRead {
    LikeTheFirst,
    Blocks(mpsc::Receiver<()>),
    Fails(mpsc::Receiver<()>),
    Panics,
}

impl Recorded {
    fn two_cards() -> Self {
        Self::then(SecondRead::LikeTheFirst)
    }

    fn stuck_after_first(gate: mpsc::Receiver<()>) -> Self {
        Self::then(SecondRead::Blocks(gate))
    }

    fn then(second_read: SecondRead) -> Self {
        Self {
            reads: 0,
            second_read,
            close: None,
        }
    }
}

impl Source for Recorded {
    fn open(&mut self, _: &Pulse) -> Result<Driver, Failure> {
        Ok(Driver {
            version: "580.82.07".to_owned(),
            cuda: "13.0".to_owned(),
        })
    }

    fn read(&mut self, pulse: &Pulse) -> Result<Vec<Reading>, Failure> {
        self.reads += 1;
        if self.reads == 2 {
            match &self.second_read {
                SecondRead::LikeTheFirst => {}
                SecondRead::Blocks(gate) => drop(pulse.call("nvmlStuck", || gate.recv())),
                SecondRead::Panics => panic!("on purpose"),
                SecondRead::Fails(gate) => {
                    let _ = gate.recv();
                    return Err(Failure {
                        kind: FailureKind::Mismatch,
                        text: "driver/library version mismatch".to_owned(),
                    });
                }
            }
        }
        let values = Device {
            utilization_percent: Some(97),
            memory_total_bytes: Some(24 << 30),
            ..Device::default()
        };
        Ok(vec![
            reading(0, Ok(Box::new(values))),
            reading(1, Err("device fell off the bus".to_owned())),
        ])
    }

    fn processes(&mut self, _: &Pulse) -> Vec<Vec<Process>> {
        let process = Process {
            pid: 4242,
            memory_used_bytes: Some(1 << 30),
            name: "python3".to_owned(),
        };
        vec![vec![process], Vec::new()]
    }

    fn close(&mut self, pulse: &Pulse) {
        if let Some(gate) = self.close.take() {
            let _ = pulse.call("nvmlShutdown", || gate.recv());
        }
    }
}

fn reading(index: u32, values: Result<Box<Device>, String>) -> Reading {
    Reading {
        identity: Identity {
            index,
            uuid: format!("GPU-{index}"),
            name: "NVIDIA Test".to_owned(),
            pci_bus_id: "00000000:07:00.0".to_owned(),
        },
        values,
    }
}
