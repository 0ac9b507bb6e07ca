//! The daemons and how they are reached.

use std::{fmt, future::Future, io, path::PathBuf, time::Duration};

use api::{
    boot::{self, BootSnapshot, boot_service_client::BootServiceClient},
    gpu::{self, GpuSnapshot, gpu_service_client::GpuServiceClient},
    portal::{self, PortalSnapshot, portal_service_client::PortalServiceClient},
    proxy::{self, ProxySnapshot, proxy_service_client::ProxyServiceClient},
    supervisor::{self, SupervisorSnapshot, supervisor_service_client::SupervisorServiceClient},
    tunnel::{self, TunnelSnapshot, tunnel_service_client::TunnelServiceClient},
};
use tokio::net::UnixStream;
use tonic::{Status, transport::Channel};
use tonic_health::{
    ServingStatus,
    pb::{HealthCheckRequest, health_client::HealthClient},
};

/// The daemons of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Daemon {
    Bootd,
    Supervisord,
    Proxyd,
    Tunneld,
    Portald,
    Gpuprobe,
}

/// The directory with their sockets.
#[derive(Clone, Debug)]
pub(crate) struct Sockets {
    run_dir: PathBuf,
}

/// A daemon that did not answer, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unreachable {
    pub(crate) daemon: Daemon,
    pub(crate) reason: String,
}

/// What a daemon says of its health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    Serving,
    /// It runs with something refused.
    Degraded,
}

/// A daemon's snapshot and health.
#[derive(Clone, Debug)]
pub(crate) struct Seen<T> {
    pub(crate) snapshot: T,
    pub(crate) health: Health,
}

impl Daemon {
    pub(crate) const ALL: [Self; 6] = [
        Self::Bootd,
        Self::Supervisord,
        Self::Proxyd,
        Self::Tunneld,
        Self::Portald,
        Self::Gpuprobe,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bootd => "bootd",
            Self::Supervisord => "supervisord",
            Self::Proxyd => "proxyd",
            Self::Tunneld => "tunneld",
            Self::Portald => "portald",
            Self::Gpuprobe => "gpuprobe",
        }
    }

    /// The program that runs this daemon; bootd and supervisord are no programs.
    pub(crate) fn program(self) -> Option<&'static str> {
        match self {
            Self::Bootd | Self::Supervisord => None,
            Self::Proxyd => Some("caddy"),
            Self::Tunneld => Some("tunnel_manager"),
            Self::Portald => Some("instance_portal"),
            Self::Gpuprobe => Some("gpuprobe"),
        }
    }

    /// The daemon of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|daemon| daemon.name() == name)
    }
}

impl Sockets {
    pub(crate) fn new(run_dir: PathBuf) -> Self {
        Self { run_dir }
    }

    /// A channel to a daemon that listens.
    ///
    /// The connection is tried first, because the plain error of the system says best what is
    /// wrong and what to do.
    pub(crate) async fn channel(&self, daemon: Daemon) -> Result<Channel, Unreachable> {
        let path = self.run_dir.join(format!("{}.sock", daemon.name()));
        match UnixStream::connect(&path).await {
            Ok(_) => Ok(ipc::connect(&path)),
            Err(error) => Err(Unreachable {
                daemon,
                reason: explain(&error),
            }),
        }
    }

    /// A client of the supervisor.
    pub(crate) async fn supervisor_client(
        &self,
    ) -> Result<SupervisorServiceClient<Channel>, Unreachable> {
        let channel = self.channel(Daemon::Supervisord).await?;
        Ok(SupervisorServiceClient::new(channel))
    }

    /// What a daemon says of its health.
    pub(crate) async fn health(&self, daemon: Daemon) -> Result<Health, Unreachable> {
        let mut client = HealthClient::new(self.channel(daemon).await?);
        let request = HealthCheckRequest {
            service: String::new(),
        };
        let answer = bounded(daemon, client.check(request)).await?;
        if answer.into_inner().status == ServingStatus::Serving as i32 {
            Ok(Health::Serving)
        } else {
            Ok(Health::Degraded)
        }
    }
}

/// One method per daemon that asks for its snapshot.
macro_rules! snapshots {
    ($($method:ident: $daemon:ident, $package:ident, $client:ident, $snapshot:ident;)*) => {
        impl Sockets {
            $(
                /// The daemon's snapshot with its health.
                pub(crate) async fn $method(&self) -> Result<Seen<$snapshot>, Unreachable> {
                    let daemon = Daemon::$daemon;
                    let mut client = $client::new(self.channel(daemon).await?);
                    let call = client.get_snapshot($package::GetSnapshotRequest {});
                    let (answer, health) = tokio::join!(bounded(daemon, call), self.health(daemon));
                    let snapshot = answer?.into_inner().snapshot.ok_or_else(|| Unreachable {
                        daemon,
                        reason: "it sent an empty answer".to_owned(),
                    })?;
                    // What has no health service of its own is judged by its answer alone.
                    let health = health.unwrap_or(Health::Serving);
                    Ok(Seen { snapshot, health })
                }
            )*
        }
    };
}

snapshots! {
    boot: Bootd, boot, BootServiceClient, BootSnapshot;
    supervisor: Supervisord, supervisor, SupervisorServiceClient, SupervisorSnapshot;
    proxy: Proxyd, proxy, ProxyServiceClient, ProxySnapshot;
    tunnel: Tunneld, tunnel, TunnelServiceClient, TunnelSnapshot;
    portal: Portald, portal, PortalServiceClient, PortalSnapshot;
    gpu: Gpuprobe, gpu, GpuServiceClient, GpuSnapshot;
}

/// A call that must be answered soon: every daemon answers such calls from memory.
async fn bounded<T>(
    daemon: Daemon,
    call: impl Future<Output = Result<T, Status>>,
) -> Result<T, Unreachable> {
    let reason = match tokio::time::timeout(PATIENCE, call).await {
        Ok(Ok(answer)) => return Ok(answer),
        Ok(Err(status)) => ipc::describe(&status),
        Err(_) => format!(
            "it listens but has not answered for {} s",
            PATIENCE.as_secs()
        ),
    };
    Err(Unreachable { daemon, reason })
}

fn explain(error: &io::Error) -> String {
    let kind = error.kind();
    if kind == io::ErrorKind::NotFound {
        "not running (no socket)".to_owned()
    } else if kind == io::ErrorKind::ConnectionRefused {
        "not running (stale socket)".to_owned()
    } else if kind == io::ErrorKind::PermissionDenied {
        "you are not root and not in group berth".to_owned()
    } else {
        error.to_string()
    }
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.daemon.name(), self.reason)
    }
}

const PATIENCE: Duration = Duration::from_secs(3);
