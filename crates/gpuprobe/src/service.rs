//! `berth.gpu.v1` on the socket. The only place that knows the generated types.

use std::{pin::Pin, sync::Arc};

use api::gpu::{
    self, GetSnapshotRequest, GetSnapshotResponse, WatchSnapshotRequest, WatchSnapshotResponse,
    gpu_service_server::{GpuService, GpuServiceServer},
};
use daemon::{Epoch, Stop};
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status};

use crate::{Device, FailureKind, Process, Reading, Snapshot, State, sampler::Sampler};

/// Serves until `stop`. `problems` degrade the health.
pub(crate) async fn serve(
    listener: ipc::Listener,
    sampler: Sampler,
    epoch: Epoch,
    problems: &[String],
    stop: Stop,
) -> Result<(), ipc::ServeError> {
    ipc::Server::new(api::FILE_DESCRIPTOR_SET)
        .add_service(GpuServiceServer::new(Service {
            sampler,
            epoch,
            problems: problems.into(),
        }))
        .wellness(ipc::Wellness::despite(problems))
        .serve(listener, stop.token())
        .await
}

struct Service {
    sampler: Sampler,
    epoch: Epoch,
    /// Settings that were refused.
    problems: Arc<[String]>,
}

#[tonic::async_trait]
impl GpuService for Service {
    async fn get_snapshot(
        &self,
        _: Request<GetSnapshotRequest>,
    ) -> Result<Response<GetSnapshotResponse>, Status> {
        let snapshot = self.sampler.snapshots().borrow().clone();
        Ok(Response::new(GetSnapshotResponse {
            snapshot: Some(message(&snapshot, self.epoch, &self.problems)),
        }))
    }

    type WatchSnapshotStream =
        Pin<Box<dyn Stream<Item = Result<WatchSnapshotResponse, Status>> + Send>>;

    async fn watch_snapshot(
        &self,
        _: Request<WatchSnapshotRequest>,
    ) -> Result<Response<Self::WatchSnapshotStream>, Status> {
        let (epoch, problems) = (self.epoch, self.problems.clone());
        let watching = self.sampler.watching();
        let snapshots =
            ipc::watch_stream(self.sampler.snapshots(), move |snapshot: Arc<Snapshot>| {
                WatchSnapshotResponse {
                    snapshot: Some(message(&snapshot, epoch, &problems)),
                }
            });
        // The guard lives exactly as long as the stream.
        let watched = snapshots.map(move |answer| {
            let _ = &watching;
            answer
        });
        Ok(Response::new(Box::pin(watched)))
    }
}

fn message(snapshot: &Snapshot, epoch: Epoch, problems: &[String]) -> gpu::GpuSnapshot {
    gpu::GpuSnapshot {
        epoch: epoch.micros(),
        generation: snapshot.generation,
        state: state(&snapshot.state).into(),
        state_text: snapshot.state.text(),
        advice: snapshot.state.advice().to_owned(),
        driver_version: snapshot.driver.version.clone(),
        cuda_version: snapshot.driver.cuda.clone(),
        sampled_unix_us: snapshot.sampled_unix_us,
        devices: devices(snapshot),
        problems: problems.to_vec(),
    }
}

fn state(state: &State) -> gpu::DriverState {
    match state {
        State::Starting => gpu::DriverState::Unspecified,
        State::Ok => gpu::DriverState::Ok,
        State::NoDevice => gpu::DriverState::NoDevice,
        State::Hung { .. } => gpu::DriverState::Hung,
        State::AllLost { .. } => gpu::DriverState::Error,
        State::Failed(failure) => match failure.kind {
            FailureKind::NoLibrary | FailureKind::NotLoaded => gpu::DriverState::NoDriver,
            FailureKind::Mismatch => gpu::DriverState::Mismatch,
            FailureKind::Detached | FailureKind::NoPermission | FailureKind::Other => {
                gpu::DriverState::Error
            }
        },
    }
}

fn devices(snapshot: &Snapshot) -> Vec<gpu::Device> {
    let devices = snapshot.readings.iter().enumerate();
    devices
        .map(|(position, reading)| {
            let processes = snapshot
                .processes
                .get(position)
                .map_or(&[][..], Vec::as_slice);
            device(reading, processes)
        })
        .collect()
}

fn device(reading: &Reading, processes: &[Process]) -> gpu::Device {
    let (values, error) = match &reading.values {
        Ok(values) => (Device::clone(values), String::new()),
        Err(error) => (Device::default(), error.clone()),
    };
    gpu::Device {
        index: reading.identity.index,
        uuid: reading.identity.uuid.clone(),
        name: reading.identity.name.clone(),
        pci_bus_id: reading.identity.pci_bus_id.clone(),
        error,
        utilization_percent: values.utilization_percent,
        memory_utilization_percent: values.memory_utilization_percent,
        memory_total_bytes: values.memory_total_bytes,
        memory_used_bytes: values.memory_used_bytes,
        temperature_celsius: values.temperature_celsius,
        power_milliwatts: values.power_milliwatts,
        power_limit_milliwatts: values.power_limit_milliwatts,
        sm_clock_mhz: values.sm_clock_mhz,
        memory_clock_mhz: values.memory_clock_mhz,
        fan_percent: values.fan_percent,
        processes: processes.iter().map(process).collect(),
    }
}

fn process(process: &Process) -> gpu::GpuProcess {
    gpu::GpuProcess {
        pid: process.pid,
        memory_used_bytes: process.memory_used_bytes,
        name: process.name.clone(),
    }
}
